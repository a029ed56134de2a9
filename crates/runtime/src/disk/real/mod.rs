//! Files of the operating system.

mod calls;
mod direct;
mod file;
#[cfg(test)]
mod tests;
mod worker;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FlockOperation;

use self::file::SystemFile;
use super::{Disk, File, OpenMode};
use crate::BoxFuture;

/// The file system of the machine. Calls that may wait for the disk run on other threads: reads and names on tokio's
/// blocking pool, the writes of a file on a thread of the file's own, so that a read never waits behind a sync.
/// Needs a tokio runtime around it.
#[derive(Clone, Copy, Default, Debug)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn open<'a>(&'a self, path: &'a Path, mode: OpenMode) -> BoxFuture<'a, io::Result<Arc<dyn File>>> {
        off_thread(path, move |path| {
            let mut options = std::fs::OpenOptions::new();
            options.read(true).write(mode != OpenMode::Read).create_new(mode == OpenMode::CreateNew);
            let file = options.open(path)?;
            Ok(Arc::new(SystemFile::new(file)) as Arc<dyn File>)
        })
    }

    fn create_dir_all<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        off_thread(path, |path| std::fs::create_dir_all(path))
    }

    fn list<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<Vec<PathBuf>>> {
        off_thread(dir, |dir| {
            let mut paths = Vec::new();
            for entry in std::fs::read_dir(dir)? {
                let entry = entry?;
                if !entry.file_type()?.is_dir() {
                    paths.push(entry.path());
                }
            }
            paths.sort();
            Ok(paths)
        })
    }

    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        let to = to.to_owned();
        off_thread(from, move |from| std::fs::rename(from, to))
    }

    fn remove<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        off_thread(path, |path| std::fs::remove_file(path))
    }

    fn sync_dir<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        off_thread(dir, |dir| open_to_read(dir)?.sync_all())
    }

    fn free_bytes<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<u64>> {
        off_thread(dir, |dir| {
            let found = rustix::fs::statvfs(dir)?;
            // What is kept back for the superuser is not for us.
            Ok(found.f_bavail.saturating_mul(found.f_frsize))
        })
    }

    fn lock<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Box<dyn Send + Sync>>> {
        off_thread(path, |path| {
            let mut options = std::fs::OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
            // Closing the file gives the lock back, so the file is the guard.
            Ok(Box::new(file) as Box<dyn Send + Sync>)
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that opens files")]
fn open_to_read(path: &Path) -> io::Result<std::fs::File> {
    std::fs::File::open(path)
}

/// Runs `work` with `path` on tokio's blocking pool.
fn off_thread<'a, T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> BoxFuture<'a, io::Result<T>> {
    let path = path.to_owned();
    Box::pin(blocking(move || work(&path)))
}

/// Runs `work` on tokio's blocking pool. An error means that the pool has shut down or `work` panicked.
#[expect(clippy::disallowed_methods, reason = "this is the one place that blocks on files")]
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(io::Error::other(error)),
    }
}
