//! What a run has measured, for people and for programs.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::process::Memory;

/// The result of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Kind of load.
    pub(crate) op: String,
    /// Connections.
    pub(crate) conns: usize,
    /// Outstanding requests of each.
    pub(crate) pipeline: usize,
    /// Bytes of data in a znode.
    pub(crate) size: usize,
    /// Seconds measured.
    pub(crate) secs: f64,
    /// Answers without error in that time.
    pub(crate) ops: u64,
    /// Those a second.
    pub(crate) ops_per_sec: f64,
    /// What an answer weighs: shows that gets bring data.
    pub(crate) received_bytes_per_answer: f64,
    /// From the request's batch being written to its answer being read.
    pub(crate) latency_us: Latency,
    /// Answers with an error.
    pub(crate) errors: u64,
    /// How many of each error code.
    pub(crate) error_codes: BTreeMap<i32, u64>,
    /// Connections that were lost and made anew.
    pub(crate) connections_lost: u64,
    /// Requests that were outstanding on them.
    pub(crate) requests_lost: u64,
    /// The longest time without any answer.
    pub(crate) longest_pause_ms: f64,
    /// The longest time that a single connection was without an answer.
    pub(crate) longest_connection_pause_ms: f64,
    /// Processor time of the generator per answer.
    pub(crate) generator_cpu_us_per_op: f64,
    /// Processor time of all server processes per million answers; absent without `--pids`.
    pub(crate) servers_cpu_seconds_per_million: Option<f64>,
    /// Each server process.
    pub(crate) processes: Vec<Process>,
    /// Seconds that making the znodes took; 0 when they were there.
    pub(crate) prefill_secs: f64,
    /// When measuring began, in milliseconds since 1970.
    pub(crate) began_unix_ms: u64,
    /// Answers without error in each stretch of `--series-ms`; absent without it.
    pub(crate) answers_each: Option<Vec<u64>>,
}

/// Longer latencies are counted as this one, ten minutes.
const LATENCY_NS_MAX: u64 = 600_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// A histogram of latencies in nanoseconds.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_NS_MAX, SIGNIFICANT_DIGITS)
        .expect("the bounds are in order and the digits at most 5")
}

/// `amount / count`, and 0 when there is nothing to divide by.
pub(crate) fn per(amount: f64, count: f64) -> f64 {
    if count > 0.0 { amount / count } else { 0.0 }
}

/// Percentiles, in microseconds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Latency {
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl Latency {
    /// The percentiles of nanoseconds.
    pub(crate) fn of(nanoseconds: &Histogram<u64>) -> Self {
        let percentile = |percent| nanoseconds.value_at_quantile(percent / 100.0) as f64 / 1e3;
        Self {
            mean: nanoseconds.mean() / 1e3,
            p50: percentile(50.0),
            p90: percentile(90.0),
            p99: percentile(99.0),
            p999: percentile(99.9),
            max: nanoseconds.max() as f64 / 1e3,
        }
    }
}

impl std::fmt::Display for Latency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { mean, p50, p90, p99, p999, max } = self;
        write!(f, "mean {mean:.0}  p50 {p50:.0}  p90 {p90:.0}  p99 {p99:.0}  p99.9 {p999:.0}  max {max:.0}")
    }
}

/// A server process over the run.
#[derive(Debug, Serialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// Processor time while measuring, in seconds.
    pub(crate) cpu_seconds: f64,
    /// At the end.
    #[serde(flatten)]
    pub(crate) memory: Memory,
}

/// Prints the report to standard output.
pub(crate) fn print(report: &Report, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, report)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", text(report))?;
    }
    Ok(())
}

fn text(report: &Report) -> String {
    let mut lines = vec![
        format!(
            "{} of {} B at {} x {}: {:.0} /s over {:.1} s, {:.0} B an answer",
            report.op,
            report.size,
            report.conns,
            report.pipeline,
            report.ops_per_sec,
            report.secs,
            report.received_bytes_per_answer
        ),
        format!("latency us: {}", report.latency_us),
        format!(
            "errors {} {:?}, connections lost {}, longest pause {:.1} ms, of one connection {:.1} ms",
            report.errors,
            report.error_codes,
            report.connections_lost,
            report.longest_pause_ms,
            report.longest_connection_pause_ms
        ),
        format!("generator: {:.2} us of processor time per answer", report.generator_cpu_us_per_op),
    ];
    if let Some(cost) = report.servers_cpu_seconds_per_million {
        lines.push(format!("servers: {cost:.1} s of processor time per million answers"));
    }
    for process in &report.processes {
        let mib = process.memory.rss_bytes as f64 / 1_048_576.0;
        lines.push(format!("process {}: {:.2} s, {mib:.0} MiB resident", process.pid, process.cpu_seconds));
    }
    lines.join("\n") + "\n"
}
