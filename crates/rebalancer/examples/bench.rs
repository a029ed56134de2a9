//! How long a group takes to come to rest after a member is gone, on servers that run.
//!
//! `cargo run --release -p quorate-rebalancer --example bench -- --start target/release/quorate` starts three nodes on loopback, with
//! 30 members and 1,000 resources; `--server HOST:PORT,...` takes servers that are there.
//!
//! Members are tasks of this process with a session each. One after the other loses its session, which is closed without a
//! word to the group: what a session's timeout would add is left out. Measured is the time from when the member's znode is
//! gone until all resources are in use and every member has done all it had to do.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]
#![expect(clippy::disallowed_methods, reason = "it starts processes and measures real time")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use client::{Acl, Client, CreateMode, Options as ClientOptions, Sessions};
use rebalancer::monitor::Monitor;
use rebalancer::{Failure, Grant, Handler, Mode, Options, Policy, Rebalancer, ResourceId, View};
use runtime::Runtime;
use tokio::sync::watch;

#[derive(Parser)]
struct Args {
    /// The program to start three nodes of.
    #[arg(long, conflicts_with = "server")]
    start: Option<PathBuf>,
    /// The first of six ports of the nodes that are started.
    #[arg(long, default_value_t = 23181)]
    port: u16,
    /// Servers that are there.
    #[arg(long, default_value = "127.0.0.1:2181")]
    server: String,
    #[arg(long, default_value_t = 30)]
    members: usize,
    #[arg(long, default_value_t = 1000)]
    resources: usize,
    /// How many members are lost, one after the other.
    #[arg(long, default_value_t = 10)]
    rounds: usize,
    /// This protocol only.
    #[arg(long)]
    mode: Option<AskedMode>,
}

#[derive(Clone, Copy, ValueEnum)]
enum AskedMode {
    Resource,
    Global,
}

/// Nodes that end with this.
struct Cluster {
    nodes: Vec<Child>,
    _data: tempfile::TempDir,
    servers: String,
}

impl Cluster {
    fn start(program: &Path, port: u16) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let peers: Vec<String> =
            (1..=3).map(|node| format!("{node}=127.0.0.1:{}", port + 10 + node)).collect();
        let mut nodes = Vec::new();
        for node in 1..=3_u16 {
            let child = Command::new(program)
                .arg("serve")
                .args(["--node-id", &node.to_string(), "--cluster", &peers.join(",")])
                .arg("--data-dir")
                .arg(data.path().join(node.to_string()))
                .args(["--peer", &format!("127.0.0.1:{}", port + 10 + node)])
                .args(["--zookeeper", &format!("127.0.0.1:{}", port + node)])
                .args(["--amqp", "off", "--admin", "off", "--log", "error"])
                .stdout(Stdio::null())
                .spawn()
                .with_context(|| format!("start {}", program.display()))?;
            nodes.push(child);
        }
        let servers: Vec<String> = (1..=3).map(|node| format!("127.0.0.1:{}", port + node)).collect();
        Ok(Self { nodes, _data: data, servers: servers.join(",") })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            // It may have ended.
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

struct Worker {
    name: String,
    monitor: Monitor,
}

impl Handler for Worker {
    async fn on_start(&self, grants: Vec<Grant>) -> Result<(), Failure> {
        grants.iter().for_each(|grant| self.monitor.claim(&self.name, grant));
        Ok(())
    }

    async fn on_stop(&self, resources: Vec<ResourceId>) -> Result<(), Failure> {
        // One that has lost its session, and is dead to the monitor, has nothing to tell.
        let owners = self.monitor.owners();
        let is_own = |resource: &&ResourceId| owners.get(*resource) == Some(&self.name);
        resources.iter().filter(is_own).for_each(|resource| self.monitor.release(&self.name, resource));
        Ok(())
    }
}

struct Member {
    name: String,
    sessions: Sessions,
    view: watch::Receiver<View>,
    _rebalancer: Rebalancer,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let cluster = args.start.as_ref().map(|program| Cluster::start(program, args.port)).transpose()?;
    let servers = cluster.as_ref().map_or(args.server.as_str(), |cluster| cluster.servers.as_str());
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for mode in [Mode::Resource, Mode::Global] {
        let is_asked = match args.mode {
            None => true,
            Some(AskedMode::Resource) => mode == Mode::Resource,
            Some(AskedMode::Global) => mode == Mode::Global,
        };
        if is_asked {
            tokio.block_on(measure(&args, servers, mode))?;
        }
    }
    Ok(())
}

async fn measure(args: &Args, servers: &str, mode: Mode) -> Result<()> {
    let runtime = Runtime::system();
    let patient = ClientOptions { patience: Duration::from_secs(60), ..ClientOptions::default() };
    let admin = Client::connect(&runtime, servers, patient).await?;
    let group = format!("/bench-{}-{:08x}", mode.as_str(), runtime.entropy.next_u64() & 0xffff_ffff);
    admin.create(&group, None, &Acl::open(), CreateMode::Persistent).await?;
    admin.create(&format!("{group}/resources"), None, &Acl::open(), CreateMode::Persistent).await?;
    for number in 0..args.resources {
        let path = format!("{group}/resources/r{number:05}");
        admin.create(&path, None, &Acl::open(), CreateMode::Persistent).await?;
    }
    let monitor = Monitor::new(runtime.clock.clone());
    let mut members = Vec::new();
    for number in 0..args.members {
        members.push(join(&runtime, servers, &group, mode, &monitor, number).await?);
    }
    let began = Instant::now();
    quiet(&members, &monitor, args.resources).await?;
    eprintln!("{}: at rest {:?} after the last member joined", mode.as_str(), began.elapsed());
    let mut took = Vec::new();
    for round in 0..args.rounds {
        // Let the pause after the last allocation pass, as it mostly has when a member dies.
        runtime.clock.sleep(Duration::from_millis(1500)).await;
        let victim = members.remove(0);
        let name = victim.view.borrow().member.clone().context("it is a member")?;
        let (_, gone) = admin.exists_and_watch(&format!("{group}/clients/{name}")).await?;
        monitor.died(&victim.name);
        let Member { name: process, sessions, .. } = victim;
        sessions.close().await?;
        gone.fired().await.context("the session is over")?;
        let began = Instant::now();
        quiet(&members, &monitor, args.resources).await?;
        took.push(began.elapsed());
        eprintln!("{process}: {:?}", began.elapsed());
        members.push(join(&runtime, servers, &group, mode, &monitor, args.members + round).await?);
        quiet(&members, &monitor, args.resources).await?;
    }
    took.sort();
    let violations = monitor.violations();
    println!(
        "{}: {} members, {} resources, {} losses: median {:?}, longest {:?}, {} double uses",
        mode.as_str(),
        args.members,
        args.resources,
        took.len(),
        took[took.len() / 2],
        took[took.len() - 1],
        violations.len()
    );
    if !violations.is_empty() {
        bail!("{}", violations[0]);
    }
    Ok(())
}

async fn join(
    runtime: &Runtime,
    servers: &str,
    group: &str,
    mode: Mode,
    monitor: &Monitor,
    number: usize,
) -> Result<Member> {
    let name = format!("member {number}");
    let sessions = Sessions::open(runtime, servers, ClientOptions::default()).await?;
    let worker = Worker { name: name.clone(), monitor: monitor.clone() };
    let options = Options { mode, policy: Policy::Sticky, ..Options::default() };
    let rebalancer = Rebalancer::join(&sessions, group, worker, options)?;
    Ok(Member { name, sessions, view: rebalancer.view(), _rebalancer: rebalancer })
}

/// Waits until all is in use by those who are there, and nobody has anything left to do.
async fn quiet(members: &[Member], monitor: &Monitor, resources: usize) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let is_settled = |member: &Member| member.view.borrow().is_settled;
        if members.iter().all(is_settled) && monitor.owners().len() == resources {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("not at rest after a minute");
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
