//! An open file of the operating system.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::direct::{Direct, Durable};
use super::worker::Worker;
use super::{blocking, calls};
use crate::BoxFuture;
use crate::disk::File;

/// Writes go through the worker in the order of the calls, reads to the blocking pool.
pub(super) struct SystemFile {
    file: Arc<std::fs::File>,
    worker: Worker,
    /// Used by the worker's thread alone.
    direct: Arc<Mutex<Direct>>,
}

impl SystemFile {
    pub(super) fn new(file: std::fs::File) -> Self {
        let file = Arc::new(file);
        Self { worker: Worker::new(Arc::clone(&file)), file, direct: Arc::default() }
    }
}

impl File for SystemFile {
    fn read_at(&self, offset: u64, len: usize) -> BoxFuture<'_, io::Result<Bytes>> {
        let file = Arc::clone(&self.file);
        Box::pin(blocking(move || calls::read(&file, offset, len)))
    }

    fn write_at(&self, offset: u64, parts: Vec<Bytes>) -> BoxFuture<'_, io::Result<()>> {
        self.worker.run(move |file| calls::write(file, offset, parts))
    }

    fn sync_data(&self) -> BoxFuture<'_, io::Result<()>> {
        self.worker.run(calls::sync)
    }

    fn write_and_sync(&self, offset: u64, parts: Vec<Bytes>) -> BoxFuture<'_, io::Result<()>> {
        let direct = Arc::clone(&self.direct);
        self.worker.run(move |file| write_and_sync(file, &direct, offset, parts))
    }

    fn write_sync_and_mark(
        &self,
        offset: u64,
        parts: Vec<Bytes>,
        mark_offset: u64,
        mark: Bytes,
    ) -> BoxFuture<'_, io::Result<()>> {
        let direct = Arc::clone(&self.direct);
        let marking = Arc::clone(&self.direct);
        let work = move |file: &std::fs::File| write_and_sync(file, &direct, offset, parts);
        // A write to where the mark would be says what it would say.
        self.worker.run_and_when_idle(work, move |file| {
            let mark = vec![mark];
            let done = marking.lock().write(file, mark_offset, &mark, Durable::No);
            // A disk that fails here fails the next write too.
            let _untold = done.unwrap_or_else(|| calls::write(file, mark_offset, mark));
        })
    }

    fn len(&self) -> BoxFuture<'_, io::Result<u64>> {
        let file = Arc::clone(&self.file);
        Box::pin(blocking(move || Ok(file.metadata()?.len())))
    }

    fn set_len(&self, len: u64) -> BoxFuture<'_, io::Result<()>> {
        self.worker.run(move |file| file.set_len(len))
    }

    fn allocate(&self, len: u64) -> BoxFuture<'_, io::Result<()>> {
        self.worker.run(move |file| calls::allocate(file, len))
    }
}

fn write_and_sync(
    file: &std::fs::File,
    direct: &Mutex<Direct>,
    offset: u64,
    parts: Vec<Bytes>,
) -> io::Result<()> {
    if let Some(done) = direct.lock().write(file, offset, &parts, Durable::Yes) {
        return done;
    }
    calls::write(file, offset, parts)?;
    calls::sync(file)
}
