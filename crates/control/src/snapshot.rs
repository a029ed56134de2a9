//! Snapshots of the replica: taken while it goes on applying, and put in its place.

use std::sync::Arc;

use bytes::Bytes;
use runtime::Instant;
use tree::{ChunkLimits, Restore, RestoreError, SnapshotInProgress, Zxid};

use crate::control::Control;
use crate::delivery::CloseReason;
use crate::metrics::SnapshotNote;
use crate::replica::Replica;

impl Control {
    /// Freezes a view of the replica as of the last applied entry.
    ///
    /// # Errors
    /// When the source of an earlier snapshot is still there.
    pub fn begin_snapshot(
        self: &Arc<Self>,
        limits: ChunkLimits,
    ) -> Result<SnapshotSource, SnapshotInProgress> {
        let begun = self.runtime.clock.now();
        let zxid = self.replica.write().tree.begin_snapshot(limits)?;
        Ok(SnapshotSource { control: Arc::clone(self), zxid, begun: Some(begun) })
    }

    /// Starts to read a snapshot. Nothing changes until [`SnapshotTarget::finish`].
    pub fn begin_restore(self: &Arc<Self>) -> SnapshotTarget {
        SnapshotTarget { control: Arc::clone(self), restore: Restore::new() }
    }
}

/// A frozen view of the replica, which is released when this is dropped.
pub struct SnapshotSource {
    control: Arc<Control>,
    zxid: Zxid,
    /// When, until the last piece is taken.
    begun: Option<Instant>,
}

impl SnapshotSource {
    /// The last transaction that the snapshot includes.
    pub fn zxid(&self) -> Zxid {
        self.zxid
    }

    /// The next piece, or `None` after the last. The replica is locked for microseconds only.
    pub fn next_chunk(&mut self) -> Option<Bytes> {
        let chunk = self.control.replica.write().tree.next_snapshot_chunk();
        if chunk.is_none() {
            self.note_end();
        }
        Some(chunk?.encode())
    }
}

impl SnapshotSource {
    fn note_end(&mut self) {
        if let Some(begun) = self.begun.take() {
            let clock = &self.control.runtime.clock;
            let snapshot = SnapshotNote { zxid: self.zxid, taken_ms: clock.wall_ms() };
            self.control.metrics.snapshots.note(snapshot, clock.now().saturating_since(begun));
        }
    }
}

impl Drop for SnapshotSource {
    fn drop(&mut self) {
        let cancelled = self.control.replica.write().tree.cancel_snapshot();
        // Freeing what was frozen may take long: not under the lock.
        drop(cancelled);
    }
}

/// A replica in the making.
pub struct SnapshotTarget {
    control: Arc<Control>,
    restore: Restore,
}

impl SnapshotTarget {
    /// Takes the next piece.
    ///
    /// # Errors
    /// When it makes no sense; then this is of no more use.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), RestoreError> {
        self.restore.push(chunk)
    }

    /// Puts the new replica in the place of the present one, and ends every connection: what happened in between is not
    /// known here, so their watches and answers would be lost. Takes time in proportion to the tree, most of it without
    /// any lock.
    ///
    /// # Errors
    /// When pieces are missing or contradict each other; the present replica then stays.
    pub fn finish(self) -> Result<(), RestoreError> {
        let tree = self.restore.finish()?;
        let control = self.control;
        let zxid = tree.zxid();
        let mut replica = control.replica.write();
        let old = std::mem::replace(&mut *replica, Replica { tree, ..Replica::default() });
        control.set_applied(zxid);
        *control.leading.lock() = None;
        let connections: Vec<_> = control.connections.lock().iter().cloned().collect();
        drop(replica);
        for outbox in connections {
            if outbox.close(CloseReason::Replaced) {
                outbox.wake();
            }
        }
        control.drop_later(old);
        Ok(())
    }
}

impl Control {
    /// Frees a replica, which takes long, where nobody waits for it.
    fn drop_later(&self, old: Replica) {
        let runtime = self.runtime.clone();
        let free = async move { runtime.run_blocking(move || drop(old)).await };
        self.runtime.spawn(runtime::Pool::Clients, free).detach();
    }
}
