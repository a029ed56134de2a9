//! What the log hands back.

use bytes::Bytes;
use tree::EnsembleMember;

/// One committed entry of the log, as every replica sees it.
#[derive(Debug)]
pub struct AppliedEntry<C> {
    /// The leader's wall clock when it made the entry, in milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// The level of commands that the cluster allows: what needs a higher one has no effect.
    pub level: u32,
    /// Whether it is the first entry of a new leader.
    pub new_epoch: bool,
    /// The members of the cluster from here on, if they changed with this entry, which then has no commands.
    pub members: Option<Vec<EnsembleMember>>,
    /// The commands, in order: an iterator of [`AppliedCommand`]s.
    pub commands: C,
}

/// One command of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedCommand {
    /// The number that [`ReplicatedLog::propose`](crate::ReplicatedLog::propose) gave it, if this process proposed it.
    pub own: Option<u64>,
    /// The command, encoded.
    pub bytes: Bytes,
}
