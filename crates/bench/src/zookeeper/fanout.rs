//! How long one change takes to reach everybody who watches.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use tokio::task::LocalSet;
use tokio::time::sleep;
use zookeeper::codec::{ErrorCode, PathWatch, Request, SetData};

use super::caller::{Caller, MADE};
use super::crowd::Crowd;
use super::dialer::Dialer;
use super::keys::ROOT;
use super::workload::create;
use crate::report::{Latency, latencies};
use crate::single_threaded;

/// Tells everybody who watches a znode of its changes.
#[derive(Clone, Debug, clap::Args)]
pub struct FanoutArgs {
    /// Servers, as HOST:PORT; watchers are dealt out to them in turn
    #[arg(long, value_delimiter = ',', required = true)]
    servers: Vec<String>,
    /// Sessions that watch, each on a connection of its own
    #[arg(long, default_value_t = 1_000)]
    watchers: usize,
    /// Changes to measure, one after another
    #[arg(long, default_value_t = 50)]
    changes: usize,
    /// Changes before that
    #[arg(long, default_value_t = 10)]
    warmup_changes: usize,
    /// Print one JSON object instead of lines to read
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct FanoutReport {
    watchers: usize,
    changes: usize,
    /// From the change being sent to a watcher reading its event.
    delay_us: Latency,
    /// From the change being sent to the last watcher reading its event.
    last_us: Latency,
}

/// What is between two changes: nothing of the last is under way any more.
const REST: Duration = Duration::from_millis(10);

/// Measures, and prints what it measured to standard output.
///
/// # Errors
/// When a server can't be reached, or does not tell every watcher exactly once.
pub fn run(args: &FanoutArgs) -> Result<()> {
    ensure!(args.watchers > 0 && args.changes > 0, "--watchers and --changes must be at least 1");
    let runtime = single_threaded()?;
    let report = LocalSet::new().block_on(&runtime, measure(args))?;
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
        return Ok(());
    }
    let FanoutReport { watchers, changes, delay_us, last_us } = report;
    writeln!(out, "{changes} changes, each told to {watchers} watchers")?;
    writeln!(out, "delay us: {delay_us}")?;
    writeln!(out, "until the last is told, us: {last_us}")?;
    Ok(())
}

async fn measure(args: &FanoutArgs) -> Result<FanoutReport> {
    let dialer = Dialer::plain();
    let mut writer = Caller::connect(&dialer, &args.servers[0]).await?;
    let path = format!("{ROOT}/watched");
    for each in [ROOT, &path] {
        writer.call(&create(each, b""), &MADE).await?;
    }
    let mut crowd = Crowd::open(&dialer, &args.servers, args.watchers).await?;
    let mut last_ns = latencies();
    for change in 0..args.warmup_changes + args.changes {
        if change == args.warmup_changes {
            drop(crowd.take_delays());
            last_ns.reset();
        }
        arm(&mut crowd, &path).await?;
        sleep(REST).await;
        let sent = Instant::now();
        crowd.mark();
        let set = Request::SetData(SetData { path: &path, data: Some(b"changed"), version: -1 });
        writer.call(&set, &[ErrorCode::OK]).await?;
        crowd.told(args.watchers as u64).await.with_context(|| format!("in change {change}"))?;
        last_ns.saturating_record(sent.elapsed().as_nanos() as u64);
    }
    Ok(FanoutReport {
        watchers: args.watchers,
        changes: args.changes,
        delay_us: Latency::of(&crowd.take_delays()),
        last_us: Latency::of(&last_ns),
    })
}

/// Has every session watch the znode, and waits until all do.
pub(super) async fn arm(crowd: &mut Crowd, path: &str) -> Result<()> {
    for index in 0..crowd.len() {
        crowd.ask(index, &[Request::GetData(PathWatch { path, watch: true })]).await?;
    }
    crowd.answered().await
}
