//! A journal on a disk of the test's choice.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod driver;
pub(crate) mod model;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use journal::{Config, GroupLog, Journal, JournalError, OpenError};
use runtime::{Disk, Runtime, SeededEntropy, SystemClock, SystemNetwork, TokioPools};
use tokio::sync::oneshot;

/// Folder of the journal on simulated disks.
pub(crate) const DIR: &str = "/data/journal";

/// Far longer than any test takes. A journal that never completes is a failure, and must say with which input.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test on one thread.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let done = runtime.block_on(async { SystemClock::clock().timeout(PATIENCE, test).await });
    done.expect("the journal completes what it was asked for")
}

/// A world with `disk` in it, on the tokio runtime around.
pub(crate) fn world(disk: impl Disk + 'static) -> Runtime {
    let handle = tokio::runtime::Handle::current();
    Runtime {
        network: Arc::new(SystemNetwork),
        disk: Arc::new(disk),
        clock: SystemClock::clock(),
        entropy: Arc::new(SeededEntropy::new(1)),
        pools: Arc::new(TokioPools::new(handle.clone(), handle)),
    }
}

/// Sizes so small that everything happens: segments of a few batches, batches of a few entries, hardly any cache.
pub(crate) fn tiny() -> Config {
    Config {
        segment_bytes: 4096,
        block_bytes: 512,
        batch_bytes_max: 1500,
        cache_bytes: 600,
        pending_bytes_max: 8192,
        spares_max: 1,
    }
}

pub(crate) async fn open(disk: impl Disk + 'static, config: Config) -> Result<Journal, OpenError> {
    open_in(disk, Path::new(DIR), config).await
}

pub(crate) async fn open_in(
    disk: impl Disk + 'static,
    dir: &Path,
    config: Config,
) -> Result<Journal, OpenError> {
    Journal::open(&world(disk), dir, config).await
}

/// Lets the journal's tasks do what they have to do in the background.
pub(crate) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// A completion and where its result comes out.
pub(crate) fn done() -> (impl FnOnce(Result<(), JournalError>) + Send + 'static, Durable) {
    let (sender, receiver) = oneshot::channel();
    (move |result| drop(sender.send(result)), Durable(receiver))
}

pub(crate) struct Durable(oneshot::Receiver<Result<(), JournalError>>);

impl Durable {
    pub(crate) async fn wait(self) -> Result<(), JournalError> {
        self.0.await.expect("a completion is called")
    }

    pub(crate) fn now(&mut self) -> Option<Result<(), JournalError>> {
        self.0.try_recv().ok()
    }
}

/// An entry that tells where it came from.
pub(crate) fn entry(seed: u64, len: usize) -> Bytes {
    let mut bytes = format!("{seed:08}|").into_bytes();
    bytes.extend((bytes.len()..len).map(|i| (seed as usize + i) as u8));
    bytes.into()
}

pub(crate) async fn append(log: &GroupLog, entries: Vec<Bytes>) -> Result<(), JournalError> {
    let (done, durable) = done();
    log.append(log.bounds().next, entries, done).unwrap();
    durable.wait().await
}

pub(crate) async fn purge(log: &GroupLog, through: u64) -> Result<(), JournalError> {
    let (done, durable) = done();
    log.purge(through, Bytes::from(through.to_string()), done);
    durable.wait().await
}

pub(crate) async fn truncate(log: &GroupLog, from: u64) -> Result<(), JournalError> {
    let (done, durable) = done();
    log.truncate(from, done);
    durable.wait().await
}

/// All entries of a group.
pub(crate) async fn read_all(log: &GroupLog) -> Vec<Bytes> {
    let bounds = log.bounds();
    log.read(bounds.first..bounds.next, usize::MAX).await.unwrap()
}
