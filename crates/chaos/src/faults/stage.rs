//! Where faults act.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};

use crate::net::HostId;
use crate::node::Srvr;
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
        }
    }
}

/// The world, and what its faults have in common.
pub struct Stage {
    /// Everything.
    pub world: World,
    /// Decides what is left to chance.
    pub rng: StdRng,
    /// Nodes that may end by themselves, because their disk fails.
    pub excused: BTreeSet<HostId>,
    /// Nodes that were given up: they never come back.
    pub given_up: BTreeSet<HostId>,
    /// What should not have happened.
    pub complaints: Vec<String>,
}

/// How long nodes may take to serve again between two faults.
const SETTLE_MAX: Duration = Duration::from_secs(30);

impl Stage {
    /// A world with nothing wrong in it.
    pub fn new(world: World, rng: StdRng) -> Self {
        let (excused, given_up) = (BTreeSet::new(), BTreeSet::new());
        Self { world, rng, excused, given_up, complaints: Vec::new() }
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
            Who::Leader | Who::Follower | Who::Any => 1,
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
            _ => true,
        };
        Ok(running.into_iter().filter(fits).take(count).collect())
    }

    /// The nodes that should run.
    pub fn members(&self) -> Vec<HostId> {
        let member = |host: &HostId| !self.given_up.contains(host);
        let started = self.world.nodes().filter(|node| node.starts() > 0).map(|node| node.host);
        started.filter(member).collect()
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
