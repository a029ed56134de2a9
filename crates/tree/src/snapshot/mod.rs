//! Snapshots that do not stop the world.
//!
//! [`Tree::begin_snapshot`] freezes a view: it copies the bitmaps of used slots and a few numbers, nothing else. Each
//! [`Tree::next_snapshot_chunk`] then walks a bounded number of slots, so it holds the tree's lock for microseconds;
//! between them commands are applied as ever. A command that changes a slot which the walk has not reached first saves
//! what stood there. [`Restore`] builds a tree from the chunks.
//!
//! The chunks depend only on the tree at the freeze: equal trees give equal chunks, byte for byte.

mod encode;
mod restore;
mod walk;

pub use encode::SnapshotChunk;
pub use restore::Restore;
pub use walk::ChunkLimits;
pub(crate) use walk::Walk;

use std::sync::Arc;

use crate::acl::AclList;
use crate::error::SnapshotInProgress;
use crate::index::hash_bytes;
use crate::session::Session;
use crate::slab::Frozen;
use crate::tree::Tree;
use crate::znode::Znode;
use crate::zxid::Zxid;

/// The format that this version writes, and the newest that it reads.
pub(crate) const FORMAT: u32 = 1;

impl Tree {
    /// Freezes a view of the tree for a snapshot and gives the zxid that it stands at.
    ///
    /// # Errors
    /// [`SnapshotInProgress`] until the last chunk of the one before was taken, or it was cancelled.
    pub fn begin_snapshot(&mut self, limits: ChunkLimits) -> Result<Zxid, SnapshotInProgress> {
        if self.snapshot.is_some() {
            return Err(SnapshotInProgress);
        }
        self.store.acls.slots.freeze();
        self.store.sessions.slots.freeze();
        self.store.nodes.freeze();
        self.snapshot = Some(Walk::new(self, limits));
        Ok(self.zxid)
    }

    /// The next chunk of the snapshot, or nothing after the last one, when another snapshot may begin.
    ///
    /// Data of znodes is shared with the tree, not copied: encode the chunk after the tree's lock is released.
    pub fn next_snapshot_chunk(&mut self) -> Option<SnapshotChunk> {
        let mut walk = self.snapshot.take()?;
        let chunk = walk.next_chunk(&mut self.store);
        self.snapshot = Some(walk);
        if self.snapshot.as_ref().is_some_and(Walk::is_done) {
            drop(self.cancel_snapshot());
        }
        Some(chunk)
    }

    /// Ends a snapshot early. Nothing happens if none is being taken.
    ///
    /// What was saved for it can be much: drop the result after the tree's lock is released.
    pub fn cancel_snapshot(&mut self) -> CancelledSnapshot {
        self.snapshot = None;
        CancelledSnapshot {
            _acls: self.store.acls.slots.thaw(),
            _sessions: self.store.sessions.slots.thaw(),
            _nodes: self.store.nodes.thaw(),
        }
    }

    /// A hash of everything that a snapshot would hold: replicas that applied the same commands agree on it.
    ///
    /// Walks the whole tree; for tests and the simulator.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digest = 0;
        encode::for_each_record(self, |record| {
            digest = hash_bytes(record) ^ u64::rotate_left(digest, 5).wrapping_mul(K)
        });
        digest
    }
}

/// What a snapshot that was not finished leaves behind. Dropping it is all that there is to do.
#[must_use = "drop it after the tree's lock is released"]
#[derive(Debug)]
pub struct CancelledSnapshot {
    _acls: Option<Frozen<Arc<AclList>>>,
    _sessions: Option<Frozen<Session>>,
    _nodes: Option<Frozen<Znode>>,
}

/// An odd number without pattern: the golden ratio's digits.
const K: u64 = 0x9e37_79b9_7f4a_7c15;
