//! The power goes at every step: the newest durable checkpoint has all that was live at it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::driver::{Call, Driver, Entry, calls};
use common::run;
use proptest::prelude::*;
use runtime::disk::sim::{Crash, FaultCounts};
use runtime::{Disk, OpenMode, SimDisk};
use segments::Stats;

const CRASHES: [Crash; 4] = [Crash::LoseUnsynced, Crash::KeepUnsynced, Crash::Process, Crash::Random];

/// Makes the calls on a fresh disk whose power goes after `steps` changes, starts again, checks, goes on, loses power
/// again.
async fn crash_at(seed: u64, steps: u64, crash: Crash, calls: &[Call]) -> Result<FaultCounts, String> {
    let disk = SimDisk::new(seed);
    let mut driver = Driver::new(disk.clone()).await.map_err(|error| error.to_string())?;
    disk.stop_after(steps);
    let _cut_off = driver.run(calls).await;
    driver.restart(disk.crash(crash)).await.map_err(|error| error.to_string())?;
    driver.check().await?;
    driver.run(calls).await?;
    driver.write().await.map_err(|error| error.to_string())?;
    let disk = driver.disk.crash(Crash::LoseUnsynced);
    driver.restart(disk).await.map_err(|error| error.to_string())?;
    driver.check().await?;
    Ok(driver.disk.counts())
}

/// How many changes of the disk the calls make, and what the store did.
async fn measure(calls: &[Call]) -> (u64, Stats) {
    let disk = SimDisk::new(0);
    let mut driver = Driver::new(disk.clone()).await.unwrap();
    driver.run(calls).await.unwrap();
    (disk.steps(), driver.frames.stats())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_at_any_step_loses_nothing_that_was_live(calls in calls(10..50), seed: u64) {
        let result: Result<(), String> = run(async {
            for step in 0..=measure(&calls).await.0 {
                let crash = CRASHES[(step % 4) as usize];
                let crashed = crash_at(seed ^ step, step, crash, &calls).await;
                crashed.map_err(|error| format!("{crash:?} after {step} steps: {error}"))?;
            }
            Ok(())
        });
        prop_assert_eq!(result, Ok(()));
    }
}

/// Checkpoints that make files, rewrite some, leave some out and remove them, so that the crashes hit those too.
fn churn() -> Vec<Call> {
    let mut calls = Vec::new();
    for round in 0..8 {
        for partition in 0..3 {
            calls.push(Call::Log(Entry::Append { partition, count: 25, len: 150 }));
        }
        calls.push(Call::Log(Entry::Release { partition: 0, from: 0, to: 70 }));
        calls.push(Call::Freeze);
        calls.push(Call::Log(Entry::ReleaseEverySecond { partition: 1 }));
        calls.push(Call::Write);
        calls.push(Call::Check);
        if round % 3 != 1 {
            calls.push(Call::KeepOnly);
        }
        if round == 5 {
            calls.push(Call::Log(Entry::Drop { partition: 2 }));
        }
    }
    calls
}

#[test]
fn a_crash_during_checkpoints_and_removals_loses_nothing() {
    run(async {
        let calls = churn();
        let (steps, stats) = measure(&calls).await;
        assert!(stats.rewritten_bytes > 10_000 && stats.checkpoints == 8 && stats.files > 1, "{stats:?}");
        let mut total = FaultCounts::default();
        for step in 0..=steps {
            let crashes = [CRASHES[(step % 3) as usize], Crash::Random, Crash::Random, Crash::Random];
            for (round, crash) in crashes.into_iter().enumerate() {
                let crashed = crash_at(step * 4 + round as u64, step, crash, &calls).await;
                let counts = crashed.unwrap_or_else(|error| panic!("{crash:?} after {step} steps: {error}"));
                total.sectors_torn += counts.sectors_torn;
                total.sectors_dropped += counts.sectors_dropped;
                total.names_lost += counts.names_lost;
                total.names_kept += counts.names_kept;
            }
        }
        assert!(total.sectors_torn > 20 && total.sectors_dropped > 100, "{total:?}");
        assert!(total.names_lost > 50 && total.names_kept > 50, "{total:?}");
    });
}

#[test]
fn the_same_calls_give_the_same_files() {
    run(async {
        let mut images = Vec::new();
        for _ in 0..2 {
            let disk = SimDisk::new(5);
            Driver::new(disk.clone()).await.unwrap().run(&churn()).await.unwrap();
            let mut files = Vec::new();
            for (path, length) in disk.files() {
                let file = disk.open(&path, OpenMode::Read).await.unwrap();
                files.push((path, file.read_at(0, length as usize).await.unwrap()));
            }
            images.push(files);
        }
        assert!(images[0] == images[1] && !images[0].is_empty());
    });
}
