//! Files, as little of them as a journal and snapshots need.

pub mod real;
pub mod sim;

pub use real::SystemDisk;
pub use sim::SimDisk;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::BoxFuture;

/// How [`Disk::open`] treats a file that is there or is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenMode {
    /// The file must exist; reads only.
    Read,
    /// The file must exist; reads and writes.
    ReadWrite,
    /// The file must not exist: it is created, empty. Durable only after [`Disk::sync_dir`] of its folder.
    CreateNew,
}

/// A file system. Every change of names (create, rename, remove) is durable only after [`Disk::sync_dir`].
pub trait Disk: Send + Sync {
    /// Opens or creates a file.
    fn open<'a>(&'a self, path: &'a Path, mode: OpenMode) -> BoxFuture<'a, io::Result<Arc<dyn File>>>;
    /// Creates a folder and those above it; no error if it is there.
    fn create_dir_all<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>>;
    /// The paths of the files in a folder (folders left out), sorted.
    fn list<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<Vec<PathBuf>>>;
    /// Renames a file, replacing `to` if it exists.
    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> BoxFuture<'a, io::Result<()>>;
    /// Removes a file.
    fn remove<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<()>>;
    /// Makes the names in a folder durable.
    fn sync_dir<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<()>>;
    /// Bytes that files in a folder and beside it may still take.
    fn free_bytes<'a>(&'a self, dir: &'a Path) -> BoxFuture<'a, io::Result<u64>>;
    /// Takes an exclusive lock, held until the returned value is dropped or the process ends; `WouldBlock` if another process has it.
    fn lock<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Box<dyn Send + Sync>>>;
}

/// An open file. Methods may run at the same time; a caller orders them by waiting.
#[expect(
    clippy::len_without_is_empty,
    reason = "asking a file is asynchronous; nobody asks whether one is empty"
)]
pub trait File: Send + Sync {
    /// Up to `len` bytes from `offset`; fewer only at the end of the file.
    fn read_at(&self, offset: u64, len: usize) -> BoxFuture<'_, io::Result<Bytes>>;
    /// Writes all of `parts`, one after another, from `offset`. Not durable until synced.
    fn write_at(&self, offset: u64, parts: Vec<Bytes>) -> BoxFuture<'_, io::Result<()>>;
    /// Makes the data written before the call durable. After an error nothing is known of that data, and a later
    /// success says nothing about it either: the caller must give the file up.
    fn sync_data(&self) -> BoxFuture<'_, io::Result<()>>;
    /// [`File::write_at`], then [`File::sync_data`], in one trip to the thread that does it.
    fn write_and_sync(&self, offset: u64, parts: Vec<Bytes>) -> BoxFuture<'_, io::Result<()>>;
    /// [`File::write_and_sync`], and behind it, at `mark_offset`, a mark that is not synced: where it is found, what was
    /// written before was durable. Completes with the sync if it can; what becomes of the mark is not told.
    fn write_sync_and_mark(
        &self,
        offset: u64,
        parts: Vec<Bytes>,
        mark_offset: u64,
        mark: Bytes,
    ) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move {
            self.write_and_sync(offset, parts).await?;
            // A disk that fails here fails the next write too.
            let _untold = self.write_at(mark_offset, vec![mark]).await;
            Ok(())
        })
    }
    /// Length in bytes.
    fn len(&self) -> BoxFuture<'_, io::Result<u64>>;
    /// Cuts or extends (with zeros) to `len`.
    fn set_len(&self, len: u64) -> BoxFuture<'_, io::Result<()>>;
    /// Reserves space so that writes below `len` need no allocation; the file is at least `len` long afterwards, new bytes read as zeros.
    fn allocate(&self, len: u64) -> BoxFuture<'_, io::Result<()>>;
}
