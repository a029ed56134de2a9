//! One Raft group on this node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use openraft::ReadPolicy;
use openraft::async_runtime::watch::WatchReceiver;
use parking_lot::RwLock;
use runtime::{Clock, Task};
use tokio::sync::watch;

use crate::Unavailable;
use crate::identity::NodeId;
use crate::level::{Gate, Level};
use crate::node::{CallHandler, Member};
use crate::peers::{Lane, Peers, SnapshotReceiver};
use crate::proposer::{LeaderLink, Lost, Outbox, Sequencer};
use crate::quorum::unanswered_for;
use crate::raft::{Raft, members_of};
use crate::rounds::Rounds;
use crate::storage::{Progress, SnapshotStore};
use crate::wire::{self, frame::Body};

/// Who leads, as far as this node knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// The leader, if one is known.
    pub leader: Option<NodeId>,
    /// The newest term seen.
    pub term: u64,
    /// True when this node leads.
    pub is_self: bool,
}

/// How far a replica has come, as its leader knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerProgress {
    /// The replica's node.
    pub node: NodeId,
    /// The last entry that is known to be on its disk.
    pub matched_index: Option<u64>,
}

/// This node's part in a group, in numbers; cheap to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether this node votes.
    pub is_voter: bool,
    /// How many nodes vote.
    pub voters: usize,
    /// On the leader: the other voters.
    pub followers: usize,
    /// On the leader: the other voters whose log reaches its committed entries.
    pub synced_followers: usize,
    /// How many nodes observe.
    pub observers: usize,
    /// On the leader: the observers whose log reaches its committed entries.
    pub synced_observers: usize,
}

/// Where an entry stands in a group's log: no two entries have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// The term of the leader that made it.
    pub term: u64,
    /// Its index.
    pub index: u64,
}

/// How far this replica has come; cheap to ask for. None of it ever goes back while the process lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermarks {
    /// Newest term seen.
    pub term: u64,
    /// Last entry known to be committed.
    pub committed: Option<EntryId>,
    /// Last entry applied here.
    pub applied: Option<EntryId>,
    /// The entry that says who belongs to the group.
    pub members: Option<EntryId>,
    /// True while a change of the voters is half done: both the old and the new ones have a say.
    pub is_changing_voters: bool,
}

/// What `/status` shows of a group.
#[derive(Clone, Debug)]
pub struct GroupStatus {
    /// Number of the group.
    pub group: u32,
    /// Who leads.
    pub leadership: Leadership,
    /// The level of commands that are allowed, as far as this node has applied the log.
    pub level: u32,
    /// Last entry in this node's log.
    pub last_index: Option<u64>,
    /// Last entry known to be committed.
    pub committed_index: Option<u64>,
    /// Last entry applied here.
    pub applied_index: Option<u64>,
    /// Last entry that the newest snapshot covers.
    pub snapshot_index: Option<u64>,
    /// Voters and observers.
    pub members: Vec<Member>,
    /// On the leader: how far the others are.
    pub replicas: Vec<PeerProgress>,
}

/// What peers' requests reach of a group.
pub(crate) struct GroupCore {
    pub(crate) group: u32,
    pub(crate) raft: Raft,
    pub(crate) sequencer: Arc<Sequencer>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) receiver: SnapshotReceiver,
    pub(crate) handler: RwLock<Option<CallHandler>>,
}

/// The groups of this node.
#[derive(Default)]
pub(crate) struct Groups {
    groups: RwLock<BTreeMap<u32, Arc<GroupCore>>>,
}

impl Groups {
    pub(crate) fn find(&self, group: u32) -> Option<Arc<GroupCore>> {
        self.groups.read().get(&group).cloned()
    }

    pub(crate) fn insert(&self, core: Arc<GroupCore>) {
        self.groups.write().insert(core.group, core);
    }

    pub(crate) fn all(&self) -> Vec<Arc<GroupCore>> {
        self.groups.read().values().cloned().collect()
    }
}

impl GroupCore {
    /// On the leader: the index that a linearizable read must see, once a quorum confirms the leadership.
    pub(crate) async fn read_index(&self) -> Result<u64, Unavailable> {
        let linearizer = self.raft.get_read_linearizer(ReadPolicy::ReadIndex).await;
        linearizer.map(|it| it.read_log_id().index()).map_err(|error| Unavailable(error.to_string()))
    }

    /// Nobody sends a node that was removed the entry which says so: it finds out by what it is answered.
    pub(crate) fn check_member(&self, peer: NodeId) -> Result<(), String> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let is_member = metrics.membership_config.nodes().any(|(node, _)| *node == peer.0);
        is_member.then_some(()).ok_or_else(|| format!("node {peer} is no member of this cluster (any more)"))
    }

    /// Makes every node send again what it proposed and has not seen applied. Those that can't be reached find out by
    /// themselves, later.
    pub(crate) async fn ask_again(&self, peers: &Peers) {
        self.outbox.send_again();
        let members: Vec<u64> = {
            let metrics = self.raft.server_metrics();
            let metrics = metrics.borrow_watched();
            metrics.membership_config.nodes().map(|(node, _)| *node).collect()
        };
        for member in members {
            if let Some(link) = peers.known_link(NodeId(member), Lane::Control) {
                let _unreachable = link.send(self.group, Body::Resend(wire::Resend {})).await;
            }
        }
    }

    /// The answer counts only if a quorum has confirmed after the call that this node leads: one that is cut off goes on
    /// believing so for a while, and would tell itself that all is well.
    pub(crate) async fn handle_call(&self, peer: NodeId, call: wire::Call) -> Result<Bytes, String> {
        self.check_member(peer)?;
        let handler = self.handler.read().clone().ok_or("this node takes no calls yet")?;
        let answer = handler(peer, call.topic, call.body).await?;
        self.read_index().await.map_err(|error| error.to_string())?;
        Ok(answer)
    }
}

/// A group, for the node above. Cheap to clone.
#[derive(Clone)]
pub struct Group {
    pub(crate) inner: Arc<GroupInner>,
}

pub(crate) struct GroupInner {
    pub(crate) node: NodeId,
    pub(crate) gate: Arc<Gate>,
    /// Whether the log was empty when this process opened it.
    pub(crate) is_new: bool,
    pub(crate) core: Arc<GroupCore>,
    pub(crate) leadership: watch::Receiver<Leadership>,
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) clock: Clock,
    /// After so long without a word of a quorum, a leader no longer counts itself as one.
    pub(crate) quorum_patience: Duration,
    pub(crate) snapshots: SnapshotStore,
    pub(crate) rounds: Rounds,
    pub(crate) tasks: Vec<Task>,
}

/// How long a barrier or a call to the leader goes on looking for one.
const LEADER_PATIENCE: Duration = Duration::from_secs(10);
const LEADER_RETRY: Duration = Duration::from_millis(50);
/// How long an answer of the leader may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

impl Group {
    /// Proposes a command. It will be applied exactly once, after all that this node proposed before it, unless this
    /// process ends first; its number comes back with it in [`CommittedCommand`](crate::CommittedCommand).
    /// Never waits: wait for [`Group::has_room`] first. At most [`COMMAND_BYTES_MAX`](crate::COMMAND_BYTES_MAX) long.
    pub fn propose(&self, command: Bytes) -> u64 {
        debug_assert!(command.len() <= crate::COMMAND_BYTES_MAX, "front ends bound what they propose");
        self.inner.core.outbox.push(command)
    }

    /// Whether so many proposals are under way that there should be no more.
    pub fn is_full(&self) -> bool {
        self.inner.core.outbox.is_full()
    }

    /// Waits until the proposals under way are few enough for more.
    pub async fn has_room(&self) {
        self.inner.core.outbox.has_room().await;
    }

    /// Who leads, and changes of it.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.inner.leadership.clone()
    }

    /// Completes when all that was committed anywhere before the call is applied here: a read after it is linearizable.
    ///
    /// # Errors
    /// If no leader was found for some seconds.
    pub async fn barrier(&self) -> Result<(), Unavailable> {
        let search = async {
            loop {
                match self.next_round().await {
                    Ok(index) => break index,
                    Err(_) => self.inner.clock.sleep(LEADER_RETRY).await,
                }
            }
        };
        let found = self.inner.clock.timeout(LEADER_PATIENCE, search).await;
        let index = found.map_err(|_| Unavailable("no leader confirmed itself".into()))?;
        let mut progress = self.inner.progress.clone();
        let reached = progress.wait_for(|progress| progress.next_index > index).await;
        reached.map(drop).map_err(|_| Unavailable("the group has stopped".into()))
    }

    /// A question to the leader that is not asked yet. All who wait here share it.
    fn next_round(&self) -> impl Future<Output = Result<u64, Unavailable>> + use<> {
        // The group must not keep itself alive through a round that nobody waits for any more.
        let inner = Arc::downgrade(&self.inner);
        self.inner.rounds.next(move || async move {
            let inner = inner.upgrade().ok_or_else(|| Unavailable("the group has stopped".into()))?;
            inner.rounds.begun();
            let mut leadership = inner.leadership.clone();
            leadership.mark_unchanged();
            let group = Self { inner };
            tokio::select! {
                biased;
                answer = group.ask_read_index() => answer,
                // A leader that is gone holds nobody up when its successor is known.
                _ = leadership.changed() => Err(Unavailable("another leader was elected meanwhile".into())),
            }
        })
    }

    async fn ask_read_index(&self) -> Result<u64, Unavailable> {
        let now = *self.inner.leadership.borrow();
        if now.is_self {
            return self.inner.core.read_index().await;
        }
        match self.call(now.leader, Body::Barrier(wire::BarrierRequest {})).await? {
            Body::BarrierResponse(answer) => Ok(answer.index),
            _ => Err(Unavailable("the leader answered something else than was asked".into())),
        }
    }

    /// Asks the leader's node above; `topic` says what about. Answered by the [`CallHandler`] there. An answer means that the
    /// node led when it gave it.
    pub async fn call_leader(&self, topic: u32, body: Bytes) -> Result<Bytes, Unavailable> {
        let now = *self.inner.leadership.borrow();
        let call = wire::Call { topic, body };
        if now.is_self {
            let answer = self.inner.core.handle_call(self.inner.node, call);
            let answer = self.inner.clock.timeout(CALL_TIMEOUT, answer).await;
            let late = |_| Unavailable("no quorum confirmed that this node leads".into());
            return answer.map_err(late)?.map_err(Unavailable);
        }
        match self.call(now.leader, Body::Application(call)).await? {
            Body::ApplicationResponse(answer) => Ok(answer.body),
            _ => Err(Unavailable("the leader answered something else than was asked".into())),
        }
    }

    pub(crate) async fn call(&self, leader: Option<NodeId>, body: Body) -> Result<Body, Unavailable> {
        let leader = leader.ok_or_else(|| Unavailable("no leader is known".into()))?;
        let link = self.inner.peers.known_link(leader, Lane::Control);
        let link = link.ok_or_else(|| Unavailable(format!("the address of node {leader} is not known")))?;
        let answer = self.inner.clock.timeout(CALL_TIMEOUT, link.call(self.inner.core.group, body)).await;
        answer
            .map_err(|_| Unavailable(format!("node {leader} did not answer")))?
            .map_err(|error| Unavailable(format!("node {leader}: {error}")))
    }

    /// Takes calls that other nodes, or this one, make to the leader.
    pub fn on_call(&self, handler: CallHandler) {
        *self.inner.core.handler.write() = Some(handler);
    }

    /// All entries below this index are applied here.
    pub fn applied_next_index(&self) -> u64 {
        self.inner.progress.borrow().next_index
    }

    /// The level of commands that are allowed here: those that need a higher one must not be proposed. It never goes down.
    pub fn level(&self) -> u32 {
        self.inner.progress.borrow().level
    }

    /// Up to which level the binary of a node can apply commands, as it said itself; `None` while it is not connected.
    pub fn stated_level(&self, node: NodeId) -> Option<Level> {
        if node == self.inner.node {
            return Some(self.inner.gate.own().clone());
        }
        self.inner.peers.known_link(node, Lane::Control)?.stated_level()
    }

    /// If the group is new here: completes when its level is that of this binary, or after `patience`. The first that is asked
    /// of a new cluster can then be all that its nodes are able to do.
    pub async fn new_at_level(&self, patience: Duration) {
        if self.inner.is_new {
            let own = self.inner.gate.own().number;
            let mut progress = self.inner.progress.clone();
            // Older members may be there: then it stays where it is.
            let _ = self.inner.clock.timeout(patience, progress.wait_for(|now| now.level >= own)).await;
        }
    }

    /// Takes a snapshot now, if one is not being taken.
    pub async fn snapshot(&self) -> Result<(), Unavailable> {
        self.inner.core.raft.trigger().snapshot().await.map_err(|error| Unavailable(error.to_string()))
    }

    /// This node's part in the group.
    pub fn standing(&self) -> Standing {
        let metrics = self.inner.core.raft.metrics();
        let metrics = metrics.borrow_watched();
        let committed = metrics.local_committed.map(|id| id.index);
        let mut standing = Standing::default();
        for voter in metrics.membership_config.voter_ids() {
            standing.voters += 1;
            if voter == self.inner.node.0 {
                standing.is_voter = true;
            } else if let Some(replication) = &metrics.replication {
                standing.followers += 1;
                let matched = replication.get(&voter).copied().flatten().map(|id| id.index);
                standing.synced_followers += usize::from(matched >= committed);
            }
        }
        for observer in metrics.membership_config.membership().learner_ids() {
            standing.observers += 1;
            if let Some(replication) = &metrics.replication {
                let matched = replication.get(&observer).copied().flatten().map(|id| id.index);
                standing.synced_observers += usize::from(matched >= committed);
            }
        }
        standing
    }

    /// Completes when the group can't go on: its storage failed, an entry can't be applied, or the others don't have this node
    /// because its binary is too old. Says why.
    pub async fn failed(&self) -> String {
        tokio::select! {
            biased;
            why = self.inner.snapshots.failed() => why,
            why = self.raft_ended() => why,
            why = self.inner.gate.refused() => why,
        }
    }

    async fn raft_ended(&self) -> String {
        // These change rarely, and their end is the end of the group; the full metrics change with every entry.
        let mut rare = self.inner.core.raft.server_metrics();
        while rare.changed().await.is_ok() {}
        match &self.inner.core.raft.metrics().borrow_watched().running_state {
            Ok(()) => "it was stopped".into(),
            Err(fatal) => fatal.to_string(),
        }
    }

    /// Completes when none of this node's proposals is under way.
    pub async fn drained(&self) {
        let mut progress = self.inner.progress.clone();
        while self.inner.core.outbox.waiting().1 > 0 {
            if progress.changed().await.is_err() {
                return;
            }
        }
    }

    /// How far this replica has come.
    pub fn watermarks(&self) -> Watermarks {
        let metrics = self.inner.core.raft.metrics();
        let metrics = metrics.borrow_watched();
        let entry = |id: &crate::raft::LogId| EntryId { term: **id.committed_leader_id(), index: id.index };
        Watermarks {
            term: metrics.vote.leader_id.term,
            committed: metrics.local_committed.as_ref().map(entry),
            applied: metrics.last_applied.as_ref().map(entry),
            members: metrics.membership_config.log_id().as_ref().map(entry),
            is_changing_voters: metrics.membership_config.membership().get_joint_config().len() > 1,
        }
    }

    /// Where the group stands.
    pub fn status(&self) -> GroupStatus {
        let metrics = self.inner.core.raft.metrics();
        let metrics = metrics.borrow_watched();
        let membership = metrics.membership_config.membership();
        let index = |id: Option<crate::raft::LogId>| id.map(|id| id.index);
        let replica = |(node, matched): (&u64, &Option<crate::raft::LogId>)| PeerProgress {
            node: NodeId(*node),
            matched_index: index(*matched),
        };
        GroupStatus {
            group: self.inner.core.group,
            leadership: *self.inner.leadership.borrow(),
            level: self.level(),
            last_index: metrics.last_log_index,
            committed_index: index(metrics.local_committed),
            applied_index: index(metrics.last_applied),
            snapshot_index: index(metrics.snapshot),
            members: members_of(membership),
            replicas: metrics.replication.iter().flatten().map(replica).collect(),
        }
    }

    /// Whether this node leads and a quorum has confirmed that lately. A leader that is cut off from the others does not
    /// learn of its successor: only this tells it to serve no longer as one.
    pub fn leads_with_quorum(&self) -> bool {
        if !self.inner.leadership.borrow().is_self {
            return false;
        }
        let unanswered = unanswered_for(&self.inner.core.raft, self.inner.node);
        unanswered.is_some_and(|unanswered| unanswered <= self.inner.quorum_patience)
    }
}

/// The way proposals take to a leader.
pub(crate) struct ProposalRoute {
    pub(crate) node: NodeId,
    pub(crate) group: u32,
    pub(crate) sequencer: Arc<Sequencer>,
    pub(crate) peers: Arc<Peers>,
}

impl LeaderLink for ProposalRoute {
    fn hand_over(&self, leader: NodeId, proposal: wire::Proposal) -> BoxFuture<'_, Result<(), Lost>> {
        Box::pin(async move {
            if leader == self.node {
                self.sequencer.submit(proposal).await;
                return Ok(());
            }
            let link = self.peers.known_link(leader, Lane::Proposals).ok_or(Lost)?;
            let body = Body::Forward(wire::ForwardRequest { proposal: Some(proposal) });
            link.send(self.group, body).await.map_err(|_| Lost)
        })
    }

    fn connection(&self, leader: NodeId) -> u64 {
        self.peers.known_link(leader, Lane::Proposals).map_or(0, |link| link.connection())
    }
}
