//! `cargo xtask bench-compare`: Quorate and ZooKeeper on this machine, in one run, in turns.
//!
//! Both sync every write to the same disk, and the load generator shares the processors with the servers. What counts
//! is the ratio of medians: absolute numbers say more about the machine.

pub(crate) mod clients;
mod cluster;
mod constant;
pub(crate) mod failures;
mod figures;
mod generator;
mod limits;
mod probe;
pub(crate) mod queues;
mod rounds;
mod usage;
mod znodes;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::json;

use self::cluster::{Cluster, Programs};
use self::figures::{Contender, Figures, table};
use self::generator::Generator;
use crate::interop;
use crate::shell::{quorate_binary, target};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Servers of a cluster, 1 to 3
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    nodes: u8,
    /// How often to measure each server; the table shows medians
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds to measure each load
    #[arg(long, default_value_t = 3.0)]
    secs: f64,
    /// Seconds of load before measuring, for Java's compiler more than anything
    #[arg(long, default_value_t = 2.0)]
    warmup_secs: f64,
    /// Measure memory and restart with so many znodes as well; 0 leaves that out
    #[arg(long, default_value_t = 1_000_000)]
    znodes: usize,
    /// Measure only this server
    #[arg(long, value_enum)]
    only: Option<Kind>,
    /// Use this program instead of building the server
    #[arg(long)]
    quorate: Option<PathBuf>,
    /// Use this program as the load generator; it must understand `bench zookeeper`
    #[arg(long)]
    generator: Option<PathBuf>,
    /// Print everything that was measured as one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// A server to measure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub(crate) enum Kind {
    Zookeeper,
    Quorate,
}

impl Contender for Kind {
    const OURS: Self = Kind::Quorate;
    const THEIRS: Self = Kind::Zookeeper;

    fn name(self) -> &'static str {
        match self {
            Kind::Zookeeper => "ZooKeeper",
            Kind::Quorate => "Quorate",
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let kinds: Vec<Kind> = args.only.map_or(vec![Kind::Zookeeper, Kind::Quorate], |kind| vec![kind]);
    let programs = programs(args, &kinds)?;
    let generator = Generator::new(
        args.generator.clone().unwrap_or_else(|| programs.quorate.clone()),
        args.secs,
        args.warmup_secs,
    );
    let folder = target().join("bench-compare");
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;

    eprintln!("==> what the machine can do");
    let mut limits = limits::measure(&folder)?;
    constant::measure(&generator, &mut limits)?;
    let mut results: BTreeMap<Kind, Figures> = BTreeMap::new();
    for round in 0..args.rounds {
        // In turns, and not always the same first: what warms or wears the machine meets both.
        for kind in in_turn(&kinds, round) {
            eprintln!("==> round {} of {}: {} on {} nodes", round + 1, args.rounds, kind.name(), args.nodes);
            let cluster = Cluster::new(kind, args.nodes, &programs, &folder)?;
            rounds::measure(cluster, &generator, results.entry(kind).or_default())?;
        }
    }
    if args.znodes > 0 {
        for &kind in &kinds {
            eprintln!("==> {} with {} znodes on one node", kind.name(), args.znodes);
            let cluster = Cluster::new(kind, 1, &programs, &folder)?;
            znodes::measure(cluster, &generator, args.znodes, results.entry(kind).or_default())?;
        }
    }
    print(args, &limits, &results)
}

fn programs(args: &Args, kinds: &[Kind]) -> Result<Programs> {
    let needs_quorate = kinds.contains(&Kind::Quorate) || args.generator.is_none();
    let quorate = match &args.quorate {
        Some(path) => path.clone(),
        None if needs_quorate => quorate_binary()?,
        None => PathBuf::new(),
    };
    let zookeeper_jars =
        if kinds.contains(&Kind::Zookeeper) { interop::java()?.join("lib") } else { PathBuf::new() };
    Ok(Programs { quorate, zookeeper_jars })
}

fn in_turn<K: Copy>(kinds: &[K], round: usize) -> Vec<K> {
    let mut order = kinds.to_vec();
    order.rotate_left(round % kinds.len());
    order
}

fn print(args: &Args, limits: &Figures, results: &BTreeMap<Kind, Figures>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if args.json {
        let servers: BTreeMap<_, _> =
            results.iter().map(|(kind, figures)| (kind.name(), figures.to_json())).collect();
        let all = json!({ "nodes": args.nodes, "rounds": args.rounds, "limits": limits.to_json(), "servers": servers });
        writeln!(out, "{all:#}")?;
    } else {
        write!(out, "{}", table(limits, results))?;
    }
    Ok(())
}
