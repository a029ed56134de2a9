//! Writes a segment file, front to back.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use runtime::{File, OpenMode};

use crate::CheckpointError;
use crate::format::block::BlockBuilder;
use crate::format::footer::Footer;
use crate::format::header::{HEADER_BYTES, Header};
use crate::format::index::Index;
use crate::name::SegmentId;
use crate::segment::Segment;
use crate::store::Shared;

/// Written at once: 1 MiB with blocks of the default size.
const WRITE_BLOCKS: usize = 16;
/// Made durable at once: not all at the end, when the journal's syncs would have to wait for it.
const SYNC_BLOCKS: u64 = 256;
/// Longer frames are written from where they are, shorter ones are copied together.
const COPY_BYTES: usize = 16 << 10;

/// A file that becomes a segment when it is finished. It is made when the first bytes are written.
pub(super) struct SegmentWriter {
    shared: Arc<Shared>,
    id: SegmentId,
    header: Header,
    output: Option<Output>,
    partition: u64,
    block: BlockBuilder,
    index: Index,
    /// Where the next block starts.
    position: u64,
    parts: Vec<Bytes>,
    buffer: BytesMut,
    /// Bytes in both.
    waiting: usize,
}

/// The file. Dropped before it is finished, it is left to be removed.
struct Output {
    shared: Arc<Shared>,
    path: PathBuf,
    file: Option<Arc<dyn File>>,
    written: u64,
    synced: u64,
    checksum: u32,
    /// It has its place, or was removed.
    settled: bool,
}

impl SegmentWriter {
    pub(super) fn new(shared: Arc<Shared>, id: SegmentId) -> Self {
        let header = Header { shard: shared.config.shard, id };
        Self {
            shared,
            id,
            header,
            output: None,
            partition: 0,
            block: BlockBuilder::default(),
            index: Index::default(),
            position: HEADER_BYTES as u64,
            parts: Vec::new(),
            buffer: BytesMut::new(),
            waiting: 0,
        }
    }

    /// Adds a frame. They come sorted by partition and offset; one that comes twice is taken once.
    pub(super) fn push(&mut self, partition: u64, offset: u64, frame: Bytes) {
        if partition != self.partition {
            self.end_block();
            self.partition = partition;
        }
        if self.last().is_some_and(|last| offset <= last) {
            return;
        }
        let is_large = self.block.length() + frame.len() > self.shared.config.block_bytes;
        if is_large && !self.block.is_empty() {
            self.end_block();
        }
        self.block.push(offset, frame);
    }

    /// The last offset of the partition that frames are added to.
    fn last(&self) -> Option<u64> {
        self.block.last().or_else(|| {
            let blocks = self.index.blocks_of(self.partition)?;
            self.index.blocks()[blocks].last().map(|block| block.last)
        })
    }

    fn end_block(&mut self) {
        if self.block.is_empty() {
            return;
        }
        if self.index.blocks().is_empty() {
            self.put(Bytes::copy_from_slice(&self.header.encode()));
        }
        let (entry, head, frames) = self.block.finish(self.partition, self.position, self.header.seed());
        self.position = entry.end();
        self.index.push(self.partition, entry);
        self.put(head.into());
        for frame in frames {
            self.put(frame);
        }
    }

    fn put(&mut self, bytes: Bytes) {
        self.waiting += bytes.len();
        if bytes.len() <= COPY_BYTES {
            self.buffer.extend_from_slice(&bytes);
            return;
        }
        self.parts.push(self.buffer.split().freeze());
        self.parts.push(bytes);
    }

    fn write_bytes(&self) -> usize {
        WRITE_BLOCKS * self.shared.config.block_bytes
    }

    /// True if [`SegmentWriter::write_out`] has much to do.
    pub(super) fn is_full(&self) -> bool {
        self.waiting >= self.write_bytes()
    }

    /// Writes what waits, if it is much.
    pub(super) async fn write_out(&mut self) -> Result<(), CheckpointError> {
        if self.is_full() { self.write_all().await } else { Ok(()) }
    }

    async fn write_all(&mut self) -> Result<(), CheckpointError> {
        let mut parts = std::mem::take(&mut self.parts);
        parts.push(self.buffer.split().freeze());
        self.buffer.reserve(self.write_bytes() + COPY_BYTES);
        self.waiting = 0;
        let output = self.output.get_or_insert_with(|| Output::new(&self.shared, self.id));
        output.write(parts).await
    }

    /// Makes the file durable under its name. `None` if there was no frame.
    pub(super) async fn finish(mut self) -> Result<Option<Segment>, (Self, CheckpointError)> {
        self.end_block();
        if self.index.blocks().is_empty() {
            return Ok(None);
        }
        let seed = self.header.seed();
        let index = self.index.encode();
        let footer = Footer::of(seed, &self.index, &index).encode(seed);
        self.put(index.into());
        self.put(Bytes::copy_from_slice(&footer));
        match self.write_durably().await {
            Ok(segment) => Ok(Some(segment)),
            Err(error) => Err((self, error)),
        }
    }

    async fn write_durably(&mut self) -> Result<Segment, CheckpointError> {
        self.write_all().await?;
        let output = self.output.as_mut().expect("writing makes the file");
        let file = output.finish().await?;
        let mut index = std::mem::take(&mut self.index);
        index.shrink();
        Ok(Segment {
            id: self.id,
            path: output.path.clone(),
            file,
            length: output.written,
            checksum: output.checksum,
            seed: self.header.seed(),
            index,
        })
    }

    /// Removes what was written: on a full disk it takes room that others need.
    pub(super) async fn discard(self) {
        let Some(mut output) = self.output else { return };
        output.file = None;
        match self.shared.disk.remove(&output.path).await {
            Ok(()) => output.settled = true,
            Err(error) => {
                tracing::warn!(path = %output.path.display(), %error, "cannot remove an unfinished segment; it is tried again");
            }
        }
    }
}

impl Output {
    fn new(shared: &Arc<Shared>, id: SegmentId) -> Self {
        Self {
            shared: Arc::clone(shared),
            path: id.path(&shared.dir),
            file: None,
            written: 0,
            synced: 0,
            checksum: 0,
            settled: false,
        }
    }

    fn failed(&self, operation: &'static str) -> impl FnOnce(std::io::Error) -> CheckpointError {
        let path = self.path.clone();
        move |error| CheckpointError::io(operation, &path, error)
    }

    async fn write(&mut self, parts: Vec<Bytes>) -> Result<(), CheckpointError> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let made = self.shared.disk.open(&self.path, OpenMode::CreateNew).await;
                let file = made.map_err(self.failed("create"))?;
                Arc::clone(self.file.insert(file))
            }
        };
        for part in &parts {
            self.checksum = crc32c::crc32c_append(self.checksum, part);
        }
        let length: usize = parts.iter().map(Bytes::len).sum();
        file.write_at(self.written, parts).await.map_err(self.failed("write"))?;
        self.written += length as u64;
        if self.written - self.synced >= SYNC_BLOCKS * self.shared.config.block_bytes as u64 {
            file.sync_data().await.map_err(self.failed("sync"))?;
            self.synced = self.written;
        }
        Ok(())
    }

    /// Syncs the file, then its name.
    async fn finish(&mut self) -> Result<Arc<dyn File>, CheckpointError> {
        let file = self.file.clone().expect("the file is made by the first write");
        file.sync_data().await.map_err(self.failed("sync"))?;
        let dir = &self.shared.dir;
        self.shared.disk.sync_dir(dir).await.map_err(|error| CheckpointError::io("sync", dir, error))?;
        self.settled = true;
        Ok(file)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.settled {
            self.shared.state().abandoned.push(std::mem::take(&mut self.path));
        }
    }
}
