//! What disk and loopback allow, so that a server's numbers can be judged.

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::figures::{Figure, Figures};

const MEASURE: Duration = Duration::from_secs(1);
const BLOCK: [u8; 4096] = [0x5a; 4096];
const PREALLOCATED_BLOCKS: u64 = 4096;
const MESSAGE_BYTES: usize = 64;

const APPEND: Figure = Figure::more("fdatasync of 4 KiB, file growing", "/s");
const OVERWRITE: Figure = Figure::more("fdatasync of 4 KiB, file overwritten", "/s");
const ROUND_TRIP: Figure = Figure::less("loopback round trip of 64 B, median", "us");

/// Measures the disk under `folder`, and loopback.
pub(crate) fn measure(folder: &Path) -> Result<Figures> {
    let mut figures = Figures::default();
    figures.add(APPEND, sync_rate(folder, false)?);
    figures.add(OVERWRITE, sync_rate(folder, true)?);
    figures.add(ROUND_TRIP, round_trip_us()?);
    Ok(figures)
}

/// Writes of one block a second, each made durable before the next.
fn sync_rate(folder: &Path, overwrite: bool) -> Result<f64> {
    let path = folder.join("fdatasync");
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(&path)
        .with_context(|| format!("create {}", path.display()))?;
    if overwrite {
        for _ in 0..PREALLOCATED_BLOCKS {
            file.write_all(&BLOCK)?;
        }
        file.sync_all()?;
        file.seek(SeekFrom::Start(0))?;
    }
    let started = Instant::now();
    let mut count = 0_u64;
    while started.elapsed() < MEASURE {
        if overwrite && count.is_multiple_of(PREALLOCATED_BLOCKS) {
            file.seek(SeekFrom::Start(0))?;
        }
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        count += 1;
    }
    let rate = count as f64 / started.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    Ok(rate)
}

/// Microseconds from a small message to its echo by another thread.
fn round_trip_us() -> Result<f64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut stream = TcpStream::connect(listener.local_addr()?)?;
    let (mut other, _) = listener.accept()?;
    let echo = thread::spawn(move || -> std::io::Result<()> {
        other.set_nodelay(true)?;
        let mut message = [0; MESSAGE_BYTES];
        while other.read_exact(&mut message).is_ok() {
            other.write_all(&message)?;
        }
        Ok(())
    });
    stream.set_nodelay(true)?;
    let mut times = Vec::new();
    let (started, mut message) = (Instant::now(), [0; MESSAGE_BYTES]);
    while started.elapsed() < MEASURE {
        let sent = Instant::now();
        stream.write_all(&message)?;
        stream.read_exact(&mut message)?;
        times.push(sent.elapsed());
    }
    drop(stream);
    echo.join().expect("the echo does not panic").context("echo on loopback")?;
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64() * 1e6)
}
