//! Where faults act.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};

use crate::bulk::Bulk;
use crate::net::HostId;
use crate::node::{Node, Srvr};
use crate::time;
use crate::world::World;

/// Which nodes a fault is for. Only nodes that run are chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// The leader; any if there is none.
    Leader,
    /// One that does not lead.
    Follower,
    /// Any one.
    Any,
    /// As many as the others can do without.
    Minority,
    /// Just too many.
    Majority,
    /// All.
    All,
    /// This one.
    Host(HostId),
}

impl Who {
    /// As it stands behind a fault's name.
    pub fn words(self) -> &'static str {
        match self {
            Who::Leader => "leader",
            Who::Follower => "follower",
            Who::Any => "any node",
            Who::Minority => "minority",
            Who::Majority => "majority",
            Who::All => "all",
            Who::Host(_) => "one node",
        }
    }
}

/// What an operator has at hand.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The binary that all nodes begin with, which is the command line too.
    pub quorate: PathBuf,
    /// What nodes are upgraded to; a copy of `quorate` if `None`.
    pub upgrade_to: Option<PathBuf>,
}

/// The world, and what its faults have in common.
pub struct Stage {
    /// Everything.
    pub world: World,
    /// What an operator has at hand.
    pub tools: Tools,
    /// Decides what is left to chance.
    pub rng: StdRng,
    /// Nodes that may end by themselves, because their disk fails.
    pub excused: BTreeSet<HostId>,
    /// What should not have happened.
    pub complaints: Vec<String>,
}

/// How long logs may grow for a snapshot to be taken.
const FILL_MAX: Duration = Duration::from_secs(30);
/// How long nodes may take to serve again between two faults.
const SETTLE_MAX: Duration = Duration::from_secs(30);

impl Stage {
    /// A world with nothing wrong in it.
    pub fn new(world: World, tools: Tools, rng: StdRng) -> Self {
        Self { world, tools, rng, excused: BTreeSet::new(), complaints: Vec::new() }
    }

    /// Chooses nodes.
    ///
    /// # Errors
    /// If somebody wants the program to end.
    pub fn choose(&mut self, who: Who) -> Result<Vec<HostId>> {
        let mut running = self.world.running();
        running.shuffle(&mut self.rng);
        let members = self.members().len();
        let count = match who {
            Who::Leader | Who::Follower | Who::Any | Who::Host(_) => 1,
            Who::Minority => (members - 1) / 2,
            Who::Majority => members / 2 + 1,
            Who::All => members,
        };
        let leader = match who {
            Who::Leader | Who::Follower => self.world.leader()?,
            _ => None,
        };
        let fits = |host: &HostId| match who {
            Who::Leader => leader.is_none_or(|leader| leader == *host),
            Who::Follower => leader != Some(*host),
            Who::Host(only) => only == *host,
            _ => true,
        };
        Ok(running.into_iter().filter(fits).take(count).collect())
    }

    /// The nodes that should run.
    pub fn members(&self) -> Vec<HostId> {
        self.world.nodes().filter(|node| node.starts() > 0).map(|node| node.host).collect()
    }

    /// Members in any order.
    pub fn shuffled(&mut self) -> Vec<HostId> {
        let mut members = self.members();
        members.shuffle(&mut self.rng);
        members
    }

    /// A choice of chance.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        *from.choose(&mut self.rng).expect("there is something to pick")
    }

    /// Heads or tails.
    pub fn flip(&mut self) -> bool {
        self.rng.random()
    }

    /// Notes nodes that ended by themselves though their disk is good.
    ///
    /// # Errors
    /// If the kernel can't tell.
    pub fn look_after_nodes(&mut self) -> Result<()> {
        for node in self.world.nodes_mut() {
            if self.excused.contains(&node.host) {
                continue;
            }
            if let Some(status) = node.ended()? {
                let (number, words) = (node.host.0, node.last_words());
                self.complaints.push(format!("node {number} ended by itself with {status}:\n{words}"));
            }
        }
        Ok(())
    }

    /// Waits until all members serve, are led, and are about equally far.
    ///
    /// # Errors
    /// If somebody wants the program to end.
    pub fn settle(&mut self) -> Result<bool> {
        const LAG_MAX: i64 = 500;
        let members = self.members();
        let settled = time::wait_for(SETTLE_MAX, || {
            let states: Vec<Option<Srvr>> = self
                .world
                .nodes()
                .filter(|node| members.contains(&node.host))
                .map(|node| node.srvr())
                .collect();
            let Some(states) = states.into_iter().collect::<Option<Vec<Srvr>>>() else { return Ok(None) };
            let newest = states.iter().map(|state| state.zxid).max().unwrap_or(0);
            let leaders = states.iter().filter(|state| state.mode == "leader").count();
            let close = states.iter().all(|state| newest - state.zxid < LAG_MAX);
            Ok((leaders == 1 && close).then_some(()))
        })?;
        Ok(settled.is_some())
    }

    /// Lets logs grow as fast as they can until it is so.
    ///
    /// # Errors
    /// If the load can't be made, or somebody wants the program to end.
    pub fn fill_logs_until(&mut self, mut is_so: impl FnMut(&mut Self) -> bool) -> Result<()> {
        let addresses: Vec<String> =
            self.world.nodes().filter(|node| node.is_up()).map(Node::client_address).collect();
        let mut load = Bulk::heavy(&self.tools.quorate, &addresses);
        // After the limit it is not so, and whoever wants it says that.
        time::wait_for(FILL_MAX, || {
            load.keep_up(&self.world.clients)?;
            self.look_after_nodes()?;
            Ok(is_so(self).then_some(()))
        })
        .map(drop)
    }

    /// The binary to upgrade to.
    ///
    /// # Errors
    /// If it can't be copied, and there is no other.
    pub fn upgrade(&self) -> Result<PathBuf> {
        if let Some(other) = &self.tools.upgrade_to {
            return Ok(other.clone());
        }
        let copy = self.world.home().join("quorate-upgraded");
        if !copy.exists() {
            std::fs::copy(&self.tools.quorate, &copy).context("copy the binary to upgrade to")?;
        }
        copy.canonicalize().context("find the binary to upgrade to")
    }

    /// Starts what is down and should not be, and lets go on what is stopped.
    ///
    /// # Errors
    /// If a node can't be started.
    pub fn heal(&mut self) -> Result<()> {
        let members = self.members();
        for node in self.world.nodes_mut().filter(|node| members.contains(&node.host)) {
            node.disk.thaw();
            if node.is_paused() {
                node.resume()?;
            }
            // Only those that ended by themselves are still down; that was noted.
            if !node.is_up() {
                node.start()?;
            }
        }
        Ok(())
    }
}

/// Names nodes, as in `nodes 1, 3`.
pub(super) fn list(hosts: &[HostId]) -> String {
    let numbers: Vec<String> = hosts.iter().map(|host| host.0.to_string()).collect();
    match hosts {
        [] => "no node".into(),
        [one] => format!("node {}", one.0),
        _ => format!("nodes {}", numbers.join(", ")),
    }
}
