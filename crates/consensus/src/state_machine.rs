//! What the node above gives to each group: the replicated state.

use std::io;

use bytes::Bytes;
use runtime::BoxFuture;

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

    /// There is no snapshot to begin with: entries are applied to the empty state. Called at most once, before anything else.
    fn begin_empty(&self) -> BoxFuture<'_, Result<(), SnapshotError>> {
        Box::pin(async { Ok(()) })
    }

    /// Starts to replace the state by that of a snapshot. Nothing changes until [`SnapshotSink::finish`].
    fn begin_restore(&self) -> Box<dyn SnapshotSink>;

    /// The state was replaced. This process's own commands up to number `own_through` had taken effect in it; those
    /// among them that were never passed to [`StateMachine::apply`] here have results that nobody knows.
    fn restored(&self, own_through: u64);
}

/// A file that a snapshot needs beside its own: too large to be written again with every snapshot, or of use as it is. It lies
/// in the group's folder of attached files ([`attached_dir`](crate::attached_dir)) and never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedFile {
    /// Its name in the folder. No other file of the group may ever have it, on any node: files go from node to node.
    pub name: String,
    /// Its length in bytes.
    pub length: u64,
    /// CRC-32C of all of it.
    pub checksum: u32,
}

/// A frozen view that is written out while entries go on being applied.
pub trait SnapshotSource: Send {
    /// Makes the files durable that the snapshot needs beside its pieces, and names all of them. Called once, first.
    ///
    /// # Errors
    /// When a file can't be written: there will be no snapshot this time.
    fn attach(&mut self) -> BoxFuture<'_, io::Result<Vec<AttachedFile>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// The next piece, or `None` at the end. Must do a bounded amount of work.
    fn next_chunk(&mut self) -> Option<Bytes>;

    /// The snapshot is durable and the newest: files that only older ones needed may go.
    fn kept(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

/// Takes the pieces of a snapshot in order.
pub trait SnapshotSink: Send {
    /// The next piece.
    fn push(&mut self, chunk: Bytes) -> Result<(), SnapshotError>;
    /// All pieces are there, and all attached files: the state becomes that of the snapshot. Nothing else is asked of the
    /// state machine meanwhile.
    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<(), SnapshotError>>;
}

/// A committed entry that this version can't apply.
#[derive(Debug, thiserror::Error)]
#[error("a committed entry can't be applied: {0}")]
pub struct CannotApply(pub String);

/// A snapshot does not make sense to the state machine.
#[derive(Debug, thiserror::Error)]
#[error("snapshot can't be restored: {0}")]
pub struct SnapshotError(pub String);
