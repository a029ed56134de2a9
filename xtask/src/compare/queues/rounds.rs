//! One load against brokers that have never run before.

use anyhow::{Context, Result, ensure};

use super::Limits;
use super::brokers::Brokers;
use super::perf_test::{Latency, PerfTest, Second};
use crate::compare::figures::{Figure, Figures, median};
use crate::compare::usage::{Processors, resident_mib};

const RATE: Figure = Figure::more("messages received", "/s");
const CONFIRM_P50: Figure = Figure::less("confirm p50", "ms");
const CONFIRM_P99: Figure = Figure::less("confirm p99", "ms");
const END_TO_END_P50: Figure = Figure::less("publish to receive p50", "ms");
const END_TO_END_P99: Figure = Figure::less("publish to receive p99", "ms");
const COST: Figure = Figure::less("brokers' CPU per message", "us");
const GENERATOR_COST: Figure = Figure::less("generator's CPU per message", "us");
const MEMORY: Figure = Figure::less("resident, largest node", "MiB");

/// Unconfirmed messages of all publishers together.
const IN_FLIGHT: usize = 1_000;
/// Messages that a consumer acknowledges at once, where its share of the prefetch allows.
const ACK_EVERY: usize = 100;
/// What PerfTest needs in order not to start a thread for each of many connections.
const FEW_THREADS: [&str; 8] = [
    "--nio-threads",
    "2",
    "--nio-thread-pool",
    "4",
    "--consumers-thread-pools",
    "2",
    "--heartbeat-sender-threads",
    "1",
];

/// What is put on the brokers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Load {
    /// One queue with a publisher and a consumer, as fast as it goes
    One,
    /// As many queues as `--queues`, with a publisher and a consumer each
    Many,
    /// One queue at the rate of `--rate`, which both brokers must keep up with
    Latency,
}

impl Load {
    pub(crate) fn name(self, limits: &Limits) -> String {
        match self {
            Load::One => "one queue".to_owned(),
            Load::Many => format!("{} queues", limits.queues),
            Load::Latency => format!("one queue at {} /s", limits.rate),
        }
    }

    fn arguments(self, limits: &Limits) -> Vec<String> {
        let queues = if self == Load::Many { limits.queues } else { 1 };
        let each = (IN_FLIGHT / queues).max(1);
        let seconds = limits.warmup_secs + limits.secs;
        let mut arguments = format!(
            "--quorum-queue --auto-delete false --flag persistent --size {} --time {seconds} \
             --producers {queues} --consumers {queues} --confirm {each} --qos {} --multi-ack-every {}",
            limits.bytes,
            each.max(ACK_EVERY),
            each.min(ACK_EVERY)
        );
        match self {
            Load::One => arguments += " --queue bench",
            Load::Latency => arguments += &format!(" --queue bench --rate {}", limits.rate),
            Load::Many => {
                arguments +=
                    &format!(" --queue-pattern bench-%d --queue-pattern-from 1 --queue-pattern-to {queues} ");
                arguments += &FEW_THREADS.join(" ");
            }
        }
        arguments.split_ascii_whitespace().map(str::to_owned).collect()
    }
}

/// Processor times in seconds, at the end of a second of the load.
#[derive(Clone, Copy)]
struct Spent {
    brokers: f64,
    generator: f64,
}

/// Measures `load`.
pub(crate) fn measure(
    brokers: &Brokers,
    perf_test: &PerfTest,
    load: Load,
    limits: &Limits,
    figures: &mut Figures,
) -> Result<()> {
    let processors = Processors::new()?;
    let mut uris = brokers.uris();
    if load != Load::Many {
        // Where a queue is declared RabbitMQ puts its leader: all that it does then is done where the clients are.
        uris.truncate(1);
    }
    let pids = brokers.pids();
    let mut seconds: Vec<(Second, Spent)> = Vec::new();
    perf_test.run(&uris, &load.arguments(limits), |second, generator| {
        let spent =
            Spent { brokers: processors.seconds(&pids)?, generator: processors.seconds(&[generator])? };
        seconds.push((second, spent));
        Ok(())
    })?;
    let name = load.name(limits);
    let from = seconds
        .iter()
        .position(|(second, _)| second.at >= f64::from(limits.warmup_secs))
        .context("the load was over before it was warm")?;
    let (warm, measured) = (&seconds[from], &seconds[from + 1..]);
    let last = measured.last().with_context(|| format!("{name}: nothing was measured"))?;
    ensure!(measured.iter().all(|(second, _)| second.nacked == 0.0), "{name}: messages were refused");
    let received = received(warm.0.at, measured.iter().map(|(second, _)| second));
    ensure!(received > 0.0, "{name}: nothing was received");

    figures.add(RATE.of(&name), received / (last.0.at - warm.0.at));
    let confirms: Vec<_> = measured.iter().filter_map(|(second, _)| second.confirm).collect();
    let ends: Vec<_> = measured.iter().filter_map(|(second, _)| second.end_to_end).collect();
    add_latency(figures, &name, [CONFIRM_P50, CONFIRM_P99], &confirms);
    add_latency(figures, &name, [END_TO_END_P50, END_TO_END_P99], &ends);
    figures.add(COST.of(&name), (last.1.brokers - warm.1.brokers) * 1e6 / received);
    figures.add(GENERATOR_COST.of(&name), (last.1.generator - warm.1.generator) * 1e6 / received);
    let resident = pids.iter().map(|&pid| resident_mib(pid)).collect::<Result<Vec<_>>>()?;
    figures.add(MEMORY.of(&name), resident.into_iter().fold(0.0, f64::max));
    Ok(())
}

/// Messages, since each second says a rate and when it ended.
fn received<'a>(began: f64, seconds: impl Iterator<Item = &'a Second>) -> f64 {
    let mut before = began;
    seconds
        .map(|second| {
            let length = second.at - before;
            before = second.at;
            second.received * length
        })
        .sum()
}

/// The medians of what the seconds had: one second's stall is in the rate, and not the whole story of p99.
fn add_latency(figures: &mut Figures, name: &str, [p50, p99]: [Figure; 2], seconds: &[Latency]) {
    if !seconds.is_empty() {
        figures.add(p50.of(name), median(&seconds.iter().map(|each| each.p50).collect::<Vec<_>>()));
        figures.add(p99.of(name), median(&seconds.iter().map(|each| each.p99).collect::<Vec<_>>()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { secs: 10, warmup_secs: 5, queues: 100, rate: 500, bytes: 1_024 };

    fn argument(load: Load, name: &str) -> Option<String> {
        let arguments = load.arguments(&LIMITS);
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    }

    #[test]
    fn as_much_is_in_flight_in_many_queues_as_in_one() {
        assert_eq!(argument(Load::One, "--confirm").unwrap(), "1000");
        assert_eq!(argument(Load::Many, "--confirm").unwrap(), "10");
        // A consumer that acknowledged more at once than it may hold would wait for ever.
        assert_eq!(argument(Load::Many, "--multi-ack-every").unwrap(), "10");
        assert_eq!(argument(Load::Latency, "--rate").unwrap(), "500");
    }

    #[test]
    fn seconds_need_not_be_seconds() {
        let second = |at, received| Second { at, received, ..Second::default() };
        assert_eq!(received(5.0, [second(5.5, 100.0), second(6.5, 10.0)].iter()), 60.0);
    }
}
