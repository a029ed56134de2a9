//! What a shard's replica needs of consensus.

use bytes::Bytes;
use runtime::BoxFuture;
use thiserror::Error;
use tokio::sync::watch;

/// The replicated log that orders this node's commands for one shard with those of all others.
///
/// Implemented over consensus by the server, by a loop-back in tests.
pub trait ReplicatedLog: Send + Sync {
    /// Hands over a command of this node and returns its number: 1, 2, 3, ... in the order of the calls.
    ///
    /// Never blocks and never calls back. The command is applied exactly once, in the order of the numbers, and comes back
    /// through [`Replica::apply`](crate::Replica::apply) with its number; or its fate can't be known any more, and
    /// [`Replica::lost_through`](crate::Replica::lost_through) is told.
    fn propose(&self, command: Bytes) -> u64;

    /// The level of commands that are allowed: those that need a higher one must not be proposed. It never goes down.
    fn level(&self) -> u32;

    /// Whether no more should be proposed now.
    fn is_full(&self) -> bool;

    /// Completes when more may be proposed.
    fn room(&self) -> BoxFuture<'static, ()>;

    /// Whether this node leads the shard and a quorum agrees.
    fn leads(&self) -> watch::Receiver<bool>;
}

/// One committed entry, as every replica sees it.
#[derive(Debug)]
pub struct AppliedEntry<I> {
    /// The leader's wall clock when it made the entry, in milliseconds since 1970; 0 if the entry has no commands.
    pub time_ms: i64,
    /// The level of the shard: commands that need a higher one have no effect, on any replica.
    pub level: u32,
    /// What was proposed, in order.
    pub commands: I,
}

/// One command of a committed entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedCommand {
    /// The number that [`ReplicatedLog::propose`] gave it, if this process proposed it.
    pub own: Option<u64>,
    /// The command.
    pub bytes: Bytes,
}

/// A committed entry can't be applied here: to go on without it would make this replica another one.
#[derive(Debug, Error)]
#[error("shard {shard}: a committed command can't be applied: {why}")]
pub struct CannotApply {
    /// Of which shard.
    pub shard: u32,
    /// Why not.
    pub why: streams::DecodeError,
}
