//! What can go wrong, by what the caller does next.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The journal takes no more writes. Every waiter gets the same error.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// A write or a sync failed. Nothing was or will be written after it; what the disk holds of the failed batch is
    /// unknown until the journal is opened again. The node must stop.
    #[error(
        "cannot {operation} {path}: {source}; the journal is stopped because the disk cannot be trusted: check disk and free space, then restart the node"
    )]
    Failed {
        /// What was tried: "write", "prepare" ...
        operation: &'static str,
        /// The file it was tried on.
        path: Arc<PathBuf>,
        /// The error of the operating system.
        #[source]
        source: Arc<io::Error>,
    },
    /// The journal was closed (or its tasks ended with their runtime) before this was written.
    #[error("the journal is closed: nothing was written")]
    Closed,
}

impl JournalError {
    pub(crate) fn failed(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Failed { operation, path: Arc::new(path.to_owned()), source: Arc::new(source) }
    }

    /// An entry that must be moved cannot be read.
    pub(crate) fn unreadable(error: ReadError) -> Self {
        let path = match &error {
            ReadError::Io { path, .. } | ReadError::Damaged { path, .. } => path.clone(),
            ReadError::Purged { .. } | ReadError::Unwritten { .. } => PathBuf::new(),
        };
        let source = match error {
            ReadError::Io { source, .. } => source,
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        };
        Self::Failed { operation: "read", path: Arc::new(path), source: Arc::new(source) }
    }
}

/// Why [`Journal::open`](crate::Journal::open) refused.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operating system refused.
    #[error("cannot {operation} {path}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file or folder it was tried on.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// Bytes that were durable are wrong. Nothing was changed on disk.
    #[error(
        "{path} is damaged at offset {offset}: {reason}; this node has lost entries that it acknowledged: remove its data folder and let it join again as a new node"
    )]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What was found.
        reason: String,
    },
    /// A segment between others is not there. Nothing was changed on disk.
    #[error(
        "{path} is missing: restore it, or remove this node's data folder and let it join again as a new node"
    )]
    Missing {
        /// The missing file.
        path: PathBuf,
    },
    /// A later version of this program wrote the file. Nothing was changed on disk.
    #[error(
        "{path} has format version {found}, this program reads up to {supported}: start the newer program"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it says it has.
        found: u32,
        /// The newest version this program reads.
        supported: u32,
    },
    /// A size in the configuration is out of its range.
    #[error("journal configuration: {0}")]
    Config(String),
}

impl OpenError {
    pub(crate) fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { operation, path: path.to_owned(), source }
    }

    pub(crate) fn damaged(path: &Path, offset: u64, reason: String) -> Self {
        Self::Damaged { path: path.to_owned(), offset, reason }
    }

    /// The first segment cannot be made.
    pub(crate) fn from_making(error: JournalError) -> Self {
        match error {
            JournalError::Failed { operation, path, source } => {
                Self::io(operation, &path, io::Error::new(source.kind(), source))
            }
            JournalError::Closed => Self::io("create", Path::new(""), io::ErrorKind::Other.into()),
        }
    }
}

/// Why [`GroupLog::append`](crate::GroupLog::append) took nothing. Memory and disk are unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Entries are dense: the first index must be the group's next.
    #[error("append at index {index}, but the group's next index is {next}: truncate or purge first")]
    NotNext {
        /// The index given.
        index: u64,
        /// The only index possible.
        next: u64,
    },
    /// An entry is longer than [`ENTRY_BYTES_MAX`](crate::ENTRY_BYTES_MAX).
    #[error("an entry of {bytes} bytes, the limit is {limit}: split it")]
    TooLarge {
        /// The length given.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

/// Why [`GroupLog::read`](crate::GroupLog::read) gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The range starts before the first entry that is kept.
    #[error("entry {index} was purged, the first kept is {first}: take a snapshot instead")]
    Purged {
        /// Start of the range asked for.
        index: u64,
        /// The group's first index.
        first: u64,
    },
    /// The range starts after the last entry.
    #[error("entry {index} is not written, the group's next index is {next}")]
    Unwritten {
        /// Start of the range asked for.
        index: u64,
        /// The group's next index.
        next: u64,
    },
    /// The operating system refused.
    #[error("cannot read {path} at offset {offset}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The entry's checksum is wrong. The node must stop: it has lost an entry that it acknowledged.
    #[error(
        "{path} is damaged at offset {offset}: the checksum of entry {index} is wrong; remove this node's data folder and let it join again as a new node"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// The entry asked for.
        index: u64,
    },
}
