//! `quorate rebalance`: groups that share out resources, on the command line.

mod commands;
mod join;
mod status;

use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;

use crate::connection::Connection;
use crate::failure::Failure;

/// Shares resources out among members so that no two ever use one: looks at such a group, or joins it with commands to run.
///
/// Works with Quorate and with any ZooKeeper ensemble. Exit status: 0 done, 1 failed while running, 2 wrong usage.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  quorate tree create --parents /groups/mail/resources/inbox-1
  quorate rebalance join /groups/mail --on-start 'systemctl start mail@$QUORATE_RESOURCE' --on-stop 'systemctl stop mail@$QUORATE_RESOURCE'
  quorate rebalance status /groups/mail";

#[derive(Subcommand)]
enum Command {
    /// Show members, who coordinates, who should have what, and who waits for whom.
    Status(status::Args),
    /// Be a member: run a command for each resource that this member gets, and another for each that it loses.
    Join(join::Args),
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    args.connection.check()?;
    if let Command::Join(join) = &args.command {
        join.check()?;
    }
    let tokio =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    tokio.block_on(async {
        match &args.command {
            Command::Status(status) => status::run(&args.connection, status).await,
            Command::Join(join) => join::run(&args.connection, join).await,
        }
    })?;
    Ok(())
}

/// A number of seconds above 0, such as 0.5.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    if (0.0..1e6).contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err("it is no number of seconds from 0 to 1,000,000".into())
}
