//! The threads that a node runs on.

use std::io;

use server::config::Threads;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// Threads that have started and do nothing yet.
pub(crate) struct NodeThreads {
    clients: Runtime,
    consensus: Option<ConsensusThread>,
}

impl NodeThreads {
    /// Starts them; as fits the machine if nothing is asked for.
    pub(crate) fn start(asked: Option<Threads>) -> io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        match asked.unwrap_or_else(|| Threads::for_processors(processors)) {
            Threads::Shared => {
                let clients = Builder::new_current_thread().enable_all().build()?;
                Ok(Self { clients, consensus: None })
            }
            Threads::Separate => {
                let clients = Builder::new_multi_thread().enable_all().thread_name("clients").build()?;
                Ok(Self { clients, consensus: Some(ConsensusThread::start()?) })
            }
        }
    }

    /// Runs a node to its end; `node` is told where consensus runs.
    pub(crate) fn run<T, F: Future<Output = T>>(self, node: impl FnOnce(Handle) -> F) -> T {
        let consensus = self.consensus.as_ref().map_or(self.clients.handle(), |thread| &thread.handle);
        let outcome = self.clients.block_on(node(consensus.clone()));
        self.clients.shutdown_background();
        outcome
    }
}

/// A thread for consensus alone, so that no client delays a heartbeat.
struct ConsensusThread {
    handle: Handle,
    _stop: oneshot::Sender<()>,
}

impl ConsensusThread {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        std::thread::Builder::new().name("consensus".into()).spawn(move || {
            // Ends when the sender is dropped, with the process.
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self { handle, _stop: stop })
    }
}
