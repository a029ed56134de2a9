//! How many appends of 4 KiB a second the journal makes durable, with 1 and with 64 callers that wait, next to what the
//! disk can do: a write and an `fdatasync` at a time, into a file that grows, one that was allocated, and one that was
//! filled with zeros. Then how long opening a journal of a million entries takes.
//!
//! `cargo bench -p quorate-journal --bench append [-- SECONDS [FOLDER]]`; the folder decides which disk is measured.
#![expect(clippy::print_stdout, reason = "a benchmark reports")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use journal::{Config, GroupId, Journal};
use runtime::{
    Clock, Disk, OpenMode, Runtime, SystemClock, SystemDisk, SystemEntropy, SystemNetwork, TokioPools,
};
use tokio::sync::oneshot;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const ENTRY_BYTES: usize = 4096;
const FILE_BYTES: u64 = 64 << 20;
const ROUNDS: usize = 3;

fn main() -> Outcome<()> {
    // `cargo bench` adds arguments of its own.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let seconds = arguments.first().map_or(Ok(1.0), |seconds| seconds.parse::<f64>())?;
    let folder = arguments.get(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(Duration::from_secs_f64(seconds), &folder))
}

async fn measure(time: Duration, folder: &Path) -> Outcome<()> {
    let clock = SystemClock::clock();
    println!("{:<44} {:>9} {:>8} {:>8} {:>9}", "4 KiB", "ops/s", "p50 us", "p99 us", "fsyncs/s");
    for _ in 0..ROUNDS {
        let dir = tempfile::tempdir_in(folder)?;
        report("write + fdatasync, file of zeros, this thread", raw_same_thread(&clock, time, dir.path())?);
        for fill in [Fill::Zeros, Fill::Allocated, Fill::Grows] {
            let name = format!("write + fdatasync, {fill:?}, Disk");
            report(&name, raw_disk(&clock, time, dir.path(), fill).await?);
        }
        for waiters in [1, 64] {
            let name = format!("journal, {waiters} waiting");
            report(&name, appends(&clock, time, &dir.path().join(&name), waiters).await?);
        }
    }
    let dir = tempfile::tempdir_in(folder)?;
    recovery(&clock, dir.path()).await
}

/// What a file holds before it is written.
#[derive(Clone, Copy, Debug)]
enum Fill {
    Zeros,
    Allocated,
    Grows,
}

#[derive(Default)]
struct Measured {
    latencies: Vec<Duration>,
    elapsed: Duration,
    fsyncs: u64,
}

fn report(name: &str, mut measured: Measured) {
    measured.latencies.sort_unstable();
    let count = measured.latencies.len();
    let quantile =
        |q: f64| measured.latencies.get((count as f64 * q) as usize).map_or(0, Duration::as_micros);
    let seconds = measured.elapsed.as_secs_f64();
    println!(
        "{name:<44} {:>9.0} {:>8} {:>8} {:>9.0}",
        count as f64 / seconds,
        quantile(0.5),
        quantile(0.99),
        measured.fsyncs as f64 / seconds
    );
}

fn raw_same_thread(clock: &Clock, time: Duration, dir: &Path) -> Outcome<Measured> {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(dir.join("same"))?;
    file.write_all_at(&vec![0; FILE_BYTES as usize], 0)?;
    file.sync_all()?;
    let block = vec![7; 2 * ENTRY_BYTES];
    let (start, mut measured) = (clock.now(), Measured::default());
    while measured.elapsed < time {
        let before = clock.now();
        file.write_all_at(&block, measured.fsyncs * block.len() as u64 % FILE_BYTES)?;
        file.sync_data()?;
        measured.fsyncs += 1;
        measured.latencies.push(clock.now().saturating_since(before));
        measured.elapsed = clock.now().saturating_since(start);
    }
    Ok(measured)
}

async fn raw_disk(clock: &Clock, time: Duration, dir: &Path, fill: Fill) -> Outcome<Measured> {
    let file = SystemDisk.open(&dir.join(format!("{fill:?}")), OpenMode::CreateNew).await?;
    match fill {
        Fill::Zeros => file.write_and_sync(0, vec![vec![0; FILE_BYTES as usize].into()]).await?,
        Fill::Allocated => {
            file.allocate(FILE_BYTES).await?;
            file.sync_data().await?;
        }
        Fill::Grows => {}
    }
    let block = Bytes::from(vec![7; 2 * ENTRY_BYTES]);
    let (start, mut measured) = (clock.now(), Measured::default());
    while measured.elapsed < time {
        let before = clock.now();
        file.write_and_sync(measured.fsyncs * block.len() as u64 % FILE_BYTES, vec![block.clone()]).await?;
        measured.fsyncs += 1;
        measured.latencies.push(clock.now().saturating_since(before));
        measured.elapsed = clock.now().saturating_since(start);
    }
    Ok(measured)
}

/// Each of `waiters` callers appends to a group of its own, waits, and appends again.
async fn appends(clock: &Clock, time: Duration, dir: &Path, waiters: u32) -> Outcome<Measured> {
    let journal = Journal::open(&world(clock), dir, Config::default()).await?;
    // Grow to full segments first, so that the steady state is measured.
    run(clock, Duration::MAX, 20_000 / waiters as usize, &journal, waiters).await?;
    let before = journal.stats();
    let mut measured = run(clock, time, usize::MAX, &journal, waiters).await?;
    measured.fsyncs = journal.stats().fsyncs - before.fsyncs;
    journal.close().await?;
    Ok(measured)
}

fn world(clock: &Clock) -> Runtime {
    let handle = tokio::runtime::Handle::current();
    Runtime {
        network: Arc::new(SystemNetwork),
        disk: Arc::new(SystemDisk),
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
        pools: Arc::new(TokioPools::new(handle.clone(), handle)),
    }
}

async fn run(
    clock: &Clock,
    time: Duration,
    count: usize,
    journal: &Journal,
    waiters: u32,
) -> Outcome<Measured> {
    let start = clock.now();
    let all = (0..waiters).map(|id| append_until(clock, time, count, journal, GroupId(id)));
    let mut measured = Measured::default();
    for latencies in futures::future::join_all(all).await {
        measured.latencies.extend(latencies?);
    }
    measured.elapsed = clock.now().saturating_since(start);
    Ok(measured)
}

async fn append_until(
    clock: &Clock,
    time: Duration,
    count: usize,
    journal: &Journal,
    id: GroupId,
) -> Outcome<Vec<Duration>> {
    let log = journal.group(id);
    let entry = Bytes::from(vec![7; ENTRY_BYTES]);
    let (start, mut latencies) = (clock.now(), Vec::new());
    while clock.now().saturating_since(start) < time && latencies.len() < count {
        let before = clock.now();
        let index = log.bounds().next;
        let (sender, receiver) = oneshot::channel();
        log.append(index, vec![entry.clone()], move |result| drop(sender.send(result)))?;
        receiver.await??;
        // What is purged is what makes segments free.
        if index % 100 == 99 {
            log.purge(index, Bytes::new(), |_| {});
        }
        latencies.push(clock.now().saturating_since(before));
    }
    Ok(latencies)
}

/// Opens a journal of a million entries of 200 bytes, in the page cache.
async fn recovery(clock: &Clock, dir: &Path) -> Outcome<()> {
    const ENTRIES: u64 = 1_000_000;
    let journal = Journal::open(&world(clock), dir, Config::default()).await?;
    let log = journal.group(GroupId(0));
    let entry = Bytes::from(vec![7; 200]);
    for _ in 0..ENTRIES / 1000 {
        log.room().await;
        log.append(log.bounds().next, vec![entry.clone(); 1000], |_| {})?;
    }
    journal.close().await?;
    let start = clock.now();
    let journal = Journal::open(&world(clock), dir, Config::default()).await?;
    let opened = clock.now().saturating_since(start);
    let next = journal.group(GroupId(0)).bounds().next;
    println!("opened a journal of {next} entries, {} segments in {opened:?}", journal.stats().segments);
    Ok(journal.close().await?)
}
