//! The data plane on one node: replicas of shards, and the connections whose clients publish and consume through them.
//!
//! A node has a replica of every shard. What a client asks for goes into the shard's log ([`ReplicatedLog`]); what came of it
//! is told to the connection when *this* node's replica has applied it. Who gets which frame is decided by the state machine
//! (`streams`) where it is applied, alike on all nodes: the node that has the consumer's connection sees the assignment in
//! its own replica, takes the frame's bytes from its own store (`segments`) and hands both to the connection. So a delivery
//! exists only after its entry was committed, and a change of the leader is nothing that a consumer sees.
//!
//! The rules that this crate keeps:
//! - A connection hears of outcomes in the order in which it submitted to a shard, and of what an operation caused right
//!   behind its outcome: that a consumer is attached before its first frame.
//! - Frames come to a consumer in the order in which they were assigned.
//! - Nobody waits under a lock, and nothing here reads a disk but [`Link::take`].

mod applying;
mod crowd;
mod event;
mod keeper;
mod link;
mod log;
#[cfg(feature = "loopback")]
mod loopback;
mod mailbox;
mod pending;
mod plane;
mod replica;
mod snapshot;
mod store;

pub use event::Event;
pub use keeper::Owners;
pub use link::{Link, Unreadable};
pub use log::{AppliedCommand, AppliedEntry, CannotApply, ReplicatedLog};
#[cfg(feature = "loopback")]
pub use loopback::Loopback;
pub use plane::Shards;
pub use replica::Replica;
pub use snapshot::{SnapshotError, SnapshotSource, SnapshotTarget, StateReader};
pub use store::FrameStore;
