//! Snapshots on disk.
//!
//! A file is a run of records, each `length u32 | crc32c u32 | bytes`, big-endian: a `SnapshotHeader`, the state
//! machine's chunks, and, marked by the top bit of its length, a `SnapshotTrailer` with their count. A snapshot counts
//! only once it is written, flushed, renamed to its final name, and the folder flushed: in that order.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use journal::GroupId;
use parking_lot::Mutex;
use prost::Message;
use runtime::{Disk, File, OpenMode};
use tokio::sync::SetOnce;

use super::attached::Attachments;
use crate::wire;

/// Version of the file's layout and of its header.
pub(crate) const SNAPSHOT_FORMAT: u32 = 1;

const RECORD_HEAD: usize = 8;
const TRAILER: u32 = 1 << 31;
const RECORD_BYTES_MAX: u32 = 64 << 20;
const WRITE_BYTES: usize = 1 << 20;
const READ_BYTES: usize = 1 << 20;
const FINISHED: &str = "snapshot";
const UNFINISHED: &str = "partial";

/// A finished snapshot.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotFile {
    pub(crate) path: PathBuf,
    pub(crate) length: u64,
    /// CRC-32C of the whole file.
    pub(crate) checksum: u32,
    pub(crate) header: wire::SnapshotHeader,
}

/// The folder with a group's snapshots. The newest finished one counts; others are removed.
#[derive(Clone)]
pub(crate) struct SnapshotStore {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    current: Arc<Mutex<Option<SnapshotFile>>>,
    failure: Arc<SetOnce<String>>,
    adopting: Arc<tokio::sync::Mutex<()>>,
}

/// Where a snapshot is kept, which decides what becomes of a damaged one.
#[derive(Clone, Debug)]
enum Place {
    /// In a node's folder.
    Own(PathBuf),
    /// In a file that was copied out of a node.
    Copy(PathBuf),
}

impl Place {
    fn damaged(&self, what: &str) -> io::Error {
        let text = match self {
            Place::Own(path) => format!(
                "snapshot {} is damaged: {what}; remove this node and let it join as a new one",
                path.display()
            ),
            Place::Copy(path) => {
                format!("the snapshot in {} is damaged: {what}; use another copy", path.display())
            }
        };
        io::Error::new(io::ErrorKind::InvalidData, text)
    }
}

/// The folder of a group's snapshots among those of a node.
pub(crate) fn group_dir(snapshot_dir: &Path, group: GroupId) -> PathBuf {
    snapshot_dir.join(format!("group-{}", group.0))
}

impl SnapshotStore {
    pub(crate) async fn open(disk: Arc<dyn Disk>, dir: PathBuf) -> io::Result<Self> {
        disk.create_dir_all(&dir).await?;
        for path in disk.list(&dir).await? {
            if path.extension().is_some_and(|extension| extension == UNFINISHED) {
                disk.remove(&path).await?;
            }
        }
        Ok(Self { disk, dir, current: Arc::default(), failure: Arc::default(), adopting: Arc::default() })
    }

    /// A reader of the newest snapshot, for a node that starts.
    pub(crate) async fn read_newest(&self) -> io::Result<Option<SnapshotReader>> {
        match self.finished().await?.pop() {
            Some(path) => Ok(Some(SnapshotReader::open(&*self.disk, &path).await?)),
            None => Ok(None),
        }
    }

    /// The newest finished snapshot that was read, built or received.
    pub(crate) fn current(&self) -> Option<SnapshotFile> {
        self.current.lock().clone()
    }

    pub(crate) fn is_current(&self, file: &SnapshotFile) -> bool {
        self.current.lock().as_ref().is_some_and(|current| current.path == file.path)
    }

    /// The files that snapshots need beside their own.
    pub(crate) fn attachments(&self) -> Attachments {
        Attachments::new(Arc::clone(&self.disk), &self.dir)
    }

    pub(crate) fn set_current(&self, file: SnapshotFile) {
        *self.current.lock() = Some(file);
    }

    /// Finished snapshots, oldest first: their names sort by position in the log.
    async fn finished(&self) -> io::Result<Vec<PathBuf>> {
        let paths = self.disk.list(&self.dir).await?;
        Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == FINISHED)).collect())
    }

    pub(crate) async fn create(&self, header: wire::SnapshotHeader) -> io::Result<SnapshotWriter> {
        SnapshotWriter::create(self.clone(), header).await
    }

    pub(crate) async fn reader(&self, file: &SnapshotFile) -> io::Result<SnapshotReader> {
        SnapshotReader::open(&*self.disk, &file.path).await
    }

    pub(crate) async fn open_raw(&self, file: &SnapshotFile) -> io::Result<Arc<dyn File>> {
        self.disk.open(&file.path, OpenMode::Read).await
    }

    /// A file to receive another node's snapshot into; replaces an earlier attempt for another snapshot.
    pub(crate) async fn create_incoming(
        &self,
        header: &wire::SnapshotHeader,
    ) -> io::Result<(PathBuf, Arc<dyn File>)> {
        let path = self.dir.join(format!("{}-incoming.{UNFINISHED}", stem(header)));
        if self.disk.list(&self.dir).await?.contains(&path) {
            self.disk.remove(&path).await?;
        }
        let file = self.disk.open(&path, OpenMode::CreateNew).await?;
        Ok((path, file))
    }

    /// Flushes a file that is `written`, gives it its final name, and removes older snapshots: this one, if a newer one has
    /// come in the meantime.
    pub(crate) async fn adopt(&self, mut file: SnapshotFile, written: &dyn File) -> io::Result<SnapshotFile> {
        // One that is built here and one that is received may be finished at the same time.
        let _one_at_a_time = self.adopting.lock().await;
        self.fatal(&file.path, written.sync_data().await)?;
        let path = self.dir.join(format!("{}.{FINISHED}", stem(&file.header)));
        self.disk.rename(&file.path, &path).await?;
        self.fatal(&self.dir, self.disk.sync_dir(&self.dir).await)?;
        file.path = path;
        let mut finished = self.finished().await?;
        if finished.pop().as_ref() == Some(&file.path) {
            self.set_current(file.clone());
        }
        for older in finished {
            self.disk.remove(&older).await?;
        }
        Ok(file)
    }

    /// A sync that fails leaves it open what is on disk, and a second one may say that all is well: nothing can be built on
    /// this disk any more.
    fn fatal(&self, path: &Path, synced: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &synced {
            let _earlier_failure = self.failure.set(format!("can't sync {}: {error}", path.display()));
        }
        synced
    }

    /// Completes when a sync has failed: the node must stop. Says what happened.
    pub(crate) async fn failed(&self) -> String {
        self.failure.wait().await.clone()
    }

    pub(crate) async fn discard(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path).await
    }
}

/// Twenty digits hold any `u64`, so names sort as numbers do.
fn stem(header: &wire::SnapshotHeader) -> String {
    let last = header.last.unwrap_or_default();
    format!("{:020}-{:020}", last.index, last.term)
}

fn put_record(buffer: &mut BytesMut, flags: u32, body: &[u8]) {
    buffer.put_u32(body.len() as u32 | flags);
    buffer.put_u32(crc32c::crc32c(body));
    buffer.put_slice(body);
}

/// Writes one snapshot.
pub(crate) struct SnapshotWriter {
    store: SnapshotStore,
    path: PathBuf,
    file: Arc<dyn File>,
    header: wire::SnapshotHeader,
    buffer: BytesMut,
    written: u64,
    checksum: u32,
    chunks: u64,
}

impl SnapshotWriter {
    async fn create(store: SnapshotStore, header: wire::SnapshotHeader) -> io::Result<Self> {
        let path = store.dir.join(format!("{}-building.{UNFINISHED}", stem(&header)));
        if store.disk.list(&store.dir).await?.contains(&path) {
            store.disk.remove(&path).await?;
        }
        let file = store.disk.open(&path, OpenMode::CreateNew).await?;
        let mut buffer = BytesMut::with_capacity(WRITE_BYTES + (WRITE_BYTES >> 2));
        put_record(&mut buffer, 0, &header.encode_to_vec());
        Ok(Self { store, path, file, header, buffer, written: 0, checksum: 0, chunks: 0 })
    }

    pub(crate) async fn push(&mut self, chunk: &[u8]) -> io::Result<()> {
        put_record(&mut self.buffer, 0, chunk);
        self.chunks += 1;
        if self.buffer.len() >= WRITE_BYTES {
            self.write_out().await?;
        }
        Ok(())
    }

    async fn write_out(&mut self) -> io::Result<()> {
        let bytes = self.buffer.split().freeze();
        self.checksum = crc32c::crc32c_append(self.checksum, &bytes);
        let offset = self.written;
        self.written += bytes.len() as u64;
        self.file.write_at(offset, vec![bytes]).await
    }

    pub(crate) async fn finish(mut self) -> io::Result<SnapshotFile> {
        let trailer = wire::SnapshotTrailer { chunks: self.chunks }.encode_to_vec();
        put_record(&mut self.buffer, TRAILER, &trailer);
        self.write_out().await?;
        let file = SnapshotFile {
            path: self.path,
            length: self.written,
            checksum: self.checksum,
            header: self.header,
        };
        self.store.adopt(file, &*self.file).await
    }
}

/// Reads one snapshot, checking every record.
pub(crate) struct SnapshotReader {
    place: Place,
    file: Arc<dyn File>,
    /// Where it begins and ends in the file; a file of its own has nothing behind it.
    bounds: Range<u64>,
    header: wire::SnapshotHeader,
    buffer: BytesMut,
    offset: u64,
    checksum: u32,
    chunks: u64,
    ended: bool,
}

impl SnapshotReader {
    async fn open(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        let file = disk.open(path, OpenMode::Read).await?;
        Self::begin(Place::Own(path.to_owned()), file, 0..u64::MAX).await
    }

    /// Of a snapshot that is part of a file with other things.
    pub(crate) async fn open_copy(file: Arc<dyn File>, path: &Path, bounds: Range<u64>) -> io::Result<Self> {
        Self::begin(Place::Copy(path.to_owned()), file, bounds).await
    }

    async fn begin(place: Place, file: Arc<dyn File>, bounds: Range<u64>) -> io::Result<Self> {
        let mut reader = Self {
            place,
            file,
            offset: bounds.start,
            bounds,
            header: wire::SnapshotHeader::default(),
            buffer: BytesMut::new(),
            checksum: 0,
            chunks: 0,
            ended: false,
        };
        let (flags, body) = reader.record().await?;
        let header =
            wire::SnapshotHeader::decode(body).map_err(|error| reader.place.damaged(&error.to_string()))?;
        if flags != 0 || header.format != SNAPSHOT_FORMAT {
            let what = format!("format {}, this version reads {SNAPSHOT_FORMAT}", header.format);
            return Err(reader.place.damaged(&what));
        }
        reader.header = header;
        Ok(reader)
    }

    pub(crate) fn header(&self) -> &wire::SnapshotHeader {
        &self.header
    }

    /// The next chunk, or `None` after the last.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.ended {
            return Ok(None);
        }
        let (flags, body) = self.record().await?;
        if flags == 0 {
            self.chunks += 1;
            return Ok(Some(body));
        }
        let trailer =
            wire::SnapshotTrailer::decode(body).map_err(|error| self.place.damaged(&error.to_string()))?;
        if trailer.chunks != self.chunks {
            return Err(self.place.damaged("chunks are missing"));
        }
        self.ended = true;
        Ok(None)
    }

    /// After the last chunk: the file, known to be whole.
    pub(crate) fn finish(self) -> io::Result<SnapshotFile> {
        if !self.ended || !self.buffer.is_empty() {
            return Err(self.place.damaged("it does not end at its trailer"));
        }
        let (Place::Own(path) | Place::Copy(path)) = self.place;
        Ok(SnapshotFile {
            path,
            length: self.offset - self.bounds.start,
            checksum: self.checksum,
            header: self.header,
        })
    }

    async fn record(&mut self) -> io::Result<(u32, Bytes)> {
        self.fill(RECORD_HEAD).await?;
        let length = (&self.buffer[..4]).get_u32();
        let expected = (&self.buffer[4..8]).get_u32();
        let (flags, length) = (length & TRAILER, length & !TRAILER);
        if length > RECORD_BYTES_MAX {
            return Err(self.place.damaged(&format!("impossible record before offset {}", self.offset)));
        }
        self.fill(RECORD_HEAD + length as usize).await?;
        self.buffer.advance(RECORD_HEAD);
        let body = self.buffer.split_to(length as usize).freeze();
        if crc32c::crc32c(&body) != expected {
            return Err(self.place.damaged(&format!("wrong checksum before offset {}", self.offset)));
        }
        Ok((flags, body))
    }

    async fn fill(&mut self, needed: usize) -> io::Result<()> {
        while self.buffer.len() < needed {
            let left = usize::try_from(self.bounds.end - self.offset).unwrap_or(usize::MAX);
            let wanted = READ_BYTES.max(needed - self.buffer.len()).min(left);
            let bytes = self.file.read_at(self.offset, wanted).await?;
            if bytes.is_empty() {
                return Err(self.place.damaged("it ends early"));
            }
            self.offset += bytes.len() as u64;
            self.checksum = crc32c::crc32c_append(self.checksum, &bytes);
            self.buffer.extend_from_slice(&bytes);
        }
        Ok(())
    }
}
