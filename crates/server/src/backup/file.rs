//! Reads backups, and trusts nothing in them.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use consensus::{EntryId, Member, SnapshotCopy};
use runtime::{Disk, File, OpenMode};
use tree::{Counters, Restore, Tree};

use super::header::{FORMAT, Header, MAGIC, RECORD_HEAD, TRAILER_BYTES};

const HEADER_BYTES_MAX: usize = 64 << 10;
const READ_BYTES: usize = 1 << 20;

/// A file that is no backup, or not a whole one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It can't be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Something else.
    #[error("{path} is no backup of Quorate: {why}")]
    Foreign {
        /// The file.
        path: String,
        /// What it lacks.
        why: &'static str,
    },
    /// Written by a newer version.
    #[error("{path} has format {found}, and this program reads up to {FORMAT}; use a newer one")]
    TooNew {
        /// The file.
        path: String,
        /// Its format.
        found: u64,
    },
    /// It is shorter or longer than it was.
    #[error(
        "{path} has {found} bytes and should have {expected}: it was cut, or something was added; use another copy"
    )]
    Length {
        /// The file.
        path: String,
        /// Its length.
        found: u64,
        /// What its header says.
        expected: u64,
    },
    /// Its bytes are not those that were written.
    #[error("{path} is damaged: {what}; use another copy")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },
}

/// A backup, known to be whole: all its bytes are those that were written.
pub struct BackupFile {
    path: PathBuf,
    file: Arc<dyn File>,
    header: Header,
    /// Where the snapshot begins.
    head_bytes: u64,
}

/// What a backup has.
#[derive(Clone, Debug)]
pub struct Contents {
    /// Znodes, sessions, bytes.
    pub counters: Counters,
    /// Who belonged to the cluster.
    pub members: Vec<Member>,
    /// Queues and messages.
    pub queues: Queues,
}

/// What the shards in a backup add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queues {
    /// Partitions of queues.
    pub partitions: u64,
    /// Messages that wait or are in somebody's hands.
    pub messages: u64,
}

impl BackupFile {
    /// Opens a backup, reads all of it, and compares it with its checksum.
    ///
    /// # Errors
    /// [`BackupError`] if a single byte is missing or another.
    pub async fn open(disk: &dyn Disk, path: &Path) -> Result<Self, BackupError> {
        let failed = |source| BackupError::Io { path: path.display().to_string(), source };
        let file = disk.open(path, OpenMode::Read).await.map_err(failed)?;
        let beginning = MAGIC.len() + RECORD_HEAD + HEADER_BYTES_MAX;
        let beginning = file.read_at(0, beginning).await.map_err(failed)?;
        let (header, head_bytes) = read_head(path, beginning)?;
        let expected = header.body_bytes().saturating_add(head_bytes + TRAILER_BYTES);
        let found = file.len().await.map_err(failed)?;
        if found != expected {
            return Err(BackupError::Length { path: path.display().to_string(), found, expected });
        }
        let backup = Self { path: path.to_owned(), file, header, head_bytes };
        backup.check().await?;
        Ok(backup)
    }

    /// What it says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Reads it as a restore would, and counts.
    ///
    /// # Errors
    /// [`BackupError`] if no tree or no queues can be made of it.
    pub async fn contents(&self) -> Result<Contents, BackupError> {
        let members = self.snapshot().await?.members().map_err(|error| self.damaged(error))?;
        let mut queues = Queues::default();
        for (_, copy) in self.shards().await? {
            self.count(copy, &mut queues).await?;
        }
        Ok(Contents { counters: self.tree().await?.0.counters(), members, queues })
    }

    /// Reads a shard as a node would, and adds up what is in it.
    async fn count(&self, mut copy: SnapshotCopy, queues: &mut Queues) -> Result<(), BackupError> {
        copy.check_attached().await.map_err(|error| self.damaged(error))?;
        let mut state = shards::StateReader::default();
        while let Some(chunk) = copy.next().await.map_err(|error| self.damaged(error))? {
            state.push(chunk).map_err(|error| self.damaged(error))?;
        }
        copy.finish().map_err(|error| self.damaged(error))?;
        let shard = state.finish().map_err(|error| self.damaged(error))?;
        for stats in shard.partitions().filter_map(|partition| shard.stats(partition)) {
            queues.partitions += 1;
            queues.messages += stats.ready + stats.unsettled;
        }
        Ok(())
    }

    /// The shards that are in it, with their numbers.
    pub(super) async fn shards(&self) -> Result<Vec<(u32, SnapshotCopy)>, BackupError> {
        let mut start = self.head_bytes + self.header.snapshot_bytes;
        let mut shards = Vec::with_capacity(self.header.shards.len());
        for header in &self.header.shards {
            let bounds = start..start + header.bytes;
            start = bounds.end;
            shards.push((header.shard, self.copy(bounds, header.snapshot_bytes).await?));
        }
        Ok(shards)
    }

    /// The tree, and the last entry of the log that it includes.
    pub(super) async fn tree(&self) -> Result<(Tree, EntryId), BackupError> {
        let mut snapshot = self.snapshot().await?;
        let last = snapshot.last().ok_or_else(|| self.damaged("its snapshot is of no place in the log"))?;
        let mut restore = Restore::new();
        while let Some(chunk) = snapshot.next().await.map_err(|error| self.damaged(error))? {
            restore.push(chunk).map_err(|error| self.damaged(error))?;
        }
        snapshot.finish().map_err(|error| self.damaged(error))?;
        Ok((restore.finish().map_err(|error| self.damaged(error))?, last))
    }

    async fn snapshot(&self) -> Result<SnapshotCopy, BackupError> {
        let bounds = self.head_bytes..self.head_bytes + self.header.snapshot_bytes;
        self.copy(bounds, self.header.snapshot_bytes).await
    }

    async fn copy(&self, bounds: Range<u64>, own_bytes: u64) -> Result<SnapshotCopy, BackupError> {
        let copy = SnapshotCopy::open(Arc::clone(&self.file), &self.path, bounds, own_bytes).await;
        copy.map_err(|error| self.damaged(error))
    }

    /// Compares all bytes with the checksum at the end.
    async fn check(&self) -> Result<(), BackupError> {
        let failed = |source| BackupError::Io { path: self.path.display().to_string(), source };
        let end = self.head_bytes + self.header.body_bytes();
        let (mut offset, mut crc) = (0, 0);
        while offset < end {
            let wanted = usize::try_from(end - offset).unwrap_or(usize::MAX).min(READ_BYTES);
            let bytes = self.file.read_at(offset, wanted).await.map_err(failed)?;
            if bytes.is_empty() {
                return Err(self.damaged("it became shorter while it was read"));
            }
            crc = crc32c::crc32c_append(crc, &bytes);
            offset += bytes.len() as u64;
        }
        let trailer = self.file.read_at(end, TRAILER_BYTES as usize).await.map_err(failed)?;
        if trailer[..] != crc.to_be_bytes() {
            return Err(self.damaged("its checksum is another"));
        }
        Ok(())
    }

    fn damaged(&self, what: impl ToString) -> BackupError {
        BackupError::Damaged { path: self.path.display().to_string(), what: what.to_string() }
    }
}

/// The header, and how many bytes there are before the snapshot.
fn read_head(path: &Path, bytes: Bytes) -> Result<(Header, u64), BackupError> {
    let name = || path.display().to_string();
    let damaged = |what: String| BackupError::Damaged { path: name(), what };
    if !bytes.starts_with(MAGIC) {
        return Err(BackupError::Foreign { path: name(), why: "it does not begin as one" });
    }
    let mut bytes = BytesMut::from(bytes);
    bytes.advance(MAGIC.len());
    let (length, crc) = match bytes.len() {
        0..RECORD_HEAD => return Err(damaged("it ends in its header".into())),
        _ => (bytes.get_u32() as usize, bytes.get_u32()),
    };
    if length > bytes.len() || length > HEADER_BYTES_MAX {
        return Err(damaged("it ends in its header".into()));
    }
    bytes.truncate(length);
    if crc32c::crc32c(&bytes) != crc {
        return Err(damaged("its header has another checksum".into()));
    }
    // A newer version may have other keys, and is still to be named.
    let any: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| damaged(format!("its header: {error}")))?;
    if let Some(found) = any["format"].as_u64().filter(|found| *found > FORMAT.into()) {
        return Err(BackupError::TooNew { path: name(), found });
    }
    let header = serde_json::from_value(any).map_err(|error| damaged(format!("its header: {error}")))?;
    Ok((header, (MAGIC.len() + RECORD_HEAD + length) as u64))
}
