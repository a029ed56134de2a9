//! Snapshots leave a node, as the files that they are, and are read elsewhere.
//!
//! What leaves is a file that is finished: whoever takes it slowly holds an open file, not a frozen state.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use openraft::async_runtime::watch::WatchReceiver;
use runtime::File;

use crate::error::Unavailable;
use crate::group::{EntryId, Group};
use crate::node::Member;
use crate::raft::{members_of, snapshot_meta_from_wire};
use crate::storage::{SnapshotFile, SnapshotReader};
use crate::wire;

const PIECE_BYTES: usize = 1 << 20;

/// A finished snapshot on its way out. It can be read to its end also when a newer one has taken its place.
pub struct SnapshotExport {
    snapshot: SnapshotFile,
    last: EntryId,
    file: Arc<dyn File>,
    read: u64,
    checksum: u32,
}

impl SnapshotExport {
    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        self.snapshot.length
    }

    /// The last entry that it includes.
    pub fn last(&self) -> EntryId {
        self.last
    }

    /// The state machine's first chunk.
    ///
    /// # Errors
    /// If it can't be read, or is damaged.
    pub async fn first_chunk(&self) -> io::Result<Option<Bytes>> {
        let file = Arc::clone(&self.file);
        SnapshotReader::open_copy(file, &self.snapshot.path, 0..self.snapshot.length).await?.next().await
    }

    /// The next bytes of the file; `None` at its end. The last are given only if all were what was written.
    ///
    /// # Errors
    /// If it can't be read, or is damaged; then what was given before is of no use.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let left = self.snapshot.length - self.read;
        if left == 0 {
            return Ok(None);
        }
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let bytes = self.file.read_at(self.read, wanted).await?;
        self.read += bytes.len() as u64;
        self.checksum = crc32c::crc32c_append(self.checksum, &bytes);
        let is_last = self.read == self.snapshot.length;
        if bytes.len() != wanted || is_last && self.checksum != self.snapshot.checksum {
            let path = self.snapshot.path.display();
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("snapshot {path} is damaged on this node's disk; ask another node"),
            ));
        }
        Ok(Some(bytes))
    }
}

/// A snapshot that was copied out of a node.
pub struct SnapshotCopy(SnapshotReader);

impl SnapshotCopy {
    /// Reads what is at `bounds` in `file`, which is called `path`.
    ///
    /// # Errors
    /// If it can't be read, or does not begin as a snapshot.
    pub async fn open(file: Arc<dyn File>, path: &Path, bounds: Range<u64>) -> io::Result<Self> {
        SnapshotReader::open_copy(file, path, bounds).await.map(Self)
    }

    /// The last entry that it includes.
    pub fn last(&self) -> Option<EntryId> {
        entry_id(self.0.header().last)
    }

    /// Who belonged to the group.
    ///
    /// # Errors
    /// If its header makes no sense.
    pub fn members(&self) -> io::Result<Vec<Member>> {
        let meta = snapshot_meta_from_wire(self.0.header()).map_err(io::Error::other)?;
        Ok(members_of(meta.last_membership.membership()))
    }

    /// The next of the state machine's chunks; `None` after the last, when all of it was there.
    ///
    /// # Errors
    /// If it can't be read, or is damaged.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        self.0.next().await
    }

    /// After the last chunk: makes sure that nothing follows it.
    ///
    /// # Errors
    /// If something does.
    pub fn finish(self) -> io::Result<()> {
        self.0.finish().map(drop)
    }
}

fn entry_id(id: Option<wire::LogId>) -> Option<EntryId> {
    id.map(|id| EntryId { term: id.term, index: id.index })
}

impl Group {
    /// A snapshot with all that was committed anywhere before the call; a new one if need be. Entries go on being applied
    /// meanwhile.
    ///
    /// # Errors
    /// [`Unavailable`] if no leader was found for some seconds, or the group stops.
    pub async fn export_snapshot(&self) -> Result<SnapshotExport, Unavailable> {
        self.barrier().await?;
        let next_index = self.applied_next_index();
        loop {
            let (snapshot, last) = self.snapshot_with(next_index).await?;
            // It may be replaced by a newer one, and removed, before it is open.
            let failed = match self.inner.snapshots.open_raw(&snapshot).await {
                Ok(file) => return Ok(SnapshotExport { snapshot, last, file, read: 0, checksum: 0 }),
                Err(error) => error,
            };
            let current = self.inner.snapshots.current();
            if current.is_none_or(|current| current.path == snapshot.path) {
                return Err(Unavailable(format!("{} can't be opened: {failed}", snapshot.path.display())));
            }
        }
    }

    /// The newest snapshot, once it has all entries below `next_index`, and the last that it has.
    async fn snapshot_with(&self, next_index: u64) -> Result<(SnapshotFile, EntryId), Unavailable> {
        let with_all = |file: SnapshotFile| {
            let last = entry_id(file.header.last).filter(|last| last.index + 1 >= next_index)?;
            Some((file, last))
        };
        let mut metrics = self.inner.core.raft.metrics();
        loop {
            let before = metrics.borrow_watched().snapshot;
            if let Some(found) = self.inner.snapshots.current().and_then(with_all) {
                return Ok(found);
            }
            // Nothing happens if one is being taken; if that is too old, there is a next time.
            self.snapshot().await?;
            while metrics.borrow_watched().snapshot == before {
                let stopped = |_| Unavailable("the group has stopped".into());
                metrics.changed().await.map_err(stopped)?;
            }
        }
    }
}
