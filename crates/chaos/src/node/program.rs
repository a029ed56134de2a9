//! What is started as a node.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::net::{HostId, address};

/// Where nodes listen for clients.
pub const CLIENT_PORT: u16 = 2181;
const PEER_PORT: u16 = 7400;
pub(super) const ADMIN_PORT: u16 = 7070;
/// Enough for the small trees of a run: several servers share a machine.
const JAVA_HEAP: &str = "-Xmx256m";
/// What the JVM makes of SIGTERM.
const JAVA_TERMINATED: i32 = 143;

/// The server that is tested.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// This one.
    Quorate,
    /// Apache ZooKeeper, for comparison.
    Zookeeper,
}

/// A server's program.
#[derive(Clone, Debug)]
pub struct Program {
    /// Which server.
    pub kind: Kind,
    /// The binary, or the folder with ZooKeeper's jars.
    pub path: PathBuf,
    /// The library that fakes the wall clock, if clocks are to be set.
    pub fake_time: Option<PathBuf>,
    /// Whether it fakes the monotonic clock too, which may run fast or slow but never jump.
    pub fakes_monotonic: bool,
}

/// A node's place in its cluster.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its host.
    pub host: HostId,
    /// Its number in the cluster. A founder's is its host's; who joins gets a new one, for a number is never given twice.
    pub number: u8,
    /// The hosts of the nodes that found the cluster.
    pub founders: Vec<HostId>,
    /// How it comes in, if it is no founder.
    pub joins: Option<Join>,
    /// Its folder: configuration, log, what its clock shows.
    pub home: PathBuf,
}

/// How a node comes into a cluster that others have founded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Join {
    /// The member that it asks.
    pub member: HostId,
    /// Whether it is to vote at once.
    pub votes: bool,
}

/// What a node's clock shows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClockSetting {
    /// How far the wall clock is off, in seconds.
    pub offset: i64,
    /// Seconds that go by on the clock while one goes by.
    pub rate: f64,
}

impl Default for ClockSetting {
    fn default() -> Self {
        Self { offset: 0, rate: 1.0 }
    }
}

impl fmt::Display for ClockSetting {
    /// As libfaketime reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+}s", self.offset)?;
        if self.rate == 1.0 { Ok(()) } else { write!(f, " x{}", self.rate) }
    }
}

impl Place {
    /// The file that says how far the node's wall clock is off.
    fn clock(&self) -> PathBuf {
        self.home.join("clock")
    }

    /// Sets the node's clock. Matters only to a program whose clock is faked.
    ///
    /// # Errors
    /// If the file that says so can't be written.
    pub fn set_clock(&self, setting: ClockSetting) -> Result<()> {
        // A rename: the node may read at any moment.
        let new = self.home.join("clock.new");
        std::fs::write(&new, format!("{setting}\n")).context("write a node's clock")?;
        std::fs::rename(new, self.clock()).context("set a node's clock")
    }
}

impl Program {
    /// The command that runs the node with its data in `data`.
    pub(super) fn command(&self, place: &Place, data: &Path) -> Result<Command> {
        let mut command = match self.kind {
            Kind::Quorate => self.quorate(place, data),
            Kind::Zookeeper => self.zookeeper(place, data)?,
        };
        self.fake_clock(place, &mut command);
        Ok(command)
    }

    /// Gives a process the node's clock.
    pub(super) fn fake_clock(&self, place: &Place, command: &mut Command) {
        let Some(library) = &self.fake_time else { return };
        command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", place.clock());
        command.env("FAKETIME_NO_CACHE", "1");
        if !self.fakes_monotonic {
            // A monotonic clock that jumps is a broken machine.
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
        }
    }

    /// Whether SIGTERM ends it so.
    pub(super) fn ends_well(&self, status: ExitStatus) -> bool {
        let java = self.kind == Kind::Zookeeper
            && (status.code() == Some(JAVA_TERMINATED) || status.signal().is_some());
        status.success() || java
    }

    fn quorate(&self, place: &Place, data: &Path) -> Command {
        let own = address(place.host);
        let mut command = Command::new(&self.path);
        command.arg("serve").arg("--data-dir").arg(data);
        command.args(["--node-id", &place.number.to_string(), "--peer", &format!("{own}:{PEER_PORT}")]);
        command.args([
            "--zookeeper",
            &format!("{own}:{CLIENT_PORT}"),
            "--admin",
            &format!("{own}:{ADMIN_PORT}"),
        ]);
        command.args(["--amqp", "off", "--kafka", "off", "--disque", "off"]);
        // All clients come from one address. Not as a flag: a version that does not know it yet would refuse to start.
        command.env("QUORATE_CONNECTIONS_PER_ADDRESS_MAX", "0");
        let peer = |host: &HostId| format!("{}:{PEER_PORT}", address(*host));
        match &place.joins {
            Some(Join { member, votes }) => {
                let role = if *votes { "voter" } else { "observer" };
                command.args(["--join", &peer(member), "--role", role])
            }
            None => {
                let voters: Vec<String> =
                    place.founders.iter().map(|host| format!("{}={}", host.0, peer(host))).collect();
                command.args(["--cluster", &voters.join(",")])
            }
        };
        command
    }

    fn zookeeper(&self, place: &Place, data: &Path) -> Result<Command> {
        let own = address(place.host);
        let mut configuration = format!(
            "tickTime=1000\ninitLimit=10\nsyncLimit=5\nminSessionTimeout=2000\ndataDir={}\nclientPort={CLIENT_PORT}\n\
             clientPortAddress={own}\nmaxClientCnxns=0\nadmin.enableServer=false\n4lw.commands.whitelist=srvr\nforceSync=yes\n",
            data.display(),
        );
        for host in &place.founders {
            configuration += &format!("server.{}={}:2888:3888\n", host.0, address(*host));
        }
        std::fs::write(data.join("myid"), place.host.0.to_string()).context("write myid")?;
        let file = place.home.join("zoo.cfg");
        std::fs::write(&file, configuration).context("write zoo.cfg")?;
        let mut command = Command::new("java");
        command.args([JAVA_HEAP, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"]);
        command.arg(self.path.join("*")).arg("org.apache.zookeeper.server.quorum.QuorumPeerMain").arg(file);
        Ok(command)
    }
}
