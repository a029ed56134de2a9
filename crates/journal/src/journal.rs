//! The journal's handle.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use runtime::{Pool, Runtime, Task};

use crate::prepare::Preparer;
use crate::recovery::{self, Opened};
use crate::shared::Shared;
use crate::writer::Writer;
use crate::{Config, GroupId, GroupLog, JournalError, OpenError, reclaim};

/// A node's journal. Cheap to clone; every clone is the same journal. When the last handle (and [`GroupLog`]) is
/// dropped without [`Journal::close`], what was not yet written is lost, as in a crash.
#[derive(Clone)]
pub struct Journal {
    handle: Arc<Handle>,
}

/// Keeps the tasks running.
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
    _tasks: [Task; 3],
}

/// Counters of a [`Journal`] since it was opened, and a few sizes of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Batches written; each costs one write and one sync.
    pub batches: u64,
    /// Frames in them: entries, values, truncations, purges.
    pub frames: u64,
    /// Bytes written, with headers and padding.
    pub bytes_written: u64,
    /// Syncs of data: batches, and the preparation of segments.
    pub fsyncs: u64,
    /// Batches whose write and sync took a second or longer.
    pub slow_batches: u64,
    /// Segments that hold entries or wait to, now.
    pub segments: u64,
    /// Bytes of the frames that are still needed, now.
    pub live_bytes: u64,
    /// Bytes that wait to be written, now.
    pub pending_bytes: u64,
    /// Bytes of entries in memory, now.
    pub cached_bytes: u64,
    /// Segments made by creating a file.
    pub segments_created: u64,
    /// Segments made by reusing a file.
    pub segments_recycled: u64,
    /// Segments that became free.
    pub segments_freed: u64,
    /// Frames copied to the tail so that an old segment could be freed.
    pub frames_moved: u64,
    /// Entries read from memory.
    pub cache_hits: u64,
    /// Entries read from disk.
    pub cache_misses: u64,
    /// Bytes of a torn tail that opening cut.
    pub torn_bytes_cut: u64,
}

impl Journal {
    /// Opens the journal in the folder `dir`, or makes a new one there. Nobody else may have it open: the caller holds
    /// a lock. Completes when everything readable is also durable.
    ///
    /// # Errors
    /// See [`OpenError`]; the files are then unchanged.
    pub async fn open(runtime: &Runtime, dir: &Path, config: Config) -> Result<Journal, OpenError> {
        let opened = recovery::open(runtime, dir, &config).await?;
        let Opened { state, active, ready, spares, number, counters } = opened;
        let shared = Arc::new(Shared::new(runtime, dir.to_owned(), config, state, counters));
        let preparer = Preparer::new(spares);
        let writer = Writer::new(Arc::clone(&shared), active, ready, preparer.clone(), number);
        let tasks = [
            runtime.spawn(Pool::Consensus, writer.run()),
            runtime.spawn(Pool::Clients, preparer.run(Arc::clone(&shared))),
            runtime.spawn(Pool::Clients, reclaim::run(Arc::clone(&shared))),
        ];
        Ok(Self { handle: Arc::new(Handle { shared, _tasks: tasks }) })
    }

    /// The log of group `id`; an empty one if it was never used.
    pub fn group(&self, id: GroupId) -> GroupLog {
        GroupLog::new(id, Arc::clone(&self.handle))
    }

    /// The groups that were ever written, in order.
    pub fn groups(&self) -> Vec<GroupId> {
        self.handle.shared.state().groups.keys().copied().collect()
    }

    /// Completes when the journal is poisoned, with the cause: the node must stop then. Never completes otherwise.
    pub async fn failed(&self) -> JournalError {
        let mut stopped = self.handle.shared.watch_stopped();
        let failed = stopped.wait_for(|error| matches!(error, Some(JournalError::Failed { .. }))).await;
        match failed.map(|error| error.clone()) {
            Ok(Some(error)) => error,
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// The number of the batch that the disk is working on. If it is the same one for long, the disk is stuck.
    pub fn batch_under_way(&self) -> Option<u64> {
        let number = self.handle.shared.under_way.load(Ordering::Relaxed);
        (number > 0).then_some(number)
    }

    /// Writes everything that waits, lazy values too, then stops the writer. Later changes get
    /// [`JournalError::Closed`]; reads go on. Afterwards the folder may be opened again.
    ///
    /// # Errors
    /// The error that poisoned the journal, if it is poisoned.
    pub async fn close(self) -> Result<(), JournalError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let done = Box::new(move |result| {
            // The receiver is gone when the caller was cancelled: nobody wants the result.
            let _ = sender.send(result);
        });
        self.handle.shared.change(|state| state.close(done));
        // The task is gone only when its runtime is.
        let closed = receiver.await.map_err(|_| JournalError::Closed)?;
        // Whoever opens the folder next must find it at rest.
        let ended = self.handle.shared.preparer_ended.subscribe().wait_for(|ended| *ended).await.is_ok();
        debug_assert!(ended, "the sender is held by the handle");
        match closed {
            // It was closed before.
            Err(JournalError::Closed) => Ok(()),
            result => result,
        }
    }

    /// How long the write and sync of a batch took, in microseconds.
    pub fn batch_times_us(&self) -> measure::Summary {
        self.handle.shared.batch_us.summary()
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        let shared = &self.handle.shared;
        let counters = *shared.counters.lock();
        let state = shared.state();
        Stats {
            segments: state.segments.len() as u64,
            segments_freed: state.segments.freed,
            live_bytes: state.segments.live_bytes(),
            pending_bytes: state.pending_bytes() as u64,
            cached_bytes: state.cache.bytes() as u64,
            frames_moved: state.moved,
            cache_hits: state.cache.hits,
            cache_misses: state.cache.misses,
            ..counters
        }
    }
}
