//! A disk that fails: the call says so, and the store goes on as if it had not been made.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::io;
use std::path::Path;

use common::driver::{Call, Driver, Entry};
use common::{frame, run, tiny};
use runtime::disk::sim::{Crash, Fault};
use runtime::{Disk, OpenMode, SimDisk};
use segments::{CheckpointError, Config, Frames, Manifest, ManifestFile, OpenError, ReadError, VerifyError};

const fn append(partition: u64, count: u64, len: usize) -> Call {
    Call::Log(Entry::Append { partition, count, len })
}

/// Some files, some of which the next checkpoint rewrites, and frames in memory.
fn scenario() -> Vec<Call> {
    let mut calls = Vec::new();
    for round in 0..5 {
        calls.extend([append(0, 20, 90), append(1, 3, 700), append(2, 1 + round, 20)]);
        calls.push(Call::Log(Entry::Release { partition: 0, from: 0, to: 15 * round }));
        if round < 4 {
            calls.extend([Call::Write, Call::KeepOnly]);
        }
    }
    calls
}

async fn filled(seed: u64) -> Driver {
    let mut driver = Driver::new(SimDisk::new(seed)).await.unwrap();
    driver.run(&scenario()).await.unwrap();
    driver
}

fn named(frames: &Frames) -> Vec<ManifestFile> {
    frames.manifest().files().collect()
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    run(async {
        let mut driver = filled(1).await;
        let (before, stats, files) = (named(&driver.frames), driver.frames.stats(), driver.disk.files());
        driver.disk.set_capacity(driver.disk.bytes() + 600);
        for _ in 0..3 {
            let error = driver.write().await.unwrap_err();
            assert!(matches!(&error, CheckpointError::Full { .. }), "{error}");
            assert!(error.to_string().contains(".frames"), "{error}");
            // The room that the attempt took is given back, and what can be read is what could be read.
            assert_eq!((&driver.disk.files(), named(&driver.frames)), (&files, before.clone()));
            assert_eq!(driver.frames.stats().memory_frames, stats.memory_frames);
            driver.check().await.unwrap();
        }
        driver.run(&[append(0, 5, 50), append(9, 5, 50)]).await.unwrap();
        driver.write().await.unwrap_err();
        driver.disk.set_capacity(u64::MAX);
        driver.check().await.unwrap();
        driver.write().await.unwrap();
        driver.keep_only().await.unwrap();
        driver.check().await.unwrap();
        let disk = driver.disk.crash(Crash::LoseUnsynced);
        driver.restart(disk).await.unwrap();
        driver.check().await.unwrap();
        assert_eq!(driver.disk.files().len(), driver.frames.stats().files);
    });
}

#[test]
fn on_a_disk_that_is_nearly_full_old_files_are_left_as_they_are() {
    run(async {
        let mut roomy = filled(1).await;
        let before = roomy.frames.stats();
        roomy.write().await.unwrap();
        let after = roomy.frames.stats();
        let written = after.written_bytes - before.written_bytes;
        let rewritten = after.rewritten_bytes - before.rewritten_bytes;
        assert!(rewritten > 1000, "{rewritten} of {written}");

        let mut driver = filled(1).await;
        driver.disk.set_capacity(driver.disk.bytes() + written - rewritten / 2);
        driver.write().await.unwrap();
        assert!(driver.disk.counts().no_space > 0);
        assert_eq!(driver.frames.stats().rewritten_bytes, before.rewritten_bytes);
        assert_eq!(driver.frames.stats().memory_frames, 0);
        driver.keep_only().await.unwrap();
        let disk = driver.disk.crash(Crash::LoseUnsynced);
        driver.restart(disk).await.unwrap();
        driver.check().await.unwrap();
    });
}

#[test]
fn a_fault_at_any_call_of_a_checkpoint_leaves_the_store_as_it_was() {
    run(async {
        let mut kinds = [0; 5];
        let faults =
            [Fault::WriteError, Fault::SyncError, Fault::NoSpace, Fault::ReadError, Fault::ShortRead];
        for (kind, fault) in faults.into_iter().enumerate() {
            for skip in 0.. {
                let mut driver = filled(skip).await;
                let before = named(&driver.frames);
                driver.disk.fail(fault, skip);
                match driver.write().await {
                    // It was written without old files.
                    Ok(()) if fault == Fault::NoSpace && driver.disk.counts().no_space > 0 => {
                        kinds[kind] += 1;
                        driver.check().await.unwrap();
                        continue;
                    }
                    Ok(()) => break,
                    Err(error) => assert_told(fault, &error),
                }
                kinds[kind] += 1;
                assert_eq!(named(&driver.frames), before);
                driver.check().await.unwrap();
                // Started again at once, or after another attempt.
                if skip % 2 == 0 {
                    driver.run(&[append(0, 3, 30), Call::Write, Call::KeepOnly]).await.unwrap();
                    assert_eq!(driver.disk.files().len(), driver.frames.stats().files);
                }
                let disk = driver.disk.crash(Crash::Random);
                driver.restart(disk).await.unwrap();
                driver.check().await.unwrap();
            }
        }
        assert!(kinds.iter().all(|&count| count >= 2), "{kinds:?}");
    });
}

fn assert_told(fault: Fault, error: &CheckpointError) {
    let expected = match fault {
        Fault::WriteError | Fault::SyncError => matches!(error, CheckpointError::Io { .. }),
        Fault::NoSpace => matches!(error, CheckpointError::Full { .. }),
        Fault::ReadError => matches!(error, CheckpointError::Unreadable(ReadError::Io { .. })),
        Fault::ShortRead => matches!(error, CheckpointError::Unreadable(ReadError::Damaged { .. })),
    };
    assert!(expected, "{fault:?}: {error}");
}

#[test]
fn a_checkpoint_that_is_given_up_leaves_the_store_as_it_was() {
    run(async {
        for polls in 0..200 {
            let mut driver = filled(polls).await;
            let finished = {
                let mut writing = Box::pin(driver.write());
                let mut finished = false;
                for _ in 0..polls {
                    if let std::task::Poll::Ready(result) = futures::poll!(&mut writing) {
                        result.unwrap();
                        finished = true;
                        break;
                    }
                }
                finished
            };
            driver.check().await.unwrap();
            driver.run(&[append(0, 3, 30), Call::Write, Call::KeepOnly, Call::Check]).await.unwrap();
            assert_eq!(driver.disk.files().len(), driver.frames.stats().files);
            if finished {
                assert!(polls > 3, "nothing was cut off");
                return;
            }
        }
        panic!("it never finishes");
    });
}

#[test]
fn a_read_that_fails_is_told_and_may_succeed_later() {
    run(async {
        let driver = filled(1).await;
        let offsets = [60];
        driver.disk.fail(Fault::ReadError, 0);
        let error = driver.frames.read(0, &offsets, 1).await.unwrap_err();
        assert!(matches!(error, ReadError::Io { .. }) && error.to_string().contains(".frames"), "{error}");
        driver.disk.fail(Fault::ShortRead, 0);
        let error = driver.frames.read(0, &offsets, 1).await.unwrap_err();
        assert!(matches!(error, ReadError::Damaged { .. }), "{error}");
        assert_eq!(driver.frames.read(0, &offsets, 1).await.unwrap(), [(60, frame(0, 60, 90))]);
    });
}

/// One file of a few blocks.
async fn one_file() -> (SimDisk, Manifest) {
    let mut driver = Driver::new(SimDisk::new(1)).await.unwrap();
    driver.run(&[append(0, 8, 90), append(3, 2, 600), append(5, 1, 0), Call::Write]).await.unwrap();
    (driver.disk.clone(), driver.frames.manifest())
}

async fn read_all(frames: &Frames) -> Result<Vec<(u64, bytes::Bytes)>, ReadError> {
    let mut all = Vec::new();
    for partition in [0, 3, 5] {
        all.extend(frames.read(partition, &(0..40).collect::<Vec<_>>(), usize::MAX).await?);
    }
    Ok(all)
}

#[test]
fn every_changed_bit_is_found() {
    run(async {
        let (disk, manifest) = one_file().await;
        let (path, length) = disk.files().remove(0);
        let whole = common::open(disk.clone(), Some(&manifest)).await.unwrap();
        let expected = read_all(&whole).await.unwrap();
        assert_eq!(expected.len(), 11);
        let (mut opening, mut reading) = (0, 0);
        for offset in 0..length {
            let bit = (offset % 8) as u8;
            disk.corrupt(&path, offset, bit).unwrap();
            match common::open(disk.clone(), Some(&manifest)).await {
                Err(OpenError::Damaged { path: at, .. }) => {
                    assert_eq!(at, path);
                    opening += 1;
                }
                // A version that does not exist yet.
                Err(OpenError::Version { .. }) => assert!((8..12).contains(&offset)),
                Err(error) => panic!("bit {bit} of byte {offset}: {error}"),
                Ok(frames) => match read_all(&frames).await.unwrap_err() {
                    ReadError::Damaged { path: at, offset: block, .. } => {
                        assert!(at == path && (40..=offset).contains(&block), "{block} {offset}");
                        reading += 1;
                    }
                    error => panic!("bit {bit} of byte {offset}: {error}"),
                },
            }
            let verified = manifest.verify(&disk, Path::new(common::DIR)).await;
            assert!(matches!(verified, Err(VerifyError::Differs { .. })), "byte {offset}");
            disk.corrupt(&path, offset, bit).unwrap();
        }
        assert!(opening > 100 && reading > 1000, "{opening} {reading}");
        manifest.verify(&disk, Path::new(common::DIR)).await.unwrap();
    });
}

#[test]
fn a_damaged_block_costs_its_own_frames_only() {
    run(async {
        let (disk, manifest) = one_file().await;
        let path = disk.files().remove(0).0;
        disk.corrupt(&path, 100, 0).unwrap();
        let frames = common::open(disk, Some(&manifest)).await.unwrap();
        assert!(frames.read(0, &[0], 1).await.is_err());
        assert_eq!(frames.read(3, &[15, 16], usize::MAX).await.unwrap().len(), 2);
    });
}

#[test]
fn what_the_manifest_names_must_be_there() {
    run(async {
        let (disk, manifest) = one_file().await;
        let path = disk.files().remove(0).0;
        let missing = disk.backup();
        missing.remove(&path).await.unwrap();
        assert!(
            matches!(common::open(missing, Some(&manifest)).await, Err(OpenError::Missing { path: at }) if at == path)
        );

        for length in [0, 39, 40, 100, 5000] {
            let cut = disk.backup();
            cut.open(&path, OpenMode::ReadWrite).await.unwrap().set_len(length).await.unwrap();
            let opened = common::open(cut.clone(), Some(&manifest)).await;
            assert!(matches!(opened, Err(OpenError::Damaged { .. })), "{length}");
            assert_eq!(cut.files(), [(path.clone(), length)], "nothing was changed");
        }

        let other = Config { shard: 8, ..tiny() };
        let opened =
            Frames::open(std::sync::Arc::new(disk.clone()), common::DIR.into(), Some(&manifest), other);
        assert!(matches!(opened.await, Err(OpenError::OtherShard { found: 7, expected: 8 })));
        let wrong = Config { block_bytes: 1, ..tiny() };
        let opened = Frames::open(std::sync::Arc::new(disk.clone()), common::DIR.into(), None, wrong);
        assert!(matches!(opened.await, Err(OpenError::Config(_))));
        assert_eq!(disk.files().len(), 1);
    });
}

#[test]
fn a_failed_read_while_opening_is_told_and_changes_nothing() {
    run(async {
        let (disk, manifest) = one_file().await;
        let files = disk.files();
        for fault in [Fault::ReadError, Fault::ShortRead] {
            for skip in 0..3 {
                disk.fail(fault, skip);
                let error = common::open(disk.clone(), Some(&manifest)).await.err().unwrap();
                match (fault, &error) {
                    (Fault::ReadError, OpenError::Io { source, .. }) => {
                        assert_ne!(source.kind(), io::ErrorKind::NotFound)
                    }
                    (Fault::ShortRead, OpenError::Damaged { .. }) => {}
                    _ => panic!("{fault:?} {skip}: {error}"),
                }
                assert_eq!(disk.files(), files);
            }
        }
        common::open(disk, Some(&manifest)).await.unwrap();
    });
}
