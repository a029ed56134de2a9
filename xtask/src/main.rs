//! Developer commands: `cargo xtask --help`.
//!
//! This program is no part of a node: it runs other programs, and takes time, files and sockets as they are.
#![expect(clippy::disallowed_methods, reason = "developer commands run outside of any simulation")]

mod chaos;
mod ci;
mod compare;
#[cfg(test)]
mod features;
mod interop;
mod mutants;
mod shell;
mod sim;
#[cfg(test)]
mod tidy;

use std::process::ExitCode;

use clap::Parser;

/// Developer commands. Exit status: 0 passed, 1 failed, 2 wrong usage.
#[derive(Parser)]
#[command(name = "cargo xtask")]
enum Command {
    /// Everything that must pass before a change lands
    Ci(ci::Args),
    /// Run third-party clients against real processes
    Interop(interop::Args),
    /// Run seeds of the simulation
    Sim(sim::Args),
    /// Plant known bugs in a copy of the source, one at a time, and show which check finds each
    Mutants(mutants::Args),
    /// Measure Quorate side by side with ZooKeeper
    BenchCompare(compare::Args),
    /// Measure queues side by side with RabbitMQ
    BenchQueues(compare::queues::Args),
    /// Draw throughput over time while nodes die and come back, of Quorate and ZooKeeper
    BenchFailures(compare::failures::Args),
    /// Measure the Rust client side by side with those of other languages
    BenchClients(compare::clients::Args),
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Ci(args) => ci::run(&args),
        Command::Interop(args) => interop::run(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Mutants(args) => mutants::run(&args),
        Command::BenchCompare(args) => compare::run(&args),
        Command::BenchQueues(args) => compare::queues::run(&args),
        Command::BenchFailures(args) => compare::failures::run(&args),
        Command::BenchClients(args) => compare::clients::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
