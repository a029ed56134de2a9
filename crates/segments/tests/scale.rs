//! Many partitions, large frames, long backlogs, many checkpoints.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use common::{DIR, frame, run};
use runtime::disk::sim::Crash;
use runtime::{Disk, SimDisk};
use segments::{Config, Frames, Live, Manifest};

struct Within(Range<u64>);

impl Live for Within {
    fn live_within(&self, _: u64, range: Range<u64>) -> Vec<Range<u64>> {
        let live = range.start.max(self.0.start)..range.end.min(self.0.end);
        if live.is_empty() { Vec::new() } else { vec![live] }
    }
}

const ALL: Within = Within(0..u64::MAX);

async fn open(disk: impl Disk + 'static, manifest: Option<&Manifest>, config: Config) -> Frames {
    Frames::open(Arc::new(disk), PathBuf::from(DIR), manifest, config).await.unwrap()
}

#[test]
fn ten_thousand_partitions_are_one_file() {
    run(async {
        let disk = SimDisk::new(1);
        let frames = open(disk.clone(), None, Config::default()).await;
        for partition in (0..10_000).rev() {
            for offset in 3..6 {
                frames.append(partition * 7, offset, frame(partition, offset, 50));
            }
        }
        let before = disk.steps();
        let manifest = frames.freeze().write(&ALL).await.unwrap();
        assert_eq!(manifest.files().count(), 1);
        assert!(disk.steps() - before < 10, "{} changes of the disk", disk.steps() - before);
        assert!(frames.stats().index_bytes <= 10_000 * 48);
        let frames = open(disk.crash(Crash::LoseUnsynced), Some(&manifest), Config::default()).await;
        for partition in 0..10_000 {
            let read = frames.read(partition * 7, &[2, 3, 4, 5, 6], usize::MAX).await.unwrap();
            let expected: Vec<_> = (3..6).map(|offset| (offset, frame(partition, offset, 50))).collect();
            assert_eq!(read, expected);
        }
    });
}

#[test]
fn large_frames_come_back() {
    run(async {
        let disk = SimDisk::new(1);
        let frames = open(disk.clone(), None, Config::default()).await;
        let sizes = [100, 16 << 20, 5, 0, 64 << 10, (64 << 10) - 40, 16 << 20, 1];
        for (offset, &size) in sizes.iter().enumerate() {
            frames.append(1, offset as u64, Bytes::from(vec![offset as u8; size]));
        }
        let manifest = frames.freeze().write(&ALL).await.unwrap();
        let frames = open(disk.crash(Crash::LoseUnsynced), Some(&manifest), Config::default()).await;
        let offsets: Vec<u64> = (0..sizes.len() as u64).collect();
        let read = frames.read(1, &offsets, usize::MAX).await.unwrap();
        assert_eq!(read.len(), sizes.len());
        for (offset, bytes) in read {
            assert!(bytes.len() == sizes[offset as usize] && bytes.iter().all(|&byte| byte == offset as u8));
        }
        assert!(frames.stats().cache_bytes < 1 << 20, "large blocks are not kept");
        // The frame that makes it enough is the last.
        assert_eq!(frames.read(1, &offsets, 101).await.unwrap().len(), 2);
        assert_eq!(frames.read(1, &offsets[2..], 0).await.unwrap().len(), 1);
    });
}

#[test]
fn a_backlog_is_read_in_large_pieces() {
    run(async {
        let disk = SimDisk::new(1);
        let frames = open(disk.clone(), None, Config::default()).await;
        const COUNT: u64 = 200_000;
        let entry = Bytes::from(vec![9; 100]);
        for offset in 0..COUNT {
            frames.append(offset % 2, offset / 2, entry.clone());
        }
        frames.freeze().write(&ALL).await.unwrap();
        let before = frames.stats();
        // Two consumers in turns, a window at a time.
        for from in (0..COUNT / 2).step_by(50) {
            let offsets: Vec<u64> = (from..from + 50).collect();
            for partition in 0..2 {
                assert_eq!(frames.read(partition, &offsets, usize::MAX).await.unwrap().len(), 50);
            }
        }
        let stats = frames.stats();
        let (reads, bytes) = (stats.reads - before.reads, stats.read_bytes - before.read_bytes);
        assert!(bytes / reads > 128 << 10, "{} bytes a read", bytes / reads);
        assert!(bytes < stats.file_bytes * 11 / 10, "{bytes} bytes read of {}", stats.file_bytes);
        assert!(stats.cache_bytes <= 8 << 20);

        // One call that asks for much, of blocks that nobody read.
        let frames = open(disk.clone(), Some(&frames.manifest()), Config::default()).await;
        let offsets: Vec<u64> = (50_000..60_000).collect();
        assert_eq!(frames.read(1, &offsets, usize::MAX).await.unwrap().len(), 10_000);
        assert!(frames.stats().reads <= 8, "{:?}", frames.stats());

        // One frame here and there: one block each.
        let frames = open(disk, Some(&frames.manifest()), Config::default()).await;
        for offset in [90_000, 5, 40_000] {
            frames.read(0, &[offset], usize::MAX).await.unwrap();
        }
        let stats = frames.stats();
        assert!(stats.reads == 3 && stats.read_bytes < 3 * (70 << 10), "{stats:?}");
    });
}

#[test]
fn the_index_of_ten_million_frames_is_small() {
    run(async {
        let frames = open(SimDisk::new(1), None, Config::default()).await;
        let entry = Bytes::from(vec![9; 100]);
        for offset in 0..500_000 {
            frames.append(0, offset, entry.clone());
        }
        frames.freeze().write(&ALL).await.unwrap();
        let ten_million = frames.stats().index_bytes * 20;
        assert!(ten_million < 1_000_000, "{ten_million} bytes");
    });
}

/// A busy queue that is kept short, and a little that stays for long, checkpoint after checkpoint.
#[test]
fn years_of_checkpoints_leave_few_files_and_are_not_written_often() {
    run(async {
        let disk = SimDisk::new(1);
        let config = Config { block_bytes: 4096, ..Config::default() };
        let mut frames = open(disk.clone(), None, config.clone()).await;
        let (mut most, mut fresh) = (0, 0);
        let mut totals = (0, 0);
        const CHECKPOINTS: u64 = 3000;
        for checkpoint in 0..CHECKPOINTS {
            for offset in checkpoint * 20..(checkpoint + 1) * 20 {
                frames.append(checkpoint % 5, offset, frame(checkpoint % 5, offset, 100));
            }
            fresh += 20 * 100;
            // Lives for a third of the time.
            let live = Within((checkpoint * 20).saturating_sub(CHECKPOINTS / 3 * 20)..u64::MAX);
            let manifest = frames.freeze().write(&live).await.unwrap();
            frames.keep_only(&manifest).await.unwrap();
            most = most.max(disk.files().len());
            if checkpoint % 500 == 499 {
                let stats = frames.stats();
                totals = (totals.0 + stats.written_bytes, totals.1 + stats.rewritten_bytes);
                frames = open(disk.clone(), Some(&manifest), config.clone()).await;
            }
        }
        assert!(most <= 20, "{most} files");
        let amplification = totals.0 as f64 / fresh as f64;

        assert!(amplification < 8.0, "written {amplification:.1} times");
        let file_bytes = frames.stats().file_bytes;
        assert!(file_bytes < 2 * (fresh / 3) + (1 << 20), "{file_bytes} bytes for {} live", fresh / 3);
    });
}

/// What the tasks of a test tell each other.
#[derive(Default)]
struct Shared {
    /// Offsets before it are released.
    head: AtomicU64,
    tail: AtomicU64,
    reads: AtomicU64,
    checkpoints: AtomicU64,
    done: AtomicBool,
}

impl Shared {
    fn is_enough(&self) -> bool {
        self.tail.load(Ordering::Acquire) > 20_000
            && self.reads.load(Ordering::Acquire) > 200
            && self.checkpoints.load(Ordering::Acquire) > 10
    }

    async fn read(&self, reader: u64, frames: Frames) {
        while !self.done.load(Ordering::Acquire) {
            let (head, tail) = (self.head.load(Ordering::Acquire), self.tail.load(Ordering::Acquire));
            let reads = self.reads.fetch_add(1, Ordering::AcqRel);
            let start = head + (reads * 7919 + reader) % (tail - head).max(1);
            let offsets: Vec<u64> = (start..tail.min(start + 100)).collect();
            let read = frames.read(1, &offsets, usize::MAX).await.unwrap();
            // What was released in the meantime may be missing; what was not may not.
            let head = self.head.load(Ordering::Acquire);
            let expected = offsets.iter().filter(|&&offset| offset >= head).count();
            let found = read.iter().filter(|(offset, _)| *offset >= head).count();
            assert_eq!(found, expected, "{start}..{tail}, from {head}");
            assert!(read.iter().all(|(offset, bytes)| *bytes == frame(1, *offset, 100)));
            tokio::task::yield_now().await;
        }
    }

    async fn make_checkpoints(&self, frames: Frames) {
        while !self.done.load(Ordering::Acquire) {
            let live = Within(self.head.load(Ordering::Acquire)..u64::MAX);
            let manifest = frames.freeze().write(&live).await.unwrap();
            frames.keep_only(&manifest).await.unwrap();
            self.checkpoints.fetch_add(1, Ordering::AcqRel);
        }
    }

    async fn append(&self, frames: Frames) {
        for offset in 0..10_000_000 {
            frames.append(1, offset, frame(1, offset, 100));
            self.tail.store(offset + 1, Ordering::Release);
            if offset % 64 != 63 {
                continue;
            }
            if self.is_enough() {
                self.done.store(true, Ordering::Release);
                return;
            }
            let head = offset.saturating_sub(3000);
            self.head.store(head, Ordering::Release);
            frames.release(1, 0..head);
            tokio::task::yield_now().await;
        }
        panic!("readers or checkpoints came to nothing");
    }
}

#[test]
fn readers_appends_and_checkpoints_go_on_together() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    runtime.block_on(async {
        let config = Config { block_bytes: 2048, tier_files: 3, ..Config::default() };
        let frames = open(SimDisk::new(1), None, config).await;
        let shared = Arc::new(Shared::default());
        let mut tasks = Vec::new();
        for reader in 0..4 {
            let (shared, frames) = (Arc::clone(&shared), frames.clone());
            tasks.push(spawn(async move { shared.read(reader, frames).await }));
        }
        let (other, its_frames) = (Arc::clone(&shared), frames.clone());
        tasks.push(spawn(async move { other.make_checkpoints(its_frames).await }));
        tasks.push(spawn(async move { shared.append(frames).await }));
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[expect(clippy::disallowed_methods, reason = "a test of threads")]
fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::spawn(task)
}
