//! What a run has measured, for people and for programs.

use std::io::Write;

use anyhow::{Context, Result};
use serde::Serialize;

use super::AmqpArgs;
use super::tally::{Count, Tally};
use crate::process::{Usage, memory};
use crate::report::{Latency, Process, per};

/// The result of a run.
#[derive(Debug, Serialize)]
pub(super) struct AmqpReport {
    queues: usize,
    publishers: usize,
    consumers: usize,
    /// Bytes of a message.
    size: usize,
    /// Unconfirmed messages of each publisher, at most.
    in_flight: usize,
    /// Messages that a consumer held, at most; 0 for any number.
    prefetch: u16,
    /// Messages that the server took.
    confirmed: Figures,
    /// Messages that consumers were given. The latency is that from publishing, of messages of this run.
    received: Figures,
    /// Messages that the server did not take.
    refused: u64,
    /// Messages among those received that somebody had been given before.
    redelivered: u64,
    /// Processor time of the generator for each message received, or confirmed if nobody consumes.
    generator_cpu_us_per_message: f64,
    /// That of all server processes; absent without `--pids`.
    servers_cpu_us_per_message: Option<f64>,
    /// Each server process.
    processes: Vec<Process>,
}

#[derive(Debug, Serialize)]
struct Figures {
    messages: u64,
    /// Seconds in which they were counted.
    secs: f64,
    per_sec: f64,
    latency_us: Latency,
    /// The longest time without any.
    longest_pause_ms: f64,
    /// Messages in each stretch of `--series-ms`; absent without it.
    each: Option<Vec<u64>>,
}

impl Figures {
    fn new(tally: &Tally, count: &Count) -> Self {
        let secs = tally.seconds(count);
        Self {
            messages: count.messages,
            secs,
            per_sec: per(count.messages as f64, secs),
            latency_us: Latency::of(&count.latencies),
            longest_pause_ms: tally.longest_pause(count).as_secs_f64() * 1e3,
            each: count.series.counts(),
        }
    }
}

impl AmqpReport {
    pub(super) fn new(args: &AmqpArgs, tally: &Tally, before: &[Usage], after: &[Usage]) -> Result<Self> {
        let spent: Vec<f64> = before.iter().zip(after).map(|(b, a)| a.cpu_seconds - b.cpu_seconds).collect();
        let (generator, servers) = spent.split_last().context("the generator measures itself last")?;
        let counted = if args.consumers > 0 { &tally.received } else { &tally.confirmed };
        let messages = counted.messages as f64;
        let processes = args
            .pids
            .iter()
            .zip(servers)
            .map(|(&pid, &cpu_seconds)| Ok(Process { pid, cpu_seconds, memory: memory(pid)? }))
            .collect::<Result<_>>()?;
        Ok(Self {
            queues: args.queues,
            publishers: args.publishers,
            consumers: args.consumers,
            size: args.size,
            in_flight: args.in_flight,
            prefetch: args.prefetch,
            confirmed: Figures::new(tally, &tally.confirmed),
            received: Figures::new(tally, &tally.received),
            refused: tally.refused,
            redelivered: tally.redelivered,
            generator_cpu_us_per_message: per(generator * 1e6, messages),
            servers_cpu_us_per_message: (!servers.is_empty())
                .then(|| per(servers.iter().sum::<f64>() * 1e6, messages)),
            processes,
        })
    }
}

/// Prints the report to standard output.
pub(super) fn print(report: &AmqpReport, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, report)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", text(report))?;
    }
    Ok(())
}

fn text(report: &AmqpReport) -> String {
    let AmqpReport { queues, publishers, consumers, size, .. } = report;
    let mut lines =
        vec![format!("{queues} queues, {publishers} publishers, {consumers} consumers, {size} B a message")];
    for (what, latency, figures) in
        [("confirmed", "confirm", &report.confirmed), ("received", "publish to receive", &report.received)]
    {
        if figures.messages > 0 {
            let Figures { messages, secs, per_sec, latency_us, longest_pause_ms, .. } = figures;
            lines.push(format!(
                "{what} {messages} in {secs:.1} s: {per_sec:.0} /s, longest pause {longest_pause_ms:.1} ms"
            ));
            lines.push(format!("{latency} us: {latency_us}"));
        }
    }
    if report.refused + report.redelivered > 0 {
        lines.push(format!("refused {}, redelivered {}", report.refused, report.redelivered));
    }
    let generator = report.generator_cpu_us_per_message;
    lines.push(format!("generator: {generator:.2} us of processor time per message"));
    if let Some(cost) = report.servers_cpu_us_per_message {
        lines.push(format!("servers: {cost:.2} us of processor time per message"));
    }
    for process in &report.processes {
        let mib = process.memory.rss_bytes as f64 / 1_048_576.0;
        lines.push(format!("process {}: {:.2} s, {mib:.0} MiB resident", process.pid, process.cpu_seconds));
    }
    lines.join("\n") + "\n"
}
