//! The `quorate` command line.

mod admin;
mod backup;
mod connection;
mod elect;
mod failure;
mod identities;
mod lock;
mod logging;
mod member;
mod queue;
mod rebalance;
mod recover;
mod restore;
mod serve;
mod service;
mod shard;
mod signals;
mod started;
mod threads;
mod tree;
mod under;
mod whole_file;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;

/// One server for a fleet's control plane and data plane.
#[derive(Parser)]
#[command(name = "quorate", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a node.
    Serve(Box<serve::Args>),
    /// Show and change who belongs to the cluster.
    Member(member::Args),
    /// Go on with a survivor when a majority of the voters is lost for ever.
    Recover(recover::Args),
    /// Save all that a running cluster has to a file, and see what such a file has.
    Backup(backup::Args),
    /// Found a new cluster from a backup.
    Restore(restore::Args),
    /// Show who replicates the shards of queues, and say how many nodes vote in each.
    Shard(shard::Args),
    /// Read, change, export and import the tree of this or any ZooKeeper server.
    Tree(tree::Args),
    /// List queues, and publish to, take from, look into and empty them.
    Queue(queue::Args),
    /// Register services, find them, and follow who offers them.
    Service(service::Args),
    /// Run a command while holding a lock.
    Lock(lock::Args),
    /// Run a command while being the leader.
    Elect(elect::Args),
    /// Share resources out among members so that no two ever use one: see such a group, or be a member.
    Rebalance(rebalance::Args),
    /// Measure this or another server.
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Subcommand)]
enum Bench {
    /// Drive any ZooKeeper server with reads and writes.
    Zookeeper(bench::Args),
    /// Tell many watchers of one change, on any ZooKeeper server.
    Fanout(bench::FanoutArgs),
    /// Fill any ZooKeeper server with sessions, znodes and watches.
    Scale(bench::ScaleArgs),
    /// Publish to and consume from any AMQP 0-9-1 server.
    Amqp(bench::AmqpArgs),
}

/// Exit status: 0 done, 1 failed while running, 2 wrong usage or configuration; `lock` and `elect` have their own.
fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(args) => serve::run(*args),
        Command::Member(args) => member::run(&args),
        Command::Recover(args) => recover::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Restore(args) => restore::run(&args),
        Command::Tree(args) => tree::run(args),
        Command::Queue(args) => queue::run(&args),
        Command::Shard(args) => shard::run(&args),
        Command::Service(args) => service::run(&args),
        Command::Rebalance(args) => rebalance::run(&args),
        // These end as what they run ends.
        Command::Lock(args) => return lock::run(&args),
        Command::Elect(args) => return elect::run(&args),
        Command::Bench(bench) => run_bench(bench),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("quorate: {failure}");
            failure.exit_code()
        }
    }
}

/// Writes to standard output. A reader that has seen enough is no error.
fn put(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn run_bench(bench: Bench) -> Result<(), Failure> {
    match bench {
        Bench::Zookeeper(args) => bench::run(args)?,
        Bench::Fanout(args) => bench::run_fanout(&args)?,
        Bench::Scale(args) => bench::run_scale(&args)?,
        Bench::Amqp(args) => {
            args.check().map_err(|error| Failure::Usage(error.to_string()))?;
            bench::run_amqp(&args)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_makes_sense() {
        super::Cli::command().debug_assert();
    }
}
