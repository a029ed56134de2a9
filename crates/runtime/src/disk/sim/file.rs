//! An open file of the simulated disk.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use rand::Rng;

use super::fault::{Fault, ebadf, eio};
use super::image::SECTOR_BYTES;
use super::names::Inode;
use super::state::{Shared, State};
use crate::BoxFuture;
use crate::disk::File;

pub(super) struct SimFile {
    pub(super) shared: Arc<Shared>,
    pub(super) inode: Arc<Inode>,
    pub(super) writable: bool,
}

impl SimFile {
    /// A change of the file, as one step.
    fn step<T>(&self, change: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        if !self.writable {
            return Err(ebadf());
        }
        change(&mut *self.shared.step()?)
    }

    fn write(&self, offset: u64, parts: &[Bytes]) -> io::Result<()> {
        let bytes = parts.concat();
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.step(|state| {
            let end = offset.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
            let present = self.inode.image.lock().len();
            state.take_space(end.saturating_sub(present) as u64)?;
            let mut image = self.inode.image.lock();
            if state.hits(Fault::WriteError) {
                let sectors = bytes.len() / SECTOR_BYTES;
                let written = state.rng.random_range(0..=sectors) * SECTOR_BYTES;
                image.write(offset, &bytes[..written]);
                return Err(eio());
            }
            image.write(offset, &bytes);
            Ok(())
        })
    }

    async fn sync(&self) -> io::Result<()> {
        let sync = self.inode.image.lock().begin_sync();
        self.shared.delay(|latency| latency.sync).await;
        self.step(|state| {
            let mut image = self.inode.image.lock();
            if state.hits(Fault::SyncError) {
                image.fail_sync(sync, &mut state.rng);
                return Err(eio());
            }
            image.finish_sync(sync);
            Ok(())
        })
    }
}

impl File for SimFile {
    fn read_at(&self, offset: u64, len: usize) -> BoxFuture<'_, io::Result<Bytes>> {
        Box::pin(async move {
            self.shared.delay(|latency| latency.read).await;
            let mut state = self.shared.alive()?;
            if state.hits(Fault::ReadError) {
                return Err(eio());
            }
            let mut bytes = self.inode.image.lock().read(offset, len);
            if !bytes.is_empty() && state.hits(Fault::ShortRead) {
                bytes.truncate(state.rng.random_range(0..bytes.len()));
            }
            Ok(bytes)
        })
    }

    fn write_at(&self, offset: u64, parts: Vec<Bytes>) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move {
            self.shared.delay(|latency| latency.write).await;
            self.write(offset, &parts)
        })
    }

    fn sync_data(&self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(self.sync())
    }

    fn write_and_sync(&self, offset: u64, parts: Vec<Bytes>) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move {
            self.shared.delay(|latency| latency.write).await;
            self.write(offset, &parts)?;
            self.sync().await
        })
    }

    fn len(&self) -> BoxFuture<'_, io::Result<u64>> {
        Box::pin(async move {
            let _alive = self.shared.alive()?;
            Ok(self.inode.image.lock().len() as u64)
        })
    }

    fn set_len(&self, len: u64) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move {
            self.shared.delay(|latency| latency.write).await;
            self.step(|state| self.resize(state, len))
        })
    }

    fn allocate(&self, len: u64) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move {
            self.shared.delay(|latency| latency.write).await;
            let present = self.inode.image.lock().len() as u64;
            self.step(|state| self.resize(state, len.max(present)))
        })
    }
}

impl SimFile {
    fn resize(&self, state: &mut State, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        let present = self.inode.image.lock().len();
        state.take_space(len.saturating_sub(present) as u64)?;
        self.inode.image.lock().set_len(len);
        Ok(())
    }
}
