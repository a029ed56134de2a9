//! What came of a run, and of many.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use verify::queues::{self, history::QueueHistory};

use crate::faults::{Kind, Tally};
use crate::trace::Sum;

/// What came of one seed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// A checksum of all that clients saw, with times: equal whenever the seed runs again.
    pub digest: u32,
    /// Of the trace, if it was asked for.
    pub trace: Option<Sum>,
    /// What is wrong, as sentences; nothing if all is well.
    pub violations: Vec<String>,
    /// Faults.
    pub tally: Tally,
    /// Nodes that founded the cluster.
    pub nodes: u64,
    /// Nodes that joined it as observers before anything went wrong.
    pub observers: u64,
    /// Requests that clients sent.
    pub requests: u64,
    /// Of those, writes that were answered.
    pub writes: u64,
    /// Of those, requests whose outcome nobody told.
    pub unknown: u64,
    /// Watch events.
    pub events: u64,
    /// Sessions that expired.
    pub expired: u64,
    /// What clients of queues did, where there were any.
    pub queues: QueueCounts,
    /// Things that happened on the way and that a run should have seen.
    pub coverage: Coverage,
    /// Simulated time.
    pub simulated: Duration,
    /// Time of the CPU.
    pub cpu: Duration,
    /// How long after the last fault was taken back every client's writes went through again.
    pub recovered_after: Option<Duration>,
    /// The same, when only a quorum was healed.
    pub quorum_served_after: Option<Duration>,
}

/// Rare paths that were taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// Times another node came to lead.
    pub leader_changes: u64,
    /// Processes that were started, the first of each node included.
    pub starts: u64,
    /// Snapshots that a node took, or was sent.
    pub snapshots: u64,
    /// The same, of shards of queues.
    pub shard_snapshots: u64,
    /// Of those, snapshots that came from another node.
    pub shard_transfers: u64,
    /// Files of frames that came to be, on any node.
    pub segment_files: u64,
    /// Changes of who belongs to the cluster.
    pub membership_changes: u64,
    /// Comparisons of replicas with what they and others were before, and with the rules of Raft.
    pub invariant_checks: u64,
}

/// What clients of queues did and saw.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct QueueCounts {
    /// Runs with queues.
    pub runs: u64,
    /// Messages that were sent, those that were sent again included.
    pub sent: u64,
    /// Of those, messages that the server confirmed.
    pub confirmed: u64,
    /// Messages that came to consumers.
    pub deliveries: u64,
    /// Of those, messages that somebody had been given before.
    pub redeliveries: u64,
    /// Of those, dead letters.
    pub dead_letters: u64,
    /// Attachments of consumers.
    pub sessions: u64,
    /// Work of single active consumers that came too late and was refused.
    pub fenced_off: u64,
}

impl QueueCounts {
    pub(crate) fn of(history: &QueueHistory) -> Self {
        let events = history.sessions.iter().flat_map(|session| &session.events);
        let deliveries: Vec<_> =
            events.filter(|event| event.kind == queues::history::Kind::Delivered).collect();
        let count = |is: fn(&queues::history::Delivery) -> bool| {
            deliveries.iter().filter(|event| is(&event.delivery)).count() as u64
        };
        Self {
            runs: 1,
            sent: history.published.values().map(|published| published.sent.len() as u64).sum(),
            confirmed: history.published.values().map(|published| published.confirmed.len() as u64).sum(),
            deliveries: deliveries.len() as u64,
            redeliveries: count(|delivery| delivery.redelivered),
            dead_letters: count(|delivery| delivery.death.is_some()),
            sessions: history.sessions.len() as u64,
            fenced_off: history.fenced_off,
        }
    }

    fn add(&mut self, other: QueueCounts) {
        self.runs += other.runs;
        self.sent += other.sent;
        self.confirmed += other.confirmed;
        self.deliveries += other.deliveries;
        self.redeliveries += other.redeliveries;
        self.dead_letters += other.dead_letters;
        self.sessions += other.sessions;
        self.fenced_off += other.fenced_off;
    }
}

impl Coverage {
    fn add(&mut self, other: Coverage) {
        self.leader_changes += other.leader_changes;
        self.starts += other.starts;
        self.snapshots += other.snapshots;
        self.shard_snapshots += other.shard_snapshots;
        self.shard_transfers += other.shard_transfers;
        self.segment_files += other.segment_files;
        self.membership_changes += other.membership_changes;
        self.invariant_checks += other.invariant_checks;
    }
}

impl Report {
    /// Whether all is well.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// Kinds of faults that were planned for this run and never bit.
    pub fn harmless(&self) -> Vec<String> {
        self.tally.iter().filter(|(_, count)| count.bit == 0).map(|(kind, _)| kind.to_string()).collect()
    }
}

/// One line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_clean() { "ok" } else { "FAILED" };
        write!(
            f,
            "seed {:>6} {verdict:<6} {}+{} nodes, {:.0} s simulated in {:.1} s, {} requests, {} unknown, {} events, digest {:08x}",
            self.seed,
            self.nodes,
            self.observers,
            self.simulated.as_secs_f64(),
            self.cpu.as_secs_f64(),
            self.requests,
            self.unknown,
            self.events,
            self.digest,
        )?;
        if let Some(Sum { crc, bytes }) = self.trace {
            write!(f, ", trace {crc:08x} of {bytes} bytes")?;
        }
        match self.recovered_after {
            Some(after) => write!(f, ", recovered in {} ms", after.as_millis())?,
            None => write!(f, ", never recovered")?,
        }
        if self.queues.runs > 0 {
            write!(f, ", {} messages, {} deliveries", self.queues.sent, self.queues.deliveries)?;
        }
        let harmless = self.harmless();
        if !harmless.is_empty() {
            write!(f, ", harmless: {}", harmless.join(" "))?;
        }
        Ok(())
    }
}

/// What came of many seeds.
#[derive(Default)]
pub struct Summary {
    seeds: u64,
    failed: Vec<u64>,
    tally: Tally,
    requests: u64,
    writes: u64,
    unknown: u64,
    events: u64,
    expired: u64,
    queues: QueueCounts,
    /// Runs with queues in which a shard took a snapshot, and in which a node was sent one.
    runs_with_shard_snapshots: u64,
    runs_with_shard_transfers: u64,
    coverage: Coverage,
    simulated: Duration,
    cpu: Duration,
    recoveries: Vec<Duration>,
    quorum_recoveries: Vec<Duration>,
}

/// One kind of fault in a [`Summary`], for machines.
#[derive(Serialize)]
struct FaultLine {
    kind: String,
    planned: u64,
    begun: u64,
    bit: u64,
    bites: u64,
}

/// A [`Summary`] for machines.
#[derive(Serialize)]
struct SummaryLine<'a> {
    seeds: u64,
    failed: &'a [u64],
    requests: u64,
    acknowledged_writes: u64,
    unknown: u64,
    watch_events: u64,
    expired_sessions: u64,
    queues: QueueCounts,
    coverage: Coverage,
    simulated_seconds: f64,
    cpu_seconds: f64,
    recovery_ms_p50: u128,
    recovery_ms_max: u128,
    quorum_recovery_ms_p50: u128,
    quorum_recovery_ms_max: u128,
    faults: Vec<FaultLine>,
}

impl Summary {
    /// Adds a run.
    pub fn add(&mut self, report: &Report) {
        self.seeds += 1;
        if !report.is_clean() {
            self.failed.push(report.seed);
        }
        self.tally.add(&report.tally);
        self.requests += report.requests;
        self.writes += report.writes;
        self.unknown += report.unknown;
        self.events += report.events;
        self.expired += report.expired;
        self.queues.add(report.queues);
        self.runs_with_shard_snapshots += u64::from(report.coverage.shard_snapshots > 0);
        self.runs_with_shard_transfers += u64::from(report.coverage.shard_transfers > 0);
        self.coverage.add(report.coverage);
        self.simulated += report.simulated;
        self.cpu += report.cpu;
        self.recoveries.extend(report.recovered_after);
        self.recoveries.sort_unstable();
        self.quorum_recoveries.extend(report.quorum_served_after);
        self.quorum_recoveries.sort_unstable();
    }

    /// Seeds that failed.
    pub fn failed(&self) -> &[u64] {
        &self.failed
    }

    /// As one JSON object.
    pub fn to_json(&self) -> String {
        let line = |(kind, count): (crate::faults::Kind, crate::faults::Count)| FaultLine {
            kind: kind.to_string(),
            planned: count.planned,
            begun: count.begun,
            bit: count.bit,
            bites: count.bites,
        };
        let line = SummaryLine {
            seeds: self.seeds,
            failed: &self.failed,
            requests: self.requests,
            acknowledged_writes: self.writes,
            unknown: self.unknown,
            watch_events: self.events,
            expired_sessions: self.expired,
            queues: self.queues,
            coverage: self.coverage,
            simulated_seconds: self.simulated.as_secs_f64(),
            cpu_seconds: self.cpu.as_secs_f64(),
            recovery_ms_p50: middle(&self.recoveries).as_millis(),
            recovery_ms_max: last(&self.recoveries).as_millis(),
            quorum_recovery_ms_p50: middle(&self.quorum_recoveries).as_millis(),
            quorum_recovery_ms_max: last(&self.quorum_recoveries).as_millis(),
            faults: self.tally.iter().map(line).collect(),
        };
        serde_json::to_string(&line).expect("numbers and names have a JSON form")
    }
}

fn middle(sorted: &[Duration]) -> Duration {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn last(sorted: &[Duration]) -> Duration {
    sorted.last().copied().unwrap_or_default()
}

/// A table for people.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = self.simulated.as_secs_f64() / self.cpu.as_secs_f64().max(1e-9);
        writeln!(
            f,
            "{} seeds, {} failed; {:.0} s simulated in {:.0} CPU s ({ratio:.1} simulated seconds per CPU second)",
            self.seeds,
            self.failed.len(),
            self.simulated.as_secs_f64(),
            self.cpu.as_secs_f64(),
        )?;
        writeln!(
            f,
            "{} requests, {} acknowledged writes, {} without an answer, {} watch events, {} expired sessions",
            self.requests, self.writes, self.unknown, self.events, self.expired,
        )?;
        writeln!(
            f,
            "{} changes of leader, {} of membership, {} starts, {} snapshots, {} invariants checked",
            self.coverage.leader_changes,
            self.coverage.membership_changes,
            self.coverage.starts,
            self.coverage.snapshots,
            self.coverage.invariant_checks,
        )?;
        let QueueCounts { runs, sent, confirmed, deliveries, .. } = self.queues;
        writeln!(
            f,
            "queues in {runs} runs: {sent} messages sent, {confirmed} confirmed, {deliveries} delivered ({} again, {} dead letters), {} attachments of consumers, {} fenced off",
            self.queues.redeliveries, self.queues.dead_letters, self.queues.sessions, self.queues.fenced_off,
        )?;
        writeln!(
            f,
            "{} snapshots of shards in {} runs, {} sent to another node in {} runs, {} files of frames",
            self.coverage.shard_snapshots,
            self.runs_with_shard_snapshots,
            self.coverage.shard_transfers,
            self.runs_with_shard_transfers,
            self.coverage.segment_files,
        )?;
        writeln!(
            f,
            "everybody served after all was healed: p50 {} ms, max {} ms; after only a quorum was ({} runs): p50 {} ms, max {} ms",
            middle(&self.recoveries).as_millis(),
            last(&self.recoveries).as_millis(),
            self.quorum_recoveries.len(),
            middle(&self.quorum_recoveries).as_millis(),
            last(&self.quorum_recoveries).as_millis(),
        )?;
        writeln!(f, "{:<20} {:>8} {:>8} {:>8} {:>10}", "fault", "planned", "begun", "bit", "bites")?;
        for (kind, count) in self.tally.iter() {
            let line = (count.planned, count.begun, count.bit, count.bites);
            writeln!(f, "{kind:<20} {:>8} {:>8} {:>8} {:>10}", line.0, line.1, line.2, line.3)?;
        }
        let has_bitten =
            |kind: &Kind| self.tally.iter().any(|(other, count)| other == *kind && count.bit > 0);
        let never: Vec<String> =
            Kind::ALL.iter().filter(|kind| !has_bitten(kind)).map(ToString::to_string).collect();
        match never.as_slice() {
            [] => writeln!(f, "all {} kinds of faults have bitten", Kind::ALL.len()),
            _ => writeln!(f, "{} of {} kinds never bit: {}", never.len(), Kind::ALL.len(), never.join(" ")),
        }
    }
}
