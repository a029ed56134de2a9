//! `quorate service`: who offers what, and where.

mod find;
mod register;
mod watch;

use anyhow::{Context, Result};
use clap::Subcommand;
use client::Sessions;
use recipes::discovery::{Discovery, Instance};
use runtime::Runtime;
use serde_json::Value;

use crate::connection::Connection;
use crate::failure::Failure;
use crate::tree::put;

/// Registers instances of services and finds them, in a registry that programs with Curator's service discovery use as well.
///
/// What is found goes to standard output, the rest to standard error. With --json, standard output has one JSON object a line;
/// instances are as Curator stores them. Exit status: 0 done, 1 failed while running, 2 wrong usage.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub(crate) struct Args {
    #[command(flatten)]
    connection: Connection,
    /// One JSON object a line on standard output.
    #[arg(long, global = true)]
    json: bool,
    /// The registry's znode.
    #[arg(long, env = "QUORATE_SERVICES", default_value = "/services", value_name = "PATH", global = true, value_parser = crate::tree::path)]
    base: String,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  quorate service register shop --address 10.0.0.7 --port 8080
  quorate service register shop --id shop-7 --address shop-7.example --ssl-port 8443 --payload '{\"zone\":\"b\"}'
  quorate service ls
  quorate service ls shop --json
  quorate service --server zk1:2181,zk2:2181 watch shop";

#[derive(Subcommand)]
enum Command {
    /// Register an instance, and keep it registered until interrupted.
    Register(register::Args),
    /// List the services, or the instances of one.
    Ls(find::Args),
    /// Print instances of a service as they come, change and go, until interrupted.
    Watch(watch::Args),
}

/// What every command has.
struct Registry {
    discovery: Discovery,
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    args.connection.check()?;
    if let Command::Register(register) = &args.command {
        register.check()?;
    }
    let tokio =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    tokio.block_on(async {
        let (runtime, options) = (Runtime::system(), args.connection.options()?);
        let sessions = Sessions::open(&runtime, args.connection.server(), options).await;
        let sessions = sessions.map_err(anyhow::Error::from)?;
        let registry = Registry { discovery: Discovery::new(&sessions, &args.base), json: args.json };
        let outcome = match &args.command {
            Command::Register(register) => register::run(&registry, register).await,
            Command::Ls(find) => find::run(&registry, find).await,
            Command::Watch(watch) => watch::run(&registry, watch).await,
        };
        drop(registry);
        // The session would end by itself; what was asked for is done or has failed already.
        let _ = sessions.close().await;
        outcome.map_err(Failure::Running)
    })
}

/// An instance as JSON, as it is stored.
fn as_json(instance: &Instance) -> Value {
    serde_json::from_slice(&instance.to_json()).expect("it is JSON")
}

/// An instance on a line.
fn as_text(instance: &Instance) -> String {
    let endpoint = instance.endpoint().unwrap_or_else(|| "-".to_owned());
    let disabled = if instance.enabled { "" } else { "  (disabled)" };
    format!("{}  {endpoint}{disabled}", instance.id)
}

/// Writes a line to standard output. False when nobody reads it any more, which is no error.
fn put_line(line: &str) -> Result<bool> {
    put(format!("{line}\n").as_bytes())
}
