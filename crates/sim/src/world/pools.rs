//! Every pool of a simulated host is the host's one thread.

use std::sync::Arc;

use runtime::{BoxFuture, Pool, Pools, Task, TokioPools};
use tokio::runtime::Handle;

use super::gate::{Gate, Gated};

/// The pools of one process.
pub(super) struct HostPools {
    handle: Handle,
    tasks: TokioPools,
    gate: Arc<Gate>,
}

impl HostPools {
    /// For a process that starts now. To be called on the host.
    pub(super) fn new(gate: Arc<Gate>) -> Self {
        let handle = Handle::current();
        Self { tasks: TokioPools::new(handle.clone(), handle.clone()), handle, gate }
    }
}

impl Pools for HostPools {
    fn spawn(&self, pool: Pool, future: BoxFuture<'static, ()>) -> Task {
        self.tasks.spawn(pool, Box::pin(Gated::new(&self.gate, future)))
    }

    /// Long work is a task of its own, so that it is done also when nobody waits for it; in simulated time it takes none.
    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        let done = self.handle.spawn(async move { work() });
        Box::pin(async move {
            if let Err(error) = done.await
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        })
    }
}
