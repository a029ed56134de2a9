//! `cargo xtask sim`: the deterministic simulation, built to be fast.

use anyhow::Result;

use crate::shell::{cargo, step};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many seeds to run; a failure prints the command that replays it
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Passed on to the simulator: its `run --help` tells what there is
    #[arg(last = true)]
    simulator: Vec<String>,
}

impl Args {
    pub(crate) fn seeds(seeds: u64) -> Self {
        Self { seeds, first: 1, simulator: Vec::new() }
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--release", "--locked", "-p", "quorate-sim", "--bin", "sim", "--", "run"]);
    command.args(["--first", &args.first.to_string(), "--seeds", &args.seeds.to_string()]);
    command.args(&args.simulator);
    step(&format!("simulation of {} seeds", args.seeds), &mut command)
}
