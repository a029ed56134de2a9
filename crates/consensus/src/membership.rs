//! Who belongs to a group: changes go to its leader, one at a time, and can be asked for again without harm.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::ChangeMembershipError::InProgress;
use openraft::errors::{ClientWriteError, RaftError};
use openraft::{BasicNode, ChangeMembers};

use crate::group::{Group, GroupCore};
use crate::identity::NodeId;
use crate::peers::Lane;
use crate::raft::Membership;
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
/// How soon a leader that was busy with another change is asked again.
const BUSY_RETRY: Duration = Duration::from_millis(20);

impl Group {
    /// Changes who belongs to the group; completes when that is committed. A change that was made before is no error.
    ///
    /// # Errors
    /// [`MembershipError::Refused`] if it can't be done now or ever, [`MembershipError::Unavailable`] if nobody knows.
    pub async fn change_members(&self, change: MemberChange) -> Result<(), MembershipError> {
        let change = change.to_wire();
        let asking = async {
            loop {
                let answer = self.ask_leader(change.clone()).await;
                if !answer.as_ref().is_ok_and(|answer| answer.busy) {
                    return answer;
                }
                self.inner.clock.sleep(BUSY_RETRY).await;
            }
        };
        let asked = self.inner.clock.timeout(PATIENCE, asking).await;
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
        let refused = |refusal: String| wire::MemberChanged { refusal, ..Default::default() };
        let (change, retain) = match self.wanted(&change) {
            Ok(Some(wanted)) => wanted,
            Ok(None) => return self.confirm_members().await.unwrap_or_else(refused),
            Err(refusal) => return refused(refusal),
        };
        match self.raft.change_membership(change, retain).await {
            Ok(_) => wire::MemberChanged::default(),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to))) => {
                match (to.leader_id, to.leader_node) {
                    (Some(node), Some(basic)) => {
                        let leader = wire::Member { node, address: basic.addr };
                        wire::MemberChanged { leader: Some(leader), ..Default::default() }
                    }
                    _ => refused("no leader is known".into()),
                }
            }
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(InProgress(busy)))) => {
                wire::MemberChanged { refusal: busy.to_string(), busy: true, ..Default::default() }
            }
            Err(error) => refused(error.to_string()),
        }
    }

    /// What this node sees as the members is what they are: it leads, and they are committed.
    async fn confirm_members(&self) -> Result<wire::MemberChanged, String> {
        self.read_index().await.map_err(|error| error.to_string())?;
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let is_committed = *metrics.membership_config.log_id() <= metrics.local_committed;
        let refusal = if is_committed { "" } else { "the change is under way; ask again" };
        Ok(wire::MemberChanged { refusal: refusal.into(), busy: !is_committed, ..Default::default() })
    }

    fn wanted(&self, change: &wire::MemberChange) -> Result<Wanted, String> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let index = |id: &crate::raft::LogId| id.index;
        let matched = |all: &BTreeMap<u64, Option<_>>| all.get(&change.node).copied().flatten();
        let now = Now {
            membership: metrics.membership_config.membership(),
            committed: metrics.local_committed.as_ref().map_or(0, index),
            matched: metrics.replication.as_ref().map(|all| matched(all).as_ref().map_or(0, index)),
        };
        now.wanted(change)
    }
}

/// What the leader knows when it is asked for a change.
struct Now<'a> {
    membership: &'a Membership,
    committed: u64,
    /// The last entry that the node which is to change is known to have. `None` if this node does not lead.
    matched: Option<u64>,
}

impl Now<'_> {
    fn wanted(&self, change: &wire::MemberChange) -> Result<Wanted, String> {
        let node = change.node;
        // A leader that failed in the middle of a change leaves two sets of voters behind, of which both have a say. The
        // newer is what was wanted, and any change of voters that is asked for ends that.
        let configs = self.membership.get_joint_config();
        let voters = configs.last().cloned().unwrap_or_default();
        let is_half_done = configs.len() > 1;
        let known = self.membership.nodes().find(|(member, _)| **member == node).map(|(_, basic)| basic);
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
                self.check_caught_up(node)?;
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

    fn check_caught_up(&self, node: u64) -> Result<(), String> {
        let behind = self.matched.map_or(0, |matched| self.committed.saturating_sub(matched));
        if behind > BEHIND_MAX {
            return Err(format!("node {node} is {behind} entries behind; it can vote when it has caught up"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn membership(configs: &[&[u64]], nodes: &[u64]) -> Membership {
        let configs = configs.iter().map(|voters| voters.iter().copied().collect()).collect();
        let address = |node| BasicNode::new(format!("node-{node}:1"));
        let nodes: BTreeMap<_, _> = nodes.iter().map(|node| (*node, address(*node))).collect();
        Membership::new(configs, nodes).expect("all voters are nodes")
    }

    fn wanted(membership: &Membership, action: Action, node: u64) -> Result<Wanted, String> {
        let change = wire::MemberChange { action: action as i32, node, address: format!("node-{node}:1") };
        Now { membership, committed: 5000, matched: Some(4500) }.wanted(&change)
    }

    /// Found by the simulator: the leader that promoted a node died when both sets of voters had a say, and its successor
    /// took the promotion for made. Then the loss of a quorum of the old set stopped the cluster.
    #[test]
    fn a_change_of_voters_that_is_half_done_is_finished_by_asking_again() {
        let half_promoted = membership(&[&[1], &[1, 4]], &[1, 4]);
        let promoted = wanted(&half_promoted, Action::Promote, 4).unwrap();
        assert_eq!(promoted, Some((ChangeMembers::AddVoterIds(BTreeSet::from([4])), true)));
        let half_demoted = membership(&[&[1, 2, 3], &[1, 2]], &[1, 2, 3]);
        let demoted = wanted(&half_demoted, Action::Demote, 3).unwrap();
        assert_eq!(demoted, Some((ChangeMembers::RemoveVoters(BTreeSet::from([3])), true)));
        let removed = wanted(&half_demoted, Action::Remove, 3).unwrap();
        assert_eq!(removed, Some((ChangeMembers::RemoveVoters(BTreeSet::from([3])), false)));
    }

    #[test]
    fn a_change_that_is_made_is_not_made_again() {
        let members = membership(&[&[1, 2]], &[1, 2, 3]);
        let made = [(Action::Promote, 2), (Action::Demote, 3), (Action::Remove, 9), (Action::Add, 3)];
        for (action, node) in made {
            assert_eq!(wanted(&members, action, node), Ok(None), "{action:?} {node}");
        }
    }

    #[test]
    fn the_last_voter_stays_and_a_node_far_behind_does_not_vote() {
        let members = membership(&[&[1]], &[1, 2]);
        assert!(wanted(&members, Action::Remove, 1).is_err());
        assert!(wanted(&members, Action::Demote, 1).is_err());
        let promote = wire::MemberChange { action: Action::Promote as i32, node: 2, ..Default::default() };
        let behind = Now { membership: &members, committed: 5000, matched: Some(3999) };
        assert!(behind.wanted(&promote).is_err());
    }
}
