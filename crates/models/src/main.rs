//! `models`: checks the designs, and shows that every guard is needed.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use models::MODELS;
use models::checker::{Options, Progress, Report, Verdict};
use models::model::{Entry, Size};
use runtime::{Clock, SystemClock};

/// Model checking of the designs that are ours.
#[derive(Parser)]
#[command(name = "models", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks models. Exits with 1 if a property does not hold.
    Check {
        /// Which; all if not given.
        name: Option<String>,
        /// The large configurations.
        #[arg(long)]
        large: bool,
        /// Keeps 64-bit fingerprints instead of states: several times as many fit into memory.
        #[arg(long)]
        fingerprints: bool,
        /// Gives up on a model with more states than this.
        #[arg(long, default_value_t = 20_000_000)]
        states_max: usize,
        /// Prints a JSON object for each model.
        #[arg(long)]
        json: bool,
    },
    /// Drops each guard of each model in turn, and says which property catches that. Exits with 1 if none does.
    Mutants {
        /// Of which model; of all if not given.
        name: Option<String>,
        /// Prints the counterexamples.
        #[arg(long)]
        traces: bool,
        /// Prints a JSON object for each guard.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    let clock = SystemClock::clock();
    let mut all_passed = true;
    match Args::parse().command {
        Command::Check { name, large, fingerprints, states_max, json } => {
            let options = Options { fingerprints, states_max, ..Options::default() };
            let size = if large { Size::Large } else { Size::Small };
            for entry in chosen(name.as_deref())? {
                all_passed &= check(entry, size, &options, &clock, json);
            }
        }
        Command::Mutants { name, traces, json } => {
            for entry in chosen(name.as_deref())? {
                all_passed &= mutate(entry, traces, json);
            }
        }
    }
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(name: Option<&str>) -> anyhow::Result<Vec<&'static Entry>> {
    let chosen: Vec<_> = MODELS.iter().filter(|entry| name.is_none_or(|name| name == entry.name)).collect();
    let names = || MODELS.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ");
    anyhow::ensure!(!chosen.is_empty(), "no such model; there are {}", names());
    Ok(chosen)
}

fn check(entry: &Entry, size: Size, options: &Options, clock: &Clock, json: bool) -> bool {
    let began = clock.now();
    let report = (entry.check)(size, options, &mut |progress| tell_progress(entry, progress));
    let seconds = clock.now().saturating_since(began).as_secs_f64();
    let verdict = verdict(&report);
    if json {
        let line = serde_json::json!({
            "model": entry.name,
            "large": size == Size::Large,
            "states": report.states,
            "transitions": report.transitions,
            "depth": report.depth,
            "seconds": seconds,
            "holds": report.holds(),
            "violated": report.violated(),
        });
        print(&format!("{line}\n"));
    } else {
        let Report { states, transitions, depth, .. } = report;
        let name = entry.name;
        print(&format!(
            "{name:<17} {states:>10} states {transitions:>11} transitions {depth:>4} deep {seconds:>8.2} s  {verdict}\n"
        ));
        if let Verdict::Violated(counterexample) = &report.verdict {
            print(&counterexample.to_string());
        }
    }
    report.holds()
}

fn verdict(report: &Report) -> String {
    match &report.verdict {
        Verdict::Holds => "holds".to_owned(),
        Verdict::Violated(counterexample) => format!("VIOLATED: {}", counterexample.property),
        Verdict::Unfinished => "UNFINISHED: too many states, raise --states-max".to_owned(),
    }
}

fn mutate(entry: &Entry, traces: bool, json: bool) -> bool {
    let mut all_caught = true;
    for (number, (guard, rule)) in (entry.guards)().into_iter().enumerate() {
        let report = (entry.check)(Size::Without(number), &Options::default(), &mut |progress| {
            tell_progress(entry, progress);
        });
        let caught = report.violated();
        all_caught &= caught.is_some();
        if json {
            let name = entry.name;
            let line = serde_json::json!({"model": name, "guard": guard, "rule": rule, "caught_by": caught});
            print(&format!("{line}\n"));
            continue;
        }
        let (name, caught) = (entry.name, caught.unwrap_or("NOTHING"));
        print(&format!("{name:<17} {guard:<26} {caught}\n"));
        if let Verdict::Violated(counterexample) = &report.verdict
            && traces
        {
            print(&format!("without \"{rule}\"\n{counterexample}\n"));
        }
    }
    all_caught
}

fn tell_progress(entry: &Entry, Progress { states, expanded, transitions }: Progress) {
    let line = format!("{}: {states} states, {expanded} expanded, {transitions} transitions\r", entry.name);
    let mut out = std::io::stderr().lock();
    if !out.is_terminal() {
        return;
    }
    // Nobody to tell is no reason to stop.
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody to tell is no reason to stop.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
