//! What the stages cost, for people and for programs.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use super::probe::Worst;

/// One stage.
#[derive(Debug, Serialize)]
pub(super) struct Stage {
    pub(super) name: &'static str,
    /// Sessions, znodes, watches or events.
    pub(super) units: usize,
    pub(super) secs: f64,
    /// Of all server processes, for a unit; less than nothing where memory was given back.
    pub(super) bytes_per_unit: f64,
    /// Of all server processes, for a unit, without what the probe costs in the same time.
    pub(super) cpu_us_per_unit: f64,
    /// Resident in all server processes at the end.
    pub(super) rss_bytes: u64,
    #[serde(flatten)]
    pub(super) worst: Worst,
}

/// Prints to standard output.
pub(super) fn print(stages: &[Stage], json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, &serde_json::json!({ "stages": stages }))?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "{:<44} {:>9} {:>8} {:>9} {:>9} {:>8} {:>8} {:>8} {:>8}",
        "", "units", "s", "B/unit", "CPU us/u", "MiB", "read ms", "write ms", "late ms"
    )?;
    for stage in stages {
        let Stage { name, units, secs, bytes_per_unit, cpu_us_per_unit, rss_bytes, worst } = stage;
        let mib = *rss_bytes as f64 / 1_048_576.0;
        let Worst { read_ms, write_ms, late_ms } = worst;
        writeln!(
            out,
            "{name:<44} {units:>9} {secs:>8.2} {bytes_per_unit:>9.0} {cpu_us_per_unit:>9.1} {mib:>8.0} {read_ms:>8.1} {write_ms:>8.1} {late_ms:>8.1}"
        )?;
    }
    Ok(())
}
