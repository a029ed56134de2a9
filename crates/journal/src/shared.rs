//! What the handles and the tasks of a journal share.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use measure::Histogram;
use parking_lot::{Mutex, MutexGuard};
use runtime::{Clock, Disk, Entropy, Runtime};
use tokio::sync::{Notify, watch};

use crate::prepare::Maker;
use crate::state::{Done, State};
use crate::{Config, JournalError, Stats};

pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    pub(crate) config: Config,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) clock: Clock,
    /// How long writing and syncing a batch took, in microseconds.
    pub(crate) batch_us: Histogram,
    state: Mutex<State>,
    /// Counters of what the tasks did.
    pub(crate) counters: Mutex<Stats>,
    /// Something waits for the writer.
    pub(crate) work: Notify,
    /// Less waits for the writer.
    pub(crate) room: Notify,
    /// A segment may have to be emptied.
    pub(crate) reclaim: Notify,
    /// Number of the batch that the disk is working on; 0 while there is none.
    pub(crate) under_way: AtomicU64,
    /// The preparer has touched a file for the last time.
    pub(crate) preparer_ended: watch::Sender<bool>,
    /// Why nothing is written any more.
    stopped: watch::Sender<Option<JournalError>>,
}

impl Shared {
    pub(crate) fn new(
        runtime: &Runtime,
        dir: PathBuf,
        config: Config,
        state: State,
        counters: Stats,
    ) -> Self {
        Self {
            dir,
            config,
            disk: Arc::clone(&runtime.disk),
            entropy: Arc::clone(&runtime.entropy),
            clock: runtime.clock.clone(),
            batch_us: Histogram::default(),
            state: Mutex::new(state),
            counters: Mutex::new(counters),
            work: Notify::new(),
            room: Notify::new(),
            reclaim: Notify::new(),
            under_way: AtomicU64::new(0),
            preparer_ended: watch::Sender::new(false),
            stopped: watch::Sender::new(None),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Makes a change and wakes the writer.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state.lock());
        self.work.notify_one();
        result
    }

    /// Why nothing is written any more, if so.
    pub(crate) fn stopped(&self) -> Option<JournalError> {
        self.stopped.borrow().clone()
    }

    pub(crate) fn watch_stopped(&self) -> watch::Receiver<Option<JournalError>> {
        self.stopped.subscribe()
    }

    /// Stops all writing, for ever. The first error stays.
    pub(crate) fn stop(&self, error: JournalError) {
        let first = self.stopped.send_if_modified(|stopped| {
            let first = stopped.is_none();
            if first {
                *stopped = Some(error.clone());
            }
            first
        });
        if first && let JournalError::Failed { .. } = error {
            tracing::error!(%error, "journal stopped");
        }
        self.work.notify_one();
        self.room.notify_waiters();
    }

    /// What making one more segment needs.
    pub(crate) fn maker<'a>(&'a self, cancelled: &'a (dyn Fn() -> bool + Sync)) -> Maker<'a> {
        let block_bytes = self.config.block_bytes;
        Maker { disk: &*self.disk, dir: &self.dir, salt: self.entropy.next_u64(), block_bytes, cancelled }
    }

    /// Reports to everybody who waits that nothing will be written.
    pub(crate) fn fail_all(&self, error: &JournalError) {
        let done = self.state.lock().take_all();
        complete(done, &Err(error.clone()));
        self.room.notify_waiters();
    }
}

/// Calls `done`, in order.
pub(crate) fn complete(done: Vec<Done>, result: &Result<(), JournalError>) {
    done.into_iter().for_each(|done| done(result.clone()));
}
