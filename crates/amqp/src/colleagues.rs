//! The front ends of a cluster's other nodes.

use bytes::Bytes;
use runtime::BoxFuture;

/// How this node's front end reaches those of other nodes. Whatever is said may be lost.
pub trait Colleagues: Send + Sync {
    /// This node's number.
    fn own(&self) -> u64;
    /// The numbers of the others.
    fn others(&self) -> Vec<u64>;
    /// Says something to another node, now or never. Things said to one node arrive in their order. Must not wait.
    fn tell(&self, node: u64, note: Bytes);
    /// Asks another node; `None` if no answer comes.
    fn ask(&self, node: u64, note: Bytes) -> BoxFuture<'static, Option<Bytes>>;
}
