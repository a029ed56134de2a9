//! What can go wrong, by what the caller does next.

use std::io;
use std::path::{Path, PathBuf};

/// Why [`Frames::open`](crate::Frames::open) refused. No file was changed, but for [`OpenError::Io`] of a removal.
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
    /// A file that the manifest names is not what was written.
    #[error(
        "{path} is damaged at offset {offset}: {reason}; copy it again from another replica, or remove this node's data folder and let it join as a new node"
    )]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What was found.
        reason: &'static str,
    },
    /// A file that the manifest names is not there.
    #[error(
        "{path} is missing: copy it from another replica, or remove this node's data folder and let it join as a new node"
    )]
    Missing {
        /// The missing file.
        path: PathBuf,
    },
    /// A later version of this program wrote the file.
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
    /// The manifest is of another shard.
    #[error("the manifest is of shard {found}, not of shard {expected}: give each shard a folder of its own")]
    OtherShard {
        /// Whose manifest it is.
        found: u64,
        /// Whose frames are to be opened.
        expected: u64,
    },
    /// A number in the configuration is out of its range.
    #[error("configuration of segments: {0}")]
    Config(String),
}

impl OpenError {
    pub(crate) fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { operation, path: path.to_owned(), source }
    }

    pub(crate) fn damaged(path: &Path, offset: u64, reason: &'static str) -> Self {
        Self::Damaged { path: path.to_owned(), offset, reason }
    }
}

/// Why frames could not be read from a file.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system refused. Asking again may help.
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
    /// The block's checksum is wrong, or it is not the block that was written there. Frames of it are lost on this replica.
    #[error(
        "{path} is damaged at offset {offset}: {reason}; remove this node's data folder and let it join again as a new node"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the block starts in it, in bytes.
        offset: u64,
        /// What was found.
        reason: &'static str,
    },
}

impl ReadError {
    pub(crate) fn io(path: &Path, offset: u64, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), offset, source }
    }

    pub(crate) fn damaged(path: &Path, offset: u64, reason: &'static str) -> Self {
        Self::Damaged { path: path.to_owned(), offset, reason }
    }
}

/// Why [`FrozenFrames::write`](crate::FrozenFrames::write) made no checkpoint. The store is as it was: all frames can be
/// read, those in memory stay there, and the manifest of before holds.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// There is no room for the new file. What was written of it is removed again.
    #[error("no room on the disk for {path}: {source}; free space, then make the checkpoint again")]
    Full {
        /// The new file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The operating system refused. After a failed sync the disk should not be trusted.
    #[error("cannot {operation} {path}: {source}; check the disk")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file or folder it was tried on.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// A file that was to be rewritten cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// A later freeze was written before. Its manifest is the one to keep.
    #[error("a later checkpoint has been written: keep its manifest")]
    Superseded,
}

impl CheckpointError {
    pub(crate) fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path, source },
            _ => Self::Io { operation, path, source },
        }
    }
}

/// Why files that no manifest needs any more were not all removed. They are tried again at the next call.
#[derive(Debug, thiserror::Error)]
#[error("cannot remove {path}: {source}")]
pub struct RemoveError {
    /// The first file that stayed.
    pub path: PathBuf,
    /// The error of the operating system.
    #[source]
    pub source: io::Error,
}

/// Why bytes are no manifest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ManifestError {
    /// Too short, wrong checksum, or impossible content.
    #[error("the manifest is damaged: use another copy of the snapshot that it is from")]
    Damaged,
    /// A later version of this program wrote it.
    #[error(
        "the manifest has format version {found}, this program reads up to {supported}: start the newer program"
    )]
    Version {
        /// The version it says it has.
        found: u32,
        /// The newest version this program reads.
        supported: u32,
    },
}

/// Why a copy of files is not what its manifest tells.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The operating system refused.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The file's length or checksum is not the manifest's.
    #[error("{path} is not the file that the manifest names: copy it again")]
    Differs {
        /// The file.
        path: PathBuf,
    },
}
