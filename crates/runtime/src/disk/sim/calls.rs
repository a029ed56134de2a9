//! The simulated disk as a [`Disk`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::SimDisk;
use super::fault::{Fault, eio};
use super::file::SimFile;
use super::names::Inode;
use super::state::Shared;
use crate::BoxFuture;
use crate::disk::{Disk, File, OpenMode};

impl Disk for SimDisk {
    fn open<'a>(&'a self, path: &'a Path, mode: OpenMode) -> BoxFuture<'a, io::Result<Arc<dyn File>>> {
        Box::pin(async move {
            self.shared.delay(|latency| latency.names).await;
            let inode = if mode == OpenMode::CreateNew { self.create(path)? } else { self.find(path)? };
            let shared = Arc::clone(&self.shared);
            Ok(Arc::new(SimFile { shared, inode, writable: mode != OpenMode::Read }) as Arc<dyn File>)
        })
    }

    fn create_dir_all<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            self.shared.delay(|latency| latency.names).await;
            let mut state = self.shared.alive()?;
            state.names.folders.extend(path.ancestors().map(Path::to_owned));
            Ok(())
        })
    }

    fn list<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<Vec<PathBuf>>> {
        Box::pin(async move {
            self.shared.delay(|latency| latency.read).await;
            let state = self.shared.alive()?;
            if !state.names.folders.contains(dir) {
                return Err(io::ErrorKind::NotFound.into());
            }
            Ok(state.names.in_folder(dir).cloned().collect())
        })
    }

    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            self.shared.delay(|latency| latency.names).await;
            let renamed = self.shared.step()?.names.rename(from, to);
            if renamed { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
        })
    }

    fn remove<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            self.shared.delay(|latency| latency.names).await;
            let removed = self.shared.step()?.names.remove(path);
            if removed { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
        })
    }

    fn sync_dir<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<()>> {
        Box::pin(async move {
            let seen = self.shared.state.lock().names.begin_sync();
            self.shared.delay(|latency| latency.sync).await;
            let mut state = self.shared.step()?;
            let state = &mut *state;
            if state.hits(Fault::SyncError) {
                state.names.fail_sync(dir, seen, &mut state.rng);
                return Err(eio());
            }
            state.names.finish_sync(dir, seen);
            Ok(())
        })
    }

    fn free_bytes<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<u64>> {
        Box::pin(async move {
            self.shared.delay(|latency| latency.names).await;
            let state = self.shared.alive()?;
            if !state.names.folders.contains(dir) {
                return Err(io::ErrorKind::NotFound.into());
            }
            Ok(state.capacity.saturating_sub(state.names.bytes()))
        })
    }

    fn lock<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Box<dyn Send + Sync>>> {
        Box::pin(async move {
            self.shared.delay(|latency| latency.names).await;
            if !self.shared.alive()?.locks.insert(path.to_owned()) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(Box::new(Lock { shared: Arc::clone(&self.shared), path: path.to_owned() })
                as Box<dyn Send + Sync>)
        })
    }
}

impl SimDisk {
    fn find(&self, path: &Path) -> io::Result<Arc<Inode>> {
        let state = self.shared.alive()?;
        Ok(Arc::clone(state.names.find(path).ok_or(io::ErrorKind::NotFound)?))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<Inode>> {
        let mut state = self.shared.step()?;
        if state.names.find(path).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if !path.parent().is_some_and(|folder| state.names.folders.contains(folder)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.take_space(0)?;
        Ok(state.names.create(path))
    }
}

struct Lock {
    shared: Arc<Shared>,
    path: PathBuf,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.shared.state.lock().locks.remove(&self.path);
    }
}
