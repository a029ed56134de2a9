//! Every pool of a simulated host is the host's one thread.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::{AbortHandle, Abortable};
use parking_lot::Mutex;
use runtime::{BoxFuture, Pool, Pools, Task, TokioPools};
use tokio::runtime::Handle;

use super::gate::{Gate, Gated};

/// The pools of one process.
pub(super) struct HostPools {
    handle: Handle,
    tasks: TokioPools,
    gate: Arc<Gate>,
    life: Arc<Life>,
}

/// The tasks of a process, which end with it.
#[derive(Default)]
pub(super) struct Life {
    tasks: Mutex<(u64, BTreeMap<u64, AbortHandle>)>,
}

impl Life {
    /// The process exits by itself.
    pub(super) fn end(&self) {
        let (_, tasks) = &*self.tasks.lock();
        tasks.values().for_each(AbortHandle::abort);
    }

    /// The work as a task of the process.
    fn task(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) -> BoxFuture<'static, ()> {
        let (handle, registration) = AbortHandle::new_pair();
        let number = {
            let (last, tasks) = &mut *self.tasks.lock();
            *last += 1;
            tasks.insert(*last, handle);
            *last
        };
        let (life, work) = (Arc::clone(self), Abortable::new(work, registration));
        Box::pin(async move {
            // An error would say that the process has ended, as this task does then.
            let _ended = work.await;
            life.tasks.lock().1.remove(&number);
        })
    }
}

impl HostPools {
    /// For a process that starts now. To be called on the host.
    pub(super) fn new(gate: Arc<Gate>, life: Arc<Life>) -> Self {
        let handle = Handle::current();
        Self { tasks: TokioPools::new(handle.clone(), handle.clone()), handle, gate, life }
    }
}

impl Pools for HostPools {
    fn spawn(&self, pool: Pool, future: BoxFuture<'static, ()>) -> Task {
        self.tasks.spawn(pool, self.life.task(Gated::new(&self.gate, future)))
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
