//! The data directory: what is where, and that only one process uses it.

use std::io;
use std::path::{Path, PathBuf};

use runtime::{Disk, OpenMode};

/// There while a restore writes the directory, and after one that did not finish.
const RESTORING: &str = "restoring";

/// A data directory that this process holds.
pub(crate) struct DataDir {
    root: PathBuf,
    _lock: Box<dyn Send + Sync>,
}

impl DataDir {
    /// Creates the directory if it is missing, and takes it.
    pub(crate) async fn open(disk: &dyn Disk, root: &Path) -> io::Result<Self> {
        let data_dir = Self::take(disk, root).await?;
        if disk.list(root).await?.contains(&root.join(RESTORING)) {
            return Err(refused("a restore into it did not finish: empty it and restore again"));
        }
        Ok(data_dir)
    }

    /// Takes a directory that a node has used.
    pub(crate) async fn open_existing(disk: &dyn Disk, root: &Path) -> io::Result<Self> {
        let journal = disk.list(&root.join("journal")).await?;
        if journal.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no node has used it yet"));
        }
        Self::open(disk, root).await
    }

    /// Takes a directory that no node has used, for writing a node's data; no node starts on it until
    /// [`DataDir::finish_restore`].
    pub(crate) async fn begin_restore(disk: &dyn Disk, root: &Path) -> io::Result<Self> {
        let data_dir = Self::open(disk, root).await?;
        for folder in [data_dir.journal(), data_dir.snapshots().join("group-0")] {
            if !list(disk, &folder).await?.is_empty() {
                return Err(refused("a node has used it already; choose a new one"));
            }
        }
        disk.open(&root.join(RESTORING), OpenMode::CreateNew).await?;
        disk.sync_dir(root).await?;
        Ok(data_dir)
    }

    /// All that was written is on disk: nodes may start on it.
    pub(crate) async fn finish_restore(self, disk: &dyn Disk) -> io::Result<()> {
        disk.sync_dir(&self.snapshots()).await?;
        if let Some(above) = self.root.parent().filter(|above| !above.as_os_str().is_empty()) {
            disk.sync_dir(above).await?;
        }
        disk.remove(&self.root.join(RESTORING)).await?;
        disk.sync_dir(&self.root).await
    }

    async fn take(disk: &dyn Disk, root: &Path) -> io::Result<Self> {
        disk.create_dir_all(root).await?;
        let lock = disk.lock(&root.join("lock")).await?;
        Ok(Self { root: root.to_owned(), _lock: lock })
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(crate) fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }
}

/// The files of a folder; none if there is no such folder.
async fn list(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<PathBuf>> {
    match disk.list(folder).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed,
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, why)
}
