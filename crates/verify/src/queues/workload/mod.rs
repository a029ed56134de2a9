//! What clients of queues do in a run.

mod consumer;
mod drainer;
mod layout;
mod line;
mod orders;
mod publisher;
mod setup;
mod turn;

pub use consumer::{Consumer, Habits};
pub use drainer::drain;
pub use layout::{Layout, Place};
pub use line::{Manner, World};
pub use orders::{QueueMode, QueueOrders};
pub use publisher::{Publisher, Rate};
pub use setup::set_up;
