//! Damage is told from a torn tail: the one is refused, the other is cut.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use common::{append, done, entry, purge, read_all, run, settle, tiny};
use journal::{Config, GroupId, Journal, OpenError, ReadError};
use runtime::disk::sim::Crash;
use runtime::{Disk, OpenMode, SimDisk};

const G: GroupId = GroupId(0);

fn segment(sequence: u64) -> PathBuf {
    Path::new(common::DIR).join(format!("{sequence:016x}.segment"))
}

/// A disk with a journal of `count` batches of one entry each, and the bytes that each entry has in it.
async fn journal_of(count: u64) -> SimDisk {
    let disk = SimDisk::new(1);
    let journal = common::open(disk.clone(), tiny()).await.unwrap();
    for i in 0..count {
        append(&journal.group(G), vec![entry(i, 200)]).await.unwrap();
    }
    settle().await;
    drop(journal);
    disk.crash(Crash::LoseUnsynced)
}

async fn contents(disk: &SimDisk, path: &Path) -> Bytes {
    let file = disk.open(path, OpenMode::Read).await.unwrap();
    let len = file.len().await.unwrap();
    file.read_at(0, len as usize).await.unwrap()
}

async fn overwrite(disk: &SimDisk, path: &Path, offset: u64, bytes: Vec<u8>) {
    let file = disk.open(path, OpenMode::ReadWrite).await.unwrap();
    file.write_and_sync(offset, vec![bytes.into()]).await.unwrap();
}

fn find(bytes: &[u8], entry: &Bytes) -> Option<u64> {
    bytes.windows(entry.len()).position(|window| window == entry).map(|offset| offset as u64)
}

/// Where an entry is: its file and offset.
async fn place(disk: &SimDisk, entry: &Bytes) -> (PathBuf, u64) {
    for path in disk.list(Path::new(common::DIR)).await.unwrap() {
        if let Some(offset) = find(&contents(disk, &path).await, entry) {
            return (path, offset);
        }
    }
    panic!("the entry is nowhere");
}

async fn all_images(disk: &SimDisk) -> Vec<(PathBuf, Bytes)> {
    let mut images = Vec::new();
    for path in disk.list(Path::new(common::DIR)).await.unwrap() {
        images.push((path.clone(), contents(disk, &path).await));
    }
    images
}

/// Opening is refused, names `path` and an offset not far before `offset`, and changes nothing.
async fn assert_refused(disk: &SimDisk, path: &Path, offset: u64) {
    let before = all_images(disk).await;
    let error = common::open(disk.clone(), tiny()).await.err().expect("damage is refused");
    let OpenError::Damaged { path: named, offset: at, .. } = &error else { panic!("{error}") };
    assert_eq!(named, path, "{error}");
    assert!((offset.saturating_sub(512)..=offset).contains(at), "{error}, damaged at {offset}");
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()) && text.contains(&format!("offset {at}")), "{text}");
    assert!(all_images(disk).await == before);
}

#[test]
fn a_flipped_bit_before_the_tail_is_refused_with_file_and_offset() {
    run(async {
        let count = 12;
        for i in 0..count - 1 {
            let disk = journal_of(count).await;
            let (path, offset) = place(&disk, &entry(i, 200)).await;
            disk.corrupt(&path, offset + i, 3).unwrap();
            assert_refused(&disk, &path, offset).await;
            assert_eq!(disk.counts().bits_flipped, 1);
        }
    });
}

#[test]
fn a_flipped_bit_in_any_header_before_the_tail_is_refused() {
    run(async {
        // A batch has a header of 48 bytes and a frame with one of 24, then the entry.
        for i in 0..5 {
            for byte in 0..72 {
                let disk = journal_of(12).await;
                let (path, offset) = place(&disk, &entry(i, 200)).await;
                // Zeros that nobody reads make no difference, but the checksum covers them all the same.
                disk.corrupt(&path, offset - 72 + byte, 0).unwrap();
                assert_refused(&disk, &path, offset - 72 + byte).await;
            }
        }
    });
}

#[test]
fn a_damaged_segment_header_is_refused() {
    run(async {
        for sequence in 1..3 {
            for byte in 0..48 {
                let disk = journal_of(12).await;
                disk.corrupt(&segment(sequence), byte, 7).unwrap();
                let error = common::open(disk.clone(), tiny()).await.err().unwrap();
                match error {
                    OpenError::Damaged { path, offset, .. } => {
                        assert_eq!((path, offset), (segment(sequence), 0));
                    }
                    // The checksum does not cover the version: what it means is for the later version to say.
                    OpenError::Version { path, .. } => {
                        assert!(path == segment(sequence) && (8..12).contains(&byte))
                    }
                    other => panic!("{other}"),
                }
            }
        }
    });
}

#[test]
fn a_missing_segment_is_refused_by_name() {
    run(async {
        let segments = journal_of(30).await.list(Path::new(common::DIR)).await.unwrap();
        assert!(segments.len() > 4);
        // The last one is prepared and still empty: nothing is lost with it.
        for path in &segments[..segments.len() - 1] {
            let disk = journal_of(30).await;
            disk.remove(path).await.unwrap();
            let error = common::open(disk.clone(), tiny()).await.err().unwrap();
            assert!(matches!(&error, OpenError::Missing { path: named } if named == path), "{error}");
        }
    });
}

#[test]
fn a_shortened_segment_is_refused() {
    run(async {
        let disk = journal_of(12).await;
        let file = disk.open(&segment(1), OpenMode::ReadWrite).await.unwrap();
        file.set_len(3000).await.unwrap();
        file.sync_data().await.unwrap();
        assert_refused(&disk, &segment(1), 3000).await;
    });
}

#[test]
fn a_whole_lost_sector_before_the_tail_is_refused() {
    run(async {
        let disk = journal_of(12).await;
        let (path, offset) = place(&disk, &entry(3, 200)).await;
        overwrite(&disk, &path, offset / 512 * 512, vec![0; 512]).await;
        assert_refused(&disk, &path, offset).await;
    });
}

#[test]
fn a_torn_tail_is_cut_and_overwritten() {
    run(async {
        let mut cut = 0;
        for seed in 0..40 {
            let disk = SimDisk::new(seed);
            let journal = common::open(disk.clone(), tiny()).await.unwrap();
            append(&journal.group(G), vec![entry(1, 300)]).await.unwrap();
            settle().await;
            // The write of the next batch, but not its sync.
            disk.stop_after(1);
            append(&journal.group(G), (2..6).map(|i| entry(i, 300)).collect()).await.unwrap_err();
            let disk = disk.crash(Crash::Random);
            let journal = common::open(disk.clone(), tiny()).await.unwrap();
            let survived = read_all(&journal.group(G)).await;
            assert!(survived.len() == 1 || survived.len() == 5, "all or nothing: {}", survived.len());
            cut += u64::from(journal.stats().torn_bytes_cut > 0);
            append(&journal.group(G), vec![entry(9, 300)]).await.unwrap();
            let journal = common::open(disk.crash(Crash::LoseUnsynced), tiny()).await.unwrap();
            assert_eq!(read_all(&journal.group(G)).await, [survived, vec![entry(9, 300)]].concat());
        }
        assert!(cut > 5, "{cut} torn tails");
    });
}

/// Frames of a torn batch lie where those of the next attempt go. If that is torn too, old and new frames must not
/// together pass for a batch.
#[test]
fn two_torn_batches_never_make_a_whole_one() {
    run(async {
        let config = Config { batch_bytes_max: 10_000, ..tiny() };
        let mut torn = 0;
        for seed in 0..400 {
            let mut disk = SimDisk::new(seed);
            for attempt in 1..6 {
                let journal = common::open(disk.clone(), config.clone()).await.unwrap();
                settle().await;
                torn += u64::from(journal.stats().torn_bytes_cut > 0);
                let log = journal.group(G);
                // So long that each frame ends with a sector; index and length are those of the attempt before.
                let lens = [512 - 48 - 24, 512 - 24, 512 - 24];
                let entries: Vec<Bytes> =
                    (0..).zip(lens).map(|(i, len)| entry(attempt * 10 + i, len)).collect();
                disk.stop_after(1);
                let (done, durable) = done();
                log.append(0, entries.clone(), done).unwrap();
                durable.wait().await.unwrap_err();
                drop(journal);
                disk = disk.crash(Crash::Random);
                let journal = common::open(disk.clone(), config.clone()).await.unwrap();
                let left = read_all(&journal.group(G)).await;
                assert!(left.is_empty() || left == entries, "seed {seed}, attempt {attempt}");
                if !left.is_empty() {
                    break;
                }
            }
        }
        assert!(torn > 100, "{torn} torn batches");
    });
}

/// The disk loses a batch that it said was durable, the last one: nothing later proves it. A clean stop does.
#[test]
fn after_a_clean_stop_damage_to_the_last_entry_is_refused_too() {
    run(async {
        let disk = journal_of(5).await;
        let journal = common::open(disk.clone(), tiny()).await.unwrap();
        journal.close().await.unwrap();
        let disk = disk.crash(Crash::LoseUnsynced);
        let (path, offset) = place(&disk, &entry(4, 200)).await;
        disk.corrupt(&path, offset, 1).unwrap();
        assert_refused(&disk, &path, offset).await;
    });
}

#[test]
fn what_a_recycled_segment_held_before_never_comes_back() {
    run(async {
        let disk = SimDisk::new(1);
        let journal = common::open(disk.clone(), tiny()).await.unwrap();
        let log = journal.group(G);
        // Equal batches at equal offsets of each segment, so that old ones lie exactly where new ones are looked for.
        let mut last = 0;
        while journal.stats().segments_recycled < 4 || log.bounds().next % 4 != 1 {
            let index = log.bounds().next;
            append(&log, vec![entry(index, 200)]).await.unwrap();
            if index % 4 == 3 {
                purge(&log, index - 2).await.unwrap();
            }
            settle().await;
            last = index;
        }
        let expected = read_all(&log).await;
        drop(journal);
        let disk = disk.crash(Crash::LoseUnsynced);
        let stale = stale_batches(&disk, last).await;
        assert!(stale > 0, "recycled segments hold old batches");
        let journal = common::open(disk, tiny()).await.unwrap();
        assert_eq!(read_all(&journal.group(G)).await, expected);
        assert_eq!(journal.stats().torn_bytes_cut, 0);
    });
}

/// How many entries before the purged ones are still in the files.
async fn stale_batches(disk: &SimDisk, last: u64) -> usize {
    let images = all_images(disk).await;
    let purged = (0..last.saturating_sub(8)).map(|index| entry(index, 200));
    purged.filter(|entry| images.iter().any(|(_, image)| find(image, entry).is_some())).count()
}

#[test]
fn an_entry_that_rots_while_the_journal_is_open_is_never_given_out() {
    run(async {
        let disk = SimDisk::new(1);
        let journal = common::open(disk.clone(), tiny()).await.unwrap();
        let log = journal.group(G);
        append(&log, (0..30).map(|i| entry(i, 200)).collect()).await.unwrap();
        let (path, offset) = place(&disk, &entry(3, 200)).await;
        disk.corrupt(&path, offset + 9, 2).unwrap();
        let error = log.read(2..5, usize::MAX).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, ReadError::Damaged { index: 3, .. }), "{text}");
        assert!(text.contains(path.to_str().unwrap()) && text.contains("entry 3"), "{text}");
        assert_eq!(log.read(4..5, usize::MAX).await.unwrap(), [entry(4, 200)]);
    });
}

/// Bytes that a client chose may look like anything, a later batch too.
#[test]
fn an_entry_that_contains_a_journal_does_not_confuse_recovery() {
    run(async {
        let donor = journal_of(12).await;
        let image = contents(&donor, &segment(1)).await;
        for seed in 0..20 {
            let disk = SimDisk::new(seed);
            let journal = common::open(disk.clone(), tiny()).await.unwrap();
            let log = journal.group(G);
            append(&log, vec![entry(1, 300)]).await.unwrap();
            disk.stop_after(1);
            let (done, durable) = done();
            // So placed that the blocks of the donor fall on blocks of this journal.
            let start = 1024 + 48 + 24;
            let shift = 512 - (start % 512);
            let payload = [vec![0; shift], image[1024..].to_vec()].concat();
            log.append(1, vec![payload.into()], done).unwrap();
            durable.wait().await.unwrap_err();
            drop(journal);
            let journal = common::open(disk.crash(Crash::Random), tiny()).await.unwrap();
            assert!(read_all(&journal.group(G)).await.starts_with(&[entry(1, 300)]));
        }
    });
}

#[test]
fn a_new_file_that_did_not_become_a_segment_is_removed() {
    run(async {
        let disk = journal_of(3).await;
        let path = Path::new(common::DIR).join("00000000000000ff.new");
        disk.open(&path, OpenMode::CreateNew).await.unwrap();
        let journal: Journal = common::open(disk.clone(), tiny()).await.unwrap();
        assert_eq!(read_all(&journal.group(G)).await.len(), 3);
        assert!(disk.open(&path, OpenMode::Read).await.is_err());
    });
}
