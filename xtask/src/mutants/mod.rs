//! `cargo xtask mutants`: would the checks find the bug? Known bugs are put into a copy of the source, one at a time, and the
//! simulator runs seeds on it until a check fails. What no check finds shows what the checks can't see.

#![expect(clippy::print_stdout, reason = "the table is what this command is for")]

mod copy;
mod hunt;
mod list;

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Serialize;

use copy::Copy;
use list::Mutant;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these, by name; all when absent
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// How many seeds may pass before a bug counts as missed
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Print the names, and what each bug is
    #[arg(long)]
    list: bool,
    /// Print a JSON object for each bug instead of a table
    #[arg(long)]
    json: bool,
    /// Passed on to the simulator
    #[arg(last = true)]
    simulator: Vec<String>,
}

/// What came of one mutant.
#[derive(Serialize)]
struct Verdict<'a> {
    name: &'a str,
    bug: &'a str,
    /// The check that found it, and on which seed; none: it was missed.
    found: Option<Found>,
    /// Seeds that were run.
    seeds: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct Found {
    seed: u64,
    check: String,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let all = list::read()?;
    if args.list {
        all.iter().for_each(|mutant| println!("{:24} {}", mutant.name, mutant.bug));
        return Ok(());
    }
    for name in &args.only {
        ensure!(all.iter().any(|mutant| mutant.name == *name), "no such mutant: {name}; see --list");
    }
    let chosen: Vec<&Mutant> =
        all.iter().filter(|mutant| args.only.is_empty() || args.only.contains(&mutant.name)).collect();
    let copy = Copy::of_the_workspace()?;
    let mut missed = Vec::new();
    for (at, mutant) in chosen.iter().enumerate() {
        eprintln!("==> {} of {}: {}", at + 1, chosen.len(), mutant.name);
        let verdict = judge(args, &copy, mutant)?;
        if verdict.found.is_none() {
            missed.push(mutant.name.as_str());
        }
        tell(args, &verdict)?;
    }
    ensure!(
        missed.is_empty(),
        "{} of {} bugs were missed: {}",
        missed.len(),
        chosen.len(),
        missed.join(", ")
    );
    eprintln!("==> all {} bugs were found", chosen.len());
    Ok(())
}

fn judge<'a>(args: &Args, copy: &Copy, mutant: &'a Mutant) -> Result<Verdict<'a>> {
    let simulator = copy.build_with(mutant)?;
    let hunt = hunt::run(&simulator, args.first, args.seeds, &args.simulator)?;
    let found = hunt.found.map(|(seed, violation)| Found { seed, check: check_of(&violation) });
    Ok(Verdict {
        name: &mutant.name,
        bug: &mutant.bug,
        found,
        seeds: hunt.seeds,
        seconds: seconds(hunt.took),
    })
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}

/// The rule that was broken, without the particulars: violations begin with it.
fn check_of(violation: &str) -> String {
    let rule = violation.split(": ").next().unwrap_or_default();
    rule.chars().take(100).collect()
}

/// A row as soon as it is known: the whole takes long.
fn tell(args: &Args, verdict: &Verdict<'_>) -> Result<()> {
    if args.json {
        println!("{}", serde_json::to_string(verdict)?);
        return Ok(());
    }
    let (check, seed) = match &verdict.found {
        Some(found) => (found.check.as_str(), found.seed.to_string()),
        None => ("MISSED", "-".to_owned()),
    };
    let Verdict { name, bug, seeds, seconds, .. } = verdict;
    println!("| {name} | {bug} | {check} | {seed} | {seeds} | {seconds} s |");
    Ok(())
}
