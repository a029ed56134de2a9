//! Nodes in one process over loopback sockets and simulated disks.

mod names;
mod recorder;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use consensus::recovery::{self, Remains};
use consensus::{
    ClusterId, Config, Consensus, ConsensusError, Entrance, Group, GroupId, GroupSetup, Join, Level, Member,
    NodeId, Notes,
};
use journal::Journal;
use parking_lot::Mutex;
use runtime::disk::sim::{Crash, SimDisk};
use runtime::{Network, Runtime, SeededEntropy, SystemClock, SystemNetwork, TokioPools};

pub(crate) use names::{FOUNDERS, JOINERS, Names};
use recorder::{Recorded, Recorder, SNAPSHOTS, encode};

pub(crate) struct Running {
    pub(crate) group: Group,
    recorder: Arc<Mutex<Recorded>>,
    consensus: Consensus,
    proposed: Mutex<u64>,
}

impl Running {
    pub(crate) fn applied(&self) -> Vec<(u64, u64)> {
        self.recorder.lock().all.clone()
    }

    /// Numbers of this process's own commands that were applied.
    pub(crate) fn own(&self) -> Vec<u64> {
        self.recorder.lock().own.clone()
    }

    pub(crate) fn waiting(&self) -> u64 {
        *self.proposed.lock() - self.own().len() as u64
    }

    /// The members as the state machine was told of them, from the first to the last.
    pub(crate) fn members_applied(&self) -> Vec<Vec<(u64, bool)>> {
        self.recorder.lock().members.clone()
    }

    /// The level with each entry that had commands.
    pub(crate) fn levels(&self) -> Vec<u32> {
        self.recorder.lock().levels.clone()
    }

    pub(crate) fn notes(&self) -> &Notes {
        self.consensus.notes()
    }

    pub(crate) fn restores(&self) -> u64 {
        self.recorder.lock().restores
    }
}

pub(crate) struct Cluster {
    network: Arc<dyn Network>,
    joiners_host: &'static str,
    members: Vec<Member>,
    /// Nodes that join the cluster of those before.
    joiners: Vec<Member>,
    disks: BTreeMap<u64, SimDisk>,
    running: BTreeMap<u64, Running>,
    starts: u64,
    /// The node that founded the cluster anew.
    survivor: Option<u64>,
    /// Up to which level the nodes' binaries can apply commands, at first and then.
    level: u32,
    levels: BTreeMap<u64, u32>,
    /// What each process proposed, so that numbers of one node never repeat.
    next: Mutex<BTreeMap<u64, u64>>,
}

impl Cluster {
    pub(crate) async fn start(size: u64) -> Self {
        Self::start_at(size, 1).await
    }

    /// Starts nodes whose binaries can apply commands up to this level.
    pub(crate) async fn start_at(size: u64, level: u32) -> Self {
        Self::start_on(Arc::new(SystemNetwork), size, "127.0.0.1", "127.0.0.1", level).await
    }

    /// Starts nodes whose members know each other by names.
    pub(crate) async fn start_with(names: Arc<Names>, size: u64) -> Self {
        Self::start_on(names, size, FOUNDERS, JOINERS, 1).await
    }

    async fn start_on(
        network: Arc<dyn Network>,
        size: u64,
        founders_host: &str,
        joiners_host: &'static str,
        level: u32,
    ) -> Self {
        let mut members = Vec::new();
        for node in 1..=size {
            let listener = SystemNetwork.listen("127.0.0.1:0").await.unwrap();
            let address = format!("{founders_host}:{}", listener.local_addr().unwrap().port());
            members.push(Member { node: NodeId(node), address, voter: true });
        }
        let mut cluster = Self {
            network,
            joiners_host,
            members,
            joiners: Vec::new(),
            disks: BTreeMap::new(),
            running: BTreeMap::new(),
            starts: 0,
            survivor: None,
            level,
            levels: BTreeMap::new(),
            next: Mutex::default(),
        };
        for node in 1..=size {
            cluster.disks.insert(node, SimDisk::new(node));
            cluster.restart(node).await;
        }
        cluster
    }

    pub(crate) fn node(&self, node: u64) -> &Running {
        &self.running[&node]
    }

    /// Has nodes run binaries that can apply so much, from their next start on.
    pub(crate) fn upgrade(&mut self, nodes: impl IntoIterator<Item = u64>, level: u32) {
        self.levels.extend(nodes.into_iter().map(|node| (node, level)));
    }

    /// Whether all that run have this level.
    pub(crate) fn is_at_level(&self, level: u32) -> bool {
        self.running.values().all(|node| node.group.level() == level)
    }

    pub(crate) fn is_running(&self, node: u64) -> bool {
        self.running.contains_key(&node)
    }

    pub(crate) async fn restart(&mut self, node: u64) {
        self.try_restart(node).await.unwrap();
    }

    pub(crate) async fn try_restart(&mut self, node: u64) -> Result<(), ConsensusError> {
        let runtime = self.runtime(node);
        let disk = Arc::clone(&runtime.disk);
        let journal =
            Journal::open(&runtime, "/data/journal".as_ref(), journal::Config::default()).await.unwrap();
        let voters = self.members.iter().map(|member| (member.node, member.address.as_str()));
        let joiner = self.joiners.iter().find(|member| member.node.0 == node);
        let knows_founders = joiner.is_none() && self.survivor != Some(node);
        let cluster = knows_founders.then(|| ClusterId::of_initial_voters(voters));
        let mut config = Config::new(NodeId(node), cluster, SNAPSHOTS.into());
        config.join =
            joiner.map(|member| Join { contact: self.contact().address.clone(), member: member.clone() });
        let join = config.join.clone();
        let level = self.levels.get(&node).copied().unwrap_or(self.level);
        config.level = Level { number: level, version: format!("{level}.0") };
        config.log_entries_kept = 8;
        let own = self.members.iter().chain(&self.joiners).find(|member| member.node.0 == node).unwrap();
        let listener = runtime.network.listen(&own.address).await.unwrap();
        let consensus = Consensus::start(runtime, journal, config, Some(listener)).await?;
        let recorder = Recorder::new(disk, format!("{node}-{}", self.starts));
        let state = recorder.state.clone();
        let entrance = match join {
            Some(join) => Entrance::Join(join),
            None => Entrance::Found(if joiner.is_some() { Vec::new() } else { self.members.clone() }),
        };
        let setup = GroupSetup { entrance, snapshot_log_bytes: 4096 };
        let group = consensus.open_group(GroupId(0), Arc::new(recorder), setup).await?;
        self.running.insert(node, Running { group, recorder: state, consensus, proposed: Mutex::new(0) });
        Ok(())
    }

    fn runtime(&mut self, node: u64) -> Runtime {
        self.starts += 1;
        let handle = tokio::runtime::Handle::current();
        Runtime {
            network: Arc::clone(&self.network),
            disk: Arc::new(self.disks[&node].clone()),
            clock: SystemClock::clock(),
            entropy: Arc::new(SeededEntropy::new(self.starts)),
            pools: Arc::new(TokioPools::new(handle.clone(), handle)),
        }
    }

    /// Whom a node that joins asks: the last founder, or who founded the cluster anew.
    fn contact(&self) -> &Member {
        let survivor =
            self.survivor.and_then(|node| self.members.iter().find(|member| member.node.0 == node));
        survivor.unwrap_or_else(|| self.members.last().unwrap())
    }

    /// What a node that is not running has.
    pub(crate) async fn look(&mut self, node: u64) -> Remains {
        let journal = self.journal(node).await.1;
        let remains = recovery::look(&journal, GroupId(0)).await.unwrap();
        journal.close().await.unwrap();
        remains
    }

    /// Has a node that is not running found the cluster anew, alone.
    pub(crate) async fn recover(&mut self, node: u64) {
        let (runtime, journal) = self.journal(node).await;
        let address = self.members.iter().find(|member| member.node.0 == node).unwrap().address.clone();
        recovery::found_anew(&runtime, &journal, &address).await.unwrap();
        journal.close().await.unwrap();
        self.survivor = Some(node);
    }

    async fn journal(&mut self, node: u64) -> (Runtime, Journal) {
        let runtime = self.runtime(node);
        let config = journal::Config::default();
        let journal = Journal::open(&runtime, "/data/journal".as_ref(), config).await.unwrap();
        (runtime, journal)
    }

    /// Starts a node that asks the last founder to be let in.
    pub(crate) async fn join(&mut self, node: u64, voter: bool) {
        self.try_join(node, voter).await.unwrap();
    }

    pub(crate) async fn try_join(&mut self, node: u64, voter: bool) -> Result<(), ConsensusError> {
        let listener = SystemNetwork.listen("127.0.0.1:0").await.unwrap();
        let address = format!("{}:{}", self.joiners_host, listener.local_addr().unwrap().port());
        drop(listener);
        self.joiners.push(Member { node: NodeId(node), address, voter });
        self.disks.insert(node, SimDisk::new(node));
        self.try_restart(node).await
    }

    /// Waits until a node takes itself for a voter, or for an observer.
    pub(crate) async fn is_member(&self, node: u64, voter: bool) {
        let group = &self.node(node).group;
        let is_so = || {
            let members = group.status().members;
            members.iter().any(|member| member.node.0 == node && member.voter == voter)
        };
        within(Duration::from_secs(10), is_so).await;
    }

    /// The process ends without a word; what was not synced is lost.
    pub(crate) async fn kill(&mut self, node: u64) {
        let Running { group, consensus, .. } = self.running.remove(&node).unwrap();
        let crashed = self.disks[&node].crash(Crash::Random);
        self.disks.insert(node, crashed);
        consensus.stop(&[group], Duration::ZERO).await;
    }

    pub(crate) fn wipe(&mut self, node: u64) {
        self.disks.insert(node, SimDisk::new(node + 100));
    }

    /// A copy of a stopped node's disk.
    pub(crate) fn backup(&self, node: u64) -> SimDisk {
        self.disks[&node].backup()
    }

    pub(crate) fn restore(&mut self, node: u64, backup: SimDisk) {
        self.disks.insert(node, backup);
    }

    pub(crate) fn propose(&self, node: u64, numbers: Range<u64>) {
        let running = self.node(node);
        let mut next = self.next.lock();
        let next = next.entry(node).or_default();
        for _ in numbers {
            running.group.propose(encode(node, *next));
            *next += 1;
            *running.proposed.lock() += 1;
        }
    }

    pub(crate) async fn leader(&self) -> u64 {
        let node = self.running.values().next().unwrap();
        let mut leadership = node.group.leadership();
        let found = leadership.wait_for(|now| now.leader.is_some()).await.unwrap();
        found.leader.unwrap().0
    }

    /// Waits until all have applied `total` commands, the same ones.
    pub(crate) async fn converged(&self, total: usize) {
        within(Duration::from_secs(20), || self.running.values().all(|node| node.applied().len() == total))
            .await;
        self.agree().await;
    }

    /// Waits until all replicas are the same.
    pub(crate) async fn agree(&self) {
        within(Duration::from_secs(20), || {
            let mut all = self.running.values().map(Running::applied);
            let first = all.next().unwrap();
            all.all(|other| other == first)
        })
        .await;
    }

    /// Every proposer's commands are there once and in order.
    pub(crate) fn check_order(&self) {
        let mut last: BTreeMap<u64, u64> = BTreeMap::new();
        for (node, number) in self.running.values().next().unwrap().applied() {
            if let Some(last) = last.insert(node, number) {
                assert!(last < number, "node {node}: {number} after {last}");
            }
        }
    }
}

/// Waits for a while.
#[expect(clippy::disallowed_methods, reason = "a test over real sockets waits in real time")]
pub(crate) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Waits for `condition`, at most `limit`.
#[expect(clippy::disallowed_methods, reason = "a test over real sockets waits in real time")]
pub(crate) async fn within(limit: Duration, condition: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + limit;
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What comes of `work`, which may take no longer than `limit`.
#[expect(clippy::disallowed_methods, reason = "a test over real sockets waits in real time")]
pub(crate) async fn in_time<T>(limit: Duration, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| panic!("not within {limit:?}"))
}
