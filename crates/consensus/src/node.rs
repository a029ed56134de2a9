//! Consensus on one node: the groups, the journal they share, the links to peers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use journal::{GroupId, Journal};
use openraft::async_runtime::watch::WatchReceiver;
use openraft::{BasicNode, SnapshotPolicy};
use runtime::{Listener, Pool, Runtime, Task};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::ConsensusError;
use crate::group::{Group, GroupCore, GroupInner, Groups, Leadership, ProposalRoute};
use crate::identity::{ClusterId, Identity, NodeId};
use crate::joining::{self, Join};
use crate::known_peers::KnownPeers;
use crate::level::{Gate, Level, Raiser};
use crate::notes::{Inbox, Notes};
use crate::peers::{Greeter, GroupNetworks, Lane, Peers, SnapshotReceiver, run_listener};
use crate::proposer::{Outbox, Sequencer, run_sender, run_sequencer};
use crate::quorum::{Silence, SilenceKeeper, SilenceTimes};
use crate::raft::Raft;
use crate::rounds::Rounds;
use crate::state_machine::StateMachine;
use crate::storage::{LogStore, Progress, Replica, SnapshotStore, StateMachineAdapter, group_dir};
use crate::succession::Succession;

/// A node of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The node.
    pub node: NodeId,
    /// Where its peer listener is reached, `HOST:PORT`.
    pub address: String,
    /// True for a voter, false for an observer.
    pub voter: bool,
}

/// Answers calls that nodes make to a group's leader: who asks, the topic, the body.
pub type CallHandler =
    Arc<dyn Fn(NodeId, u32, Bytes) -> BoxFuture<'static, Result<Bytes, String>> + Send + Sync>;

/// What consensus on a node is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// This node.
    pub node: NodeId,
    /// The cluster; `None`: the one in the data directory, or the one to join, or a new one.
    pub cluster: Option<ClusterId>,
    /// Up to which level the state machines here can apply commands, and the version of the program. The first by default.
    pub level: Level,
    /// A cluster that others have founded; unless this node belongs to it already, it asks to be let in.
    pub join: Option<Join>,
    /// Where snapshots are kept; created if missing.
    pub snapshot_dir: PathBuf,
    /// A leader says at least this often that it is there.
    pub heartbeat_interval: Duration,
    /// A follower holds an election when it heard nothing for the lease, which is the longest of these times, and then
    /// for a time drawn from this range. During the lease no one votes against a leader that was heard.
    pub election_timeout: (Duration, Duration),
    /// Entries kept after a snapshot, so that a replica which is a little behind needs no snapshot.
    pub log_entries_kept: u64,
    /// Commands of this node under way, in bytes; beyond that [`Group::has_room`] waits.
    pub proposal_bytes_max: usize,
}

impl Config {
    /// The usual settings for a node.
    pub fn new(node: NodeId, cluster: Option<ClusterId>, snapshot_dir: PathBuf) -> Self {
        Self {
            node,
            cluster,
            level: Level::default(),
            join: None,
            snapshot_dir,
            heartbeat_interval: Duration::from_millis(75),
            election_timeout: (Duration::from_millis(200), Duration::from_millis(350)),
            log_entries_kept: 512,
            proposal_bytes_max: 64 << 20,
        }
    }

    fn raft(&self, group: GroupId) -> Result<Arc<openraft::Config>, ConsensusError> {
        let ms = |duration: Duration| duration.as_millis() as u64;
        let config = openraft::Config {
            cluster_name: format!("group {}", group.0),
            heartbeat_interval: ms(self.heartbeat_interval),
            election_timeout_min: ms(self.election_timeout.0),
            election_timeout_max: ms(self.election_timeout.1),
            enable_pre_vote: Some(true),
            // A leader that comes back in its old term may have lost the end of its log to a power cut, after followers
            // had it: it would then give the same log ids to other entries.
            enable_leader_restore: Some(false),
            // By bytes, not by entries: see `run_snapshots`.
            snapshot_policy: SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: self.log_entries_kept,
            purge_batch_size: 64,
            max_payload_entries: 64,
            ..Default::default()
        };
        let valid = config.validate();
        valid
            .map(Arc::new)
            .map_err(|error| ConsensusError::Raft { group: group.0, reason: error.to_string() })
    }
}

/// How this node comes into a group of which it has nothing yet. Without effect for one that it has been in.
#[derive(Clone, Debug)]
pub enum Entrance {
    /// It founds the group together with the others that are named, if it is among them; else it waits for a leader.
    Found(Vec<Member>),
    /// It asks to be let in.
    Join(Join),
}

/// What a group is opened with.
#[derive(Clone, Debug)]
pub struct GroupSetup {
    /// How this node comes into it.
    pub entrance: Entrance,
    /// A snapshot is taken when entries of this many bytes were applied since the last one, or as many as the last one
    /// is large if that is more.
    pub snapshot_log_bytes: u64,
}

/// Consensus on this node.
pub struct Consensus {
    runtime: Runtime,
    config: Config,
    identity: Identity,
    journal: Journal,
    gate: Arc<Gate>,
    peers: Arc<Peers>,
    groups: Arc<Groups>,
    notes: Notes,
    _listener: Option<Task>,
}

impl Consensus {
    /// Reads who this node is from the journal, counts this start, and takes peers' connections from `listener`.
    ///
    /// Must be called on [`Pool::Consensus`]: openraft's own tasks run where it is called.
    pub async fn start(
        runtime: Runtime,
        journal: Journal,
        config: Config,
        listener: Option<Box<dyn Listener>>,
    ) -> Result<Self, ConsensusError> {
        let joins = config.join.is_some();
        let cluster = match &config.join {
            Some(join) => joining::find_cluster(&runtime, &journal, join, &config.level).await?,
            None => config.cluster,
        };
        let identity = Identity::load(&runtime, &journal, cluster, config.node, joins).await?;
        let known = KnownPeers::load(&journal, identity.cluster)?;
        info!(node = %identity.node, cluster = %identity.cluster, start = identity.incarnation, "this node");
        let gate = Arc::new(Gate::new(config.level.clone()));
        let greeter = Greeter::new(identity, Identity::boots(&journal)?, gate.clone(), known);
        let peers = Arc::new(Peers::new(runtime.clone(), greeter));
        let groups = Arc::new(Groups::default());
        let inbox = Arc::new(Inbox::default());
        let listener = listener.map(|listener| {
            let greeter = peers.greeter().clone();
            let work = run_listener(runtime.clone(), listener, greeter, groups.clone(), inbox.clone());
            runtime.spawn(Pool::Consensus, work)
        });
        let notes = Notes::new(runtime.clone(), peers.clone(), inbox);
        Ok(Self { runtime, config, identity, journal, gate, peers, groups, notes, _listener: listener })
    }

    /// Who this process is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What the node above and those on other nodes say to each other.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Opens a group on this node.
    ///
    /// Must be called on [`Pool::Consensus`]. The state machine must be empty; it is filled from the newest snapshot
    /// before the call returns, and from the log behind it afterwards.
    pub async fn open_group(
        &self,
        group: GroupId,
        machine: Arc<dyn StateMachine>,
        setup: GroupSetup,
    ) -> Result<Group, ConsensusError> {
        let failed = |doing: &str, source: std::io::Error| ConsensusError::Io { doing: doing.into(), source };
        let raft_failed = |reason: String| ConsensusError::Raft { group: group.0, reason };
        let dir = group_dir(&self.config.snapshot_dir, group);
        let snapshots = SnapshotStore::open(self.runtime.disk.clone(), dir)
            .await
            .map_err(|error| failed("open the snapshot folder", error))?;
        let outbox = Arc::new(Outbox::new(&self.identity, self.config.proposal_bytes_max));
        let sequencer = Arc::<Sequencer>::default();
        let (progress_sender, progress) = watch::channel(Progress::default());
        let adapter = StateMachineAdapter::open(
            Replica { group: group.0, identity: self.identity, gate: self.gate.clone() },
            machine,
            outbox.clone(),
            sequencer.clone(),
            snapshots.clone(),
            progress_sender,
        )
        .await
        .map_err(|error| failed("restore the newest snapshot", error))?;
        let silence = Silence::default();
        let networks = GroupNetworks {
            group: group.0,
            node: self.identity.node,
            clock: self.runtime.clock.clone(),
            peers: self.peers.clone(),
            snapshots: snapshots.clone(),
            silence: silence.clone(),
        };
        let log = LogStore::new(self.journal.group(group));
        let raft_config = self.config.raft(group)?;
        let raft = Raft::new(self.identity.node.0, raft_config, networks, log, adapter)
            .await
            .map_err(|error| raft_failed(error.to_string()))?;
        let core = Arc::new(GroupCore {
            group: group.0,
            raft: raft.clone(),
            sequencer,
            outbox: outbox.clone(),
            receiver: SnapshotReceiver::new(snapshots.clone()),
            handler: Default::default(),
        });
        self.groups.insert(core.clone());
        let (leadership_sender, leadership) = watch::channel(Leadership::default());
        let spawn = |work: BoxFuture<'static, ()>| self.runtime.spawn(Pool::Consensus, work);
        let route = Arc::new(ProposalRoute {
            node: self.identity.node,
            group: group.0,
            sequencer: core.sequencer.clone(),
            peers: self.peers.clone(),
        });
        let clock = &self.runtime.clock;
        let patience = self.config.election_timeout.1 * 2;
        let leading = leadership.clone();
        let term = move || Some(*leading.borrow()).filter(|now| now.is_self).map(|now| now.term);
        let asking = core.clone();
        let asked = self.peers.clone();
        let ask_again = move || {
            let (core, peers) = (asking.clone(), asked.clone());
            async move { core.ask_again(&peers).await }
        };
        let watcher = run_leadership(self.identity.node, raft.clone(), self.peers.clone(), leadership_sender);
        let succession = Succession {
            node: self.identity.node,
            clock: clock.clone(),
            raft: raft.clone(),
            peers: self.peers.clone(),
            leadership: leadership.clone(),
        };
        let quorum_patience = self.config.election_timeout.1 * 3;
        let silence_keeper = SilenceKeeper {
            node: self.identity.node,
            clock: clock.clone(),
            raft: raft.clone(),
            journal: self.journal.clone(),
            leadership: leadership.clone(),
            silence,
            times: SilenceTimes {
                unanswered_max: quorum_patience,
                stuck_max: self.config.election_timeout.1 * 6,
                pause: self.config.election_timeout.1 * 4,
            },
        };
        let raiser = Raiser {
            node: self.identity.node,
            gate: self.gate.clone(),
            clock: clock.clone(),
            raft: raft.clone(),
            peers: self.peers.clone(),
            leadership: leadership.clone(),
            progress: progress.clone(),
        };
        let is_new = !raft.is_initialized().await.map_err(|error| raft_failed(error.to_string()))?;
        let snapshot_bytes = setup.snapshot_log_bytes;
        let tasks = vec![
            spawn(Box::pin(watcher)),
            spawn(Box::pin(succession.run())),
            spawn(Box::pin(silence_keeper.run())),
            spawn(Box::pin(raiser.run())),
            spawn(Box::pin(run_sequencer(
                clock.clone(),
                core.sequencer.clone(),
                raft.clone(),
                term,
                ask_again,
            ))),
            spawn(Box::pin(run_sender(clock.clone(), outbox.clone(), leadership.clone(), route, patience))),
            spawn(Box::pin(run_snapshots(raft.clone(), progress.clone(), snapshots.clone(), snapshot_bytes))),
        ];
        let inner = GroupInner {
            rounds: Rounds::default(),
            node: self.identity.node,
            gate: self.gate.clone(),
            is_new,
            core,
            leadership,
            progress,
            peers: self.peers.clone(),
            clock: clock.clone(),
            quorum_patience,
            snapshots,
            tasks,
        };
        let opened = Group { inner: Arc::new(inner) };
        let has_come_in = joining::has_come_in(&self.journal.group(group));
        match setup.entrance {
            Entrance::Join(join) if !has_come_in => self.join(&opened, group, join),
            Entrance::Join(_) => self.found_or_rejoin(&opened, Vec::new(), has_come_in).await?,
            Entrance::Found(founders) => self.found_or_rejoin(&opened, founders, has_come_in).await?,
        }
        Ok(opened)
    }

    fn join(&self, group: &Group, id: GroupId, join: Join) {
        let log = self.journal.group(id);
        let work = joining::run(self.runtime.clone(), self.peers.clone(), group.clone(), log, join);
        self.runtime.spawn(Pool::Consensus, work).detach();
    }

    /// Gets the group going without waiting for an election timeout.
    async fn found_or_rejoin(
        &self,
        group: &Group,
        founders: Vec<Member>,
        has_come_in: bool,
    ) -> Result<(), ConsensusError> {
        let number = group.inner.core.group;
        let raft_failed = |reason: String| ConsensusError::Raft { group: number, reason };
        for member in founders.iter().filter(|member| member.node != self.identity.node) {
            for lane in Lane::ALL {
                self.peers.link(member.node, &member.address, lane);
            }
        }
        let raft = group.inner.core.raft.clone();
        let founded = raft.is_initialized().await.map_err(|error| raft_failed(error.to_string()))?;
        // One that has come in may have lost all that it was sent since: the leader knows of it, and sends it again.
        if self.identity.joined && !founded && !has_come_in {
            return Err(ConsensusError::Identity(
                "this node has not come into the cluster that it was to join; start it with --join again"
                    .into(),
            ));
        }
        // Who founded the group is history once there is a log that tells who belongs to it.
        let founders = if founded { group.status().members } else { founders };
        let votes = founders.iter().any(|member| member.node == self.identity.node && member.voter);
        let alone = founders.iter().all(|member| member.node == self.identity.node);
        if !votes {
            return Ok(());
        }
        if alone && !founded {
            return found(&raft, &founders).await.map_err(raft_failed);
        }
        let start = GroupStart {
            node: self.identity.node,
            raft,
            founders: founders.into_iter().filter(|member| member.voter).collect(),
            founded,
            leadership: group.leadership(),
            peers: self.peers.clone(),
            step: self.config.election_timeout.1,
        };
        self.runtime.spawn(Pool::Consensus, start.run(self.runtime.clone())).detach();
        Ok(())
    }

    /// Hands over what this node leads, then stops all groups. The journal is the caller's to close.
    pub async fn stop(&self, groups: &[Group], patience: Duration) {
        for group in groups {
            if !group.hand_over(patience).await {
                info!(group = group.inner.core.group, "no one to hand the leadership to");
            }
        }
        for core in self.groups.all() {
            if let Err(error) = core.raft.shutdown().await {
                warn!(group = core.group, %error, "the group did not stop cleanly");
            }
        }
        for group in groups {
            group.inner.tasks.iter().for_each(Task::abort);
        }
    }
}

async fn found(raft: &Raft, founders: &[Member]) -> Result<(), String> {
    use openraft::errors::{InitializeError, RaftError};
    let nodes: BTreeMap<u64, BasicNode> =
        founders.iter().map(|member| (member.node.0, BasicNode::new(member.address.clone()))).collect();
    match raft.initialize(nodes).await {
        // Another founder was faster and its log has arrived.
        Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// The first moments of a group on this node.
struct GroupStart {
    node: NodeId,
    raft: Raft,
    founders: Vec<Member>,
    founded: bool,
    leadership: watch::Receiver<Leadership>,
    peers: Arc<Peers>,
    step: Duration,
}

impl GroupStart {
    /// Founders try in the order in which they are named, so that they do not split the first vote; any of them can do it.
    async fn run(mut self, runtime: Runtime) {
        let rank = self.founders.iter().take_while(|member| member.node != self.node).count() as u32;
        self.await_quorum(&runtime).await;
        loop {
            let turn = if self.founded {
                // After a restart of all, whoever is up first may stand: a short random wait avoids a split vote.
                Duration::from_millis(runtime.entropy.next_u64() % 40)
            } else {
                self.step * rank
            };
            let led = self.leadership.wait_for(|now| now.leader.is_some());
            if runtime.clock.timeout(turn, led).await.is_ok() {
                return;
            }
            let done = if self.founded {
                self.raft.trigger().elect(true).await.map_err(|error| error.to_string())
            } else {
                found(&self.raft, &self.founders).await
            };
            if let Err(why) = done {
                warn!(%why, "can't start the group; trying again");
                runtime.clock.sleep(self.step).await;
                continue;
            }
            return;
        }
    }

    /// An election makes sense when a quorum can be asked; but no longer than a step is waited for it.
    async fn await_quorum(&self, runtime: &Runtime) {
        const LOOK: Duration = Duration::from_millis(5);
        let others: Vec<NodeId> =
            self.founders.iter().map(|member| member.node).filter(|node| *node != self.node).collect();
        let reached = || {
            let connected = |node: &&NodeId| {
                self.peers.known_link(**node, Lane::Control).is_some_and(|link| link.is_connected())
            };
            others.iter().filter(connected).count() * 2 >= others.len()
        };
        let deadline = runtime.clock.now() + self.step;
        while !reached() && runtime.clock.now() < deadline {
            runtime.clock.sleep(LOOK).await;
        }
    }
}

/// Publishes who leads, and keeps links to all members.
async fn run_leadership(node: NodeId, raft: Raft, peers: Arc<Peers>, leadership: watch::Sender<Leadership>) {
    let mut metrics = raft.server_metrics();
    loop {
        {
            let now = metrics.borrow_watched();
            for (member, basic) in now.membership_config.nodes() {
                if *member != node.0 {
                    peers.link(NodeId(*member), &basic.addr, Lane::Control);
                    peers.link(NodeId(*member), &basic.addr, Lane::Proposals);
                }
            }
            let found = Leadership {
                leader: now.current_leader.map(NodeId),
                term: now.vote.leader_id.term,
                is_self: now.current_leader == Some(node.0),
            };
            leadership.send_if_modified(|known| std::mem::replace(known, found) != found);
        }
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

/// Takes snapshots by the bytes that a restart would have to apply again.
async fn run_snapshots(
    raft: Raft,
    mut progress: watch::Receiver<Progress>,
    snapshots: SnapshotStore,
    log_bytes: u64,
) {
    loop {
        let due = || log_bytes.max(snapshots.current().map_or(0, |file| file.length));
        if progress.wait_for(|progress| progress.bytes_since_snapshot >= due()).await.is_err() {
            return;
        }
        if raft.trigger().snapshot().await.is_err() {
            return;
        }
        // Until the state machine has begun the snapshot, and so reset the count.
        if progress.changed().await.is_err() {
            return;
        }
    }
}
