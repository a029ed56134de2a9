//! How openraft tells that a write is over: not by a result (that is what the state machine does with it), but by
//! freeing a place among the entries under way.

use std::marker::PhantomData;
use std::sync::Arc;

use openraft::raft::responder::Responder;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::{LogId, Types};

/// One entry under way.
pub(crate) struct Reply<T> {
    window: Arc<Window>,
    committed: bool,
    answer: PhantomData<fn(T)>,
}

impl<T> Reply<T> {
    /// Takes a place in `window` until the write is over.
    pub(crate) fn in_window(window: &Arc<Window>) -> Self {
        *window.open.lock() += 1;
        Self { window: window.clone(), committed: false, answer: PhantomData }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        *self.window.open.lock() -= 1;
        self.window.freed.notify_one();
        if !self.committed {
            self.window.refused.send_modify(|count| *count += 1);
        }
    }
}

impl<T: Send + 'static> Responder<Types, T> for Reply<T> {
    fn on_commit(&mut self, _log_id: LogId) {
        self.committed = true;
    }

    fn on_complete(self, _result: T) {}
}

/// Counts the entries that a leader has handed to openraft and that are neither applied nor given up.
#[derive(Default)]
pub(crate) struct Window {
    open: Mutex<usize>,
    freed: Notify,
    refused: watch::Sender<u64>,
}

impl Window {
    /// Completes when fewer than `limit` entries are open. For one waiter.
    pub(crate) async fn below(&self, limit: usize) {
        while *self.open.lock() >= limit {
            self.freed.notified().await;
        }
    }

    /// How many entries ended without being committed, as far as this node knows, and changes of it.
    pub(crate) fn refused(&self) -> watch::Receiver<u64> {
        self.refused.subscribe()
    }
}
