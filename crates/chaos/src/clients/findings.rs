//! What the clients saw, in numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use verify::check::check;
use verify::history::{Event, History, Outcome};

/// Length of a bucket.
pub const BUCKET: Duration = Duration::from_millis(100);
/// Violations that are told in full; of a wrong order there can be thousands.
const VIOLATIONS_MAX: usize = 40;

/// What was answered in a tenth of a second.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Bucket {
    /// Requests that were answered, with success or a refusal.
    pub answered: u32,
    /// Writes that were acknowledged, among them.
    pub written: u32,
    /// Requests whose connection ended first.
    pub unknown: u32,
    /// Half of the answers took no longer, in milliseconds.
    pub p50_ms: f64,
    /// 99 of a hundred took no longer, in milliseconds.
    pub p99_ms: f64,
}

/// Sums over a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Requests sent.
    pub requests: u64,
    /// Writes that were acknowledged.
    pub writes_acknowledged: u64,
    /// Reads that were answered.
    pub reads_answered: u64,
    /// Requests that were refused, as with a version that did not match.
    pub refused: u64,
    /// Requests whose connection ended first.
    pub unknown: u64,
    /// Watch events.
    pub events: u64,
    /// Sessions begun.
    pub sessions: u64,
    /// Sessions that expired under their client.
    pub sessions_expired: u64,
    /// Connections made.
    pub connections: u64,
}

/// What the clients saw.
#[derive(Clone, Debug)]
pub struct Findings {
    /// What no right server can have done.
    pub violations: Vec<String>,
    /// Sums.
    pub totals: Totals,
    /// By time: bucket `n` ends `(n + 1) * 100` ms after the run began.
    pub series: Vec<Bucket>,
    /// All that happened, a line each; only if something is wrong.
    pub history: Option<String>,
}

impl Findings {
    /// `origin` is when the run began, on the clock of the history.
    pub(super) fn of(history: &History, origin: Duration) -> Self {
        let found = check(history);
        let mut violations: Vec<String> =
            found.iter().take(VIOLATIONS_MAX).map(ToString::to_string).collect();
        if found.len() > VIOLATIONS_MAX {
            violations.push(format!("and {} more", found.len() - VIOLATIONS_MAX));
        }
        let evidence = (!violations.is_empty()).then(|| tell(history));
        Self { violations, totals: totals(history), series: series(history, origin), history: evidence }
    }
}

fn totals(history: &History) -> Totals {
    let mut totals = Totals { requests: history.ops.len() as u64, ..Totals::default() };
    for record in &history.ops {
        match &record.outcome {
            Outcome::Ok { .. } if record.op.writes().is_empty() => totals.reads_answered += 1,
            Outcome::Ok { .. } => totals.writes_acknowledged += 1,
            Outcome::Failed { .. } => totals.refused += 1,
            Outcome::Unknown => totals.unknown += 1,
        }
    }
    for event in &history.events {
        match event {
            Event::Attached(attached) => {
                totals.connections += 1;
                totals.sessions += u64::from(attached.is_new);
            }
            Event::Expired { .. } => totals.sessions_expired += 1,
            Event::Fired(_) => totals.events += 1,
            _ => {}
        }
    }
    totals
}

fn series(history: &History, origin: Duration) -> Vec<Bucket> {
    let bucket = |at: Duration| (at.saturating_sub(origin).as_millis() / BUCKET.as_millis()) as usize;
    let mut latencies: BTreeMap<usize, Vec<Duration>> = BTreeMap::new();
    let mut series = vec![Bucket::default(); history.times.last().map_or(0, |last| bucket(*last) + 1)];
    for (event, at) in history.events.iter().zip(&history.times) {
        let Event::Completed(id) = event else { continue };
        let record = history.op(*id);
        match record.outcome {
            Outcome::Unknown => series[bucket(*at)].unknown += 1,
            Outcome::Ok { .. } | Outcome::Failed { .. } => {
                let done = matches!(record.outcome, Outcome::Ok { .. });
                series[bucket(*at)].written += u32::from(done && !record.op.writes().is_empty());
                let took = at.saturating_sub(history.times[record.invoked]);
                latencies.entry(bucket(*at)).or_default().push(took);
            }
        }
    }
    for (at, mut latencies) in latencies {
        latencies.sort();
        let bucket = &mut series[at];
        bucket.answered = u32::try_from(latencies.len()).unwrap_or(u32::MAX);
        bucket.p50_ms = quantile(&latencies, 0.5);
        bucket.p99_ms = quantile(&latencies, 0.99);
    }
    series
}

/// The smallest value that is not exceeded by this share of them, in milliseconds.
fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    let value = sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default();
    (value.as_secs_f64() * 1e5).round() / 100.0
}

fn tell(history: &History) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for (moment, (event, at)) in history.events.iter().zip(&history.times).enumerate() {
        let at = at.as_secs_f64();
        let told = match event {
            Event::Invoked(id) => {
                let record = history.op(*id);
                let (client, session, connection) = (record.client, record.session, record.connection);
                writeln!(
                    text,
                    "{moment} {at:.6} {id:?} {client:?} {session:?} {connection:?} asks {:?}",
                    record.op
                )
            }
            Event::Completed(id) => {
                writeln!(text, "{moment} {at:.6} {id:?} is {:?}", history.op(*id).outcome)
            }
            other => writeln!(text, "{moment} {at:.6} {other:?}"),
        };
        told.expect("a string takes all that is written");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let sorted: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!((quantile(&sorted, 0.5), quantile(&sorted, 0.99)), (50.0, 99.0));
        assert_eq!(quantile(&sorted[..1], 0.99), 1.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
