//! What a run tells.

mod chart;
mod page;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::clients::{Bucket, Totals};
use crate::faults::Bite;
use crate::net::Counts;
use crate::node::Kind;
use crate::run::Options;
use crate::scenario::Scenario;
use crate::time;

/// All about a run, as its JSON has it. Times are milliseconds since it began.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// What it is about.
    pub about: String,
    /// The server.
    pub server: Kind,
    /// Nodes that founded the cluster.
    pub nodes: u8,
    /// What decided by chance.
    pub seed: u64,
    /// Whether disks said that they synced and did not: then this is a control, which must not hold.
    pub lying_disks: bool,
    /// How long things went wrong.
    pub chaos_ms: u128,
    /// When it began, in seconds since the Unix epoch.
    pub began_at: u64,
    /// What a right server can't have done, and what did not come about. Empty: all held.
    pub violations: Vec<String>,
    /// How long after the last fault every client had a write answered.
    pub recovered_after_ms: Option<u128>,
    /// Sums over all clients.
    pub totals: Totals,
    /// What the switch did to frames.
    pub frames: Counts,
    /// Faults of each kind.
    pub faults: BTreeMap<String, Tally>,
    /// The parts of the run.
    pub phases: Vec<Phase>,
    /// What went wrong, and when.
    pub marks: Vec<Mark>,
    /// By time.
    pub series: Vec<Bucket>,
}

/// A part of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Phase {
    /// What it is.
    pub name: String,
    /// When it began.
    pub from_ms: u128,
    /// When it ended.
    pub until_ms: u128,
}

/// Something that went wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// What.
    pub name: String,
    /// Where and how.
    pub detail: String,
    /// When it began.
    pub from_ms: u128,
    /// When it ended.
    pub until_ms: u128,
    /// Whether it had an effect.
    pub bit: bool,
    /// What shows that it had, or why it had none.
    pub shown: String,
}

impl Mark {
    /// Of a fault that is over.
    pub fn new(name: String, detail: String, from: Duration, until: Duration, bite: Bite) -> Self {
        let (bit, shown) = match bite {
            Bite::Bit(shown) => (true, shown),
            Bite::Toothless(shown) => (false, shown),
        };
        Self { name, detail, from_ms: from.as_millis(), until_ms: until.as_millis(), bit, shown }
    }
}

/// How often a fault came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// How often it began.
    pub planned: u64,
    /// How often it had an effect.
    pub bit: u64,
}

/// What helps to understand a violation.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// All that clients saw, if something is wrong.
    pub history: Option<String>,
    /// What each node wrote.
    pub logs: Vec<(u8, String)>,
}

impl Report {
    /// Of a run that begins.
    pub fn new(scenario: &Scenario, options: &Options, nodes: u8) -> Self {
        Self {
            scenario: scenario.name.into(),
            about: scenario.about.into(),
            server: options.kind,
            nodes,
            seed: options.seed,
            lying_disks: options.lying_disks,
            chaos_ms: 0,
            began_at: time::epoch_seconds(),
            violations: Vec::new(),
            recovered_after_ms: None,
            totals: Totals::default(),
            frames: Counts::default(),
            faults: BTreeMap::new(),
            phases: Vec::new(),
            marks: Vec::new(),
            series: Vec::new(),
        }
    }

    /// Counts the faults. To be called when all are over.
    pub fn count_faults(&mut self) {
        self.faults.clear();
        for mark in &self.marks {
            let tally = self.faults.entry(mark.name.clone()).or_default();
            tally.planned += 1;
            tally.bit += u64::from(mark.bit);
        }
    }

    /// Whether nothing was wrong.
    pub fn held(&self) -> bool {
        self.violations.is_empty()
    }

    /// Kinds of faults that never had an effect: they tested nothing.
    pub fn toothless(&self) -> Vec<&str> {
        let never = self.faults.iter().filter(|(_, tally)| tally.bit == 0);
        never.map(|(name, _)| name.as_str()).collect()
    }

    /// The longest time without an acknowledged write while clients worked, in milliseconds.
    pub fn longest_without_write_ms(&self) -> u64 {
        let work = |phase: &&Phase| ["warm-up", "faults", "recovery"].contains(&phase.name.as_str());
        let mut longest = 0;
        let mut silent = 0;
        let bucket_ms = crate::clients::BUCKET.as_millis();
        for (at, bucket) in self.series.iter().enumerate() {
            let at_ms = at as u128 * bucket_ms;
            let works =
                self.phases.iter().filter(work).any(|phase| (phase.from_ms..phase.until_ms).contains(&at_ms));
            silent = if works && bucket.written == 0 { silent + bucket_ms as u64 } else { 0 };
            longest = longest.max(silent);
        }
        longest
    }

    /// The series up to when clients stop working; what is read in the end would dwarf all else.
    pub fn series_at_work(&self) -> &[Bucket] {
        let worked = self.phases.iter().rfind(|phase| phase.name != "agreement" && phase.name != "reading");
        let until = worked.map_or(u128::MAX, |phase| phase.until_ms) / crate::clients::BUCKET.as_millis();
        let length = usize::try_from(until).unwrap_or(usize::MAX);
        &self.series[..length.min(self.series.len())]
    }

    /// A few lines to read.
    pub fn summary(&self) -> String {
        let Totals { requests, writes_acknowledged, unknown, sessions, sessions_expired, .. } = self.totals;
        let verdict = if self.held() { "held" } else { "VIOLATED" };
        let recovered = self.recovered_after_ms.map_or("never".into(), |ms| format!("{ms} ms"));
        let lying = if self.lying_disks { ", DISKS THAT LIE (a control, which must not hold)" } else { "" };
        let mut text = format!(
            "{} with {:?}, {} nodes, seed {}{lying}: {verdict}\n  {requests} requests, {writes_acknowledged} writes acknowledged, \
             {unknown} unanswered; {sessions} sessions, {sessions_expired} expired\n  longest without a write {} ms; served all \
             clients {recovered} after the last fault\n",
            self.scenario,
            self.server,
            self.nodes,
            self.seed,
            self.longest_without_write_ms(),
        );
        for (name, Tally { planned, bit }) in &self.faults {
            text += &format!("  {name}: {planned}, {bit} bit\n");
        }
        if !self.toothless().is_empty() {
            text +=
                &format!("  THESE FAULTS NEVER BIT and tested nothing: {}\n", self.toothless().join(", "));
        }
        for violation in &self.violations {
            text += &format!("  VIOLATION {violation}\n");
        }
        text
    }

    /// What [`Self::save`] wrote.
    ///
    /// # Errors
    /// If there is no such file, or it is no report.
    pub fn load(file: &Path) -> Result<Self> {
        let json = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
        serde_json::from_slice(&json).with_context(|| format!("read {} as a report", file.display()))
    }

    /// Writes the JSON, the page and the evidence into `folder`. Returns the page.
    ///
    /// # Errors
    /// If a file can't be written.
    pub fn save(&self, evidence: &Evidence, folder: &Path) -> Result<PathBuf> {
        let write = |file: PathBuf, text: &str| {
            std::fs::write(&file, text).with_context(|| format!("write {}", file.display())).map(|()| file)
        };
        std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        let server = format!("{:?}", self.server).to_lowercase();
        let lying = if self.lying_disks { "-lying-disks" } else { "" };
        let name = format!("{}-{server}{lying}-{}", self.scenario, self.seed);
        let json = serde_json::to_string(self).context("put a report into JSON")?;
        write(folder.join(format!("{name}.json")), &json)?;
        for (node, log) in evidence.logs.iter().filter(|_| !self.held()) {
            write(folder.join(format!("{name}-node-{node}.log")), log)?;
        }
        if let Some(history) = &evidence.history {
            write(folder.join(format!("{name}-history.txt")), history)?;
        }
        write(folder.join(format!("{name}.html")), &page::page(std::slice::from_ref(self)))
    }
}

/// One page with several runs on it, to compare them.
pub fn page(reports: &[Report]) -> String {
    page::page(reports)
}
