//! Runs the randomised table at length: `cargo run --release -p quorate-rebalancer --example table -- --seeds 2000`.
//!
//! Every seed runs every row of the table (see `tests/support/table.rs`) in both protocols, in simulated time. What must not happen is
//! printed with the command that shows it again, and then the exit status is 1.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use rebalancer::Mode;
use rebalancer::planted::Bug;
use runtime::SystemClock;
use support::table::{Outcome, ROWS, Row, run};

#[derive(Parser)]
struct Args {
    /// How many seeds to run.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// This seed only.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// This row only, counted from 0.
    #[arg(long)]
    row: Option<usize>,
    /// This protocol only.
    #[arg(long)]
    mode: Option<AskedMode>,
    /// A bug to plant, by its name.
    #[arg(long)]
    bug: Option<String>,
    /// The summary as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum AskedMode {
    Resource,
    Global,
}

#[derive(Default)]
struct Summary {
    runs: u64,
    failed: u64,
    quiet_points: u64,
    rebalances: u64,
    claims: u64,
    releases: u64,
    simulated_s: f64,
    faults: BTreeMap<&'static str, u64>,
}

impl Summary {
    fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.failed += u64::from(!outcome.violations.is_empty());
        self.quiet_points += outcome.quiet_points;
        self.rebalances += outcome.rebalances;
        self.claims += outcome.claims;
        self.releases += outcome.releases;
        self.simulated_s += outcome.took.as_secs_f64();
        for (fault, many) in &outcome.faults {
            *self.faults.entry(fault).or_default() += many;
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let seeds = match args.seed {
        Some(seed) => seed..seed + 1,
        None => args.from..args.from + args.seeds,
    };
    let bug = args.bug.as_ref().map(|name| {
        let found = Bug::ALL.iter().find(|bug| format!("{bug:?}") == *name);
        *found.unwrap_or_else(|| panic!("bugs are {:?}", Bug::ALL))
    });
    let asked = args.mode.map(|mode| match mode {
        AskedMode::Resource => Mode::Resource,
        AskedMode::Global => Mode::Global,
    });
    let clock = SystemClock::clock();
    let (began, mut told) = (clock.wall_ms(), clock.wall_ms());
    let (mut summary, mut failures) = (Summary::default(), Vec::new());
    for seed in seeds.clone() {
        for (number, row, mode) in plays(args.row, asked) {
            let outcome = run(row, mode, seed, bug);
            summary.add(&outcome);
            if !outcome.violations.is_empty() {
                let mode = mode.as_str();
                let again = format!(
                    "cargo run --release -p quorate-rebalancer --example table -- --row {number} --mode {mode} --seed {seed}"
                );
                eprintln!("{}, {mode}, seed {seed}: {:#?}\n  {again}", row.name, outcome.violations);
                failures.push(again);
            }
        }
        if clock.wall_ms() - told > 10_000 {
            told = clock.wall_ms();
            let Summary { runs, failed, .. } = summary;
            eprintln!("seed {seed} of {}: {runs} runs, {failed} failed", seeds.end);
        }
    }
    report(&summary, seeds.end - seeds.start, clock.wall_ms() - began, args.json);
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plays(row: Option<usize>, mode: Option<Mode>) -> impl Iterator<Item = (usize, &'static Row, Mode)> {
    let rows = ROWS.iter().enumerate().filter(move |(number, _)| row.is_none_or(|row| row == *number));
    let all = rows.flat_map(|(number, row)| row.modes.iter().map(move |mode| (number, row, *mode)));
    all.filter(move |(_, _, is)| mode.is_none_or(|mode| mode == *is))
}

fn report(summary: &Summary, seeds: u64, took_ms: i64, json: bool) {
    let Summary { runs, failed, quiet_points, rebalances, claims, releases, simulated_s, faults } = summary;
    if json {
        let line = serde_json::json!({
            "seeds": seeds, "runs": runs, "failed": failed, "quiet_points": quiet_points,
            "rebalances": rebalances, "claims": claims, "releases": releases,
            "simulated_s": simulated_s.round(), "took_ms": took_ms, "faults": faults,
        });
        println!("{line}");
        return;
    }
    println!(
        "{seeds} seeds, {runs} runs in {} s ({simulated_s:.0} s simulated): {failed} failed",
        took_ms / 1000
    );
    println!("{quiet_points} quiet points, {rebalances} rebalances, {claims} claims, {releases} releases");
    for (fault, many) in faults {
        println!("{many:>8}  {fault}");
    }
}
