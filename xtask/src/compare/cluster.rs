//! The servers that are measured: their processes, ports and folders.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::figures::Contender;
use super::{Kind, probe};

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const WORD_LIMIT: Duration = Duration::from_secs(2);
/// Below the range from which the kernel picks the ports of outgoing connections: none of the generator's may be in the
/// way when a server starts again.
const PORTS: Range<u16> = 10_000..32_000;
/// Enough for a million znodes; the distribution's own default is 1 GB.
const JAVA_HEAP: &str = "-Xmx2g";

/// What is run.
pub(crate) struct Programs {
    pub(crate) quorate: PathBuf,
    pub(crate) zookeeper_jars: PathBuf,
}

/// Servers of one kind. Dropped, they are killed and their folder is removed.
pub(crate) struct Cluster {
    pub(crate) kind: Kind,
    nodes: Vec<Node>,
    _folder: TempDir,
}

struct Node {
    command: Command,
    client: SocketAddr,
    process: Option<Child>,
}

impl Cluster {
    /// A cluster of `size` that has never run, with its data in a new folder inside `folder`.
    pub(crate) fn new(kind: Kind, size: u8, programs: &Programs, folder: &Path) -> Result<Self> {
        let folder = TempDir::new_in(folder).context("make a folder for the servers")?;
        let ports = free_ports(3 * usize::from(size))?;
        let (clients, others) = ports.split_at(size.into());
        let nodes = (0..size.into())
            .map(|index| {
                let home = folder.path().join((index + 1).to_string());
                fs::create_dir_all(home.join("data"))?;
                let mut command = match kind {
                    Kind::Zookeeper => zookeeper(programs, &home, index, clients[index], others)?,
                    Kind::Quorate => quorate(programs, &home, index, clients[index], others),
                };
                let log = fs::File::create(home.join("log"))?;
                command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
                Ok(Node { command, client: clients[index], process: None })
            })
            .collect::<Result<_>>()?;
        Ok(Self { kind, nodes, _folder: folder })
    }

    /// Starts every node that does not run and returns the time until the first of them answered a read of `path`.
    /// Returns when all have.
    pub(crate) fn start(&mut self, path: &str) -> Result<Duration> {
        let started = Instant::now();
        let mut probes = Vec::new();
        for node in self.nodes.iter_mut().filter(|node| node.process.is_none()) {
            node.process = Some(node.command.spawn().with_context(|| format!("start {:?}", node.command))?);
            let (address, path) = (node.client, path.to_owned());
            probes.push(thread::spawn(move || probe::first_answer(address, &path, started + START_LIMIT)));
        }
        let mut first = None;
        for probe in probes {
            let answered = probe.join().expect("a probe does not panic");
            let answered =
                answered.with_context(|| format!("{} does not start:\n{}", self.kind.name(), self.logs()))?;
            first = first.min(Some(answered)).or(Some(answered));
        }
        Ok(first.context("all nodes ran already")? - started)
    }

    /// HOST:PORT of each node.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.client.to_string()).collect()
    }

    /// Process ids of the nodes that run.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.nodes.iter().filter_map(|node| node.process.as_ref()).map(Child::id).collect()
    }

    /// The position of the leader among the addresses.
    pub(crate) fn leader(&self) -> Result<usize> {
        let deadline = Instant::now() + STOP_LIMIT;
        loop {
            let leads = |node: &Node| four_letter_word(node.client, "srvr").contains("Mode: leader");
            if let Some(leader) = self.nodes.iter().position(leads) {
                return Ok(leader);
            }
            ensure!(Instant::now() < deadline, "no node says in its srvr answer that it leads");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// kill -9 of one node.
    pub(crate) fn kill(&mut self, index: usize) {
        self.nodes[index].kill();
    }

    /// SIGTERM to every node, and waits until they have gone.
    pub(crate) fn stop(&mut self) -> Result<()> {
        for pid in self.pids() {
            let status = Command::new("kill").arg(pid.to_string()).status().context("run kill")?;
            ensure!(status.success(), "SIGTERM could not be sent to process {pid}");
        }
        let deadline = Instant::now() + STOP_LIMIT;
        for node in &mut self.nodes {
            if let Some(mut process) = node.process.take() {
                while process.try_wait()?.is_none() {
                    if Instant::now() > deadline {
                        process.kill()?;
                        process.wait()?;
                        bail!("a node did not end within {STOP_LIMIT:?} of SIGTERM");
                    }
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
        Ok(())
    }

    fn logs(&self) -> String {
        let folder = self._folder.path();
        let logs = (1..=self.nodes.len()).map(|node| fs::read_to_string(folder.join(format!("{node}/log"))));
        logs.map(Result::unwrap_or_default).collect::<Vec<_>>().join("\n")
    }
}

impl Node {
    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself; either way it is gone after the wait.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.iter_mut().for_each(Node::kill);
    }
}

fn quorate(
    programs: &Programs,
    home: &Path,
    index: usize,
    client: SocketAddr,
    others: &[SocketAddr],
) -> Command {
    let (peers, admins) = others.split_at(others.len() / 2);
    let mut command = Command::new(&programs.quorate);
    command.arg("serve").arg("--data-dir").arg(home.join("data"));
    command.args(["--node-id", &(index + 1).to_string(), "--peer", &peers[index].to_string()]);
    command.args(["--zookeeper", &client.to_string(), "--admin", &admins[index].to_string()]);
    command.args(["--amqp", "off", "--kafka", "off", "--disque", "off", "--log", "warn"]);
    command.args(["--connections-per-address-max", "0"]);
    if peers.len() > 1 {
        let voters: Vec<_> =
            peers.iter().enumerate().map(|(peer, address)| format!("{}={address}", peer + 1)).collect();
        command.args(["--cluster", &voters.join(",")]);
    }
    command
}

fn zookeeper(
    programs: &Programs,
    home: &Path,
    index: usize,
    client: SocketAddr,
    others: &[SocketAddr],
) -> Result<Command> {
    let (quorum, election) = others.split_at(others.len() / 2);
    let data = home.join("data");
    let mut configuration = format!(
        "tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir={}\nclientPort={}\nclientPortAddress={}\nmaxClientCnxns=0\n\
         admin.enableServer=false\n4lw.commands.whitelist=srvr\nforceSync=yes\n",
        data.display(),
        client.port(),
        client.ip(),
    );
    if quorum.len() > 1 {
        fs::write(data.join("myid"), (index + 1).to_string())?;
        for (peer, (quorum, election)) in quorum.iter().zip(election).enumerate() {
            configuration += &format!("server.{}={quorum}:{}\n", peer + 1, election.port());
        }
    }
    let file = home.join("zoo.cfg");
    fs::write(&file, configuration)?;
    let mut command = Command::new("java");
    command.args([JAVA_HEAP, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"]);
    command
        .arg(programs.zookeeper_jars.join("*"))
        .arg("org.apache.zookeeper.server.quorum.QuorumPeerMain")
        .arg(file);
    Ok(command)
}

/// Loopback ports on which nothing listens. They may be taken before a server asks for them; then it says so.
pub(super) fn free_ports(count: usize) -> Result<Vec<SocketAddr>> {
    let mut free = Vec::new();
    // Another run starts elsewhere in the range.
    let first = std::process::id() as usize % PORTS.len();
    for port in PORTS.skip(first).chain(PORTS.take(first)) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            free.push(address);
        }
        if free.len() == count {
            return Ok(free);
        }
    }
    bail!("there are no {count} free ports from {} to {}", PORTS.start, PORTS.end)
}

/// What the server answers; empty when it does not.
fn four_letter_word(server: SocketAddr, word: &str) -> String {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&server, WORD_LIMIT)?;
        stream.set_read_timeout(Some(WORD_LIMIT))?;
        stream.write_all(word.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().unwrap_or_default()
}
