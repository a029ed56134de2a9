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
    /// How long things go wrong in each seed, in simulated minutes
    #[arg(long)]
    minutes: Option<f64>,
    /// Runs this seed again, alone
    #[arg(long, conflicts_with_all = ["seeds", "first"])]
    replay: Option<u64>,
    /// Passed on to the simulator: its `run --help` tells what there is
    #[arg(last = true)]
    simulator: Vec<String>,
}

impl Args {
    pub(crate) fn seeds(seeds: u64) -> Self {
        Self { seeds, first: 1, minutes: None, replay: None, simulator: Vec::new() }
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--release", "--locked", "-p", "quorate-sim", "--bin", "sim", "--"]);
    let what = match args.replay {
        Some(seed) => {
            command.args(["replay", &seed.to_string()]);
            format!("simulation of seed {seed}")
        }
        None => {
            command.args(["run", "--first", &args.first.to_string(), "--seeds", &args.seeds.to_string()]);
            format!("simulation of {} seeds", args.seeds)
        }
    };
    command.args(args.minutes.iter().flat_map(|minutes| ["--minutes".to_owned(), minutes.to_string()]));
    command.args(&args.simulator);
    step(&what, &mut command)
}
