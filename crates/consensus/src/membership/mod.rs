//! Who belongs to a group: changes go to its leader, one at a time, and can be asked for again without harm.

mod plan;

use std::time::Duration;

use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::ChangeMembershipError::InProgress;
use openraft::errors::{ClientWriteError, RaftError};

use crate::group::{Group, GroupCore};
use crate::identity::NodeId;
use crate::node::Member;
use crate::peers::Lane;
use crate::wire::{self, frame::Body, member_change::Action, member_changed::Reason};
use crate::{MembershipError, Unavailable};
use plan::{Now, Refusal, Wanted};

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
    /// The members are `after` from now on, if they are `before` now. The voters change all at once.
    Reshape {
        /// All members that there must be, as they are.
        before: Vec<Member>,
        /// All members that there are then.
        after: Vec<Member>,
    },
}

impl MemberChange {
    pub(crate) fn to_wire(&self) -> wire::MemberChange {
        let of = |action: Action, node: &NodeId| wire::MemberChange {
            action: action as i32,
            node: node.0,
            ..Default::default()
        };
        match self {
            MemberChange::Add { node, address } => {
                wire::MemberChange { address: address.clone(), ..of(Action::Add, node) }
            }
            MemberChange::Promote(node) => of(Action::Promote, node),
            MemberChange::Demote(node) => of(Action::Demote, node),
            MemberChange::Remove(node) => of(Action::Remove, node),
            MemberChange::Reshape { before, after } => wire::MemberChange {
                action: Action::Reshape as i32,
                before: Some(members_to_wire(before)),
                after: Some(members_to_wire(after)),
                ..Default::default()
            },
        }
    }

    /// The nodes that are to be gone.
    fn leavers(&self) -> Vec<NodeId> {
        let MemberChange::Reshape { before, after } = self else { return Vec::new() };
        let is_gone = |node: &NodeId| after.iter().all(|member| member.node != *node);
        before.iter().map(|member| member.node).filter(is_gone).collect()
    }
}

/// A node that has not answered the leader for so long is not in step, whatever it had before.
pub(crate) const HEARD_WITHIN: Duration = Duration::from_secs(1);
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
        self.change_once(change.to_wire()).await?;
        // Voters that go observe first. The change of voters is made: whoever leads now does the rest.
        for leaver in change.leavers() {
            let leave = MemberChange::Remove(leaver).to_wire();
            let leaving = async {
                while let Err(MembershipError::Unavailable(_)) = self.change_once(leave.clone()).await {
                    self.inner.clock.sleep(BUSY_RETRY).await;
                }
            };
            let left = self.inner.clock.timeout(PATIENCE, leaving).await;
            left.map_err(|_| Unavailable(format!("node {leaver} observes, but was not removed in time")))?;
        }
        Ok(())
    }

    async fn change_once(&self, change: wire::MemberChange) -> Result<(), MembershipError> {
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
            wire::MemberChanged { refusal, .. } if refusal.is_empty() => Ok(()),
            answer => Err(match answer.reason() {
                Reason::Any => MembershipError::Refused(answer.refusal),
                Reason::OtherMembers => MembershipError::OtherMembers,
                Reason::NotInStep => MembershipError::NotInStep(answer.refusal),
            }),
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

impl GroupCore {
    /// On the leader: makes the change. Elsewhere: says who leads.
    pub(crate) async fn change_members(&self, change: wire::MemberChange) -> wire::MemberChanged {
        let refused = |refusal: String| wire::MemberChanged { refusal, ..Default::default() };
        let (change, retain) = match self.wanted(&change) {
            Ok(Some(wanted)) => wanted,
            Ok(None) => return self.confirm_members().await.unwrap_or_else(refused),
            Err(Refusal { reason, text }) => {
                return wire::MemberChanged { reason: reason as i32, ..refused(text) };
            }
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

    fn wanted(&self, change: &wire::MemberChange) -> Result<Wanted, Refusal> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let index = |id: &crate::raft::LogId| id.index;
        let heard = metrics.heartbeat.iter().flatten();
        let heard = heard.filter(|(_, at)| at.is_some_and(|at| at.elapsed() < HEARD_WITHIN));
        let matched = |node: &u64| metrics.replication.as_ref()?.get(node)?.as_ref().map(index);
        let now = Now {
            leader: metrics.id,
            membership: metrics.membership_config.membership(),
            committed: metrics.local_committed.as_ref().map_or(0, index),
            heard: heard.filter_map(|(node, _)| Some((*node, matched(node)?))).collect(),
        };
        now.wanted(change)
    }
}

fn members_to_wire(members: &[Member]) -> wire::Membership {
    let voters = members.iter().filter(|member| member.voter).map(|member| member.node.0).collect();
    let member = |member: &Member| wire::Member { node: member.node.0, address: member.address.clone() };
    wire::Membership {
        configs: vec![wire::VoterSet { voters }],
        members: members.iter().map(member).collect(),
    }
}
