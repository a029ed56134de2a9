//! A disk that fails: the journal says so once and writes nothing more.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io;
use std::path::Path;
use std::sync::Arc;

use common::driver::{Driver, calls};
use common::model::Model;
use common::{append, done, entry, purge, read_all, run, settle, tiny};
use journal::{GroupId, JournalError, OpenError, ReadError};
use parking_lot::Mutex;
use proptest::prelude::*;
use runtime::disk::sim::{Crash, Fault};
use runtime::{Disk, OpenMode, SimDisk};

const G: GroupId = GroupId(0);

fn kind_of(error: &JournalError) -> io::ErrorKind {
    match error {
        JournalError::Failed { source, .. } => source.kind(),
        JournalError::Closed => panic!("{error}"),
    }
}

#[test]
fn a_failed_sync_poisons_the_journal_and_is_never_retried() {
    run(async {
        let disk = SimDisk::new(1);
        let journal = common::open(disk.clone(), tiny()).await.unwrap();
        let log = journal.group(G);
        append(&log, vec![entry(1, 100)]).await.unwrap();
        settle().await;
        let batches = journal.stats().batches;

        disk.fail(Fault::SyncError, 0);
        let order = Arc::new(Mutex::new(Vec::new()));
        for i in 0..5 {
            let order = Arc::clone(&order);
            let done = move |result: Result<(), JournalError>| order.lock().push((i, result.is_err()));
            log.append(1 + i, vec![entry(i, 700)], done).unwrap();
        }
        let error = append(&log, vec![entry(9, 10)]).await.unwrap_err();
        assert_eq!(*order.lock(), (0..5).map(|i| (i, true)).collect::<Vec<_>>());
        assert_eq!(disk.counts().sync_errors, 1);
        let text = error.to_string();
        assert!(text.contains("cannot write /data/journal/0000000000000001.segment"), "{text}");
        assert_eq!(journal.failed().await.to_string(), text);

        // The disk works again, but nobody asks it.
        let steps = disk.steps();
        assert_eq!(append(&log, vec![entry(10, 10)]).await.unwrap_err().to_string(), text);
        assert_eq!(purge(&log, 0).await.unwrap_err().to_string(), text);
        log.room().await;
        assert_eq!(journal.clone().close().await.unwrap_err().to_string(), text);
        assert_eq!((disk.steps(), journal.stats().batches), (steps, batches));
    });
}

#[test]
fn a_failed_write_poisons_the_journal() {
    run(async {
        let disk = SimDisk::new(1);
        let journal = common::open(disk.clone(), tiny()).await.unwrap();
        disk.fail(Fault::WriteError, 0);
        append(&journal.group(G), vec![entry(1, 100)]).await.unwrap_err();
        assert_eq!(disk.counts().write_errors, 1);
        journal.failed().await;
    });
}

#[test]
fn a_full_disk_poisons_the_journal_with_its_true_cause() {
    run(async {
        let disk = SimDisk::new(1);
        disk.set_capacity(40_000);
        let journal = common::open(disk.clone(), tiny()).await.unwrap();
        let log = journal.group(G);
        let mut written = 0;
        let error = loop {
            match append(&log, vec![entry(written, 1000)]).await {
                Ok(()) => written += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(kind_of(&error), io::ErrorKind::StorageFull);
        assert!(disk.counts().no_space > 0 && written > 10, "{written}");
        assert_eq!(kind_of(&journal.failed().await), io::ErrorKind::StorageFull);
        let after = disk.crash(Crash::LoseUnsynced);
        after.set_capacity(u64::MAX);
        let journal = common::open(after, tiny()).await.unwrap();
        assert_eq!(read_all(&journal.group(G)).await.len() as u64, written);
    });
}

#[test]
fn an_old_entry_that_cannot_be_read_is_an_error_of_that_read() {
    run(async {
        let disk = SimDisk::new(1);
        let journal = common::open(disk.clone(), tiny()).await.unwrap();
        let log = journal.group(G);
        append(&log, (0..30).map(|i| entry(i, 200)).collect()).await.unwrap();
        disk.fail(Fault::ReadError, 0);
        let error = log.read(0..1, 1).await.unwrap_err();
        assert!(matches!(error, ReadError::Io { .. }) && error.to_string().contains(".segment"), "{error}");
        disk.fail(Fault::ShortRead, 0);
        assert!(matches!(log.read(0..1, 1).await, Err(ReadError::Damaged { index: 0, .. })));
        assert_eq!(log.read(0..1, 1).await.unwrap(), [entry(0, 200)]);
    });
}

#[test]
fn opening_takes_a_failed_or_short_read_for_what_it_is_and_changes_nothing() {
    run(async {
        let disk = SimDisk::new(1);
        let journal = common::open(disk.clone(), tiny()).await.unwrap();
        append(&journal.group(G), (0..30).map(|i| entry(i, 200)).collect()).await.unwrap();
        drop(journal);
        let mut disk = disk.crash(Crash::LoseUnsynced);
        for fault in [Fault::ReadError, Fault::ShortRead] {
            for skip in 0.. {
                let steps = disk.steps();
                disk.fail(fault, skip);
                match common::open(disk.clone(), tiny()).await {
                    Err(error) => assert!(matches!(error, OpenError::Io { .. }), "{error}"),
                    // The last read belongs to the second part, in which files are changed; then there are no more.
                    Ok(_) => break,
                }
                assert!(skip > 4 || disk.steps() == steps);
            }
            disk = disk.crash(Crash::LoseUnsynced);
        }
        assert!(disk.counts().read_errors > 3 && disk.counts().short_reads > 3);
        let journal = common::open(disk, tiny()).await.unwrap();
        assert_eq!(read_all(&journal.group(G)).await.len(), 30);
    });
}

/// A sync fails and the kernel forgets what it had to write. The process starts again on the same machine, sees its
/// bytes in the cache and goes on. Then the power fails: everything that was reported or read must be there.
#[test]
fn what_a_failed_sync_left_in_the_cache_only_is_not_believed() {
    run(async {
        let mut forgotten = 0;
        for seed in 0..60 {
            let disk = SimDisk::new(seed);
            let journal = common::open(disk.clone(), tiny()).await.unwrap();
            append(&journal.group(G), vec![entry(1, 600)]).await.unwrap();
            settle().await;
            disk.fail(Fault::SyncError, 0);
            append(&journal.group(G), vec![entry(2, 600)]).await.unwrap_err();
            drop(journal);
            let disk = disk.crash(Crash::Process);
            let journal = common::open(disk.clone(), tiny()).await.unwrap();
            let seen = read_all(&journal.group(G)).await;
            forgotten += usize::from(seen.len() == 2);
            append(&journal.group(G), vec![entry(3, 600)]).await.unwrap();
            drop(journal);
            let journal = common::open(disk.crash(Crash::LoseUnsynced), tiny()).await.unwrap();
            assert_eq!(read_all(&journal.group(G)).await, [seen, vec![entry(3, 600)]].concat());
        }
        assert!(forgotten > 10, "the failed batch was in the cache {forgotten} times");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 100, ..ProptestConfig::default() })]

    /// Every write and every sync of a run fails once; the node starts again, with or without a power loss.
    #[test]
    fn a_fault_at_any_write_or_sync_leaves_a_prefix(calls in calls(20..50), seed: u64) {
        run(async {
            for fault in [Fault::WriteError, Fault::SyncError, Fault::NoSpace] {
                for skip in 0.. {
                    let disk = SimDisk::new(seed ^ skip);
                    disk.fail(fault, skip);
                    let what = format!("{fault:?} after {skip}");
                    let (mut model, mut durable) = (Model::default(), 0);
                    if let Ok(journal) = common::open(disk.clone(), tiny()).await {
                        let mut driver = Driver::new(journal, Model::default());
                        driver.run(&calls).await;
                        (model, durable) = (driver.model.clone(), driver.durable());
                    }
                    let counts = disk.counts();
                    if counts.write_errors + counts.sync_errors + counts.no_space == 0 {
                        break;
                    }
                    let crash = [Crash::Process, Crash::Random, Crash::LoseUnsynced][skip as usize % 3];
                    let disk = disk.crash(crash);
                    let journal = common::open(disk.clone(), tiny()).await.unwrap_or_else(|e| panic!("{what}: {e}"));
                    model.explain(&journal, durable).await.unwrap_or_else(|e| panic!("{what}: {e}"));
                    let seen = Model::of(&journal).await;
                    let mut driver = Driver::new(journal, seen);
                    driver.run(&calls).await;
                    let (model, durable) = (driver.model.clone(), driver.durable());
                    drop(driver);
                    let journal = common::open(disk.crash(Crash::LoseUnsynced), tiny()).await;
                    let journal = journal.unwrap_or_else(|e| panic!("{what}, again: {e}"));
                    model.explain(&journal, durable).await.unwrap_or_else(|e| panic!("{what}, again: {e}"));
                }
            }
        });
    }
}

#[test]
fn a_foreign_file_in_the_folder_is_left_alone() {
    run(async {
        let disk = SimDisk::new(1);
        let path = Path::new("/data/journal/notes.txt");
        disk.create_dir_all(path.parent().unwrap()).await.unwrap();
        disk.open(path, OpenMode::CreateNew).await.unwrap();
        let journal = common::open(disk.clone(), tiny()).await.unwrap();
        let (done, durable) = done();
        journal.group(G).append(0, vec![entry(1, 10)], done).unwrap();
        durable.wait().await.unwrap();
        journal.close().await.unwrap();
        common::open(disk.clone(), tiny()).await.unwrap();
        assert!(disk.open(path, OpenMode::Read).await.is_ok());
    });
}
