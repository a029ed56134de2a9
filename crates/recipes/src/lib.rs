//! Recipes: locks, elections, barriers, caches, discovery and queues on a ZooKeeper tree.
//!
//! Their znodes are laid out as Curator (Java) and kazoo (Python) lay them out, so that programs of several languages can share
//! one lock or one registry. They work with Quorate and with Apache ZooKeeper alike.

mod barrier;
pub mod cache;
pub mod config;
mod contend;
pub mod discovery;
mod leader;
mod lock;
pub mod membership;
mod parents;
pub mod partition;
mod paths;
pub mod persistent;
pub mod queue;
mod semaphore;
pub mod shared;
mod trouble;
mod unique;

pub use barrier::{Barrier, DoubleBarrier, Meeting, Rendezvous, RendezvousError};
pub use contend::{AcquireError, Loss, Token};
pub use leader::{Latch, Leadership, Led, Selector};
pub use lock::{Guard, Lock, MultiGuard, MultiLock, Naming, Participant, ReadWriteLock, revoke};
pub use semaphore::{Lease, Semaphore, SemaphoreError};
