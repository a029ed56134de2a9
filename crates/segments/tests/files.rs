//! Which files there are: those of the newest durable checkpoint, and those of later ones.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use common::{DIR, frame, run, tiny};
use runtime::disk::sim::Crash;
use runtime::{Disk, OpenMode, SimDisk};
use segments::{CheckpointError, Config, Frames, Live, Manifest};

/// What is live of partition 0; all of the others.
struct From(u64);

impl Live for From {
    fn live_within(&self, partition: u64, range: Range<u64>) -> Vec<Range<u64>> {
        let start = if partition == 0 { range.start.max(self.0) } else { range.start };
        let live = start..range.end;
        if live.is_empty() { Vec::new() } else { vec![live] }
    }
}

fn append(frames: &Frames, partition: u64, offsets: Range<u64>) {
    for offset in offsets {
        frames.append(partition, offset, frame(partition, offset, 100));
    }
}

async fn offsets_of(frames: &Frames, partition: u64) -> Vec<u64> {
    let read = frames.read(partition, &(0..100).collect::<Vec<_>>(), usize::MAX).await.unwrap();
    read.into_iter()
        .map(|(offset, bytes)| {
            assert_eq!(bytes, frame(partition, offset, 100));
            offset
        })
        .collect()
}

fn names(manifest: &Manifest) -> BTreeSet<String> {
    manifest.files().map(|file| file.name).collect()
}

fn on_disk(disk: &SimDisk) -> BTreeSet<String> {
    disk.files().into_iter().map(|(path, _)| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn files_go_when_a_checkpoint_without_them_is_durable() {
    run(async {
        let disk = SimDisk::new(1);
        let frames = common::open(disk.clone(), None).await.unwrap();
        append(&frames, 0, 0..20);
        let first = frames.freeze().write(&From(0)).await.unwrap();
        append(&frames, 0, 20..40);
        let second = frames.freeze().write(&From(15)).await.unwrap();
        append(&frames, 0, 40..60);
        let third = frames.freeze().write(&From(38)).await.unwrap();
        assert!(!names(&second).is_superset(&names(&first)), "the first file was rewritten");
        let all: BTreeSet<String> = [&first, &second, &third].into_iter().flat_map(names).collect();
        assert_eq!(on_disk(&disk), all);
        assert_eq!(frames.manifest(), third);

        // The first is durable: nothing goes. The second: what only the first had; what the third has stays.
        frames.keep_only(&first).await.unwrap();
        assert_eq!(on_disk(&disk), all);
        frames.keep_only(&second).await.unwrap();
        assert_eq!(on_disk(&disk), names(&second).union(&names(&third)).cloned().collect());
        frames.keep_only(&second).await.unwrap();
        for manifest in [&second, &third] {
            let copy = common::open(disk.backup(), Some(manifest)).await.unwrap();
            assert!(
                offsets_of(&copy, 0).await.ends_with(&[38, 39])
                    || offsets_of(&copy, 0).await.ends_with(&[58, 59])
            );
        }
        frames.keep_only(&third).await.unwrap();
        assert_eq!(on_disk(&disk), names(&third));
        assert_eq!(frames.stats().files_leaving, 0);
        assert!(offsets_of(&frames, 0).await.ends_with(&(38..60).collect::<Vec<_>>()));
    });
}

#[test]
fn without_anything_live_there_is_no_file() {
    run(async {
        let disk = SimDisk::new(1);
        let frames = common::open(disk.clone(), None).await.unwrap();
        let empty = frames.freeze().write(&From(0)).await.unwrap();
        append(&frames, 0, 0..20);
        let dead = frames.freeze().write(&From(50)).await.unwrap();
        assert_eq!((empty.files().count(), dead.files().count(), disk.files().len()), (0, 0, 0));
        assert_eq!(frames.stats().memory_frames, 0);
        assert!(offsets_of(&frames, 0).await.is_empty());

        append(&frames, 0, 20..40);
        frames.freeze().write(&From(0)).await.unwrap();
        let manifest = frames.freeze().write(&From(40)).await.unwrap();
        assert_eq!((manifest.files().count(), disk.files().len()), (0, 1));
        frames.keep_only(&manifest).await.unwrap();
        assert_eq!(disk.files().len(), 0);
    });
}

#[test]
fn opening_removes_what_the_manifest_does_not_name_and_nothing_else() {
    run(async {
        let disk = SimDisk::new(1);
        let frames = common::open(disk.clone(), None).await.unwrap();
        append(&frames, 0, 0..20);
        let manifest = frames.freeze().write(&From(0)).await.unwrap();
        append(&frames, 0, 20..40);
        let later = frames.freeze().write(&From(0)).await.unwrap();
        drop(frames);
        let foreign = Path::new(DIR).join("notes.txt");
        disk.open(&foreign, OpenMode::CreateNew).await.unwrap();

        let frames = common::open(disk.clone(), Some(&manifest)).await.unwrap();
        assert_eq!(offsets_of(&frames, 0).await, (0..20).collect::<Vec<_>>());
        let mut expected = names(&manifest);
        expected.insert("notes.txt".into());
        assert_eq!(on_disk(&disk), expected);

        // The name of the removed file is not given again.
        append(&frames, 0, 20..30);
        let again = frames.freeze().write(&From(0)).await.unwrap();
        assert!(names(&again).is_disjoint(&names(&later).difference(&names(&manifest)).cloned().collect()));
    });
}

#[test]
fn an_older_checkpoint_is_not_written_after_a_newer_one() {
    run(async {
        let disk = SimDisk::new(1);
        let frames = common::open(disk.clone(), None).await.unwrap();
        append(&frames, 0, 0..10);
        let older = frames.freeze();
        append(&frames, 0, 10..20);
        let newer = frames.freeze().write(&From(0)).await.unwrap();
        let error = older.write(&From(0)).await.unwrap_err();
        assert!(matches!(error, CheckpointError::Superseded), "{error}");
        assert_eq!(on_disk(&disk), names(&newer));
        assert_eq!(offsets_of(&frames, 0).await, (0..20).collect::<Vec<_>>());
        assert_eq!(frames.stats().memory_frames, 0);
    });
}

#[test]
fn checkpoints_are_written_one_at_a_time() {
    run(async {
        let frames = common::open(SimDisk::new(1), None).await.unwrap();
        append(&frames, 0, 0..10);
        let first = frames.freeze();
        append(&frames, 0, 10..20);
        let second = frames.freeze();
        let (first, second) = tokio::join!(first.write(&From(0)), second.write(&From(0)));
        assert!(names(&second.unwrap()).len() >= names(&first.unwrap()).len());
        assert_eq!(offsets_of(&frames, 0).await, (0..20).collect::<Vec<_>>());
    });
}

/// Copies what a manifest names, as a node does that fell behind.
async fn copy(from: &Frames, manifest: &Manifest, to: &SimDisk) {
    to.create_dir_all(Path::new(DIR)).await.unwrap();
    for named in manifest.files() {
        let source = from.file(&named.name).unwrap();
        let bytes = source.read_at(0, named.length as usize).await.unwrap();
        assert_eq!(crc32c::crc32c(&bytes), named.checksum);
        let file = to.open(&Path::new(DIR).join(&named.name), OpenMode::CreateNew).await.unwrap();
        file.write_and_sync(0, vec![bytes]).await.unwrap();
    }
    to.sync_dir(Path::new(DIR)).await.unwrap();
}

#[test]
fn another_replica_opens_a_copy_of_the_files() {
    run(async {
        let frames = common::open(SimDisk::new(1), None).await.unwrap();
        append(&frames, 0, 0..30);
        append(&frames, 4, 7..9);
        let manifest = frames.freeze().write(&From(3)).await.unwrap();
        let manifest = Manifest::decode(&manifest.encode()).unwrap();

        // The other one has files of its own, with the same numbers, until the copies are durable.
        let disk = SimDisk::new(2);
        let config = Config { origin: 99, ..tiny() };
        let open = async |manifest: Option<&Manifest>| {
            Frames::open(Arc::new(disk.clone()), PathBuf::from(DIR), manifest, config.clone()).await.unwrap()
        };
        let behind = open(None).await;
        append(&behind, 0, 0..3);
        let own = behind.freeze().write(&From(0)).await.unwrap();
        copy(&frames, &manifest, &disk).await;
        manifest.verify(&disk, Path::new(DIR)).await.unwrap();
        assert_eq!(offsets_of(&behind, 0).await, [0, 1, 2]);
        drop(behind);

        let restored = open(Some(&manifest)).await;
        assert_eq!(offsets_of(&restored, 0).await, (3..30).collect::<Vec<_>>());
        assert_eq!(offsets_of(&restored, 4).await, [7, 8]);
        assert!(names(&own).is_disjoint(&on_disk(&disk)));
        append(&restored, 0, 30..40);
        let next = restored.freeze().write(&From(3)).await.unwrap();
        restored.keep_only(&next).await.unwrap();
        let reopened = common::open(disk.crash(Crash::LoseUnsynced), Some(&next)).await.unwrap();
        assert_eq!(offsets_of(&reopened, 0).await, (3..40).collect::<Vec<_>>());
    });
}

#[test]
fn a_file_that_is_being_copied_may_be_removed() {
    run(async {
        let disk = SimDisk::new(1);
        let frames = common::open(disk.clone(), None).await.unwrap();
        append(&frames, 0, 0..20);
        let first = frames.freeze().write(&From(0)).await.unwrap();
        let named = first.files().next().unwrap();
        let file = frames.file(&named.name).unwrap();
        let second = frames.freeze().write(&From(18)).await.unwrap();
        assert!(frames.file(&named.name).is_some(), "until the second is durable");
        frames.keep_only(&second).await.unwrap();
        assert!(frames.file(&named.name).is_none() && !on_disk(&disk).contains(&named.name));
        let bytes = file.read_at(0, named.length as usize).await.unwrap();
        assert_eq!(crc32c::crc32c(&bytes), named.checksum);
    });
}

#[test]
fn a_frame_that_is_appended_again_is_written_once() {
    run(async {
        let frames = common::open(SimDisk::new(1), None).await.unwrap();
        append(&frames, 1, 0..10);
        frames.freeze().write(&From(0)).await.unwrap();
        append(&frames, 1, 5..15);
        for offset in 15..18 {
            append(&frames, 1, offset..offset + 1);
            frames.freeze().write(&From(0)).await.unwrap();
        }
        assert_eq!(offsets_of(&frames, 1).await, (0..18).collect::<Vec<_>>());
        assert_eq!(frames.stats().file_frames, 18, "merging left the doubles out");
    });
}

#[test]
fn memory_is_counted_and_freed() {
    run(async {
        let frames = common::open(SimDisk::new(1), None).await.unwrap();
        let entry = Bytes::from(vec![1; 1000]);
        for offset in 0..10 {
            frames.append(0, offset, entry.slice(offset as usize * 100..offset as usize * 100 + 100));
        }
        assert_eq!(frames.recent(0, 3).unwrap().as_ptr(), entry[300..].as_ptr(), "nothing is copied");
        assert_eq!(frames.memory_bytes(), 10 * 132);
        frames.release(0, 0..4);
        assert_eq!((frames.memory_bytes(), frames.recent(0, 3)), (6 * 132, None));
        // Frozen ones too, unless a checkpoint is writing them.
        let frozen = frames.freeze();
        frames.release(0, 4..5);
        assert_eq!(frames.memory_bytes(), 6 * 132);
        drop(frozen);
        frames.release(0, 5..6);
        assert_eq!(frames.memory_bytes(), 5 * 132);
        frames.append(0, 10, entry.slice(0..1));
        frames.append(1, 0, entry.slice(0..1));
        frames.drop_partition(0);
        assert_eq!((frames.memory_bytes(), frames.stats().memory_frames), (33, 1));
        frames.freeze().write(&From(0)).await.unwrap();
        assert_eq!(frames.memory_bytes(), 0);
        assert!(frames.read(0, &[6], 1).await.unwrap().is_empty());
    });
}
