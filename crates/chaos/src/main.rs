//! The `quorate-chaos` command line.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Fault tests on real processes: a node per network namespace, faults of processes, network and disks.
///
/// Needs Linux and root, and touches nothing on the machine but what it made itself.
#[derive(Parser)]
#[command(name = "quorate-chaos", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a scenario
    Run(commands::RunArgs),
    /// List the scenarios
    List,
    /// Run all scenarios one after another, and put them on one page
    Series(commands::SeriesArgs),
    /// Run a short form of a few scenarios, in less than four minutes
    Ci(commands::CiArgs),
    /// Cut the power again and again
    PowerCuts(commands::PowerCutsArgs),
    /// Put runs on one page, to compare them
    Page(commands::PageArgs),
    /// Answer each line with what the clocks show: so a run sees clocks that are faked
    #[command(hide = true)]
    Clock,
    /// Remove what runs left behind that were killed
    Clean,
}

/// Exit status: 0 all held, 1 something was violated or could not be done.
fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(args) => commands::run(&args),
        Command::List => commands::list(),
        Command::Series(args) => commands::series(&args),
        Command::Ci(args) => commands::ci(&args),
        Command::PowerCuts(args) => commands::power_cuts(&args),
        Command::Page(args) => commands::page(&args),
        Command::Clock => chaos::node::tell_time().map(|()| true),
        Command::Clean => commands::clean(),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("quorate-chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}
