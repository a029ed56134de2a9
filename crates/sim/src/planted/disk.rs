//! A disk that says it has synced.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use runtime::{BoxFuture, Disk, File, OpenMode, SimDisk};

/// A view of `disk` whose syncs do nothing.
pub fn lying_disk(disk: SimDisk) -> Arc<dyn Disk> {
    Arc::new(LyingDisk(disk))
}

struct LyingDisk(SimDisk);

struct LyingFile(Arc<dyn File>);

impl Disk for LyingDisk {
    fn open<'a>(&'a self, path: &'a Path, mode: OpenMode) -> BoxFuture<'a, io::Result<Arc<dyn File>>> {
        Box::pin(async move { Ok(Arc::new(LyingFile(self.0.open(path, mode).await?)) as Arc<dyn File>) })
    }

    fn create_dir_all<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        self.0.create_dir_all(path)
    }

    fn list<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<Vec<PathBuf>>> {
        self.0.list(dir)
    }

    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        self.0.rename(from, to)
    }

    fn remove<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        self.0.remove(path)
    }

    fn sync_dir<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        self.0.sync_dir(dir)
    }

    fn free_bytes<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<u64>> {
        self.0.free_bytes(dir)
    }

    fn lock<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Box<dyn Send + Sync>>> {
        self.0.lock(path)
    }
}

impl File for LyingFile {
    fn read_at(&self, offset: u64, len: usize) -> BoxFuture<'_, io::Result<Bytes>> {
        self.0.read_at(offset, len)
    }

    fn write_at(&self, offset: u64, parts: Vec<Bytes>) -> BoxFuture<'_, io::Result<()>> {
        self.0.write_at(offset, parts)
    }

    fn sync_data(&self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn write_and_sync(&self, offset: u64, parts: Vec<Bytes>) -> BoxFuture<'_, io::Result<()>> {
        self.0.write_at(offset, parts)
    }

    fn len(&self) -> BoxFuture<'_, io::Result<u64>> {
        self.0.len()
    }

    fn set_len(&self, len: u64) -> BoxFuture<'_, io::Result<()>> {
        self.0.set_len(len)
    }

    fn allocate(&self, len: u64) -> BoxFuture<'_, io::Result<()>> {
        self.0.allocate(len)
    }
}
