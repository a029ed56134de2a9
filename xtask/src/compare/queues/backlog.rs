//! A queue that nobody reads grows, and is emptied then.

use anyhow::{Context, Result, ensure};

use super::brokers::Brokers;
use super::perf_test::{PerfTest, Second};
use crate::compare::figures::{Figure, Figures, median};
use crate::compare::usage::resident_mib;

const PUBLISH_FIRST: Figure = Figure::more("published, into the empty queue", "/s");
const PUBLISH_LAST: Figure = Figure::more("published, with the backlog", "/s");
const PUBLISH_SLOWEST: Figure = Figure::more("published, the slowest tenth of the backlog", "/s");
const MEMORY: Figure = Figure::less("memory that a node grew by, at most", "MiB");
const DRAIN: Figure = Figure::more("drained", "/s");
const DRAIN_MEMORY: Figure = Figure::less("memory that a node grew by when it was drained", "MiB");

const IN_FLIGHT: usize = 1_000;
const ACK_EVERY: usize = 100;
const PARTS: usize = 10;
/// Seconds at the start that say more of Java's compiler than of the broker.
const WARM_SECS: f64 = 3.0;

/// Memory of each node at the start, and the most that one has grown by since.
struct Memory {
    pids: Vec<u32>,
    before: Vec<f64>,
    grown: f64,
}

impl Memory {
    fn new(brokers: &Brokers) -> Result<Self> {
        let pids = brokers.pids();
        let before = pids.iter().map(|&pid| resident_mib(pid)).collect::<Result<_>>()?;
        Ok(Self { pids, before, grown: 0.0 })
    }

    fn look(&mut self) -> Result<()> {
        for (&pid, before) in self.pids.iter().zip(&self.before) {
            self.grown = self.grown.max(resident_mib(pid)? - before);
        }
        Ok(())
    }
}

/// Publishes `messages` of `bytes` into one queue, then consumes them.
pub(crate) fn measure(
    brokers: &Brokers,
    perf_test: &PerfTest,
    messages: usize,
    bytes: usize,
    figures: &mut Figures,
) -> Result<()> {
    // The broker's own caches and the first segments are there whatever the backlog.
    publish(brokers, perf_test, "warm", messages.div_ceil(100), bytes, |_| Ok(()))?;
    let mut memory = Memory::new(brokers)?;
    let mut seconds = Vec::new();
    publish(brokers, perf_test, "backlog", messages, bytes, |second| {
        if seconds.len() % 10 == 0 {
            eprintln!("    {:.0} s: {:.0} /s published", second.at, second.confirmed);
        }
        seconds.push(second);
        memory.look()
    })?;
    let rates = parts(&seconds);
    let (first, last) = rates.first().zip(rates.last()).context("the backlog is too small to be measured")?;
    figures.add(PUBLISH_FIRST, *first);
    figures.add(PUBLISH_LAST, *last);
    figures.add(PUBLISH_SLOWEST, rates.iter().copied().fold(f64::INFINITY, f64::min));
    figures.add(MEMORY, memory.grown);

    let mut seconds = Vec::new();
    perf_test.run(&brokers.uris()[..1], &drain_arguments(messages), |second, _| {
        if seconds.len() % 10 == 0 {
            eprintln!("    {:.0} s: {:.0} /s consumed", second.at, second.received);
        }
        seconds.push(second.received);
        memory.look()
    })?;
    // The first second is Java's, the last has a rest.
    let whole = seconds.get(1..seconds.len().saturating_sub(1)).filter(|seconds| !seconds.is_empty());
    figures.add(DRAIN, median(whole.context("the backlog is too small to be drained for seconds")?));
    figures.add(DRAIN_MEMORY, memory.grown);
    Ok(())
}

fn publish(
    brokers: &Brokers,
    perf_test: &PerfTest,
    queue: &str,
    messages: usize,
    bytes: usize,
    mut on_second: impl FnMut(Second) -> Result<()>,
) -> Result<()> {
    let arguments = format!(
        "--quorum-queue --auto-delete false --flag persistent --size {bytes} --queue {queue} \
         --producers 1 --consumers 0 --confirm {IN_FLIGHT} --pmessages {messages}"
    );
    perf_test.run(&brokers.uris()[..1], &words(&arguments), |second, _| {
        ensure!(second.nacked == 0.0, "messages of the backlog were refused");
        on_second(second)
    })
}

fn drain_arguments(messages: usize) -> Vec<String> {
    words(&format!(
        "--quorum-queue --auto-delete false --queue backlog --producers 0 --consumers 1 \
         --qos {IN_FLIGHT} --multi-ack-every {ACK_EVERY} --cmessages {messages}"
    ))
}

fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// The median rate of each tenth of the time, after the first seconds.
fn parts(seconds: &[Second]) -> Vec<f64> {
    let warm: Vec<f64> = seconds
        .iter()
        .filter(|second| second.at >= WARM_SECS && second.confirmed > 0.0)
        .map(|second| second.confirmed)
        .collect();
    // The last second has a rest.
    let whole = &warm[..warm.len().saturating_sub(1)];
    whole.chunks((whole.len() / PARTS).max(1)).map(median).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_falls_is_seen() {
        let second = |at: usize| Second { at: at as f64, confirmed: 100.0 - at as f64, ..Second::default() };
        let seconds: Vec<_> = (1..=24).map(second).collect();
        let rates = parts(&seconds);
        assert_eq!((rates.len(), rates[0], rates[9]), (11, 96.5, 78.5), "{rates:?}");
        assert!(parts(&seconds[..3]).is_empty(), "a single second is a rest");
    }
}
