//! Segments made ahead, so that the writer never waits for one.
//!
//! A file that was a segment is used again if there is one: overwriting blocks that were written before makes a sync
//! cheap, because the file system has nothing to note about them. A new file is filled with zeros for the same reason.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use runtime::{Disk, File, OpenMode};
use tokio::sync::{Notify, oneshot};

use crate::JournalError;
use crate::segment::{self, Header};
use crate::shared::Shared;
use crate::state::Segment;

/// Bytes written at once, and between two syncs, when a new file is filled: small steps leave the disk to the writer.
const CHUNK_BYTES: u64 = 1 << 20;
const SYNC_BYTES: u64 = 4 << 20;

/// A segment without batches; everything about it is durable.
pub(crate) struct Prepared {
    pub(crate) header: Header,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
}

/// A file that was a segment, to be used again.
pub(crate) struct Spare {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    pub(crate) length: u64,
}

/// What the preparer is asked for. Bounded: at most one request, and one spare for each segment there ever was at once.
#[derive(Default)]
struct Asked {
    request: Option<Request>,
    spares: Vec<Spare>,
}

struct Request {
    sequence: u64,
    length: u64,
    reply: oneshot::Sender<Prepared>,
}

/// Handle to the task that prepares.
#[derive(Clone, Default)]
pub(crate) struct Preparer {
    asked: Arc<Mutex<Asked>>,
    wake: Arc<Notify>,
}

impl Preparer {
    pub(crate) fn new(spares: Vec<Spare>) -> Self {
        let preparer = Self::default();
        preparer.asked.lock().spares = spares;
        preparer
    }

    /// Asks for segment `sequence` with about `length` bytes. The receiver fails if the journal is stopped before.
    pub(crate) fn prepare(&self, sequence: u64, length: u64) -> oneshot::Receiver<Prepared> {
        let (reply, receiver) = oneshot::channel();
        self.asked.lock().request = Some(Request { sequence, length, reply });
        self.wake.notify_one();
        receiver
    }

    /// Takes files that are free.
    pub(crate) fn reuse(&self, segments: Vec<Segment>) {
        let spares =
            segments.into_iter().map(|Segment { path, file, length, .. }| Spare { path, file, length });
        self.asked.lock().spares.extend(spares);
        self.wake.notify_one();
    }

    /// The task: prepares what is asked for, removes files of which there are too many. Ends when the journal is
    /// stopped, and then has touched a file for the last time.
    pub(crate) async fn run(self, shared: Arc<Shared>) {
        while shared.stopped().is_none() {
            let request = self.asked.lock().request.take();
            let worked = match request {
                Some(request) => self.serve(&shared, request).await,
                None => self.remove_surplus(&shared).await,
            };
            match worked {
                Ok(true) => {}
                Ok(false) => self.wake.notified().await,
                Err(error) => shared.stop(error),
            }
        }
        // Nobody gets an answer any more: dropping the request tells the writer.
        self.asked.lock().request = None;
        shared.preparer_ended.send_replace(true);
    }

    /// Makes the task look whether the journal is stopped.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    async fn serve(&self, shared: &Shared, request: Request) -> Result<bool, JournalError> {
        let spare = self.take_spare(request.length);
        let recycled = spare.is_some();
        let cancelled = || shared.stopped().is_some();
        let made = make(shared.maker(&cancelled), request.sequence, request.length, spare).await;
        // Before the request is dropped: the writer then asks for the cause.
        let Made { prepared, fsyncs } = made.inspect_err(|error| shared.stop(error.clone()))?;
        let mut counters = shared.counters.lock();
        counters.fsyncs += fsyncs;
        if recycled {
            counters.segments_recycled += 1;
        } else {
            counters.segments_created += 1;
        }
        // The writer is gone when the journal is: nobody wants the segment.
        let _ = request.reply.send(prepared);
        Ok(true)
    }

    /// A file that is long enough and not much longer.
    fn take_spare(&self, length: u64) -> Option<Spare> {
        let spares = &mut self.asked.lock().spares;
        let fit = spares.iter().position(|spare| (length..=2 * length).contains(&spare.length))?;
        Some(spares.swap_remove(fit))
    }

    /// Removes one file that is too long to be used, or the shortest if there are too many: segments only grow. Says
    /// whether there was one.
    async fn remove_surplus(&self, shared: &Shared) -> Result<bool, JournalError> {
        let surplus = {
            let spares = &mut self.asked.lock().spares;
            let too_long = spares.iter().position(|spare| spare.length > 2 * shared.config.segment_bytes);
            let too_many = spares.len() > shared.config.spares_max;
            let shortest = (0..spares.len()).min_by_key(|&i| spares[i].length).filter(|_| too_many);
            let Some(surplus) = too_long.or(shortest) else { return Ok(false) };
            spares.swap_remove(surplus)
        };
        shared
            .disk
            .remove(&surplus.path)
            .await
            .map_err(|error| JournalError::failed("remove", &surplus.path, error))?;
        Ok(true)
    }
}

/// What making a segment needs.
pub(crate) struct Maker<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) dir: &'a Path,
    pub(crate) salt: u64,
    pub(crate) block_bytes: u32,
    /// Asked from time to time whether to give up.
    pub(crate) cancelled: &'a (dyn Fn() -> bool + Sync),
}

/// A new segment and what it cost.
pub(crate) struct Made {
    pub(crate) prepared: Prepared,
    pub(crate) fsyncs: u64,
}

/// Makes a segment from `spare`, or a new file of `length` bytes. All of it is durable afterwards, its name too.
pub(crate) async fn make(
    maker: Maker<'_>,
    sequence: u64,
    length: u64,
    spare: Option<Spare>,
) -> Result<Made, JournalError> {
    let Maker { disk, dir, salt, block_bytes, cancelled } = maker;
    let mut fsyncs = 2;
    let Spare { path, file, length } = match spare {
        Some(spare) => spare,
        None => {
            let spare = create(disk, segment::path_of_new(dir, sequence), length, cancelled).await?;
            fsyncs += length.div_ceil(SYNC_BYTES);
            spare
        }
    };
    let header = Header { sequence, length, salt, data_start: block_bytes, block_bytes };
    let mut first_block = header.encode().to_vec();
    first_block.resize(block_bytes as usize, 0);
    let written = file.write_and_sync(0, vec![first_block.into()]).await;
    written.map_err(|error| JournalError::failed("write", &path, error))?;
    let name = segment::path(dir, sequence);
    disk.rename(&path, &name).await.map_err(|error| JournalError::failed("rename", &path, error))?;
    disk.sync_dir(dir).await.map_err(|error| JournalError::failed("sync", dir, error))?;
    Ok(Made { prepared: Prepared { header, path: name, file }, fsyncs })
}

async fn create(
    disk: &dyn Disk,
    path: PathBuf,
    length: u64,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Spare, JournalError> {
    let failed = |operation| {
        let path = &path;
        move |error| JournalError::failed(operation, path, error)
    };
    let file = disk.open(&path, OpenMode::CreateNew).await.map_err(failed("create"))?;
    file.allocate(length).await.map_err(failed("allocate"))?;
    let zeros = Bytes::from(vec![0; CHUNK_BYTES.min(length) as usize]);
    let mut offset = 0;
    while offset < length {
        if cancelled() {
            return Err(JournalError::Closed);
        }
        let until = length.min(offset + SYNC_BYTES);
        let mut parts = Vec::new();
        let mut missing = (until - offset) as usize;
        while missing > 0 {
            let part = zeros.slice(..missing.min(zeros.len()));
            missing -= part.len();
            parts.push(part);
        }
        file.write_and_sync(offset, parts).await.map_err(failed("write"))?;
        offset = until;
    }
    Ok(Spare { path, file, length })
}
