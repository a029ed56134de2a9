//! An open file of the operating system.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::direct::Durable;
use super::worker::{Output, Worker};
use super::{blocking, calls};
use crate::BoxFuture;
use crate::disk::File;

/// Writes go through the worker in the order of the calls, reads to the blocking pool.
pub(super) struct SystemFile {
    file: Arc<std::fs::File>,
    worker: Worker,
}

impl SystemFile {
    pub(super) fn new(file: std::fs::File) -> Self {
        let file = Arc::new(file);
        Self { worker: Worker::new(Arc::clone(&file)), file }
    }
}

impl File for SystemFile {
    fn read_at(&self, offset: u64, len: usize) -> BoxFuture<'_, io::Result<Bytes>> {
        let file = Arc::clone(&self.file);
        Box::pin(blocking(move || calls::read(&file, offset, len)))
    }

    fn write_at(&self, offset: u64, parts: Vec<Bytes>) -> BoxFuture<'_, io::Result<()>> {
        self.worker.run(move |output| calls::write(&output.file, offset, parts))
    }

    fn sync_data(&self) -> BoxFuture<'_, io::Result<()>> {
        self.worker.run(|output| calls::sync(&output.file))
    }

    fn write_and_sync(&self, offset: u64, parts: Vec<Bytes>) -> BoxFuture<'_, io::Result<()>> {
        self.worker.run(move |output| write_and_sync(output, offset, parts))
    }

    fn write_sync_and_mark(
        &self,
        offset: u64,
        parts: Vec<Bytes>,
        mark_offset: u64,
        mark: Bytes,
    ) -> BoxFuture<'_, io::Result<()>> {
        let work = move |output: &mut Output| write_and_sync(output, offset, parts);
        // A write to where the mark would be says what it would say.
        self.worker.run_and_when_idle(work, move |Output { file, direct }| {
            let mark = vec![mark];
            let done = direct.write(file, mark_offset, &mark, Durable::No);
            // A disk that fails here fails the next write too.
            let _untold = done.unwrap_or_else(|| calls::write(file, mark_offset, mark));
        })
    }

    fn len(&self) -> BoxFuture<'_, io::Result<u64>> {
        let file = Arc::clone(&self.file);
        Box::pin(blocking(move || Ok(file.metadata()?.len())))
    }

    fn set_len(&self, len: u64) -> BoxFuture<'_, io::Result<()>> {
        self.worker.run(move |output| output.file.set_len(len))
    }

    fn allocate(&self, len: u64) -> BoxFuture<'_, io::Result<()>> {
        self.worker.run(move |output| calls::allocate(&output.file, len))
    }
}

fn write_and_sync(output: &mut Output, offset: u64, parts: Vec<Bytes>) -> io::Result<()> {
    let Output { file, direct } = output;
    if let Some(done) = direct.write(file, offset, &parts, Durable::Yes) {
        return done;
    }
    calls::write(file, offset, parts)?;
    calls::sync(file)
}
