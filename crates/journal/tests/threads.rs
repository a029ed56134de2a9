//! Writers and readers on several threads, while segments are emptied, freed and reused under the readers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{append, entry, open_in, purge, tiny};
use journal::{Config, GroupId, GroupLog, ReadError};
use runtime::SystemDisk;

const ROUNDS: u64 = 150;

/// Appends a few entries a round, their content given by their index, and purges far behind or close.
async fn write(log: GroupLog, keep: u64) {
    for _ in 0..ROUNDS {
        let next = log.bounds().next;
        append(&log, (next..next + 4).map(|index| entry(index, 100)).collect()).await.unwrap();
        if next > keep {
            purge(&log, next - keep).await.unwrap();
        }
    }
}

/// Reads from the first entry until the writer is done; returns how many entries it saw.
async fn read(log: GroupLog, running: Arc<AtomicU64>) -> u64 {
    let mut seen = 0;
    while running.load(Ordering::Relaxed) > 0 {
        let first = log.bounds().first;
        match log.read(first..first + 50, 3000).await {
            Ok(entries) => {
                for (index, found) in (first..).zip(&entries) {
                    assert_eq!(*found, entry(index, 100));
                }
                seen += entries.len() as u64;
            }
            Err(ReadError::Purged { .. } | ReadError::Unwritten { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
    seen
}

#[test]
fn readers_never_see_a_reused_segment() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build().unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { spares_max: 4, ..tiny() };
        let journal = open_in(SystemDisk, dir.path(), config).await.unwrap();
        let running = Arc::new(AtomicU64::new(3));
        let writers = futures::future::join_all((0..3_u32).map(|group| {
            let (log, running) = (journal.group(GroupId(group)), Arc::clone(&running));
            spawn(async move {
                write(log, [4, 30, 90][group as usize]).await;
                running.fetch_sub(1, Ordering::Relaxed);
            })
        }));
        let readers = futures::future::join_all(
            (0..3).map(|group| spawn(read(journal.group(GroupId(group)), Arc::clone(&running)))),
        );
        let (_, seen) = tokio::join!(writers, readers);
        let stats = journal.stats();
        assert!(seen.iter().all(|&seen| seen > 0), "{seen:?}");
        assert!(
            stats.segments_recycled > 10 && stats.frames_moved > 0 && stats.cache_misses > 0,
            "{stats:?}"
        );
        journal.close().await.unwrap();
    });
}

#[expect(clippy::disallowed_methods, reason = "the test wants the threads that a simulation does not have")]
async fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    tokio::spawn(work).await.unwrap()
}
