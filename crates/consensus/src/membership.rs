//! Who belongs to a group: changes go to its leader, one at a time, and can be asked for again without harm.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ClientWriteError, RaftError};
use openraft::{BasicNode, ChangeMembers};

use crate::group::{Group, GroupCore};
use crate::identity::NodeId;
use crate::peers::Lane;
use crate::wire::{self, frame::Body, member_change::Action};
use crate::{MembershipError, Unavailable};

/// A change of who belongs to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// Brings a node in as an observer: it gets the log and never votes.
    Add {
        /// Its number, never used before in this cluster.
        node: NodeId,
        /// Where its peer listener is reached, `HOST:PORT`.
        address: String,
    },
    /// An observer that has caught up votes from now on.
    Promote(NodeId),
    /// A voter observes from now on.
    Demote(NodeId),
    /// A node goes, whatever it was.
    Remove(NodeId),
}

impl MemberChange {
    pub(crate) fn to_wire(&self) -> wire::MemberChange {
        let (action, node) = match self {
            MemberChange::Add { node, .. } => (Action::Add, node),
            MemberChange::Promote(node) => (Action::Promote, node),
            MemberChange::Demote(node) => (Action::Demote, node),
            MemberChange::Remove(node) => (Action::Remove, node),
        };
        let address = match self {
            MemberChange::Add { address, .. } => address.clone(),
            _ => String::new(),
        };
        wire::MemberChange { action: action as i32, node: node.0, address }
    }
}

/// How far behind the leader's commits an observer may be when it becomes a voter: it must not hold up the next ones.
const BEHIND_MAX: u64 = 1000;
/// How long the leader may take for a change: it waits until it is committed.
const PATIENCE: Duration = Duration::from_secs(10);

impl Group {
    /// Changes who belongs to the group; completes when that is committed. A change that was made before is no error.
    ///
    /// # Errors
    /// [`MembershipError::Refused`] if it can't be done now or ever, [`MembershipError::Unavailable`] if nobody knows.
    pub async fn change_members(&self, change: MemberChange) -> Result<(), MembershipError> {
        let change = change.to_wire();
        let asked = self.inner.clock.timeout(PATIENCE, self.ask_leader(change)).await;
        let answer = asked.map_err(|_| Unavailable("the leader is not done in time".into()))??;
        match answer {
            wire::MemberChanged { leader: Some(leader), .. } => {
                Err(Unavailable(format!("node {} leads now", leader.node)).into())
            }
            wire::MemberChanged { refusal, .. } if !refusal.is_empty() => {
                Err(MembershipError::Refused(refusal))
            }
            _ => Ok(()),
        }
    }

    async fn ask_leader(&self, change: wire::MemberChange) -> Result<wire::MemberChanged, Unavailable> {
        let now = *self.inner.leadership.borrow();
        if now.is_self {
            return Ok(self.inner.core.change_members(change).await);
        }
        let leader = now.leader.ok_or_else(|| Unavailable("no leader is known".into()))?;
        let link = self.inner.peers.known_link(leader, Lane::Control);
        let link = link.ok_or_else(|| Unavailable(format!("the address of node {leader} is not known")))?;
        match link.call(self.inner.core.group, Body::MemberChange(change)).await {
            Ok(Body::MemberChanged(answer)) => Ok(answer),
            Ok(_) => Err(Unavailable("the leader answered something else than was asked".into())),
            Err(error) => Err(Unavailable(format!("node {leader}: {error}"))),
        }
    }
}

/// What openraft is to do, or nothing, as it is so already.
type Wanted = Option<(ChangeMembers<u64, BasicNode>, bool)>;

impl GroupCore {
    /// On the leader: makes the change. Elsewhere: says who leads.
    pub(crate) async fn change_members(&self, change: wire::MemberChange) -> wire::MemberChanged {
        let refused = |refusal: String| wire::MemberChanged { leader: None, refusal };
        let (change, retain) = match self.wanted(&change) {
            Ok(Some(wanted)) => wanted,
            Ok(None) => return self.confirm_members().await.map_or_else(refused, |()| Default::default()),
            Err(refusal) => return refused(refusal),
        };
        match self.raft.change_membership(change, retain).await {
            Ok(_) => wire::MemberChanged::default(),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to))) => {
                match (to.leader_id, to.leader_node) {
                    (Some(node), Some(basic)) => {
                        let leader = wire::Member { node, address: basic.addr };
                        wire::MemberChanged { leader: Some(leader), refusal: String::new() }
                    }
                    _ => refused("no leader is known".into()),
                }
            }
            Err(error) => refused(error.to_string()),
        }
    }

    /// What this node sees as the members is what they are: it leads, and they are committed.
    async fn confirm_members(&self) -> Result<(), String> {
        self.read_index().await.map_err(|error| error.to_string())?;
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let is_committed = *metrics.membership_config.log_id() <= metrics.local_committed;
        is_committed.then_some(()).ok_or_else(|| "the change is under way; ask again".into())
    }

    fn wanted(&self, change: &wire::MemberChange) -> Result<Wanted, String> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let node = change.node;
        // A leader that failed in the middle of a change leaves two sets of voters behind, of which both have a say. The
        // newer is what was wanted, and any change of voters that is asked for ends that.
        let configs = metrics.membership_config.membership().get_joint_config();
        let voters = configs.last().cloned().unwrap_or_default();
        let is_half_done = configs.len() > 1;
        let known =
            metrics.membership_config.nodes().find(|(member, _)| **member == node).map(|(_, basic)| basic);
        let is_voter = voters.contains(&node);
        let is_last = is_voter && voters.len() == 1;
        let only = BTreeSet::from([node]);
        let stranger = || format!("node {node} is no member");
        match change.action() {
            Action::Add => match known {
                Some(basic) if basic.addr == change.address => Ok(None),
                Some(basic) => Err(format!("node {node} is a member already, at {}", basic.addr)),
                None => {
                    let added = BTreeMap::from([(node, BasicNode::new(change.address.clone()))]);
                    Ok(Some((ChangeMembers::AddNodes(added), true)))
                }
            },
            Action::Promote if is_voter && !is_half_done => Ok(None),
            Action::Promote => {
                known.ok_or_else(stranger)?;
                let committed = metrics.local_committed.map_or(0, |id| id.index);
                let replication = metrics.replication.as_ref();
                let matched =
                    replication.and_then(|all| all.get(&node).copied().flatten()).map_or(0, |id| id.index);
                let behind = committed.saturating_sub(matched);
                if replication.is_some() && behind > BEHIND_MAX {
                    return Err(format!(
                        "node {node} is {behind} entries behind; it can vote when it has caught up"
                    ));
                }
                Ok(Some((ChangeMembers::AddVoterIds(only), true)))
            }
            Action::Demote | Action::Remove if is_last => {
                Err(format!("node {node} is the only voter; without it nothing would go on"))
            }
            Action::Demote if is_voter || (is_half_done && known.is_some()) => {
                Ok(Some((ChangeMembers::RemoveVoters(only), true)))
            }
            Action::Demote => known.map(|_| None).ok_or_else(stranger),
            Action::Remove if is_voter || (is_half_done && known.is_some()) => {
                Ok(Some((ChangeMembers::RemoveVoters(only), false)))
            }
            Action::Remove if known.is_some() => Ok(Some((ChangeMembers::RemoveNodes(only), false))),
            Action::Remove => Ok(None),
            Action::Unknown => {
                Err("the change is of a kind that this version does not know; upgrade this node".into())
            }
        }
    }
}
