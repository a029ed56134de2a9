//! The part of the journal that belongs to one group.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::journal::Handle;
use crate::state::Group;
use crate::{AppendError, JournalError, ReadError, read};

/// Longest entry, value or marker, in bytes.
pub const ENTRY_BYTES_MAX: usize = 256 << 20;

/// Which group an entry belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupId(pub u32);

/// Names a small value of a group: its vote, its commit index ...
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StateKey(pub u8);

/// The entries of a group: those with `first <= index < next`. A group that was never written has `0..0`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Index of the first entry that is kept: one past the last purged, 0 if nothing was ever purged.
    pub first: u64,
    /// Index that the next entry must have.
    pub next: u64,
}

/// A group's log and small values. Cheap to clone; every clone is the same group.
///
/// All changes take effect in memory before the call returns: every reader sees them from then on. Each change
/// carries a `done` that is called exactly once, from the journal's writer, when the change and all changes before it
/// *on the whole journal* are durable, or with the error that poisoned the journal. The calls of `done` come in the
/// order of the changes. `done` must not block; it may call the journal.
///
/// Changes are never refused because the disk is behind: callers that can wait first wait for [`GroupLog::room`].
#[derive(Clone)]
pub struct GroupLog {
    id: GroupId,
    handle: Arc<Handle>,
}

impl GroupLog {
    pub(crate) fn new(id: GroupId, handle: Arc<Handle>) -> Self {
        Self { id, handle }
    }

    /// The group's id.
    pub fn id(&self) -> GroupId {
        self.id
    }

    /// Which entries there are.
    pub fn bounds(&self) -> Bounds {
        let state = self.handle.shared.state();
        state.groups.get(&self.id).map_or(Bounds { first: 0, next: 0 }, Group::bounds)
    }

    /// Waits until less than [`Config::pending_bytes_max`](crate::Config::pending_bytes_max) bytes of all groups wait
    /// to be written. Returns at once when the journal is poisoned or closed.
    pub async fn room(&self) {
        let shared = &self.handle.shared;
        loop {
            let mut room = std::pin::pin!(shared.room.notified());
            // From here on no change is missed.
            room.as_mut().enable();
            let pending = shared.state().pending_bytes();
            if pending < shared.config.pending_bytes_max || shared.stopped().is_some() {
                return;
            }
            room.await;
        }
    }

    /// Adds `entries` with the indexes `first_index`, `first_index + 1` ... . `first_index` must be
    /// [`Bounds::next`]. After a crash a prefix of them may be there. No entries: a barrier, completed in its turn.
    ///
    /// # Errors
    /// Then nothing has changed and `done` is dropped without being called. A poisoned or closed journal is not an
    /// error here: `done` gets it.
    pub fn append(
        &self,
        first_index: u64,
        entries: Vec<Bytes>,
        done: impl FnOnce(Result<(), JournalError>) + Send + 'static,
    ) -> Result<(), AppendError> {
        self.handle.shared.change(|state| state.append(self.id, first_index, entries, Box::new(done)))
    }

    /// Removes the entries from index `from` on. Nothing to remove is not an error. Never reaches below
    /// [`Bounds::first`]. After a crash either all of them are there or none.
    pub fn truncate(&self, from: u64, done: impl FnOnce(Result<(), JournalError>) + Send + 'static) {
        self.handle.shared.change(|state| state.truncate(self.id, from, Box::new(done)));
    }

    /// Removes the entries up to and including `through` and stores `marker` (for example the id of the last entry
    /// purged) with it. Past the end, it also moves [`Bounds::next`] to `through + 1`. If `through` was purged before,
    /// nothing changes, the marker neither; `done` is called all the same. `through` must be less than `u64::MAX`.
    pub fn purge(
        &self,
        through: u64,
        marker: Bytes,
        done: impl FnOnce(Result<(), JournalError>) + Send + 'static,
    ) {
        self.handle.shared.change(|state| state.purge(self.id, through, marker, Box::new(done)));
    }

    /// The marker of the last purge that changed something.
    pub fn purge_marker(&self) -> Option<Bytes> {
        let state = self.handle.shared.state();
        state.groups.get(&self.id)?.purged.as_ref().map(|purged| purged.marker.clone())
    }

    /// Sets the small value `key`. The newest wins. Values share one order with the entries.
    pub fn put(
        &self,
        key: StateKey,
        value: Bytes,
        done: impl FnOnce(Result<(), JournalError>) + Send + 'static,
    ) {
        self.handle.shared.change(|state| state.put(self.id, key, value, Some(Box::new(done))));
    }

    /// Sets the small value `key`, to be written with the next flush that something else causes: after everything that
    /// was called before it, and perhaps after some that was called later. Of several values of a key that wait so, only
    /// the newest is written. A crash before that flush leaves an older value.
    pub fn put_lazy(&self, key: StateKey, value: Bytes) {
        self.handle.shared.state().put_lazy(self.id, key, value);
    }

    /// The small value `key`, as last set.
    pub fn get(&self, key: StateKey) -> Option<Bytes> {
        let state = self.handle.shared.state();
        state.groups.get(&self.id)?.values.get(&key).map(|value| value.bytes.clone())
    }

    /// Entries from `range.start` on, in order and without a hole, as they were at one moment during the call: at
    /// most those of `range`, at most `max_bytes` bytes but at least one entry. A range that reaches past the end is
    /// cut there; an empty range gives nothing. From memory if they are of the group's tail, else from disk.
    ///
    /// # Errors
    /// [`ReadError::Purged`] or [`ReadError::Unwritten`] if the *start* of the range is not there.
    pub async fn read(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Bytes>, ReadError> {
        read::entries(&self.handle.shared, self.id, range, max_bytes).await
    }
}
