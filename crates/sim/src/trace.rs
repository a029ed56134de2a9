//! The trace of a run: the whole debug log of all nodes and clients and all traffic, with simulated time.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::seeded;

/// What is traced: all but turmoil's own dumps of bytes, of which `sim::net` has length and checksum.
const FILTER: &str = "debug,turmoil=warn";

/// A subscriber that writes the trace of the run on this thread to `writer`.
pub fn subscriber<W>(writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(FILTER))
        .with_timer(SimulatedTime)
        .with_ansi(false)
        .with_writer(writer)
        .finish()
}

/// Seconds since the simulation began.
struct SimulatedTime;

impl FormatTime for SimulatedTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let elapsed = turmoil::sim_elapsed().unwrap_or_else(seeded::elapsed);
        write!(writer, "{:>11.6}", elapsed.as_secs_f64())
    }
}

/// A place for a trace of which only the checksum is wanted. Clones are the same place.
#[derive(Clone, Default)]
pub struct Checksum(Arc<Mutex<Sum>>);

/// What is known of a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sum {
    /// CRC-32C of all of it.
    pub crc: u32,
    /// Its length in bytes.
    pub bytes: u64,
}

impl Checksum {
    /// Of what was written so far.
    pub fn sum(&self) -> Sum {
        *self.0.lock()
    }
}

impl Write for Checksum {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut sum = self.0.lock();
        sum.crc = crc32c::crc32c_append(sum.crc, bytes);
        sum.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
