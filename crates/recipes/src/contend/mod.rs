//! What locks, semaphores and elections have in common: clients queue up by creating ephemeral sequential znodes under one
//! parent, and whose znode has no rival before it has what they queue for.
//!
//! # Why this is safe
//!
//! The parent's counter gives every new znode a higher number than all that are there, so a client that is first stays first
//! until its own znode is gone. A server shows a client all that was committed before what it has shown the client already,
//! so a client that sees its own znode sees every one with a lower number that still exists, however far behind the server is.
//! What a server that is behind does show may be gone already, which costs time and nothing else: each client watches the
//! one znode that it waits for, and looks again when that has changed.

mod claim;
mod guard;
mod loss;
mod name;
mod persist;
mod queue;
mod token;
mod znodes;

pub(crate) use claim::{Claim, Staking};
pub(crate) use guard::{Held, Hold, REVOKE};
pub use loss::Loss;
pub(crate) use name::{LATCHES, LEASES, LOCKS, MEETINGS, Marker, Naming as NodeNaming, contenders};
pub(crate) use persist::{pause, persist};
pub use queue::AcquireError;
pub(crate) use queue::Queue;
pub use token::Token;
pub(crate) use znodes::{create_containers, create_persistent, remove};
