//! All scenarios, one after another, for as long as somebody wants.

use std::time::Duration;

use anyhow::{Context, Result};
use chaos::report::Report;
use chaos::run::Options;
use chaos::scenario::{SCENARIOS, Scenario};
use chaos::time::elapsed;
use chaos::{needs, time};

use super::{Common, run_one, save_together};

/// What a run takes beside the time in which things go wrong, about.
const AROUND: Duration = Duration::from_secs(22);
/// Less is hardly worth a start.
const CHAOS_MIN: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub(crate) struct SeriesArgs {
    /// How long all takes together. Each scenario has its turn, and then again as long as there is time
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    /// How long things go wrong in each, in seconds [default: so that each has its turn once]
    #[arg(long)]
    secs: Option<u64>,
    #[command(flatten)]
    common: Common,
}

pub(crate) fn series(args: &SeriesArgs) -> Result<bool> {
    time::heed_signals()?;
    let mut options = args.common.options(args.common.first_server()?)?;
    let folder = &args.common.report;
    let (scenarios, skipped) = runnable(&options);
    let until = elapsed() + Duration::from_secs_f64(args.minutes * 60.0);
    let each = until.saturating_sub(elapsed()) / u32::try_from(scenarios.len().max(1))?;
    let chaos = args.secs.map_or_else(|| each.saturating_sub(AROUND), Duration::from_secs).max(CHAOS_MIN);
    let mut reports: Vec<Report> = Vec::new();
    let mut turns = scenarios.iter().cycle();
    while let (Some(scenario), Some(left)) = (turns.next(), until.checked_sub(elapsed() + AROUND))
        && left >= CHAOS_MIN
    {
        options.chaos = Some(chaos.min(left));
        let report = run_one(scenario, &options, folder);
        time::pause(Duration::ZERO)?;
        reports.push(report.unwrap_or_else(|error| unable(scenario, &options, &error)));
        options.seed += 1;
        // Whoever ends this early has what there was until then.
        save_together(&reports, "series", folder)?;
    }
    let json = serde_json::to_string(&reports).context("put reports into JSON")?;
    std::fs::write(folder.join("series.json"), json).context("write series.json")?;
    Ok(conclude(&reports, scenarios.len(), skipped))
}

/// Those that can run here, and how many can't.
fn runnable(options: &Options) -> (Vec<&'static Scenario>, usize) {
    let (mut scenarios, mut skipped) = (Vec::new(), 0);
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.suits(options.kind)) {
        let missing = needs::missing(scenario, options.kind);
        if missing.is_empty() {
            scenarios.push(scenario);
        } else {
            skipped += 1;
            eprintln!("SKIPPED {}, so it proves nothing: {}", scenario.name, missing.join("; "));
        }
    }
    (scenarios, skipped)
}

/// The report of a run that the harness could not bring to its end.
fn unable(scenario: &Scenario, options: &Options, error: &anyhow::Error) -> Report {
    let mut report = Report::new(scenario, options, options.nodes.unwrap_or(scenario.nodes));
    eprintln!("{}: the harness could not go on: {error:#}", scenario.name);
    report.violations.push(format!("the harness could not go on: {error:#}"));
    report
}

fn conclude(reports: &[Report], scenarios: usize, skipped: usize) -> bool {
    let held = reports.iter().filter(|report| report.held()).count();
    let had_turn = reports.len().min(scenarios);
    println!(
        "{held} of {} runs held; {had_turn} of {scenarios} scenarios had their turn, {skipped} SKIPPED",
        reports.len()
    );
    for report in reports {
        let blunt = report.toothless();
        if !blunt.is_empty() {
            println!("in {} these faults never bit: {}", report.scenario, blunt.join(", "));
        }
    }
    held == reports.len() && had_turn == scenarios
}
