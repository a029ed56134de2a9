//! Barriers: waiting until a condition holds, until all are there, until all are done; and meeting to exchange values.

mod double;
mod rendezvous;
mod single;

pub use double::DoubleBarrier;
pub use rendezvous::{Meeting, Rendezvous, RendezvousError};
pub use single::Barrier;
