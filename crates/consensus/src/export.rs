//! Snapshots leave a node, as the files that they are, and are read elsewhere.
//!
//! What leaves are files that are finished: whoever takes them slowly holds open files, not a frozen state.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use openraft::async_runtime::watch::WatchReceiver;
use runtime::File;

use crate::error::Unavailable;
use crate::group::{EntryId, Group};
use crate::node::Member;
use crate::raft::{members_of, snapshot_meta_from_wire};
use crate::storage::{Parts, SnapshotFile, SnapshotReader, SnapshotStore};
use crate::wire;

const PIECE_BYTES: usize = 1 << 20;

/// A finished snapshot on its way out: its attached files, one behind the other, then its own. It can be read to its end also
/// when a newer one has taken its place.
pub struct SnapshotExport {
    snapshot: SnapshotFile,
    last: EntryId,
    parts: Parts,
    /// The attached files, then the snapshot's own.
    files: Vec<Arc<dyn File>>,
    read: u64,
    /// Of what was read of the file that is being read.
    checksum: u32,
}

impl SnapshotExport {
    async fn open(snapshots: &SnapshotStore, snapshot: SnapshotFile, last: EntryId) -> io::Result<Self> {
        let parts = Parts::new(&snapshot.header, snapshot.length).map_err(io::Error::other)?;
        let attachments = snapshots.attachments();
        let mut files = Vec::with_capacity(parts.attached().len() + 1);
        for file in parts.attached() {
            files.push(attachments.open(file).await?);
        }
        files.push(snapshots.open_raw(&snapshot).await?);
        Ok(Self { snapshot, last, parts, files, read: 0, checksum: 0 })
    }

    /// How many bytes it has, with its attached files.
    pub fn length(&self) -> u64 {
        self.parts.total()
    }

    /// How many of them, the last, are the snapshot's own file.
    pub fn own_length(&self) -> u64 {
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
        let Some(own) = self.files.last() else { return Ok(None) };
        SnapshotReader::open_copy(Arc::clone(own), &self.snapshot.path, 0..self.snapshot.length)
            .await?
            .next()
            .await
    }

    /// The next bytes; `None` at the end. The last of each file are given only if all of it were what was written.
    ///
    /// # Errors
    /// If it can't be read, or is damaged; then what was given before is of no use.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let Some(place) = self.parts.at(self.read) else { return Ok(None) };
        let wanted = usize::try_from(place.left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let bytes = self.files[place.part].read_at(place.offset, wanted).await?;
        self.read += bytes.len() as u64;
        self.checksum = crc32c::crc32c_append(self.checksum, &bytes);
        let mut is_sound = bytes.len() == wanted;
        if place.left == bytes.len() as u64 {
            let attached = self.parts.attached().get(place.part);
            is_sound &= attached.map_or(self.snapshot.checksum, |file| file.checksum) == self.checksum;
            self.checksum = 0;
        }
        if !is_sound {
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
pub struct SnapshotCopy {
    reader: SnapshotReader,
    file: Arc<dyn File>,
    path: PathBuf,
    parts: Parts,
    /// Where its bytes begin in the file.
    start: u64,
}

impl SnapshotCopy {
    /// Reads what is at `bounds` in `file`, which is called `path`. The last `own_length` bytes of it are the snapshot's own file.
    ///
    /// # Errors
    /// If it can't be read, or does not begin as a snapshot.
    pub async fn open(
        file: Arc<dyn File>,
        path: &Path,
        bounds: Range<u64>,
        own_length: u64,
    ) -> io::Result<Self> {
        let foreign = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let own_start = bounds.end.checked_sub(own_length).filter(|start| *start >= bounds.start);
        let own_start = own_start.ok_or_else(|| foreign("a snapshot is longer than its place"))?;
        let reader = SnapshotReader::open_copy(Arc::clone(&file), path, own_start..bounds.end).await?;
        let parts = Parts::new(reader.header(), own_length).map_err(|what| foreign(&what))?;
        if parts.total() != bounds.end - bounds.start {
            return Err(foreign("the files of a snapshot have other lengths"));
        }
        Ok(Self { reader, file, path: path.to_owned(), parts, start: bounds.start })
    }

    pub(crate) fn header(&self) -> &wire::SnapshotHeader {
        self.reader.header()
    }

    /// The last entry that it includes.
    pub fn last(&self) -> Option<EntryId> {
        entry_id(self.header().last)
    }

    /// Who belonged to the group.
    ///
    /// # Errors
    /// If its header makes no sense.
    pub fn members(&self) -> io::Result<Vec<Member>> {
        let meta = snapshot_meta_from_wire(self.header()).map_err(io::Error::other)?;
        Ok(members_of(meta.last_membership.membership()))
    }

    /// The next of the state machine's chunks; `None` after the last, when all of it was there.
    ///
    /// # Errors
    /// If it can't be read, or is damaged.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        self.reader.next().await
    }

    /// After the last chunk: makes sure that nothing follows it.
    ///
    /// # Errors
    /// If something does.
    pub fn finish(self) -> io::Result<()> {
        self.reader.finish().map(drop)
    }

    /// Compares the attached files with their checksums.
    ///
    /// # Errors
    /// If one can't be read, or is another.
    pub async fn check_attached(&self) -> io::Result<()> {
        for part in 0..self.parts.attached().len() {
            let mut pieces = self.attached(part);
            let mut checksum = 0;
            while let Some(bytes) = pieces.next().await? {
                checksum = crc32c::crc32c_append(checksum, &bytes);
            }
            let file = &self.parts.attached()[part];
            if checksum != file.checksum {
                let what = format!("{}: the attached file {} is another", self.path.display(), file.name);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
        Ok(())
    }

    fn attached(&self, part: usize) -> Pieces<'_> {
        let start = self.start + self.parts.start_of(part);
        Pieces { file: &*self.file, place: start..start + self.parts.attached()[part].length }
    }

    /// Writes it to a node's folder, with another header.
    pub(crate) async fn write_into(
        mut self,
        store: &SnapshotStore,
        header: wire::SnapshotHeader,
    ) -> io::Result<()> {
        let attachments = store.attachments();
        attachments.prepare(self.parts.attached()).await?;
        for (part, file) in self.parts.attached().iter().enumerate() {
            let mut incoming = attachments.begin(file).await?;
            let mut pieces = self.attached(part);
            while let Some(bytes) = pieces.next().await? {
                incoming.push(bytes).await?;
            }
            attachments.finish(file, incoming).await?;
        }
        if !self.parts.attached().is_empty() {
            attachments.sync().await?;
        }
        let mut writer = store.create(header).await?;
        while let Some(chunk) = self.reader.next().await? {
            writer.push(&chunk).await?;
        }
        self.reader.finish()?;
        writer.finish().await.map(drop)
    }
}

/// A part of a file, piece by piece.
struct Pieces<'a> {
    file: &'a dyn File,
    place: Range<u64>,
}

impl Pieces<'_> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let left = self.place.end - self.place.start;
        if left == 0 {
            return Ok(None);
        }
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let bytes = self.file.read_at(self.place.start, wanted).await?;
        if bytes.len() < wanted {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.place.start += bytes.len() as u64;
        Ok(Some(bytes))
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
            let path = snapshot.path.clone();
            let failed = match SnapshotExport::open(&self.inner.snapshots, snapshot, last).await {
                Ok(export) => return Ok(export),
                Err(error) => error,
            };
            let current = self.inner.snapshots.current();
            if current.is_none_or(|current| current.path == path) {
                return Err(Unavailable(format!("{} can't be opened: {failed}", path.display())));
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
