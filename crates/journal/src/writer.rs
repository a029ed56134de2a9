//! The one task that writes: takes all that waits, writes and syncs it as one batch, completes every waiter.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use runtime::File;
use tokio::sync::oneshot;

use crate::JournalError;
use crate::batch::{self, Builder, Place};
use crate::index::Location;
use crate::prepare::{Prepared, Preparer};
use crate::shared::{Shared, complete};
use crate::state::{Change, Segment, Taken, What};

/// A batch that takes so long is counted as slow: a healthy disk needs a hundredth of it.
const SLOW: Duration = Duration::from_secs(1);

/// The segment that is written.
pub(crate) struct Active {
    pub(crate) place: Place,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    pub(crate) length: u64,
    pub(crate) data_start: u64,
    pub(crate) block_bytes: u32,
}

impl Active {
    pub(crate) fn new(prepared: Prepared) -> Self {
        let Prepared { header, path, file } = prepared;
        let data_start = u64::from(header.data_start);
        let place = Place { segment: header.sequence, offset: data_start, salt: header.salt };
        Self { place, path, file, length: header.length, data_start, block_bytes: header.block_bytes }
    }

    /// Bytes of frames that fit; `None` if not even an empty batch does.
    fn room(&self) -> Option<usize> {
        let room = self.length.checked_sub(self.place.offset + batch::HEADER_BYTES as u64)?;
        Some(usize::try_from(room).unwrap_or(usize::MAX))
    }

    fn is_empty(&self) -> bool {
        self.place.offset == self.data_start
    }
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
    active: Active,
    /// Segments that were prepared before, in order.
    ready: VecDeque<Prepared>,
    /// The segment that is being prepared.
    coming: Option<oneshot::Receiver<Prepared>>,
    preparer: Preparer,
    /// Of the next batch.
    number: u64,
}

/// A batch that was taken.
struct Batch {
    changes: Vec<Change>,
    closes: bool,
    head: u64,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        active: Active,
        ready: VecDeque<Prepared>,
        preparer: Preparer,
        number: u64,
    ) -> Self {
        Self { shared, active, ready, coming: None, preparer, number }
    }

    /// Writes until the journal is stopped, then fails whatever comes. Ends only by being dropped.
    pub(crate) async fn run(mut self) {
        let error = self.write_until_stopped().await;
        self.shared.stop(error.clone());
        self.preparer.wake();
        // Nothing is kept of files and tasks that nobody uses any more.
        let shared = Arc::clone(&self.shared);
        drop(self);
        loop {
            shared.fail_all(&error);
            shared.work.notified().await;
        }
    }

    async fn write_until_stopped(&mut self) -> JournalError {
        self.prepare_next();
        loop {
            if let Some(error) = self.shared.stopped() {
                return error;
            }
            match self.next_batch().await {
                Ok(Some(batch)) => {
                    let closes = batch.closes;
                    if let Err(error) = self.write(batch).await {
                        return error;
                    }
                    if closes {
                        return JournalError::Closed;
                    }
                }
                Ok(None) => {
                    self.shared.under_way.store(0, Ordering::Relaxed);
                    self.shared.work.notified().await;
                }
                Err(error) => return error,
            }
        }
    }

    /// Takes a batch that fits into the active segment, which may become the next one for it.
    async fn next_batch(&mut self) -> Result<Option<Batch>, JournalError> {
        loop {
            let Some(room) = self.active.room() else {
                if self.shared.state().is_idle() {
                    return Ok(None);
                }
                self.roll().await?;
                continue;
            };
            match self.take(room.min(self.shared.config.batch_bytes_max)) {
                Taken::Nothing => return Ok(None),
                Taken::Changes(changes) => return Ok(Some(self.batch(changes))),
                Taken::TooLong(bytes) if bytes <= room || self.active.is_empty() => {
                    if let Taken::Changes(changes) = self.take(bytes) {
                        return Ok(Some(self.batch(changes)));
                    }
                }
                Taken::TooLong(_) => self.roll().await?,
            }
        }
    }

    fn take(&self, limit: usize) -> Taken {
        self.shared.state().take(limit)
    }

    fn batch(&self, changes: Vec<Change>) -> Batch {
        let closes = changes.last().is_some_and(|change| matches!(change.what, What::Close));
        Batch { changes, closes, head: self.shared.state().head() }
    }

    async fn write(&mut self, batch: Batch) -> Result<(), JournalError> {
        let (parts, places, bytes) = self.encode(&batch);
        let begun = self.shared.clock.now();
        let written = self.put(parts, bytes, batch.head).await;
        let took = self.shared.clock.now().saturating_since(begun);
        if let Err(source) = written {
            let error = JournalError::failed("write", &self.active.path, source);
            // The state is the same as for those that come later; `run` reports to them.
            self.shared.stop(error.clone());
            let done = self.shared.state().fail(batch.changes);
            complete(done, &Err(error.clone()));
            return Err(error);
        }
        self.number += 1;
        self.active.place.offset += bytes;
        self.count(places.len(), bytes, took);
        self.settle(batch, &places);
        Ok(())
    }

    /// Writes and syncs the bytes of a batch, and marks them as durable if there is room for that in the segment.
    async fn put(&self, parts: Vec<bytes::Bytes>, bytes: u64, head: u64) -> std::io::Result<()> {
        self.shared.under_way.store(self.number, Ordering::Relaxed);
        let Active { file, place, length, block_bytes, .. } = &self.active;
        let behind = place.offset + bytes;
        if behind + u64::from(*block_bytes) > *length {
            return file.write_and_sync(place.offset, parts).await;
        }
        let place_behind = Place { offset: behind, ..*place };
        let mark = batch::mark(place_behind, self.number + 1, head, *block_bytes);
        file.write_sync_and_mark(place.offset, parts, behind, mark).await
    }

    /// The bytes of the batch, where its frames will be, and how many bytes there are.
    fn encode(&self, batch: &Batch) -> (Vec<bytes::Bytes>, Vec<Location>, u64) {
        let segment = self.active.place.segment;
        let mut builder = Builder::new(self.active.place);
        let mut places = Vec::with_capacity(batch.changes.len());
        for change in &batch.changes {
            if let What::Frame { group, kind, payload, .. } = &change.what {
                let offset = builder.push(*group, *kind, payload);
                let length = u32::try_from(payload.len()).expect("payloads are at most ENTRY_BYTES_MAX long");
                places.push(Location::on_disk(segment, offset, length));
            }
        }
        let (parts, bytes) = builder.finish(self.number, batch.head, batch.closes, self.active.block_bytes);
        (parts, places, bytes)
    }

    fn count(&self, frames: usize, bytes: u64, took: Duration) {
        self.shared.batch_us.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        let mut counters = self.shared.counters.lock();
        counters.batches += 1;
        counters.fsyncs += 1;
        counters.slow_batches += u64::from(took >= SLOW);
        counters.frames += frames as u64;
        counters.bytes_written += bytes;
    }

    /// Makes the batch known as durable.
    fn settle(&self, batch: Batch, places: &[Location]) {
        let (done, freed, victim) = {
            let mut state = self.shared.state();
            state.segments.lengthen(self.active.place.segment, self.active.place.offset);
            let done = state.settle(batch.changes, places);
            let freed = state.free_before(batch.head);
            if state.must_publish_head() {
                state.barrier(None);
            }
            (done, freed, state.segments.victim())
        };
        complete(done, &Ok(()));
        self.shared.room.notify_waiters();
        if !freed.is_empty() {
            self.preparer.reuse(freed);
        }
        if victim.is_some() {
            self.shared.reclaim.notify_one();
        }
    }

    /// Goes on to the next segment.
    async fn roll(&mut self) -> Result<(), JournalError> {
        self.shared.under_way.store(self.number, Ordering::Relaxed);
        let next = match self.ready.pop_front() {
            Some(prepared) => prepared,
            None => self.wait_for_next().await?,
        };
        let sequence = next.header.sequence;
        let segment = Segment::new(next.path.clone(), Arc::clone(&next.file), next.header.length);
        self.shared.state().segments.insert(sequence, segment);
        self.active = Active::new(next);
        self.prepare_next();
        Ok(())
    }

    async fn wait_for_next(&mut self) -> Result<Prepared, JournalError> {
        let coming = self.coming.take().expect("a segment is prepared whenever none is ready");
        match coming.await {
            Ok(prepared) => Ok(prepared),
            // The preparer failed and has said why, or ended with the runtime.
            Err(_) => Err(self.shared.stopped().unwrap_or(JournalError::Closed)),
        }
    }

    /// Has a segment prepared, if none is ready.
    fn prepare_next(&mut self) {
        if self.ready.is_empty() && self.coming.is_none() {
            let length = self.shared.config.next_segment_bytes(self.active.length);
            self.coming = Some(self.preparer.prepare(self.active.place.segment + 1, length));
        }
    }
}
