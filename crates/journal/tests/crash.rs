//! A crash at every step: what was reported durable is there, the rest is a prefix, nothing else ever is.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;

use common::driver::{Call, Driver, calls};
use common::model::Model;
use common::{run, tiny};
use journal::{GroupId, Journal, Stats};
use proptest::prelude::*;
use runtime::SimDisk;
use runtime::disk::sim::{Crash, FaultCounts};

/// Makes `calls` on a fresh disk whose power goes after `steps` changes.
async fn drive(seed: u64, steps: u64, calls: &[Call]) -> (SimDisk, Option<Driver>) {
    let disk = SimDisk::new(seed);
    disk.stop_after(steps);
    let Ok(journal) = common::open(disk.clone(), tiny()).await else {
        return (disk, None);
    };
    let mut driver = Driver::new(journal, Model::default());
    driver.run(calls).await;
    (disk, Some(driver))
}

/// The journal after a crash, and how many frames it has.
async fn reopen(disk: &SimDisk, model: &Model, durable: usize, what: &str) -> (Journal, usize) {
    let journal = common::open(disk.clone(), tiny()).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    let frames = model.explain(&journal, durable).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    (journal, frames)
}

/// Crashes after `steps`, checks, goes on, loses power again, checks again.
async fn crash_at(seed: u64, steps: u64, crash: Crash, calls: &[Call]) -> FaultCounts {
    let what = format!("seed {seed}, {crash:?} after {steps} steps");
    let (disk, driver) = drive(seed, steps, calls).await;
    let (model, durable) =
        driver.map_or_else(Default::default, |driver| (driver.model.clone(), driver.durable()));
    let disk = disk.crash(crash);
    let (journal, _) = reopen(&disk, &model, durable, &what).await;

    // What was read back must be as durable as if it had been reported: somebody may act on it.
    let seen = Model::of(&journal).await;
    drop(journal);
    let disk = disk.crash(Crash::LoseUnsynced);
    let (journal, _) = reopen(&disk, &seen, 0, &format!("{what}, then a second power loss")).await;

    let mut driver = Driver::new(journal, seen);
    driver.run(calls).await;
    assert!(!driver.failed(), "{what}: writing after the crash failed");
    let (model, durable) = (driver.model.clone(), driver.durable());
    drop(driver);
    let disk = disk.crash(Crash::LoseUnsynced);
    reopen(&disk, &model, durable, &format!("{what}, then more calls and a third power loss")).await;
    disk.counts()
}

/// Makes the calls without a crash; how many steps they take and what they did.
async fn measure(calls: &[Call]) -> (u64, Stats) {
    let (disk, driver) = drive(0, u64::MAX, calls).await;
    let driver = driver.unwrap();
    assert!(!driver.failed());
    assert_eq!(driver.model.explain(&driver.journal, driver.model.frames()).await, Ok(driver.model.frames()));
    (disk.steps(), driver.journal.stats())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_at_any_step_leaves_a_prefix(calls in calls(20..60), seed: u64) {
        run(async {
            let (steps, _) = measure(&calls).await;
            for step in 0..=steps {
                let crash = match step % 5 {
                    0 => Crash::LoseUnsynced,
                    1 => Crash::KeepUnsynced,
                    2 => Crash::Process,
                    _ => Crash::Random,
                };
                crash_at(seed ^ step, step, crash, &calls).await;
            }
        });
    }
}

/// A fixed scenario in which segments roll, are recycled and emptied, so that the crashes hit those too.
fn churn() -> Vec<Call> {
    let mut calls = vec![
        Call::Append { group: 0, lens: vec![100; 3] },
        Call::Put { group: 0, key: 0, len: 30 },
        Call::Purge { group: 2, count: 5 },
        Call::Flush,
    ];
    for round in 0..24 {
        calls.push(Call::Append { group: 1, lens: vec![300, 20, 500] });
        calls.push(Call::PutLazy { group: 1, key: 1 });
        calls.push(Call::Yield { times: 6 });
        calls.push(Call::Purge { group: 1, count: 3 });
        if round % 8 == 7 {
            calls.push(Call::Append { group: 2, lens: vec![5000] });
            calls.push(Call::Truncate { group: 2, count: 1 });
        }
        calls.push(Call::Flush);
    }
    calls
}

#[test]
fn a_crash_while_segments_are_recycled_and_emptied_leaves_a_prefix() {
    run(async {
        let calls = churn();
        let (steps, stats) = measure(&calls).await;
        assert!(stats.segments_freed > 3 && stats.segments_recycled > 1, "{stats:?}");
        assert!(stats.frames_moved > 0 && stats.segments_created > 1, "{stats:?}");
        let mut total = FaultCounts::default();
        for step in 0..=steps {
            for round in 0..6 {
                let crash = if round == 0 { Crash::LoseUnsynced } else { Crash::Random };
                let counts = crash_at(step * 6 + round, step, crash, &calls).await;
                total.sectors_torn += counts.sectors_torn;
                total.sectors_kept += counts.sectors_kept;
                total.sectors_dropped += counts.sectors_dropped;
                total.names_lost += counts.names_lost;
                total.names_kept += counts.names_kept;
            }
        }
        assert!(
            total.sectors_torn > 100 && total.sectors_kept > 100 && total.sectors_dropped > 100,
            "{total:?}"
        );
        assert!(total.names_lost > 10 && total.names_kept > 10, "{total:?}");
    });
}

#[test]
fn one_seed_gives_one_journal() {
    run(async {
        let mut images = Vec::new();
        for _ in 0..2 {
            let (disk, driver) = drive(5, u64::MAX, &churn()).await;
            drop(driver);
            let mut files = Vec::new();
            for path in runtime::Disk::list(&disk, Path::new(common::DIR)).await.unwrap() {
                let file = runtime::Disk::open(&disk, &path, runtime::OpenMode::Read).await.unwrap();
                let len = file.len().await.unwrap() as usize;
                files.push((path, file.read_at(0, len).await.unwrap()));
            }
            images.push(files);
        }
        assert!(images[0] == images[1]);
        assert!(!images[0].is_empty());
    });
}

#[test]
fn groups_come_back_by_themselves() {
    run(async {
        let disk = SimDisk::new(1);
        let journal = common::open(disk.clone(), tiny()).await.unwrap();
        common::append(&journal.group(GroupId(7)), vec![common::entry(1, 50)]).await.unwrap();
        common::purge(&journal.group(GroupId(3)), 41).await.unwrap();
        journal.close().await.unwrap();
        let journal = common::open(disk.crash(Crash::LoseUnsynced), tiny()).await.unwrap();
        assert_eq!(journal.groups(), [GroupId(3), GroupId(7)]);
        let purged = journal.group(GroupId(3));
        assert_eq!((purged.bounds().first, purged.bounds().next), (42, 42));
        assert_eq!(purged.purge_marker().unwrap(), "41");
    });
}
