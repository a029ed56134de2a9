//! Space comes back, whatever one slow group still needs.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;

use bytes::Bytes;
use common::{append, done, entry, purge, read_all, run, settle, tiny};
use journal::{Config, GroupId, Journal, StateKey};
use runtime::disk::sim::Crash;
use runtime::{Disk, OpenMode, SimDisk};

const SLOW: GroupId = GroupId(1);
const BUSY: GroupId = GroupId(2);
const SEGMENT: u64 = 4096;

async fn used_bytes(disk: &SimDisk) -> u64 {
    let mut used = 0;
    for path in disk.list(Path::new(common::DIR)).await.unwrap() {
        used += disk.open(&path, OpenMode::Read).await.unwrap().len().await.unwrap();
    }
    used
}

/// Appends `count` entries to the busy group, purging all but the last few.
async fn churn(journal: &Journal, count: u64) {
    let log = journal.group(BUSY);
    for _ in 0..count {
        let index = log.bounds().next;
        append(&log, vec![entry(index, 300)]).await.unwrap();
        if index >= 4 {
            purge(&log, index - 4).await.unwrap();
        }
    }
    settle().await;
}

#[test]
fn a_slow_group_and_hard_state_do_not_pin_old_segments() {
    run(async {
        let disk = SimDisk::new(1);
        let journal = common::open(disk.clone(), Config { spares_max: 4, ..tiny() }).await.unwrap();
        let slow = journal.group(SLOW);
        let kept: Vec<Bytes> = (0..6).map(|i| entry(1000 + i, 150)).collect();
        append(&slow, kept.clone()).await.unwrap();
        let (done, vote) = done();
        slow.put(StateKey(0), Bytes::from_static(b"vote"), done);
        vote.wait().await.unwrap();
        purge(&journal.group(GroupId(9)), 76).await.unwrap();
        for round in 0..10 {
            churn(&journal, 60).await;
            let stats = journal.stats();
            assert!(stats.segments <= 9, "round {round}: {stats:?}");
            assert!(used_bytes(&disk).await <= 16 * SEGMENT, "round {round}: {stats:?}");
            assert_eq!(read_all(&slow).await, kept);
        }
        let stats = journal.stats();
        assert!(stats.segments_freed > 100 && stats.segments_recycled > 100, "{stats:?}");
        assert!(stats.frames_moved > 20, "{stats:?}");
        // What is moved costs no more than what is written anyway.
        assert!(stats.frames_moved < stats.frames / 2, "{stats:?}");
        assert!(stats.segments_created < stats.segments_recycled, "{stats:?}");

        drop(journal);
        let journal = common::open(disk.crash(Crash::LoseUnsynced), tiny()).await.unwrap();
        let slow = journal.group(SLOW);
        assert_eq!(read_all(&slow).await, kept);
        assert_eq!(slow.get(StateKey(0)).unwrap(), "vote");
        assert_eq!(journal.group(GroupId(9)).bounds().first, 77);
        assert_eq!(journal.group(GroupId(9)).purge_marker().unwrap(), "76");
        append(&slow, vec![entry(7, 10)]).await.unwrap();
        assert_eq!(slow.bounds().next, 7);
    });
}

#[test]
fn everything_purged_comes_back_without_further_traffic() {
    run(async {
        let disk = SimDisk::new(1);
        let journal = common::open(disk.clone(), tiny()).await.unwrap();
        let log = journal.group(BUSY);
        append(&log, (0..200).map(|i| entry(i, 300)).collect()).await.unwrap();
        assert!(journal.stats().segments > 15);
        purge(&log, 199).await.unwrap();
        settle().await;
        assert_eq!(journal.stats().segments, 1);
        // The segment in use, the next one and a spare.
        assert!(used_bytes(&disk).await <= 3 * SEGMENT);
    });
}

#[test]
fn a_segment_whose_purge_is_not_durable_is_kept() {
    run(async {
        // The power goes at each step of a purge that frees segments: what it left must still make a whole log.
        for steps in 0..12 {
            let disk = SimDisk::new(steps);
            let journal = common::open(disk.clone(), tiny()).await.unwrap();
            let log = journal.group(BUSY);
            let entries: Vec<Bytes> = (0..60).map(|i| entry(i, 300)).collect();
            append(&log, entries.clone()).await.unwrap();
            settle().await;
            disk.stop_after(steps);
            log.purge(49, Bytes::new(), |_| {});
            settle().await;
            let journal = common::open(disk.crash(Crash::LoseUnsynced), tiny()).await.unwrap();
            let (bounds, left) = (journal.group(BUSY).bounds(), read_all(&journal.group(BUSY)).await);
            assert!(bounds.first == 0 || bounds.first == 50, "{bounds:?}");
            assert_eq!(left, entries[bounds.first as usize..]);
        }
    });
}

/// Values are replaced by lazy ones, too many for one batch, while a batch is being written. The segment of the old ones
/// must not be freed before all the new ones are durable.
#[test]
fn a_value_is_never_lost_between_the_old_and_the_new_one() {
    run(async {
        let mut freed = 0;
        for (steps, yields) in (0..36).flat_map(|steps| (0..8).map(move |yields| (steps, yields))) {
            let disk = SimDisk::new(1);
            let journal = common::open(disk.clone(), tiny()).await.unwrap();
            let log = journal.group(SLOW);
            let keys = [0, 1, 2, 3].map(StateKey);
            for key in keys {
                log.put(key, entry(1, 600), |_| {});
            }
            churn(&journal, 6).await;
            assert!(journal.stats().segments > 1);
            disk.stop_after(steps);
            let busy = journal.group(BUSY);
            busy.append(busy.bounds().next, vec![entry(1, 10)], |_| {}).unwrap();
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
            keys.into_iter().for_each(|key| log.put_lazy(key, entry(2, 600)));
            settle().await;
            freed += journal.stats().segments_freed;
            let journal = common::open(disk.crash(Crash::LoseUnsynced), tiny()).await.unwrap();
            for key in keys {
                let value = journal.group(SLOW).get(key);
                assert!(value.is_some(), "{key:?} is lost after {steps} steps, {yields} yields");
            }
        }
        assert!(freed > 10, "{freed} segments freed");
    });
}

#[test]
fn memory_for_readers_is_bounded() {
    run(async {
        let config = Config { cache_bytes: 10_000, ..tiny() };
        let journal = common::open(SimDisk::new(1), config).await.unwrap();
        for i in 0..30 {
            let log = journal.group(GroupId(i % 5));
            append(&log, (0..10).map(|i| entry(i, 200)).collect()).await.unwrap();
            assert!(journal.stats().cached_bytes <= 10_000, "{:?}", journal.stats());
        }
        assert!(journal.stats().cached_bytes > 8_000);
        for i in 0..5 {
            let log = journal.group(GroupId(i));
            let next = log.bounds().next;
            let misses = journal.stats().cache_misses;
            log.read(next - 5..next, usize::MAX).await.unwrap();
            assert_eq!(journal.stats().cache_misses, misses, "the tail of group {i} is in memory");
        }
    });
}
