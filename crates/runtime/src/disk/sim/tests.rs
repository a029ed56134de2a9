use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustix::io::Errno;

use super::{Crash, Fault, Latency, SECTOR_BYTES, SimDisk};
use crate::disk::{Disk, File, OpenMode};

const DIR: &str = "/data";
const A: &str = "/data/a";
const B: &str = "/data/b";

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(test)
}

fn sectors(fill: u8, count: usize) -> Vec<Bytes> {
    vec![Bytes::from(vec![fill; SECTOR_BYTES]); count]
}

async fn disk_with_folder(seed: u64) -> SimDisk {
    let disk = SimDisk::new(seed);
    disk.create_dir_all(Path::new(DIR)).await.unwrap();
    disk
}

async fn create(disk: &SimDisk, path: &str) -> Arc<dyn File> {
    disk.open(Path::new(path), OpenMode::CreateNew).await.unwrap()
}

/// A disk with file `a` of `count` durable sectors of ones.
async fn disk_with_ones(seed: u64, count: usize) -> (SimDisk, Arc<dyn File>) {
    let disk = disk_with_folder(seed).await;
    let file = create(&disk, A).await;
    file.write_and_sync(0, sectors(1, count)).await.unwrap();
    disk.sync_dir(Path::new(DIR)).await.unwrap();
    (disk, file)
}

async fn contents(disk: &SimDisk, path: &str) -> io::Result<Bytes> {
    let file = disk.open(Path::new(path), OpenMode::Read).await?;
    let len = file.len().await?;
    file.read_at(0, len as usize).await
}

#[test]
fn a_disk_has_so_much_room_as_its_files_leave() {
    run(async {
        let (disk, file) = disk_with_ones(1, 2).await;
        disk.set_capacity(10 * SECTOR_BYTES as u64);
        assert_eq!(disk.free_bytes(Path::new(DIR)).await.unwrap(), 8 * SECTOR_BYTES as u64);
        file.write_at(0, sectors(1, 9)).await.unwrap();
        assert_eq!(disk.free_bytes(Path::new(DIR)).await.unwrap(), SECTOR_BYTES as u64);
        disk.set_capacity(SECTOR_BYTES as u64);
        assert_eq!(disk.free_bytes(Path::new(DIR)).await.unwrap(), 0);
        assert!(disk.free_bytes(Path::new("/elsewhere")).await.is_err());
    });
}

#[test]
fn only_what_was_synced_survives_the_loss_of_everything_unsynced() {
    run(async {
        let (disk, file) = disk_with_ones(1, 2).await;
        file.write_at(0, sectors(2, 1)).await.unwrap();
        file.write_at(2 * SECTOR_BYTES as u64, sectors(3, 1)).await.unwrap();
        create(&disk, B).await;
        let after = disk.crash(Crash::LoseUnsynced);
        assert_eq!(contents(&after, A).await.unwrap(), sectors(1, 2).concat());
        assert_eq!(contents(&after, B).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        let counts = after.counts();
        assert_eq!((counts.sectors_dropped, counts.names_lost, counts.lengths_lost), (2, 1, 1));
    });
}

#[test]
fn everything_survives_when_the_disk_wrote_it_by_itself() {
    run(async {
        let (disk, file) = disk_with_ones(1, 2).await;
        file.set_len(SECTOR_BYTES as u64).await.unwrap();
        disk.rename(Path::new(A), Path::new(B)).await.unwrap();
        let after = disk.crash(Crash::KeepUnsynced);
        assert_eq!(contents(&after, B).await.unwrap(), sectors(1, 1).concat());
        assert!(contents(&after, A).await.is_err());
    });
}

#[test]
fn a_dead_process_leaves_unsynced_data_unsynced() {
    run(async {
        let (disk, file) = disk_with_ones(1, 1).await;
        file.write_at(0, sectors(2, 1)).await.unwrap();
        disk.rename(Path::new(A), Path::new(B)).await.unwrap();
        let after = disk.crash(Crash::Process);
        assert_eq!(contents(&after, B).await.unwrap(), sectors(2, 1).concat());
        let later = after.crash(Crash::LoseUnsynced);
        assert_eq!(contents(&later, A).await.unwrap(), sectors(1, 1).concat());
    });
}

#[test]
fn chance_keeps_loses_and_tears_sectors_independently() {
    run(async {
        let (mut kept, mut dropped, mut torn) = (false, false, false);
        for seed in 0..200 {
            let (disk, file) = disk_with_ones(seed, 8).await;
            file.write_at(0, sectors(2, 8)).await.unwrap();
            let after = contents(&disk.crash(Crash::Random), A).await.unwrap();
            let states: Vec<_> =
                after.chunks(SECTOR_BYTES).map(|sector| (sector[0], sector[SECTOR_BYTES - 1])).collect();
            kept |= states.contains(&(2, 2)) && states.contains(&(1, 1));
            dropped |= states == vec![(1, 1); 8];
            torn |= states.contains(&(1, 2)) && states.contains(&(2, 1));
        }
        assert!(kept && dropped && torn);
    });
}

#[test]
fn chance_keeps_and_loses_names_independently() {
    run(async {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..100 {
            let (disk, _) = disk_with_ones(seed, 1).await;
            disk.rename(Path::new(A), Path::new(B)).await.unwrap();
            create(&disk, "/data/c").await;
            let after = disk.crash(Crash::Random);
            seen.insert(after.list(Path::new(DIR)).await.unwrap());
        }
        assert_eq!(seen.len(), 4, "rename and creation, each kept or lost: {seen:?}");
    });
}

#[test]
fn a_seed_decides_everything() {
    run(async {
        let mut outcomes = Vec::new();
        for _ in 0..2 {
            let (disk, file) = disk_with_ones(7, 64).await;
            file.write_at(0, sectors(2, 64)).await.unwrap();
            outcomes.push(contents(&disk.crash(Crash::Random), A).await.unwrap());
        }
        assert_eq!(outcomes[0], outcomes[1]);
    });
}

#[test]
fn a_failed_sync_forgets_and_the_next_one_lies() {
    run(async {
        let (disk, file) = disk_with_ones(3, 32).await;
        disk.fail(Fault::SyncError, 0);
        let error = file.write_and_sync(0, sectors(2, 32)).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::IO.raw_os_error()));
        file.sync_data().await.unwrap();
        assert_eq!(contents(&disk, A).await.unwrap(), sectors(2, 32).concat(), "readers see the new bytes");
        let after = contents(&disk.crash(Crash::KeepUnsynced), A).await.unwrap();
        let lost = after.chunks(SECTOR_BYTES).filter(|sector| sector[0] == 1).count();
        assert!((1..32).contains(&lost), "{lost} of 32 sectors lost");
        assert_eq!(disk.counts().sync_errors, 1);
    });
}

#[test]
fn bytes_written_while_a_sync_runs_are_not_part_of_it() {
    run(async {
        let (disk, file) = disk_with_ones(3, 1).await;
        disk.set_clock(crate::SystemClock::clock());
        disk.set_latency(Latency { sync: Duration::from_millis(5), ..Latency::default() });
        file.write_at(0, sectors(2, 1)).await.unwrap();
        let (synced, written) = tokio::join!(file.sync_data(), file.write_at(0, sectors(3, 1)));
        synced.unwrap();
        written.unwrap();
        let after = disk.crash(Crash::LoseUnsynced);
        assert_eq!(contents(&after, A).await.unwrap(), sectors(2, 1).concat());
        assert_eq!(disk.counts().delays, 1);
    });
}

#[test]
fn a_full_disk_says_so_with_the_true_number() {
    run(async {
        let (disk, file) = disk_with_ones(3, 2).await;
        disk.set_capacity(3 * SECTOR_BYTES as u64);
        file.allocate(3 * SECTOR_BYTES as u64).await.unwrap();
        file.write_at(0, sectors(4, 3)).await.unwrap();
        let error = file.write_at(0, sectors(5, 4)).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::NOSPC.raw_os_error()));
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(contents(&disk, A).await.unwrap(), sectors(4, 3).concat());
        assert_eq!(disk.counts().no_space, 1);
    });
}

#[test]
fn planned_faults_hit_once_after_their_skip() {
    run(async {
        let (disk, file) = disk_with_ones(3, 2).await;
        disk.fail(Fault::ReadError, 1);
        disk.fail(Fault::ShortRead, 1);
        disk.fail(Fault::WriteError, 0);
        assert_eq!(file.read_at(0, 100).await.unwrap().len(), 100);
        assert!(file.read_at(0, 100).await.is_err());
        assert!(file.read_at(0, 100).await.unwrap().len() < 100);
        assert_eq!(file.read_at(0, 100).await.unwrap().len(), 100);
        assert!(file.write_at(0, sectors(2, 2)).await.is_err());
        file.write_at(0, sectors(2, 2)).await.unwrap();
        let counts = disk.counts();
        assert_eq!((counts.read_errors, counts.short_reads, counts.write_errors), (1, 1, 1));
    });
}

#[test]
fn after_a_crash_or_a_cut_old_handles_fail() {
    run(async {
        let (disk, file) = disk_with_ones(3, 1).await;
        disk.stop_after(1);
        file.write_at(0, sectors(2, 1)).await.unwrap();
        assert!(file.sync_data().await.is_err());
        assert!(file.read_at(0, 1).await.is_err());
        let after = disk.crash(Crash::LoseUnsynced);
        assert_eq!(file.len().await.unwrap_err().raw_os_error(), Some(Errno::IO.raw_os_error()));
        assert_eq!(contents(&after, A).await.unwrap(), sectors(1, 1).concat());
        assert!(after.counts().refused >= 3);
    });
}

#[test]
fn a_flipped_bit_stays_flipped() {
    run(async {
        let (disk, file) = disk_with_ones(3, 1).await;
        disk.corrupt(Path::new(A), 5, 1).unwrap();
        assert_eq!(file.read_at(5, 1).await.unwrap()[0], 3);
        assert_eq!(contents(&disk.crash(Crash::LoseUnsynced), A).await.unwrap()[5], 3);
        assert!(disk.corrupt(Path::new(A), 512, 1).is_err());
    });
}

#[test]
fn a_replaced_sector_stays_replaced() {
    run(async {
        let (disk, file) = disk_with_ones(3, 2).await;
        assert_eq!(disk.files(), [(A.into(), 2 * SECTOR_BYTES as u64)]);
        disk.replace_sector(Path::new(A), 1, &[7; SECTOR_BYTES]).unwrap();
        assert_eq!(file.read_at(SECTOR_BYTES as u64, 1).await.unwrap()[0], 7);
        assert_eq!(disk.sector(Path::new(A), 0).unwrap()[..], [1; SECTOR_BYTES]);
        assert_eq!(contents(&disk.crash(Crash::LoseUnsynced), A).await.unwrap()[SECTOR_BYTES], 7);
        assert!(disk.replace_sector(Path::new(A), 2, &[7; SECTOR_BYTES]).is_err());
    });
}

#[test]
fn a_stalled_disk_waits_for_its_release() {
    run(async {
        let (disk, file) = disk_with_ones(3, 1).await;
        let clock = crate::SystemClock::clock();
        disk.stall();
        assert!(clock.timeout(Duration::from_secs(60), file.read_at(0, 1)).await.is_err());
        let (read, ()) = tokio::join!(file.read_at(0, 1), async { disk.release() });
        assert_eq!(read.unwrap().len(), 1);
    });
}

#[test]
fn a_lost_cut_brings_old_bytes_back_but_a_kept_one_reads_as_zeros() {
    run(async {
        let (disk, file) = disk_with_ones(3, 3).await;
        file.set_len(100).await.unwrap();
        file.set_len(2 * SECTOR_BYTES as u64).await.unwrap();
        file.sync_data().await.unwrap();
        let after = contents(&disk.crash(Crash::LoseUnsynced), A).await.unwrap();
        assert_eq!(after.len(), 2 * SECTOR_BYTES);
        assert!(after[..100].iter().all(|&byte| byte == 1) && after[100..].iter().all(|&byte| byte == 0));
    });
}

#[test]
fn a_lock_excludes_until_dropped() {
    run(async {
        let disk = disk_with_folder(1).await;
        let held = disk.lock(Path::new(A)).await.unwrap();
        assert_eq!(disk.lock(Path::new(A)).await.err().unwrap().kind(), io::ErrorKind::WouldBlock);
        drop(held);
        disk.lock(Path::new(A)).await.unwrap();
    });
}
