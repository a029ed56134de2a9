//! What a frame costs: to append, in memory, at a checkpoint, and when a backlog is read from files. Next to it, what the
//! disk can do: a file written 1 MiB at a time and synced at the end.
//!
//! `cargo bench -p quorate-segments --bench frames [-- MILLIONS [FOLDER]]`: millions of frames of 100 bytes, 10 by default
//! (a tenth of them of 1 KiB); the folder decides which disk is measured.
#![expect(clippy::print_stdout, reason = "a benchmark reports")]

use std::error::Error;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use runtime::{Clock, Disk, OpenMode, SystemClock, SystemDisk};
use segments::{Config, Frames, Live, Manifest};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Frames come in entries of the log.
const ENTRY_BYTES: usize = 64 << 10;
/// Bytes of frames between two checkpoints.
const CHECKPOINT_BYTES: u64 = 100_000_000;
/// Frames that a consumer asks for at once.
const WINDOW: u64 = 100;

fn main() -> Outcome<()> {
    // `cargo bench` adds arguments of its own.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let millions = arguments.first().map_or(Ok(10.0), |millions| millions.parse::<f64>())?;
    let folder = arguments.get(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure((millions * 1e6) as u64, &folder))
}

async fn measure(frames: u64, folder: &Path) -> Outcome<()> {
    let clock = SystemClock::clock();
    let dir = tempfile::tempdir_in(folder)?;
    raw(&clock, dir.path(), CHECKPOINT_BYTES).await?;
    for (bytes, frames, partitions) in
        [(100, frames, 1), (100, frames, 10_000), (1024, frames / 10, 1), (1024, frames / 10, 10_000)]
    {
        let dir = tempfile::tempdir_in(folder)?;
        let bench = Bench { clock: &clock, dir: dir.path(), frames, bytes, partitions };
        bench.run().await?;
    }
    Ok(())
}

async fn raw(clock: &Clock, dir: &Path, bytes: u64) -> Outcome<()> {
    let file = SystemDisk.open(&dir.join("raw"), OpenMode::CreateNew).await?;
    let part = Bytes::from(vec![7; 1 << 20]);
    let start = clock.now();
    for offset in (0..bytes).step_by(part.len()) {
        file.write_at(offset, vec![part.clone()]).await?;
    }
    file.sync_data().await?;
    let written = clock.now().saturating_since(start);
    println!("the disk: {} written and synced", rate(bytes, written));
    Ok(())
}

struct Bench<'a> {
    clock: &'a Clock,
    dir: &'a Path,
    frames: u64,
    bytes: usize,
    partitions: u64,
}

/// Everything is live.
struct All;

impl Live for All {
    fn live_within(&self, _: u64, range: Range<u64>) -> Vec<Range<u64>> {
        vec![range]
    }
}

impl Bench<'_> {
    async fn run(&self) -> Outcome<()> {
        println!("\n{} frames of {} bytes in {} partitions", self.frames, self.bytes, self.partitions);
        let resident = resident_bytes();
        let frames = Frames::open(Arc::new(SystemDisk), self.dir.into(), None, Config::default()).await?;
        let manifest = self.fill(&frames).await?;
        let stats = frames.stats();
        println!(
            "  {} files, {:.1} MB, written {:.2} times; index {:.2} MB, resident {:+.1} MB",
            stats.files,
            stats.file_bytes as f64 / 1e6,
            stats.written_bytes as f64 / (stats.written_bytes - stats.rewritten_bytes) as f64,
            stats.index_bytes as f64 / 1e6,
            (resident_bytes() as f64 - resident as f64) / 1e6
        );
        drop(frames);
        let start = self.clock.now();
        let frames =
            Frames::open(Arc::new(SystemDisk), self.dir.into(), Some(&manifest), Config::default()).await?;
        println!("  opened in {:?}", self.clock.now().saturating_since(start));
        self.drain(&frames).await
    }

    /// Appends, with checkpoints in between.
    async fn fill(&self, frames: &Frames) -> Outcome<Manifest> {
        let (mut appending, mut writing, mut longest) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let each = CHECKPOINT_BYTES / self.bytes as u64;
        let mut first = String::new();
        let mut manifest = frames.manifest();
        let before = resident_bytes();
        for from in (0..self.frames).step_by(each as usize) {
            let until = self.frames.min(from + each);
            let start = self.clock.now();
            self.append(frames, from..until);
            appending += self.clock.now().saturating_since(start);
            let held = frames.memory_bytes() as f64;
            let resident = (resident_bytes() as f64 - before as f64) / 1e6;
            let start = self.clock.now();
            manifest = frames.freeze().write(&All).await?;
            frames.keep_only(&manifest).await?;
            let took = self.clock.now().saturating_since(start);
            if from == 0 {
                println!(
                    "  in memory: {:.0} bytes a frame, of the process {resident:.1} MB more",
                    held / until as f64
                );
                first = rate(until * self.bytes as u64, took);
            }
            writing += took;
            longest = longest.max(took);
        }
        println!("  append: {:.0} ns a frame", appending.as_nanos() as f64 / self.frames as f64);
        let all = rate(self.frames * self.bytes as u64, writing);
        println!("  checkpoints: the first {first}, all {all}, the longest {longest:?}");
        Ok(manifest)
    }

    fn append(&self, frames: &Frames, numbers: Range<u64>) {
        let mut entry = Bytes::new();
        for number in numbers {
            if entry.len() < self.bytes {
                entry = Bytes::from(vec![number as u8; ENTRY_BYTES]);
            }
            frames.append(number % self.partitions, number / self.partitions, entry.split_to(self.bytes));
        }
    }

    /// Reads everything, each partition in order, those of a few at a time.
    async fn drain(&self, frames: &Frames) -> Outcome<()> {
        let start = self.clock.now();
        let mut count = 0;
        for partitions in (0..self.partitions).collect::<Vec<_>>().chunks(16) {
            let tail = self.frames / self.partitions;
            for from in (0..tail).step_by(WINDOW as usize) {
                let offsets: Vec<u64> = (from..tail.min(from + WINDOW)).collect();
                for &partition in partitions {
                    count += frames.read(partition, &offsets, usize::MAX).await?.len() as u64;
                }
            }
        }
        let took = self.clock.now().saturating_since(start);
        let stats = frames.stats();
        println!(
            "  drain: {:.2} million frames/s, {}, {:.0} KiB a read, cache {:.1} MB",
            count as f64 / took.as_secs_f64() / 1e6,
            rate(count * self.bytes as u64, took),
            stats.read_bytes as f64 / stats.reads as f64 / 1024.0,
            stats.cache_bytes as f64 / 1e6
        );
        if count != self.frames / self.partitions * self.partitions {
            return Err(format!("{count} frames came back").into());
        }
        Ok(())
    }
}

fn rate(bytes: u64, time: Duration) -> String {
    format!("{:.0} MB/s", bytes as f64 / time.as_secs_f64() / 1e6)
}

/// Memory of this process, on Linux.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
