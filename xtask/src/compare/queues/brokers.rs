//! The brokers that are measured: their processes, ports and folders.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::Kind;
use crate::compare::cluster::free_ports;
use crate::compare::figures::Contender;

/// Erlang nodes that look for each other take their time.
const START_LIMIT: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(100);
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// Clients, peers or distribution, and admin.
const PORTS_EACH: usize = 3;

/// What is run.
pub(crate) struct Programs {
    pub(crate) quorate: PathBuf,
    /// RabbitMQ's `rabbitmq-server`, the script of its own `sbin`.
    pub(crate) rabbitmq: PathBuf,
}

/// Nodes of one kind that have never run before. Dropped, they are killed and their folder is removed.
pub(crate) struct Brokers {
    pub(crate) kind: Kind,
    nodes: Vec<Node>,
    /// Erlang's port mapper, on a port of this cluster's own.
    _port_mapper: Option<Process>,
    folder: TempDir,
}

struct Node {
    clients: SocketAddr,
    admin: SocketAddr,
    process: Process,
}

/// A process in a group of its own, killed with all its children when dropped.
struct Process(Child);

impl Brokers {
    /// Starts `size` nodes with their data in a new folder inside `folder`, and returns when all take clients.
    pub(crate) fn start(kind: Kind, size: usize, programs: &Programs, folder: &Path) -> Result<Self> {
        let folder = TempDir::new_in(folder).context("make a folder for the brokers")?;
        let ports = free_ports(PORTS_EACH * size + 1)?;
        let port_mapper = match kind {
            Kind::Rabbitmq => Some(port_mapper(ports[PORTS_EACH * size], folder.path())?),
            Kind::Quorate => None,
        };
        let nodes = (0..size).map(|index| {
            let home = folder.path().join((index + 1).to_string());
            fs::create_dir(&home)?;
            let command = match kind {
                Kind::Rabbitmq => rabbitmq(programs, &home, index, size, &ports)?,
                Kind::Quorate => quorate(programs, &home, index, size, &ports),
            };
            let process = Process::start(command, &home.join("log"))?;
            Ok(Node { clients: ports[index], admin: ports[2 * size + index], process })
        });
        let brokers = Self { kind, nodes: nodes.collect::<Result<_>>()?, _port_mapper: port_mapper, folder };
        brokers.wait_until_ready()?;
        Ok(brokers)
    }

    /// What clients are told, a URI a node.
    pub(crate) fn uris(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("amqp://{}", node.clients)).collect()
    }

    /// Process ids of the nodes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.nodes.iter().map(|node| node.process.0.id()).collect()
    }

    fn wait_until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        for node in &self.nodes {
            let is_ready = || match self.kind {
                // Its listener opens when the node has joined its cluster.
                Kind::Rabbitmq => TcpStream::connect(node.clients).is_ok(),
                Kind::Quorate => TcpStream::connect(node.clients).is_ok() && says_ready(node.admin),
            };
            while !is_ready() {
                ensure!(Instant::now() < deadline, "{} does not start:\n{}", self.kind.name(), self.logs());
                thread::sleep(POLL);
            }
        }
        Ok(())
    }

    fn logs(&self) -> String {
        let log = |node: usize| fs::read_to_string(self.folder.path().join(format!("{node}/log")));
        (1..=self.nodes.len()).map(|node| log(node).unwrap_or_default()).collect::<Vec<_>>().join("\n")
    }
}

impl Process {
    fn start(mut command: Command, log: &Path) -> Result<Self> {
        let log = fs::File::create(log).with_context(|| format!("create {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        Ok(Self(command.spawn().with_context(|| format!("start {:?}", command.get_program()))?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // They may have ended by themselves; either way they are gone after the wait.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

fn quorate(programs: &Programs, home: &Path, index: usize, size: usize, ports: &[SocketAddr]) -> Command {
    let (clients, others) = ports.split_at(size);
    let (peers, others) = others.split_at(size);
    let mut command = Command::new(&programs.quorate);
    command.arg("serve").arg("--data-dir").arg(home.join("data"));
    command.args(["--node-id", &(index + 1).to_string(), "--peer", &peers[index].to_string()]);
    command.args(["--amqp", &clients[index].to_string(), "--admin", &others[index].to_string()]);
    command.args(["--zookeeper", "127.0.0.1:0", "--kafka", "off", "--disque", "off", "--log", "warn"]);
    command.args(["--connections-per-address-max", "0"]);
    if size > 1 {
        let voters: Vec<_> =
            peers.iter().enumerate().map(|(peer, address)| format!("{}={address}", peer + 1)).collect();
        command.args(["--cluster", &voters.join(",")]);
    }
    command
}

/// Nothing of an installed service is used: names, ports, cookie, configuration and data are this node's own.
fn rabbitmq(
    programs: &Programs,
    home: &Path,
    index: usize,
    size: usize,
    ports: &[SocketAddr],
) -> Result<Command> {
    let name = |index: usize| format!("bench{}@localhost", index + 1);
    let mut configuration =
        format!("listeners.tcp.1 = {}\nlog.console = true\nlog.console.level = warning\n", ports[index]);
    if size > 1 {
        configuration += "cluster_formation.peer_discovery_backend = classic_config\n";
        for peer in 0..size {
            let line = format!("cluster_formation.classic_config.nodes.{} = {}\n", peer + 1, name(peer));
            configuration += &line;
        }
    }
    let file = home.join("rabbitmq.conf");
    fs::write(&file, configuration)?;
    write_cookie(home)?;
    let mut command = Command::new(&programs.rabbitmq);
    command
        .env("HOME", home)
        // The script becomes Erlang itself, so that its process is the one to measure.
        .env("RUNNING_UNDER_SYSTEMD", "1")
        .env("ERL_EPMD_PORT", ports[PORTS_EACH * size].port().to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODENAME", name(index))
        .env("RABBITMQ_DIST_PORT", ports[size + index].port().to_string())
        .env("RABBITMQ_CONF_ENV_FILE", home.join("no-rabbitmq-env.conf"))
        .env("RABBITMQ_CONFIG_FILE", file)
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", home.join("enabled_plugins"))
        .env("RABBITMQ_MNESIA_BASE", home.join("mnesia"))
        .env("RABBITMQ_LOG_BASE", home.join("logs"))
        .env("RABBITMQ_PID_FILE", home.join("pid"))
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}");
    Ok(command)
}

/// Erlang nodes trust each other by a secret that only their user may read.
fn write_cookie(home: &Path) -> Result<()> {
    let cookie = home.join(".erlang.cookie");
    fs::write(&cookie, "quorate-bench-queues")?;
    fs::set_permissions(&cookie, fs::Permissions::from_mode(0o400)).context("protect the cookie")
}

/// Listens before the nodes start, which would otherwise start one that outlives them.
fn port_mapper(address: SocketAddr, folder: &Path) -> Result<Process> {
    let mut command = Command::new("epmd");
    command.args(["-port", &address.port().to_string(), "-address", &address.ip().to_string()]);
    let process = Process::start(command, &folder.join("port-mapper.log"))?;
    let deadline = Instant::now() + START_LIMIT;
    while TcpStream::connect(address).is_err() {
        ensure!(Instant::now() < deadline, "Erlang's port mapper does not start");
        thread::sleep(POLL);
    }
    Ok(process)
}

fn says_ready(admin: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(admin)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
