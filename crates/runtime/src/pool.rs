//! Where tasks run: consensus can have a thread of its own, so that clients, however many, never delay a heartbeat.

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::BoxFuture;

/// The kinds of work a node keeps apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pool {
    /// Raft, peer links, the journal's writer, applying. Tasks here must never compute for long.
    Consensus,
    /// Client connections and everything else.
    Clients,
}

/// Runs tasks. Implemented over tokio; in a simulation every pool is the simulated host's one thread.
pub trait Pools: Send + Sync {
    /// Starts `future` on `pool`.
    fn spawn(&self, pool: Pool, future: BoxFuture<'static, ()>) -> Task;
    /// Runs `work` where it may take long; completes when it is done.
    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()>;
}

/// A running task; dropping it aborts the task at its next point of waiting.
#[must_use = "the task is aborted when its handle is dropped; call detach() to let it run"]
pub struct Task(Option<JoinHandle<()>>);

impl Task {
    /// Lets the task run on by itself.
    pub fn detach(mut self) {
        self.0.take();
    }

    /// Aborts the task.
    pub fn abort(&self) {
        if let Some(handle) = &self.0 {
            handle.abort();
        }
    }

    /// True once the task has ended, for whatever reason.
    pub fn is_finished(&self) -> bool {
        self.0.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the task to end.
    ///
    /// # Panics
    /// If the task panicked: a panic is a broken invariant, and whoever waits for the task depends on it.
    pub async fn join(mut self) {
        if let Some(handle) = self.0.take()
            && let Err(error) = handle.await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.abort();
    }
}

/// Pools that are tokio runtimes.
pub struct TokioPools {
    consensus: Handle,
    clients: Handle,
}

impl TokioPools {
    /// Consensus work on `consensus`, the rest on `clients`; they may be the same runtime.
    pub fn new(consensus: Handle, clients: Handle) -> Self {
        Self { consensus, clients }
    }
}

impl Pools for TokioPools {
    fn spawn(&self, pool: Pool, future: BoxFuture<'static, ()>) -> Task {
        let handle = match pool {
            Pool::Consensus => &self.consensus,
            Pool::Clients => &self.clients,
        };
        Task(Some(handle.spawn(future)))
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        let done = self.clients.spawn_blocking(work);
        Box::pin(async move {
            if let Err(error) = done.await
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        })
    }
}
