//! Leadership that is given to another node on purpose: by a node that stops, or to spread leaders over the nodes.
//!
//! openraft has a leader that hands over propose nothing more and its heir stand at once, also against the lease. It goes on until
//! somebody else leads: an heir that does not come costs an election's time. So nobody is asked who is not in step. Nothing that
//! was proposed is lost: what the old leader did not log, its nodes send to the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver;

use crate::group::{Group, GroupCore};
use crate::identity::NodeId;
use crate::membership::HEARD_WITHIN;
use crate::node::Member;
use crate::peers::Lane;
use crate::wire::{self, frame::Body};
use crate::{HandOverError, Unavailable};

/// How far behind the leader's log a voter may be: what is under way at any time under load.
const BEHIND_MAX: u64 = 64;
/// How long a leader may take to answer, and its heir to lead.
const PATIENCE: Duration = Duration::from_secs(2);

impl Group {
    /// Hands the leadership to the voter that is furthest, if this node leads and there is one; completes when another
    /// leader is known, when there is nobody left to take over, or after `patience`.
    pub async fn hand_over(&self, patience: Duration) -> bool {
        if !self.inner.leadership.borrow().is_self {
            return true;
        }
        self.inner.clock.timeout(patience, self.find_heir()).await.unwrap_or(false)
    }

    /// Asks one voter after another, as they go away, until another leader is known: true; or nobody is there: false.
    async fn find_heir(&self) -> bool {
        const LOOK: Duration = Duration::from_millis(20);
        let mut leadership = self.inner.leadership.clone();
        let mut asked = None;
        loop {
            let now = *leadership.borrow_and_update();
            if now.leader.is_some() && !now.is_self {
                return true;
            }
            let Some(heir) = self.furthest_voter() else { return false };
            if asked != Some(heir) {
                if self.inner.core.raft.trigger().transfer_leader(heir.0).await.is_err() {
                    return false;
                }
                asked = Some(heir);
            }
            let changed = self.inner.clock.timeout(LOOK, leadership.changed()).await;
            if changed.is_ok_and(|changed| changed.is_err()) {
                return false;
            }
        }
    }

    /// The other voter whose log is longest, of those that are connected.
    fn furthest_voter(&self) -> Option<NodeId> {
        let status = self.status();
        let is_heir = |member: &&Member| {
            let link = self.inner.peers.known_link(member.node, Lane::Control);
            member.voter && member.node != self.inner.node && link.is_some_and(|link| link.is_connected())
        };
        let matched = |node: NodeId| {
            let replica = status.replicas.iter().find(|replica| replica.node == node);
            replica.and_then(|replica| replica.matched_index)
        };
        let heirs = status.members.iter().filter(is_heir).map(|member| member.node);
        heirs.max_by_key(|node| matched(*node))
    }

    /// Has whoever leads the group hand over to `heir`, if all voters are in step and little is under way; completes when `heir`
    /// leads. Proposals wait meanwhile, some milliseconds.
    ///
    /// # Errors
    /// [`HandOverError::NotNow`] if nothing was done, and why; [`HandOverError::Unavailable`] if nobody knows what came of it.
    pub async fn hand_over_to(&self, heir: NodeId) -> Result<(), HandOverError> {
        let now = *self.inner.leadership.borrow();
        if now.leader == Some(heir) {
            return Ok(());
        }
        let refusal = match now.is_self {
            true => self.inner.core.hand_over_to(heir).await,
            false => match self.call(now.leader, Body::HandOver(wire::HandOver { heir: heir.0 })).await? {
                Body::HandedOver(answer) => answer.refusal,
                _ => {
                    return Err(
                        Unavailable("the leader answered something else than was asked".into()).into()
                    );
                }
            },
        };
        if !refusal.is_empty() {
            return Err(HandOverError::NotNow(refusal));
        }
        let mut leadership = self.inner.leadership.clone();
        let succeeded = leadership.wait_for(|later| later.leader == Some(heir) && later.term > now.term);
        let in_time = self.inner.clock.timeout(PATIENCE, succeeded).await;
        let late = || Unavailable(format!("node {heir} was asked to lead and does not yet"));
        in_time.map_err(|_| late())?.map_err(|_| Unavailable("the group has stopped".into()))?;
        Ok(())
    }
}

impl GroupCore {
    /// On the leader: begins to hand over, or says why it does not.
    pub(crate) async fn hand_over_to(&self, heir: NodeId) -> String {
        if let Err(why) = self.check_heir(heir) {
            return why;
        }
        match self.raft.trigger().transfer_leader(heir.0).await {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    fn check_heir(&self, heir: NodeId) -> Result<(), String> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        if metrics.current_leader != Some(metrics.id) {
            return Err("this node does not lead".into());
        }
        if self.sequencer.is_pressed() {
            return Err("more is proposed than can be logged at once".into());
        }
        let membership = &metrics.membership_config;
        let heard = metrics.heartbeat.iter().flatten();
        let heard = heard.filter(|(_, at)| at.is_some_and(|at| at.elapsed() < HEARD_WITHIN));
        let matched = |node: &u64| Some(metrics.replication.as_ref()?.get(node)?.as_ref()?.index);
        let now = Now {
            leader: metrics.id,
            voters: membership.voter_ids().collect(),
            is_changing: membership.membership().get_joint_config().len() > 1
                || *membership.log_id() > metrics.local_committed,
            last: metrics.last_log_index.unwrap_or(0),
            heard: heard.filter_map(|(node, _)| Some((*node, matched(node)?))).collect(),
        };
        now.check(heir.0)
    }
}

/// What a leader knows when it is asked to hand over.
struct Now {
    leader: u64,
    voters: BTreeSet<u64>,
    /// Whether a change of the members is under way.
    is_changing: bool,
    /// The last entry of its log.
    last: u64,
    /// The last entry that each node is known to have which has answered lately.
    heard: BTreeMap<u64, u64>,
}

impl Now {
    fn check(&self, heir: u64) -> Result<(), String> {
        if self.is_changing {
            return Err("a change of the members is under way".into());
        }
        if heir == self.leader || !self.voters.contains(&heir) {
            return Err(format!("node {heir} is not another voter"));
        }
        for voter in self.voters.iter().filter(|voter| **voter != self.leader) {
            match self.heard.get(voter) {
                Some(index) if index + BEHIND_MAX >= self.last => {}
                Some(index) => {
                    return Err(format!(
                        "node {voter} is {} entries behind",
                        self.last.saturating_sub(*index)
                    ));
                }
                None => return Err(format!("node {voter} does not answer")),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(heard: &[(u64, u64)]) -> Now {
        Now {
            leader: 1,
            voters: BTreeSet::from([1, 2, 3]),
            is_changing: false,
            last: 1_000,
            heard: heard.iter().copied().collect(),
        }
    }

    #[test]
    fn a_leader_hands_over_when_all_voters_are_in_step() {
        assert_eq!(now(&[(2, 1_000), (3, 936)]).check(2), Ok(()));
        assert_eq!(now(&[(2, 1_000), (3, 936)]).check(3), Ok(()));
        // Whoever is not needed for it is needed when the next one fails.
        assert!(now(&[(2, 1_000), (3, 935)]).check(2).unwrap_err().contains("65 entries behind"));
        assert!(now(&[(2, 1_000)]).check(2).unwrap_err().contains("node 3 does not answer"));
    }

    #[test]
    fn only_another_voter_is_an_heir_and_only_while_the_members_stay() {
        let all = [(2, 1_000), (3, 1_000), (4, 1_000)];
        assert!(now(&all).check(1).is_err());
        assert!(now(&all).check(4).is_err(), "an observer can't lead");
        let changing = Now { is_changing: true, ..now(&all) };
        assert!(changing.check(2).is_err());
    }
}
