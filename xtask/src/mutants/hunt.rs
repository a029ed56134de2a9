//! Seeds until a check fails.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::shell::program;

pub(super) struct Hunt {
    /// The seed that failed first, and what it says.
    pub(super) found: Option<(u64, String)>,
    pub(super) seeds: u64,
    pub(super) took: Duration,
}

/// What the simulator says of a seed; it says more.
#[derive(Deserialize)]
struct Line {
    seed: u64,
    violations: Vec<String>,
}

pub(super) fn run(simulator: &Path, first: u64, seeds: u64, more: &[String]) -> Result<Hunt> {
    let began = Instant::now();
    let mut command = program(simulator);
    command.args(["run", "--json", "--first", &first.to_string(), "--seeds", &seeds.to_string()]).args(more);
    let mut child = command.stdout(Stdio::piped()).spawn().context("start the simulator")?;
    let output = child.stdout.take().context("the simulator has no output")?;
    let mut hunt = Hunt { found: None, seeds: 0, took: Duration::ZERO };
    for line in BufReader::new(output).lines() {
        // The last line is of all seeds together.
        let Ok(Line { seed, violations }) =
            serde_json::from_str(&line.context("read the simulator's output")?)
        else {
            continue;
        };
        hunt.seeds += 1;
        if let Some(violation) = violations.into_iter().next() {
            hunt.found = Some((seed, violation));
            break;
        }
    }
    // It may have ended by itself.
    let _ = child.kill();
    let status = child.wait().context("wait for the simulator")?;
    if hunt.found.is_none() && hunt.seeds < seeds {
        let seed = first + hunt.seeds;
        hunt.found = Some((seed, format!("the simulator itself ended: {status}")));
        hunt.seeds += 1;
    }
    hunt.took = began.elapsed();
    Ok(hunt)
}
