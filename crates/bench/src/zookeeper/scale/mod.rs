//! What a large number of everything costs, and whether a client that does little feels it.

mod probe;
mod report;
mod stages;

use anyhow::{Result, ensure};

use crate::single_threaded;
use probe::Probe;

/// Fills servers with sessions, znodes and watches, stage by stage, beside a client that only looks how long it waits.
#[derive(Clone, Debug, clap::Args)]
pub struct ScaleArgs {
    /// Servers, as HOST:PORT; sessions are dealt out to them in turn
    #[arg(long, value_delimiter = ',', required = true)]
    servers: Vec<String>,
    /// Sessions, each on a connection of its own that stays open
    #[arg(long, default_value_t = 10_000)]
    sessions: usize,
    /// Znodes with data
    #[arg(long, default_value_t = 1_000_000)]
    znodes: usize,
    /// Bytes of data in each
    #[arg(long, default_value_t = 1_024)]
    size: usize,
    /// Znodes with a watch each; at most as many as there are with data
    #[arg(long, default_value_t = 100_000)]
    watches: usize,
    /// Children of one znode
    #[arg(long, default_value_t = 200_000)]
    children: usize,
    /// Server processes whose processor time and memory to report
    #[arg(long, value_delimiter = ',')]
    pids: Vec<u32>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Goes through the stages, and prints what each cost to standard output.
///
/// # Errors
/// When a server can't be reached or answers what it must not.
pub fn run(args: &ScaleArgs) -> Result<()> {
    ensure!(args.sessions > 0, "--sessions must be at least 1");
    ensure!(
        args.watches <= args.znodes,
        "--watches must be at most --znodes: each watches a znode of its own"
    );
    let probe = Probe::start(&args.servers[0])?;
    let runtime = single_threaded()?;
    let stages = tokio::task::LocalSet::new().block_on(&runtime, stages::run(args, &probe))?;
    probe.stop()?;
    report::print(&stages, args.json)
}
