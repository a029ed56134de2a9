//! What the node above gives to each group: the replicated state.

use bytes::Bytes;

use crate::node::Member;

/// One command of a committed entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedCommand {
    /// The number that [`Group::propose`](crate::Group::propose) gave it, if this process proposed it.
    pub own_sequence: Option<u64>,
    /// The command.
    pub bytes: Bytes,
}

/// One committed entry, as every replica sees it.
#[derive(Debug)]
pub struct CommittedEntry {
    /// Position in the group's log.
    pub index: u64,
    /// True for the first entry of a new leader.
    pub new_leader: bool,
    /// The leader's wall clock when it made the entry, in milliseconds since 1970. It may run backwards across leaders.
    pub time_ms: i64,
    /// The level of the group: commands that need a higher one must have no effect, on any replica. Whoever proposes sees to
    /// it that there are none.
    pub level: u32,
    /// What was proposed, in order; empty for a leader's first entry and for changes of membership.
    pub commands: Vec<CommittedCommand>,
    /// Who belongs to the group from here on, by number; `None` if that did not change. While a change of voters is under way,
    /// and two sets of them have a say, it has not changed yet.
    pub members: Option<Vec<Member>>,
}

/// Replicated state. The same entries must give the same state on every node.
pub trait StateMachine: Send + Sync + 'static {
    /// Applies the next entry. Called in log order, from one task.
    ///
    /// # Errors
    /// When the entry can't be applied here although it is committed: the node stops, because to go on without it would
    /// make this replica another.
    fn apply(&self, entry: CommittedEntry) -> Result<(), CannotApply>;

    /// Freezes a view of the state as of the last applied entry. Called between two calls of [`StateMachine::apply`];
    /// must return at once. At most one source is alive at a time.
    fn begin_snapshot(&self) -> Box<dyn SnapshotSource>;

    /// Starts to replace the state by that of a snapshot. Nothing changes until [`SnapshotSink::finish`].
    fn begin_restore(&self) -> Box<dyn SnapshotSink>;

    /// The state was replaced. This process's own commands up to number `own_through` had taken effect in it; those
    /// among them that were never passed to [`StateMachine::apply`] here have results that nobody knows.
    fn restored(&self, own_through: u64);
}

/// A frozen view that is written out while entries go on being applied.
pub trait SnapshotSource: Send {
    /// The next piece, or `None` at the end. Must do a bounded amount of work.
    fn next_chunk(&mut self) -> Option<Bytes>;
}

/// Takes the pieces of a snapshot in order.
pub trait SnapshotSink: Send {
    /// The next piece.
    fn push(&mut self, chunk: Bytes) -> Result<(), SnapshotError>;
    /// All pieces are there: the state becomes that of the snapshot.
    fn finish(self: Box<Self>) -> Result<(), SnapshotError>;
}

/// A committed entry that this version can't apply.
#[derive(Debug, thiserror::Error)]
#[error("a committed entry can't be applied: {0}")]
pub struct CannotApply(pub String);

/// A snapshot does not make sense to the state machine.
#[derive(Debug, thiserror::Error)]
#[error("snapshot can't be restored: {0}")]
pub struct SnapshotError(pub String);
