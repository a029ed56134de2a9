//! The control plane on one node.
//!
//! A [`Control`] holds this node's replica of the [`Tree`](tree::Tree) and what belongs to it but is not replicated: the
//! connections, their watches, the commands that this node proposed and waits for, and, on the leader, the clock of every
//! session. Commands go out through a [`ReplicatedLog`] and come back, in the one order that all replicas share, through
//! [`Control::apply`]. Front ends speak to it through a [`Connection`] and know neither Raft nor locks.
//!
//! # The order of what a connection sees
//!
//! Three rules, which together are ZooKeeper's: answers come in the order of the requests, an event comes before any
//! answer that shows a state at or after it, and a read sees every earlier write of its connection and no later one.
//!
//! - Applying happens under the write lock of the replica. Under that same lock events and answers go into the outboxes
//!   of the connections, an event before the answer of the command that fired it.
//! - A connection does its work in a [`Turn`], under the read lock: it first takes all that its outbox holds, then reads.
//!   So everything up to the state that it reads has been handed out, and nothing newer.
//! - A read that is behind an unfinished write of its connection is handed over ([`Turn::defer`]) and done by the thread
//!   that applies, right after that write and before anything later.
//!
//! The replicated log may be asked and may call back from any thread, but never calls [`Control::apply`] from within
//! [`ReplicatedLog::propose`].

mod apply;
mod budget;
mod connection;
mod connections;
mod control;
mod delivery;
mod entry;
mod liveness;
mod log;
#[cfg(any(test, feature = "loopback"))]
pub mod loopback;
mod metrics;
mod outbox;
mod pending;
mod reach;
mod reaper;
mod replica;
mod room;
mod snapshot;
mod tracker;
mod turn;

#[cfg(test)]
mod tests;

pub use apply::ApplyError;
pub use connection::Connection;
pub use control::{Control, ControlConfig};
pub use delivery::{CloseReason, Delivery};
pub use entry::{AppliedCommand, AppliedEntry};
pub use log::{LogStatus, ReplicatedLog, Role, Unavailable};
pub use metrics::{Elections, Fired, Metrics, SnapshotNote, Snapshots, as_micros};
pub use room::{MemoryLimits, Refused, TreeFull, WatchesFull};
pub use snapshot::{SnapshotSource, SnapshotTarget};
pub use tracker::{Expiry, SessionTracker};
pub use turn::{Deferred, Turn, View};
