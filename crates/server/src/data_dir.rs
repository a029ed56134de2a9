//! The data directory: what is where, and that only one process uses it.

use std::io;
use std::path::{Path, PathBuf};

use runtime::Disk;

/// A data directory that this process holds.
pub(crate) struct DataDir {
    root: PathBuf,
    _lock: Box<dyn Send + Sync>,
}

impl DataDir {
    /// Creates the directory if it is missing, and takes it.
    pub(crate) async fn open(disk: &dyn Disk, root: &Path) -> io::Result<Self> {
        disk.create_dir_all(root).await?;
        let lock = disk.lock(&root.join("lock")).await?;
        Ok(Self { root: root.to_owned(), _lock: lock })
    }

    /// Takes a directory that a node has used.
    pub(crate) async fn open_existing(disk: &dyn Disk, root: &Path) -> io::Result<Self> {
        let journal = disk.list(&root.join("journal")).await?;
        if journal.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no node has used it yet"));
        }
        Self::open(disk, root).await
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(crate) fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }
}
