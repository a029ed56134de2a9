//! `cargo xtask bench-clients`: the Rust client beside those of other languages, at the same server.
//!
//! One server of Quorate's, on the same processors. Each client keeps 64 sessions with 16 requests outstanding each, by calls as
//! its users make them. What counts is the ratio of medians.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Kind;
use super::cluster::{Cluster, Programs};
use super::figures::median;
use crate::interop;
use crate::shell::{program, quorate_binary, step, target};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often to measure each client, in turns; the table shows medians
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds to measure each load
    #[arg(long, default_value_t = 4.0)]
    secs: f64,
    /// Seconds of load before measuring, for Java's compiler more than anything
    #[arg(long, default_value_t = 4.0)]
    warmup_secs: f64,
    /// Use this program instead of building the server
    #[arg(long)]
    quorate: Option<PathBuf>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

const SESSIONS: &str = "64";
const OUTSTANDING: &str = "16";
const BYTES: &str = "100";
const OPS: [&str; 2] = ["get", "set"];

/// A client in its language, and how its program is run.
struct Contender {
    name: &'static str,
    command: PathBuf,
    arguments: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let quorate = args.quorate.clone().map_or_else(quorate_binary, Ok)?;
    let programs = Programs { quorate, zookeeper_jars: PathBuf::new() };
    let contenders = contenders()?;
    let folder = target().join("bench-clients");
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let mut cluster = Cluster::new(Kind::Quorate, 1, &programs, &folder)?;
    cluster.start("/")?;
    let server = cluster.addresses().join(",");

    let mut found: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    for round in 0..args.rounds {
        for at in 0..contenders.len() {
            let contender = &contenders[(round + at) % contenders.len()];
            for op in OPS {
                eprintln!("==> round {} of {}: {op} by {}", round + 1, args.rounds, contender.name);
                let rate = contender.measure(args, &server, op)?;
                eprintln!("    {rate:.0} /s");
                found.entry((op, contender.name)).or_default().push(rate);
            }
        }
    }
    cluster.stop()?;
    print(args, &contenders, found.into_iter().map(|(key, rates)| (key, median(&rates))).collect())
}

fn contenders() -> Result<Vec<Contender>> {
    step(
        "build the Rust client's load",
        program("cargo").args([
            "build",
            "--quiet",
            "--release",
            "--package",
            "quorate-client",
            "--example",
            "load",
        ]),
    )?;
    let jars = interop::java()?;
    let classes = format!("{}/classes:{}/lib/*", jars.display(), jars.display());
    let java = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", &classes, "quorate.interop.Load"];
    let mut contenders = vec![Contender {
        name: "Rust",
        command: target().join("release/examples/load"),
        arguments: Vec::new(),
    }];
    if let Some(load) = interop::c()? {
        contenders.push(Contender { name: "C", command: load, arguments: Vec::new() });
    }
    contenders.push(Contender { name: "Go", command: interop::go()?.join("load"), arguments: Vec::new() });
    contenders.push(Contender {
        name: "Java",
        command: "java".into(),
        arguments: java.map(str::to_owned).to_vec(),
    });
    Ok(contenders)
}

impl Contender {
    /// Answers a second.
    fn measure(&self, args: &Args, server: &str, op: &str) -> Result<f64> {
        let mut command = Command::new(&self.command);
        command.args(&self.arguments).args([server, op, SESSIONS, OUTSTANDING, BYTES]);
        command.args([args.warmup_secs.to_string(), args.secs.to_string()]);
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let output = output.with_context(|| format!("run {}", self.command.display()))?;
        ensure!(output.status.success(), "the load of {} ended with {}", self.name, output.status);
        let report: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("read what the load of {} reports", self.name))?;
        report["ops_per_sec"].as_f64().with_context(|| format!("{} reports no rate", self.name))
    }
}

fn print(args: &Args, contenders: &[Contender], medians: BTreeMap<(&str, &str), f64>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if args.json {
        let rates: BTreeMap<String, f64> =
            medians.iter().map(|((op, name), rate)| (format!("{op}, {name}"), *rate)).collect();
        writeln!(out, "{}", json!({ "rounds": args.rounds, "answers_per_second": rates }))?;
        return Ok(());
    }
    for op in OPS {
        for contender in contenders {
            let rate = medians[&(op, contender.name)];
            let times = medians[&(op, contenders[0].name)] / rate;
            writeln!(
                out,
                "{op} {:<6} {rate:>10.0} /s   {} is {times:.2} times as fast",
                contender.name, contenders[0].name
            )?;
        }
    }
    Ok(())
}
