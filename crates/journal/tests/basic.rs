//! What every caller relies on, on the simulated disk and on the machine's.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use common::driver::{Driver, calls};
use common::model::Model;
use common::{append, done, entry, open_in, purge, read_all, run, tiny, truncate};
use journal::{AppendError, Bounds, Config, GroupId, JournalError, ReadError, StateKey};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use runtime::{Disk, SimDisk, SystemClock, SystemDisk};

const G: GroupId = GroupId(0);
const VOTE: StateKey = StateKey(1);

async fn reads_and_bounds(disk: impl Disk + Clone + 'static, dir: &Path) {
    let journal = open_in(disk.clone(), dir, tiny()).await.unwrap();
    let log = journal.group(G);
    assert_eq!(log.bounds(), Bounds { first: 0, next: 0 });
    let entries: Vec<Bytes> = (0..40).map(|i| entry(i, 100)).collect();
    append(&log, entries.clone()).await.unwrap();
    assert_eq!(log.read(0..40, usize::MAX).await.unwrap(), entries);
    assert_eq!(log.read(3..5, usize::MAX).await.unwrap(), entries[3..5]);
    assert_eq!(log.read(30..100, usize::MAX).await.unwrap(), entries[30..]);
    assert_eq!(log.read(7..40, 250).await.unwrap(), entries[7..9]);
    assert_eq!(log.read(7..40, 0).await.unwrap(), entries[7..8]);
    assert!(log.read(7..7, 0).await.unwrap().is_empty());
    assert!(matches!(log.read(40..41, 1).await, Err(ReadError::Unwritten { index: 40, next: 40 })));

    purge(&log, 9).await.unwrap();
    assert!(matches!(log.read(9..12, 1).await, Err(ReadError::Purged { index: 9, first: 10 })));
    truncate(&log, 30).await.unwrap();
    assert_eq!(log.bounds(), Bounds { first: 10, next: 30 });
    append(&log, vec![entry(99, 10)]).await.unwrap();
    let expected = [&entries[10..30], &[entry(99, 10)]].concat();
    assert_eq!(read_all(&log).await, expected);
    let (hits, misses) = (journal.stats().cache_hits, journal.stats().cache_misses);
    assert!(hits > 0 && misses > 0, "{hits} hits, {misses} misses");

    journal.close().await.unwrap();
    let journal = open_in(disk, dir, tiny()).await.unwrap();
    assert_eq!(read_all(&journal.group(G)).await, expected);
    assert_eq!(journal.group(G).bounds(), Bounds { first: 10, next: 31 });
    assert_eq!(journal.stats().torn_bytes_cut, 0);
    journal.close().await.unwrap();
}

async fn values_and_markers(disk: impl Disk + Clone + 'static, dir: &Path) {
    let journal = open_in(disk.clone(), dir, tiny()).await.unwrap();
    let log = journal.group(G);
    assert_eq!((log.get(VOTE), log.purge_marker()), (None, None));
    let (vote_done, vote) = done();
    log.put(VOTE, Bytes::from_static(b"term 1"), vote_done);
    assert_eq!(log.get(VOTE).unwrap(), "term 1");
    vote.wait().await.unwrap();
    log.put_lazy(StateKey(2), Bytes::from_static(b"committed 5"));
    assert_eq!(log.get(StateKey(2)).unwrap(), "committed 5");
    purge(&log, 100).await.unwrap();
    assert_eq!(log.bounds(), Bounds { first: 101, next: 101 });
    // An older purge changes nothing.
    purge(&log, 50).await.unwrap();
    assert_eq!(log.purge_marker().unwrap(), "100");
    journal.close().await.unwrap();

    let journal = open_in(disk, dir, tiny()).await.unwrap();
    let log = journal.group(G);
    assert_eq!(log.get(VOTE).unwrap(), "term 1");
    assert_eq!(log.get(StateKey(2)).unwrap(), "committed 5");
    assert_eq!(log.purge_marker().unwrap(), "100");
    assert_eq!(log.bounds(), Bounds { first: 101, next: 101 });
    journal.close().await.unwrap();
}

/// Random calls, opened again a few times, always equal to the model.
async fn random_calls(disk: impl Disk + Clone + 'static, dir: &Path, rounds: usize) {
    let mut runner = TestRunner::deterministic();
    let mut journal = open_in(disk.clone(), dir, tiny()).await.unwrap();
    let mut model = Model::default();
    let mut freed = 0;
    for _ in 0..rounds {
        let calls = calls(80..100).new_tree(&mut runner).unwrap().current();
        let mut driver = Driver::new(journal, model);
        driver.run(&calls).await;
        assert!(!driver.failed());
        freed += driver.journal.stats().segments_freed;
        let Driver { journal: old, model: before, .. } = driver;
        old.close().await.unwrap();
        journal = open_in(disk.clone(), dir, tiny()).await.unwrap();
        assert_eq!(before.explain(&journal, before.frames()).await, Ok(before.frames()));
        model = Model::of(&journal).await;
    }
    assert!(freed > 0, "no segment was ever freed");
    journal.close().await.unwrap();
}

macro_rules! on_both_disks {
    ($($name:ident $(($($argument:expr),*))?;)*) => {
        mod simulated {
            use super::*;
            $(#[test]
            fn $name() {
                run(super::$name(SimDisk::new(1), Path::new(common::DIR) $($(, $argument)*)?));
            })*
        }
        mod machine {
            use super::*;
            $(#[test]
            fn $name() {
                let dir = tempfile::tempdir().unwrap();
                run(super::$name(SystemDisk, dir.path() $($(, $argument)*)?));
            })*
        }
    };
}

on_both_disks! {
    reads_and_bounds;
    values_and_markers;
    random_calls(20);
    large_entries;
    group_commit;
}

/// Entries longer than a segment, a batch and the cache.
async fn large_entries(disk: impl Disk + Clone + 'static, dir: &Path) {
    let journal = open_in(disk.clone(), dir, tiny()).await.unwrap();
    let log = journal.group(G);
    let entries = [entry(1, 20), entry(2, 100_000), entry(3, 3_000_000), entry(4, 20)];
    append(&log, entries.to_vec()).await.unwrap();
    assert_eq!(read_all(&log).await, entries);
    journal.close().await.unwrap();
    let journal = open_in(disk.clone(), dir, tiny()).await.unwrap();
    assert_eq!(read_all(&journal.group(G)).await, entries);
    purge(&journal.group(G), 2).await.unwrap();
    append(&journal.group(G), (5..40).map(|i| entry(i, 300)).collect()).await.unwrap();
    // The files go in the background.
    let clock = SystemClock::clock();
    for _ in 0..500 {
        if used_bytes(&disk, dir).await < 100_000 {
            break;
        }
        clock.sleep(Duration::from_millis(2)).await;
    }
    let used = used_bytes(&disk, dir).await;
    assert!(used < 100_000, "the long segments are gone, {used} bytes are left");
    journal.close().await.unwrap();
}

async fn used_bytes(disk: &dyn Disk, dir: &Path) -> u64 {
    let mut used = 0;
    for path in disk.list(dir).await.unwrap() {
        // A file may go between being listed and opened.
        if let Ok(file) = disk.open(&path, runtime::OpenMode::Read).await {
            used += file.len().await.unwrap();
        }
    }
    used
}

/// All that waits while a write runs goes with the next one.
async fn group_commit(disk: impl Disk + Clone + 'static, dir: &Path) {
    let journal = open_in(disk, dir, Config::default()).await.unwrap();
    let mut waiting = Vec::new();
    for i in 0..300 {
        let log = journal.group(GroupId(i % 3));
        let (done, durable) = done();
        log.append(log.bounds().next, vec![entry(u64::from(i), 100)], done).unwrap();
        waiting.push(durable);
        if i % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for durable in waiting {
        durable.wait().await.unwrap();
    }
    let stats = journal.stats();
    assert_eq!(stats.frames, 300);
    assert!(stats.batches <= 4, "{} batches", stats.batches);
    assert_eq!((stats.pending_bytes, stats.cached_bytes), (0, 30_000));
    journal.close().await.unwrap();
}

#[test]
fn a_wrong_index_or_length_changes_nothing() {
    run(async {
        let journal = common::open(SimDisk::new(1), tiny()).await.unwrap();
        let log = journal.group(G);
        append(&log, vec![entry(1, 10)]).await.unwrap();
        for index in [0, 2] {
            let refused = log.append(index, vec![entry(1, 10)], |_| panic!("not called"));
            assert_eq!(refused, Err(AppendError::NotNext { index, next: 1 }));
        }
        assert_eq!(log.bounds(), Bounds { first: 0, next: 1 });
    });
}

#[test]
fn a_lazy_value_waits_for_company_and_only_the_newest_is_written() {
    run(async {
        let disk = SimDisk::new(1);
        let journal = common::open(disk.clone(), tiny()).await.unwrap();
        let log = journal.group(G);
        for i in 0..10 {
            log.put_lazy(VOTE, entry(i, 10));
        }
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(journal.stats().batches, 0);
        append(&log, vec![entry(1, 10)]).await.unwrap();
        assert_eq!((journal.stats().batches, journal.stats().frames), (1, 2));
        let after = common::open(disk.crash(runtime::disk::sim::Crash::LoseUnsynced), tiny()).await.unwrap();
        assert_eq!(after.group(G).get(VOTE).unwrap(), entry(9, 10));
    });
}

#[test]
fn a_value_that_is_put_replaces_one_that_waits() {
    run(async {
        let disk = SimDisk::new(1);
        let journal = common::open(disk.clone(), tiny()).await.unwrap();
        let log = journal.group(G);
        log.put_lazy(VOTE, Bytes::from_static(b"old"));
        let (done, durable) = done();
        log.put(VOTE, Bytes::from_static(b"new"), done);
        durable.wait().await.unwrap();
        assert_eq!(journal.stats().frames, 1);
        let after = common::open(disk.crash(runtime::disk::sim::Crash::LoseUnsynced), tiny()).await.unwrap();
        assert_eq!(after.group(G).get(VOTE).unwrap(), "new");
    });
}

#[test]
fn room_waits_for_a_slow_disk() {
    run(async {
        let (disk, clock) = (SimDisk::new(1), SystemClock::clock());
        let journal = common::open(disk.clone(), tiny()).await.unwrap();
        let log = journal.group(G);
        disk.stall();
        log.room().await;
        let (done, durable) = done();
        log.append(0, vec![entry(1, 9000)], done).unwrap();
        assert!(clock.timeout(Duration::from_millis(20), log.room()).await.is_err());
        assert!(journal.stats().pending_bytes >= 9000);
        disk.release();
        log.room().await;
        durable.wait().await.unwrap();
        assert!(disk.counts().delays > 0);
    });
}

#[test]
fn a_closed_journal_reads_but_does_not_write() {
    run(async {
        let disk = SimDisk::new(1);
        let journal = common::open(disk.clone(), tiny()).await.unwrap();
        let log = journal.group(G);
        let (done_before, before) = done();
        log.append(0, vec![entry(1, 10)], done_before).unwrap();
        let closing = journal.clone().close();
        let (closed, ()) = tokio::join!(closing, async {});
        closed.unwrap();
        before.wait().await.unwrap();
        let (done_after, after) = done();
        log.append(1, vec![entry(2, 10)], done_after).unwrap();
        assert!(matches!(after.wait().await, Err(JournalError::Closed)));
        assert_eq!(log.read(0..1, 1).await.unwrap(), [entry(1, 10)]);
        log.room().await;
        journal.close().await.unwrap();
        let again = common::open(disk.crash(runtime::disk::sim::Crash::LoseUnsynced), tiny()).await.unwrap();
        assert_eq!(read_all(&again.group(G)).await, [entry(1, 10)]);
    });
}

#[test]
fn sizes_out_of_range_are_refused() {
    run(async {
        let refused = common::open(SimDisk::new(1), Config { block_bytes: 7, ..tiny() }).await.err().unwrap();
        assert!(refused.to_string().contains("block_bytes = 7"), "{refused}");
    });
}
