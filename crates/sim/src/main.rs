//! `sim`: runs seeds, and runs one again.

mod interpose;

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{self, Child, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use sim::trace::Checksum;
use sim::{Bug, Options, Report, Summary};

/// Deterministic simulation of whole clusters of the real server.
#[derive(Parser)]
#[command(name = "sim", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs seeds one after another, and says which failed. Exits with 1 if one did.
    Run {
        /// How many seeds.
        #[arg(long, default_value_t = 20)]
        seeds: u64,
        /// The first.
        #[arg(long, default_value_t = 1)]
        first: u64,
        /// How many at the same time, each in a process of its own; as many as there are cores if not given.
        #[arg(long)]
        jobs: Option<u64>,
        #[command(flatten)]
        how: How,
        /// Prints a JSON object for each seed and one for all of them.
        #[arg(long)]
        json: bool,
    },
    /// Runs every so manyth seed and prints what came of it for another process: what `run --jobs` starts.
    #[command(hide = true)]
    Work {
        /// The first.
        #[arg(long)]
        first: u64,
        /// Behind the last.
        #[arg(long)]
        end: u64,
        /// How far from one to the next.
        #[arg(long)]
        step: usize,
        #[command(flatten)]
        how: How,
    },
    /// Runs one seed again.
    Replay {
        /// The seed.
        seed: u64,
        #[command(flatten)]
        how: How,
    },
}

#[derive(clap::Args)]
struct How {
    /// How long things go wrong in each seed, in simulated minutes.
    #[arg(long, default_value_t = 0.5)]
    minutes: f64,
    /// Nodes in the cluster; as the seed decides if not given.
    #[arg(long)]
    nodes: Option<u64>,
    /// Nodes serve queues, and clients use them.
    #[arg(long)]
    queues: bool,
    /// Writes the whole debug log of all nodes and all traffic, with simulated time, to this file.
    #[arg(long)]
    trace: Option<PathBuf>,
    /// Says the checksum of what --trace would write.
    #[arg(long, conflicts_with = "trace")]
    checksum: bool,
    /// Plants a bug that the checks must find.
    #[arg(long, value_parser = parse_bug)]
    bug: Option<Bug>,
}

fn parse_bug(name: &str) -> Result<Bug, String> {
    let found = Bug::ALL.into_iter().find(|bug| format!("{bug:?}").eq_ignore_ascii_case(name));
    found.ok_or_else(|| format!("no such bug; there are {:?}", Bug::ALL))
}

impl How {
    fn options(&self) -> Options {
        Options {
            chaos: Duration::from_secs_f64(self.minutes * 60.0),
            nodes: self.nodes,
            bug: self.bug,
            queues: self.queues,
        }
    }

    /// The arguments that make another process do the same.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--minutes".to_owned(), self.minutes.to_string()];
        arguments.extend(self.nodes.into_iter().flat_map(|nodes| ["--nodes".to_owned(), nodes.to_string()]));
        arguments.extend(
            self.bug.into_iter().flat_map(|bug| ["--bug".to_owned(), format!("{bug:?}").to_lowercase()]),
        );
        if self.queues {
            arguments.push("--queues".to_owned());
        }
        if self.checksum {
            arguments.push("--checksum".to_owned());
        }
        arguments
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let clean = match Args::parse().command {
        Command::Run { seeds, first, jobs, how, json } => run_many(first..first + seeds, jobs, &how, json)?,
        Command::Work { first, end, step, how } => {
            // Nobody would read what it finds.
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
                .context("end with the simulator that shares out the work")?;
            for seed in (first..end).step_by(step) {
                print(&format!("{}\n", serde_json::to_string(&run_one(seed, &how)?)?));
            }
            true
        }
        Command::Replay { seed, how } => {
            let report = run_one(seed, &how)?;
            print(&format!("{report}\n"));
            report.violations.iter().for_each(|violation| print(&format!("  {violation}\n")));
            report.is_clean()
        }
    };
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_many(seeds: Range<u64>, jobs: Option<u64>, how: &How, json: bool) -> anyhow::Result<bool> {
    let mut summary = Summary::default();
    let mut take = |report: &Report| {
        summary.add(report);
        tell(report, how, json);
    };
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let jobs = jobs.unwrap_or(cores).clamp(1, seeds.end.saturating_sub(seeds.start).max(1));
    if jobs == 1 || how.trace.is_some() {
        for seed in seeds {
            take(&run_one(seed, how)?);
        }
    } else {
        share_out(seeds, jobs, how, take)?;
    }
    print(&if json { format!("{}\n", summary.to_json()) } else { summary.to_string() });
    Ok(summary.failed().is_empty())
}

/// Runs seeds in several processes, as no two may run in one at the same time. Takes what came of each as it comes.
fn share_out(seeds: Range<u64>, jobs: u64, how: &How, mut take: impl FnMut(&Report)) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("find this program")?;
    let (sender, receiver) = std::sync::mpsc::channel();
    let worker = |job: u64| -> anyhow::Result<Child> {
        let mut command = process::Command::new(&program);
        command.args(["work", "--first", &(seeds.start + job).to_string()]);
        command.args(["--end", &seeds.end.to_string(), "--step", &jobs.to_string()]);
        command.args(how.arguments()).stdout(Stdio::piped());
        command.spawn().context("start another simulator")
    };
    let mut workers = (0..jobs).map(worker).collect::<anyhow::Result<Vec<Child>>>()?;
    std::thread::scope(|scope| -> anyhow::Result<()> {
        for worker in &mut workers {
            let output = worker.stdout.take().expect("its output is a pipe");
            let sender = sender.clone();
            std::thread::Builder::new()
                .spawn_scoped(scope, move || {
                    for line in BufReader::new(output).lines() {
                        // The receiver is gone when another worker's output made no sense.
                        if sender.send(line).is_err() {
                            return;
                        }
                    }
                })
                .context("start a thread")?;
        }
        drop(sender);
        for line in receiver {
            let line = line.context("read what another simulator prints")?;
            take(&serde_json::from_str(&line).with_context(|| format!("understand {line:?}"))?);
        }
        Ok(())
    })?;
    for mut worker in workers {
        let status = worker.wait().context("wait for another simulator")?;
        anyhow::ensure!(status.success(), "a simulator ended with {status}");
    }
    Ok(())
}

/// Progress, and all that is known of a failure.
fn tell(report: &Report, how: &How, json: bool) {
    if json {
        let line = serde_json::json!({
            "seed": report.seed,
            "digest": format!("{:08x}", report.digest),
            "violations": report.violations,
            "harmless": report.harmless(),
            "simulated_seconds": report.simulated.as_secs_f64(),
            "cpu_seconds": report.cpu.as_secs_f64(),
        });
        return print(&format!("{line}\n"));
    }
    print(&format!("{report}\n"));
    for violation in &report.violations {
        print(&format!("  {violation}\n"));
    }
    if !report.is_clean() {
        print(&format!(
            "  again: cargo xtask sim --replay {} -- {} --trace FILE\n",
            report.seed,
            how.arguments().join(" ")
        ));
    }
}

/// Runs a seed on a thread of its own, where nothing of another seed is left.
fn run_one(seed: u64, how: &How) -> anyhow::Result<Report> {
    let options = how.options();
    let checksum = Checksum::default();
    let file = how.trace.as_ref().map(|path| {
        File::options()
            .create(true)
            .write(true)
            .truncate(true)
            .open(path)
            .with_context(|| format!("create the trace file {}", path.display()))
    });
    let file = file.transpose()?;
    let simulated = || match file {
        Some(file) => {
            let subscriber = sim::trace::subscriber(Mutex::new(BufWriter::new(file)));
            tracing::subscriber::with_default(subscriber, || sim::run(seed, &options))
        }
        None if how.checksum => {
            let writer = checksum.clone();
            let subscriber = sim::trace::subscriber(move || writer.clone());
            tracing::subscriber::with_default(subscriber, || sim::run(seed, &options))
        }
        None => sim::run(seed, &options),
    };
    let mut report = std::thread::scope(|scope| -> anyhow::Result<Report> {
        let thread = std::thread::Builder::new().stack_size(8 << 20).spawn_scoped(scope, simulated);
        Ok(thread.context("start a thread")?.join().expect("a run catches its panics")?)
    })?;
    report.trace = how.checksum.then(|| checksum.sum());
    Ok(report)
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody to tell is no reason to stop.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
