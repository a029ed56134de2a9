//! What the command line can do. Each says whether all held.
#![expect(clippy::print_stdout, reason = "a command prints what it was asked for")]

mod ci;
mod series;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chaos::disk::FileSystem;
use chaos::node::Kind;
use chaos::report::Report;
use chaos::run::{Limits, Options};
use chaos::scenario::{SCENARIOS, Scenario, by_name};
use chaos::{needs, time};

pub(crate) use ci::{CiArgs, ci};
pub(crate) use series::{SeriesArgs, series};

/// What runs have in common.
#[derive(Clone, clap::Args)]
pub(crate) struct Common {
    /// Decides by chance; the time if absent
    #[arg(long)]
    seed: Option<u64>,
    /// What is tested; of several, one after another, all on one page
    #[arg(long, value_enum, value_delimiter = ',', default_value = "quorate")]
    server: Vec<Kind>,
    /// The quorate binary [default: quorate beside this program]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// The quorate binary that a rolling upgrade goes to [default: a copy of --binary]
    #[arg(long, value_name = "PATH")]
    upgrade_to: Option<PathBuf>,
    /// The folder with ZooKeeper's jars, which `cargo xtask interop` makes
    #[arg(long, value_name = "DIR", default_value = "target/interop-java/lib")]
    jars: PathBuf,
    /// Disks say that they synced and did not: a control. A run with power cuts must not hold then
    #[arg(long)]
    lying_disks: bool,
    /// Requests a second of all clients together, about
    #[arg(long, default_value_t = 800.0)]
    rate: f64,
    /// Clients
    #[arg(long, default_value_t = 8)]
    clients: u32,
    /// Where reports go
    #[arg(long, value_name = "DIR", default_value = "target/chaos")]
    report: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct RunArgs {
    /// Its name, as `quorate-chaos list` has it
    scenario: String,
    /// Nodes that found the cluster; as the scenario says if absent
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: Option<u8>,
    /// How long things go wrong; as the scenario says if absent
    #[arg(long)]
    secs: Option<u64>,
    /// Runs one after another, each with the next seed and all on one page
    #[arg(long, default_value_t = 1)]
    times: u64,
    /// Print the report as JSON, an object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
pub(crate) struct PowerCutsArgs {
    /// How often the power is cut; each time of one, some or all nodes
    #[arg(long, default_value_t = 50)]
    count: u32,
    /// What the disks have
    #[arg(long, value_enum, default_value_t = FileSystem::Ext4)]
    fs: FileSystem,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
pub(crate) struct PageArgs {
    /// Reports that `run` and others have saved as JSON
    #[arg(required = true, value_name = "JSON")]
    reports: Vec<PathBuf>,
    /// Where the page goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Common {
    /// For commands that test one server.
    fn first_server(&self) -> Result<Kind> {
        match self.server.as_slice() {
            [one] => Ok(*one),
            _ => bail!("this command tests one server; `run` can compare several"),
        }
    }

    fn options(&self, kind: Kind) -> Result<Options> {
        let beside = std::env::current_exe().context("find this program")?.with_file_name("quorate");
        let quorate = self.binary.clone().unwrap_or(beside);
        ensure!(
            quorate.is_file(),
            "{} is missing: build it with `cargo build --release -p quorate`, or give --binary",
            quorate.display()
        );
        let program = match kind {
            Kind::Quorate => &quorate,
            Kind::Zookeeper => &self.jars,
        };
        ensure!(
            program.exists(),
            "{} is missing: make it with `cargo xtask interop`, or give --jars",
            program.display()
        );
        Ok(Options {
            kind,
            program: std::fs::canonicalize(program)?,
            quorate: std::fs::canonicalize(quorate)?,
            upgrade_to: self.upgrade_to.as_ref().map(std::fs::canonicalize).transpose()?,
            nodes: None,
            chaos: None,
            spells: None,
            seed: self.seed.unwrap_or_else(time::epoch_seconds),
            lying_disks: self.lying_disks,
            rate: self.rate,
            clients: self.clients.clamp(1, 100),
            limits: Limits::default(),
        })
    }
}

/// A run, and its report saved.
fn run_one(scenario: &Scenario, options: &Options, folder: &Path) -> Result<Report> {
    eprintln!("{} with {:?}, seed {}: {}", scenario.name, options.kind, options.seed, scenario.about);
    let (mut report, evidence) = chaos::run::run(scenario, options)?;
    report.count_faults();
    let page = report.save(&evidence, folder)?;
    eprint!("{}", report.summary());
    eprintln!("  {}", page.display());
    Ok(report)
}

fn save_together(reports: &[Report], name: &str, folder: &Path) -> Result<()> {
    if reports.len() > 1 {
        let file = folder.join(format!("{name}.html"));
        std::fs::write(&file, chaos::report::page(reports))
            .with_context(|| format!("write {}", file.display()))?;
        eprintln!("all of them: {}", file.display());
    }
    Ok(())
}

pub(crate) fn run(args: &RunArgs) -> Result<bool> {
    let Some(scenario) = by_name(&args.scenario) else {
        bail!("there is no scenario {:?}; `quorate-chaos list` has them", args.scenario);
    };
    time::heed_signals()?;
    let mut reports = Vec::new();
    let first = args.common.seed.unwrap_or_else(time::epoch_seconds);
    for (kind, times) in
        args.common.server.iter().flat_map(|kind| (0..args.times).map(move |times| (*kind, times)))
    {
        let mut options = args.common.options(kind)?;
        options.seed = first + times;
        options.nodes = args.nodes;
        options.chaos = args.secs.map(Duration::from_secs);
        let report = run_one(scenario, &options, &args.common.report)?;
        if args.json {
            println!("{}", serde_json::to_string(&report)?);
        }
        reports.push(report);
    }
    save_together(&reports, scenario.name, &args.common.report)?;
    Ok(reports.iter().all(Report::held))
}

pub(crate) fn list() -> Result<bool> {
    for scenario in SCENARIOS {
        println!("{:16} {}", scenario.name, scenario.about);
        for missing in needs::missing(scenario, Kind::Quorate) {
            println!("{:16} can't run here: {missing}", "");
        }
    }
    Ok(true)
}

pub(crate) fn power_cuts(args: &PowerCutsArgs) -> Result<bool> {
    time::heed_signals()?;
    let name = match args.fs {
        FileSystem::Ext4 => "power-cut-ext4",
        FileSystem::Xfs => "power-cut-xfs",
    };
    let scenario = by_name(name).with_context(|| format!("find the scenario {name}"))?;
    let mut options = args.common.options(args.common.first_server()?)?;
    options.spells = Some(args.count);
    // As long as it takes.
    options.chaos = Some(Duration::from_secs(24 * 3600));
    let report = run_one(scenario, &options, &args.common.report)?;
    let cuts: u64 = report.faults.values().map(|tally| tally.bit).sum();
    println!(
        "{cuts} of {} power cuts on {} bit; {}",
        args.count,
        args.fs.name(),
        if report.held() { "all held" } else { "VIOLATED" }
    );
    Ok(report.held() && cuts == u64::from(args.count))
}

pub(crate) fn page(args: &PageArgs) -> Result<bool> {
    let reports = args.reports.iter().map(|file| Report::load(file)).collect::<Result<Vec<_>>>()?;
    std::fs::write(&args.out, chaos::report::page(&reports))
        .with_context(|| format!("write {}", args.out.display()))?;
    Ok(true)
}

pub(crate) fn clean() -> Result<bool> {
    let removed = chaos::clean::clean()?;
    removed.iter().for_each(|removed| println!("removed {removed}"));
    println!("{} things removed", removed.len());
    Ok(true)
}
