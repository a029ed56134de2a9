//! Load generators that drive Quorate and its peers.
//!
//! The generator shares a machine with the servers that it measures, so it is built to cost little: one thread, a batch
//! of requests in one write, all replies of a read taken at once. It measures its own processor time, and says so.
//!
//! This crate is no part of a node: no simulation replaces its clock, threads or sockets.
#![expect(clippy::disallowed_methods, reason = "a load generator measures real time over real sockets")]

mod amqp;
mod args;
mod process;
mod report;
mod series;
mod zookeeper;

pub use amqp::{AmqpArgs, run as run_amqp};
pub use args::{Args, Operation};
pub use zookeeper::fanout::{FanoutArgs, run as run_fanout};
pub use zookeeper::scale::{ScaleArgs, run as run_scale};

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};

/// Runs the load that `args` describe and prints what it measured to standard output; progress goes to standard error.
///
/// Starts runtimes of its own, so it must be called from outside of one.
///
/// # Errors
/// When the arguments make no sense together, a server can not be reached, or one answers what it must not.
pub fn run(args: Args) -> Result<()> {
    let json = args.json;
    let report = zookeeper::measure(&args)?;
    report::print(&report, json)
}

fn single_threaded() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("start a runtime")
}
