//! The edge of a node: everything that a simulation must be able to replace.
//!
//! A node touches the world only through the five parts of [`Runtime`]: a [`Network`], a [`Disk`], a [`Clock`],
//! [`Entropy`] and the pools that tasks are spawned on. [`Runtime::system`] gives the real ones; the
//! simulator gives its own, and the code above cannot tell. Lints forbid the ways around it (see `clippy.toml`).
//!
//! This crate knows nothing of journals, consensus or protocols.

mod clock;
mod complaints;
pub mod disk;
mod entropy;
mod memory;
mod network;
pub mod panics;
mod pool;

pub use clock::{Clock, Elapsed, Instant, SystemClock, TimeSource};
pub use complaints::Complaints;
pub use disk::{Disk, File, OpenMode, SimDisk, SystemDisk};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use memory::memory_bytes;
pub use network::{BoxStream, Listener, Network, Secured, Security, Stream, Subject, SystemNetwork};
pub use pool::{Pool, Pools, Task, TokioPools};

use std::sync::Arc;

/// A boxed future, as the object-safe traits of this crate return.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// All that a node has of the world. Cheap to clone; every clone is the same world.
#[derive(Clone)]
pub struct Runtime {
    /// Sockets.
    pub network: Arc<dyn Network>,
    /// Files.
    pub disk: Arc<dyn Disk>,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Where tasks run.
    pub pools: Arc<dyn Pools>,
}

impl Runtime {
    /// The machine's own world, with all tasks on the tokio runtime that this is called in.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn system() -> Self {
        let here = tokio::runtime::Handle::current();
        Self {
            network: Arc::new(SystemNetwork),
            disk: Arc::new(SystemDisk),
            clock: SystemClock::clock(),
            entropy: Arc::new(SystemEntropy),
            pools: Arc::new(TokioPools::new(here.clone(), here)),
        }
    }

    /// Starts `future` on `pool`. The task is aborted when the returned handle is dropped, unless it is detached.
    pub fn spawn<F>(&self, pool: Pool, future: F) -> Task
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.pools.spawn(pool, Box::pin(future))
    }

    /// Runs `work`, which may take long and does not wait for anything, off the pools that serve requests.
    pub async fn run_blocking<T, F>(&self, work: F) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.pools
            .run_blocking(Box::new(move || {
                // The receiver is gone when the caller was cancelled: nobody wants the result.
                let _ = sender.send(work());
            }))
            .await;
        receiver.await.expect("run_blocking returns after the closure has sent its result")
    }
}
