//! `cargo xtask bench-failures`: throughput over time while nodes die and come back, of Quorate and ZooKeeper in one chart.
//!
//! The experiment is that of figure 8 in "ZooKeeper: Wait-free coordination for Internet-scale systems" (USENIX ATC 2010), on
//! three nodes: a follower is killed and comes back, then the leader is. Writes and reads are loads of their own, so that a
//! write that waits does not hide that reads are answered.

mod chart;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Kind;
use super::cluster::{Cluster, Programs};
use super::figures::Contender;
use super::generator::{DATA_BYTES, Generator, Load, Report};
use crate::interop;
use crate::shell::{quorate_binary, target};
use chart::Strip;

const NODES: u8 = 3;
/// How finely answers are counted: what is shorter is no pause.
const STRETCH_MS: u64 = 10;
const WRITES: Load<'_> = Load { op: "set", conns: 12, pipeline: 1, size: DATA_BYTES };
const READS: Load<'_> = Load { op: "get", conns: 12, pipeline: 1, size: DATA_BYTES };

/// What happens, and how many seconds after the beginning. Java has as long to come back as Quorate.
const STEPS: [(u64, Step); 4] =
    [(6, Step::KillFollower), (12, Step::StartAgain), (20, Step::KillLeader), (26, Step::StartAgain)];
const SECS: u64 = 34;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the picture goes; the figures go beside it, as JSON
    #[arg(long)]
    out: Option<PathBuf>,
    /// Seconds of load before, for Java's compiler more than anything
    #[arg(long, default_value_t = 5.0)]
    warmup_secs: f64,
    /// Use this program instead of building the server
    #[arg(long)]
    quorate: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    KillFollower,
    KillLeader,
    StartAgain,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::KillFollower => "a follower is killed",
            Step::KillLeader => "the leader is killed",
            Step::StartAgain => "it is back",
        }
    }
}

/// What one load measured of one kind of server.
struct Line {
    kind: Kind,
    what: &'static str,
    /// Answers in each stretch, from the beginning of the load.
    counts: Vec<u64>,
    /// When each step was done, in milliseconds from the same beginning.
    steps_ms: Vec<u64>,
}

impl Line {
    fn new(kind: Kind, what: &'static str, report: &Report, steps_unix_ms: &[u64]) -> Result<Self> {
        let began = report.number("/began_unix_ms")? as u64;
        let counts = report.numbers("/answers_each")?;
        let steps_ms = steps_unix_ms.iter().map(|step| step.saturating_sub(began)).collect();
        Ok(Self { kind, what, counts, steps_ms })
    }

    /// The longest time without an answer from each step to the next, in milliseconds.
    fn pauses_ms(&self) -> Vec<u64> {
        let end = SECS * 1000;
        let ends = self.steps_ms.iter().skip(1).copied().chain([end]);
        self.steps_ms
            .iter()
            .zip(ends)
            .map(|(from, until)| longest_pause_ms(&self.counts, *from, until))
            .collect()
    }

    fn to_json(&self) -> Value {
        json!({
            "server": self.kind.name(),
            "what": self.what,
            "stretch_ms": STRETCH_MS,
            "answers_each": self.counts,
            "steps": STEPS.iter().map(|(_, step)| step.name()).collect::<Vec<_>>(),
            "steps_ms": self.steps_ms,
            "longest_pauses_ms": self.pauses_ms(),
        })
    }
}

fn longest_pause_ms(counts: &[u64], from_ms: u64, until_ms: u64) -> u64 {
    let (from, until) = ((from_ms / STRETCH_MS) as usize, (until_ms / STRETCH_MS) as usize);
    let (mut longest, mut pause) = (0, 0);
    for at in from..until {
        let is_silent = counts.get(at).copied().unwrap_or(0) == 0;
        pause = if is_silent { pause + 1 } else { 0 };
        longest = longest.max(pause);
    }
    longest * STRETCH_MS
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let quorate = args.quorate.clone().map_or_else(quorate_binary, Ok)?;
    let programs = Programs { quorate, zookeeper_jars: interop::java()?.join("lib") };
    let generator = Generator::new(programs.quorate.clone(), args.warmup_secs, 0.0);
    let folder = target().join("bench-failures");
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let mut lines = Vec::new();
    for kind in [Kind::Quorate, Kind::Zookeeper] {
        eprintln!("==> {} on {NODES} nodes", kind.name());
        let mut cluster = Cluster::new(kind, NODES, &programs, &folder)?;
        lines.extend(measure(&mut cluster, &generator)?);
        cluster.stop()?;
    }
    let out = args.out.clone().unwrap_or_else(|| folder.join("failures.svg"));
    let strips: Vec<_> = lines.iter().map(strip).collect();
    fs::write(&out, chart::draw(&strips, SECS)).with_context(|| format!("write {}", out.display()))?;
    let figures = Value::Array(lines.iter().map(Line::to_json).collect());
    fs::write(out.with_extension("json"), figures.to_string())?;
    let mut terminal = std::io::stdout().lock();
    writeln!(terminal, "{}the picture: {}", table(&lines), out.display())?;
    Ok(())
}

fn measure(cluster: &mut Cluster, generator: &Generator) -> Result<[Line; 2]> {
    cluster.start("/")?;
    let servers = cluster.addresses();
    for load in [&READS, &WRITES] {
        generator.measure(load, &servers, &[])?;
    }
    let writing = generator.start_through_faults(&WRITES, &servers, SECS as f64, STRETCH_MS)?;
    let reading = generator.start_through_faults(&READS, &servers, SECS as f64, STRETCH_MS)?;
    let began = Instant::now();
    let mut done_unix_ms = Vec::new();
    for (at, step) in STEPS {
        thread::sleep((began + Duration::from_secs(at)).saturating_duration_since(Instant::now()));
        eprintln!("    {at} s: {}", step.name());
        // Finding the leader takes time, which is none of the step's.
        let victim = match step {
            Step::KillFollower => Some((cluster.leader()? + 1) % servers.len()),
            Step::KillLeader => Some(cluster.leader()?),
            Step::StartAgain => None,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        done_unix_ms.push(now.as_millis() as u64);
        match victim {
            Some(victim) => cluster.kill(victim),
            None => drop(cluster.start("/")?),
        }
    }
    let (writes, reads) = (writing.finish()?, reading.finish()?);
    for report in [&writes, &reads] {
        ensure!(report.number("/errors")? == 0.0, "requests were answered with errors: {report:?}");
    }
    let kind = cluster.kind;
    Ok([Line::new(kind, "writes", &writes, &done_unix_ms)?, Line::new(kind, "reads", &reads, &done_unix_ms)?])
}

fn strip(line: &Line) -> Strip<'_> {
    let marks = line.steps_ms.iter().zip(STEPS).zip(line.pauses_ms());
    Strip {
        title: format!("{}: {} a second", line.kind.name(), line.what),
        is_ours: line.kind == Kind::Quorate,
        counts: &line.counts,
        stretch_ms: STRETCH_MS,
        marks: marks.map(|((at_ms, (_, step)), pause_ms)| (*at_ms, mark(step, pause_ms))).collect(),
    }
}

fn mark(step: Step, pause_ms: u64) -> String {
    match step {
        Step::StartAgain => step.name().to_owned(),
        _ => format!("{}: nothing for {pause_ms} ms", step.name()),
    }
}

fn table(lines: &[Line]) -> String {
    let mut text = format!("{:<24}", "longest pause after");
    lines.iter().for_each(|line| text += &format!(" {:>18}", format!("{} {}", line.kind.name(), line.what)));
    for (number, (_, step)) in STEPS.iter().enumerate() {
        text += &format!("\n{:<24}", step.name());
        lines.iter().for_each(|line| text += &format!(" {:>15} ms", line.pauses_ms()[number]));
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pause_is_found_between_its_ends() {
        let counts = [5, 0, 0, 3, 0, 0, 0, 1];
        assert_eq!(longest_pause_ms(&counts, 0, 40), 20);
        assert_eq!(longest_pause_ms(&counts, 0, 80), 30);
        assert_eq!(longest_pause_ms(&counts, 50, 80), 20);
        assert_eq!(longest_pause_ms(&counts, 70, 120), 40, "nothing came any more");
    }
}
