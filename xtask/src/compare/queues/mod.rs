//! `cargo xtask bench-queues`: Quorate's queues and RabbitMQ's quorum queues on this machine, in one run, in turns.
//!
//! The load generator is RabbitMQ's own, and shares the processors with the brokers. Both sync every message to the same disk
//! before they confirm it. What counts is the ratio of medians.

mod backlog;
mod brokers;
mod perf_test;
mod rounds;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::json;

use self::brokers::{Brokers, Programs};
use self::perf_test::PerfTest;
use self::rounds::Load;
use super::figures::{Contender, Figures, table};
use super::{in_turn, limits};
use crate::interop;
use crate::shell::{quorate_binary, target};

/// Where Debian's package has RabbitMQ, in a folder with its version.
const RABBITMQ_FOLDER: &str = "/usr/lib/rabbitmq/lib";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Nodes of a cluster, 1 to 3
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    nodes: u8,
    /// How often to measure each broker; the table shows medians
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Which loads
    #[arg(long, value_enum, value_delimiter = ',', default_value = "one,many,latency")]
    loads: Vec<Load>,
    /// Seconds to measure each load
    #[arg(long, default_value_t = 10)]
    secs: u32,
    /// Seconds of load before measuring, for Java's compiler more than anything
    #[arg(long, default_value_t = 5)]
    warmup_secs: u32,
    /// Queues of the load `many`
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    queues: u16,
    /// Messages a second of the load `latency`
    #[arg(long, default_value_t = 2_000)]
    rate: u32,
    /// Bytes of a message
    #[arg(long, default_value_t = 1_024)]
    size: usize,
    /// Instead of the loads: publish so many messages into one queue, then drain it
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "10000000")]
    backlog: Option<usize>,
    /// How many these are for RabbitMQ
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    backlog_rabbitmq: usize,
    /// Bytes of each of them
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    backlog_size: usize,
    /// Measure only this broker
    #[arg(long, value_enum)]
    only: Option<Kind>,
    /// Use this program instead of building the server
    #[arg(long, value_name = "BINARY")]
    quorate: Option<PathBuf>,
    /// RabbitMQ's script sbin/rabbitmq-server [default: that of Debian's package]
    #[arg(long, value_name = "PATH")]
    rabbitmq: Option<PathBuf>,
    /// Print everything that was measured as one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// A broker to measure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub(crate) enum Kind {
    Rabbitmq,
    Quorate,
}

impl Contender for Kind {
    const OURS: Self = Kind::Quorate;
    const THEIRS: Self = Kind::Rabbitmq;

    fn name(self) -> &'static str {
        match self {
            Kind::Rabbitmq => "RabbitMQ",
            Kind::Quorate => "Quorate",
        }
    }
}

/// What all loads have in common.
pub(crate) struct Limits {
    pub(crate) secs: u32,
    pub(crate) warmup_secs: u32,
    pub(crate) queues: usize,
    /// Messages a second.
    pub(crate) rate: u32,
    /// Of a message.
    pub(crate) bytes: usize,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let kinds: Vec<Kind> = args.only.map_or(vec![Kind::Rabbitmq, Kind::Quorate], |kind| vec![kind]);
    let programs = programs(args, &kinds)?;
    let folder = target().join("bench-queues");
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let perf_test = PerfTest { jars: interop::perf_test()?, folder: folder.clone() };
    let mut results: BTreeMap<Kind, Figures> = BTreeMap::new();

    eprintln!("==> what the machine can do");
    let machine = limits::measure(&folder)?;
    if args.backlog.is_some() {
        for &kind in &kinds {
            backlog(args, kind, &programs, &perf_test, results.entry(kind).or_default())?;
        }
    } else {
        rounds(args, &kinds, &programs, &perf_test, &mut results)?;
    }
    print(args, &machine, &results)
}

fn rounds(
    args: &Args,
    kinds: &[Kind],
    programs: &Programs,
    perf_test: &PerfTest,
    results: &mut BTreeMap<Kind, Figures>,
) -> Result<()> {
    let limits = Limits {
        secs: args.secs,
        warmup_secs: args.warmup_secs,
        queues: args.queues.into(),
        rate: args.rate,
        bytes: args.size,
    };
    for round in 0..args.rounds {
        for &load in &args.loads {
            // In turns, and not always the same first: what warms or wears the machine meets both.
            for kind in in_turn(kinds, round) {
                let (number, name) = (round + 1, load.name(&limits));
                eprintln!(
                    "==> round {number} of {}: {name}, {} on {}",
                    args.rounds,
                    kind.name(),
                    nodes(args)
                );
                let brokers = Brokers::start(kind, args.nodes.into(), programs, &perf_test.folder)?;
                let figures = results.entry(kind).or_default();
                rounds::measure(&brokers, perf_test, load, &limits, figures)?;
            }
        }
    }
    Ok(())
}

fn backlog(
    args: &Args,
    kind: Kind,
    programs: &Programs,
    perf_test: &PerfTest,
    figures: &mut Figures,
) -> Result<()> {
    let messages = match kind {
        Kind::Rabbitmq => args.backlog_rabbitmq,
        Kind::Quorate => args.backlog.unwrap_or_default(),
    };
    let bytes = args.backlog_size;
    eprintln!("==> a backlog of {messages} messages of {bytes} B, {} on {}", kind.name(), nodes(args));
    let brokers = Brokers::start(kind, args.nodes.into(), programs, &perf_test.folder)?;
    backlog::measure(&brokers, perf_test, messages, bytes, figures)
}

fn nodes(args: &Args) -> String {
    if args.nodes == 1 { "1 node".to_owned() } else { format!("{} nodes", args.nodes) }
}

fn programs(args: &Args, kinds: &[Kind]) -> Result<Programs> {
    let quorate = match &args.quorate {
        Some(path) => path.clone(),
        None if kinds.contains(&Kind::Quorate) => quorate_binary()?,
        None => PathBuf::new(),
    };
    let rabbitmq = match &args.rabbitmq {
        Some(path) => path.clone(),
        None if kinds.contains(&Kind::Rabbitmq) => installed_rabbitmq(Path::new(RABBITMQ_FOLDER))?,
        None => PathBuf::new(),
    };
    Ok(Programs { quorate, rabbitmq })
}

fn installed_rabbitmq(folder: &Path) -> Result<PathBuf> {
    let missing = || {
        format!(
            "{} has no RabbitMQ: install Debian's rabbitmq-server, or say --rabbitmq .../sbin/rabbitmq-server",
            folder.display()
        )
    };
    let versions = fs::read_dir(folder).with_context(missing)?;
    let scripts = versions.filter_map(|version| Some(version.ok()?.path().join("sbin/rabbitmq-server")));
    scripts.filter(|script| script.is_file()).max().with_context(missing)
}

fn print(args: &Args, machine: &Figures, results: &BTreeMap<Kind, Figures>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if args.json {
        let brokers: BTreeMap<_, _> =
            results.iter().map(|(kind, figures)| (kind.name(), figures.to_json())).collect();
        let all = json!({ "nodes": args.nodes, "rounds": args.rounds, "limits": machine.to_json(), "brokers": brokers });
        writeln!(out, "{all:#}")?;
    } else {
        write!(out, "{}", table(machine, results))?;
    }
    Ok(())
}
