//! An open segment file.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime::{Disk, File, OpenMode};

use crate::format::block::Block;
use crate::format::footer::{FOOTER_BYTES, Footer};
use crate::format::header::{BadHeader, HEADER_BYTES, Header, VERSION};
use crate::format::index::Index;
use crate::manifest::Entry;
use crate::name::SegmentId;
use crate::{OpenError, ReadError};

/// Its index is in memory, its frames are in the file, which stays readable while this is held, even without a name.
pub(crate) struct Segment {
    pub(crate) id: SegmentId,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    pub(crate) length: u64,
    /// Of the whole file.
    pub(crate) checksum: u32,
    /// What the checksums in the file start with.
    pub(crate) seed: u32,
    pub(crate) index: Index,
}

impl Segment {
    pub(crate) fn entry(&self) -> Entry {
        Entry { id: self.id, length: self.length, checksum: self.checksum }
    }

    /// Opens a file that a manifest names. Reads its ends, not its frames.
    pub(crate) async fn open(
        disk: &dyn Disk,
        dir: &Path,
        shard: u64,
        entry: &Entry,
    ) -> Result<Self, OpenError> {
        let path = entry.id.path(dir);
        let file = disk.open(&path, OpenMode::Read).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => OpenError::Missing { path: path.clone() },
            _ => OpenError::io("open", &path, error),
        })?;
        let header = Header { shard, id: entry.id };
        let index = Ends { path: &path, file: &*file, length: entry.length, header }.index().await?;
        let Entry { id, length, checksum } = *entry;
        Ok(Self { id, path, file, length, checksum, seed: header.seed(), index })
    }

    /// Reads the blocks at `places`, which are of `partition`, with one read.
    pub(crate) async fn read(&self, partition: u64, places: Range<usize>) -> Result<Vec<Block>, ReadError> {
        let entries = &self.index.blocks()[places];
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(Vec::new()) };
        let start = first.position;
        let length = (last.end() - start) as usize;
        let read = self.file.read_at(start, length).await;
        let mut bytes = read.map_err(|error| ReadError::io(&self.path, start, error))?;
        if bytes.len() != length {
            return Err(ReadError::damaged(&self.path, start, "the file ends inside of a block"));
        }
        let mut blocks = Vec::with_capacity(entries.len());
        for entry in entries {
            let mut block = bytes.split_to(entry.length as usize);
            if entries.len() > 1 {
                // Each has memory of its own, so that what is kept of one does not keep the others.
                block = bytes::Bytes::copy_from_slice(&block);
            }
            let block = Block::decode(block, self.seed, partition, entry);
            blocks.push(block.map_err(|reason| ReadError::damaged(&self.path, entry.position, reason))?);
        }
        Ok(blocks)
    }
}

/// The parts of a file that are read when it is opened.
struct Ends<'a> {
    path: &'a Path,
    file: &'a dyn File,
    length: u64,
    header: Header,
}

impl Ends<'_> {
    async fn index(&self) -> Result<Index, OpenError> {
        let length = self.file.len().await.map_err(|error| OpenError::io("open", self.path, error))?;
        if length != self.length {
            return Err(self.damaged(length.min(self.length), "it is not as long as the manifest says"));
        }
        self.check_header().await?;
        let seed = self.header.seed();
        let footer_position = length.saturating_sub(FOOTER_BYTES as u64);
        let bytes = self.read(footer_position, FOOTER_BYTES).await?;
        let footer = bytes.first_chunk().and_then(|bytes| Footer::decode(bytes, seed, length));
        let Some(footer) = footer else {
            return Err(self.damaged(footer_position, "the footer is wrong"));
        };
        let bytes = self.read(footer.index_position, footer.index_length() as usize).await?;
        let index = footer.index(&bytes, seed);
        index.ok_or_else(|| self.damaged(footer.index_position, "the index is wrong"))
    }

    async fn check_header(&self) -> Result<(), OpenError> {
        let bytes = self.read(0, HEADER_BYTES).await?;
        self.header.check(&bytes).map_err(|bad| match bad {
            BadHeader::Damaged(reason) => self.damaged(0, reason),
            BadHeader::Version(found) => {
                OpenError::Version { path: self.path.to_owned(), found, supported: VERSION }
            }
        })
    }

    async fn read(&self, offset: u64, length: usize) -> Result<bytes::Bytes, OpenError> {
        let read = self.file.read_at(offset, length).await;
        read.map_err(|error| OpenError::io("read", self.path, error))
    }

    fn damaged(&self, offset: u64, reason: &'static str) -> OpenError {
        OpenError::damaged(self.path, offset, reason)
    }
}
