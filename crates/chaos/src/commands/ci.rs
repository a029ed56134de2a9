//! The short form.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use chaos::report::Report;
use chaos::run::Options;
use chaos::scenario::by_name;
use chaos::{needs, time};

use super::{Common, run_one, save_together};

#[derive(clap::Args)]
pub(crate) struct CiArgs {
    #[command(flatten)]
    common: Common,
}

/// What `ci` runs: for how many seconds things go wrong.
const SHORT: [(&str, u64); 8] = [
    ("kill-leader", 9),
    ("kill-all", 7),
    ("partitions", 16),
    ("slow-network", 12),
    ("pause", 8),
    ("membership", 12),
    ("power-cut-ext4", 9),
    ("bit-rot", 8),
];

pub(crate) fn ci(args: &CiArgs) -> Result<bool> {
    let missing = needs::missing_for_all();
    if !missing.is_empty() {
        println!("ALL FAULT TESTS SKIPPED, so nothing is proven: {}", missing.join("; "));
        return Ok(true);
    }
    time::heed_signals()?;
    let mut options = args.common.options(args.common.first_server()?)?;
    options.limits.warm_up = Duration::from_secs(1);
    options.limits.calm = Duration::from_secs(1);
    options.limits.rest = Duration::from_secs(7);
    let (mut reports, mut skipped) = (Vec::new(), 0);
    for (name, seconds) in SHORT {
        let scenario = by_name(name).with_context(|| format!("find the scenario {name}"))?;
        let missing = needs::missing(scenario, options.kind);
        if !missing.is_empty() {
            skipped += 1;
            eprintln!("SKIPPED {name}, so it proves nothing: {}", missing.join("; "));
            continue;
        }
        options.chaos = Some(Duration::from_secs(seconds));
        reports.push(run_one(scenario, &options, &args.common.report)?);
    }
    let control_fails = control(&options, &args.common.report)?;
    save_together(&reports, "ci", &args.common.report)?;
    let held = reports.iter().filter(|report| report.held()).count();
    let blunt: Vec<&str> = reports.iter().flat_map(Report::toothless).collect();
    println!("fault tests: {held} of {} scenarios held, {skipped} SKIPPED", reports.len());
    if !blunt.is_empty() {
        println!("faults that never bit: {}", blunt.join(", "));
    }
    if !control_fails {
        println!(
            "THE CONTROL HELD: disks that lie lost nothing in a power cut, so the power cuts prove nothing"
        );
    }
    Ok(held == reports.len() && blunt.is_empty() && control_fails)
}

/// With disks that lie about their syncs a power cut must lose something, and that must be seen.
fn control(options: &Options, folder: &Path) -> Result<bool> {
    const NAME: &str = "power-cut-ext4";
    let scenario = by_name(NAME).with_context(|| format!("find the scenario {NAME}"))?;
    let missing = needs::missing(scenario, options.kind);
    if !missing.is_empty() {
        eprintln!("SKIPPED the control, so it proves nothing: {}", missing.join("; "));
        return Ok(true);
    }
    let mut options = options.clone();
    options.lying_disks = true;
    options.spells = Some(1);
    options.limits.recovery = Duration::from_secs(6);
    eprint!("the control, which must not hold: ");
    Ok(!run_one(scenario, &options, folder)?.held())
}
