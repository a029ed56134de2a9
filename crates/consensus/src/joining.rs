//! A node that comes into a cluster that others have founded.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use journal::{GroupLog, Journal, StateKey};
use runtime::Runtime;
use tracing::{info, warn};

use crate::ConsensusError;
use crate::group::{Group, Watermarks};
use crate::identity::{ClusterId, Identity, put_durably};
use crate::level::Level;
use crate::membership::MemberChange;
use crate::node::Member;
use crate::peers::{IntroductionFailure, Link, Peers, introduce};
use crate::wire::{self, frame::Body};

/// How a node finds the cluster that it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Peer address of any member.
    pub contact: String,
    /// This node as the others are to know it.
    pub member: Member,
}

const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(1);
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The cluster to join, unless the data directory knows one. Asks until somebody answers.
pub(crate) async fn find_cluster(
    runtime: &Runtime,
    journal: &Journal,
    join: &Join,
    level: &Level,
) -> Result<Option<ClusterId>, ConsensusError> {
    if Identity::is_kept(journal) {
        return Ok(None);
    }
    let mut delay = RETRY_MIN;
    loop {
        match introduce(runtime, &join.contact, join.member.node, level).await {
            Ok(cluster) => {
                info!(%cluster, "found the cluster to join");
                return Ok(Some(cluster));
            }
            Err(IntroductionFailure::Refused(why)) => {
                return Err(ConsensusError::Identity(format!("{} refuses this node: {why}", join.contact)));
            }
            Err(IntroductionFailure::Unreachable(why)) => {
                warn!(contact = %join.contact, %why, "can't reach the cluster to join; trying again");
            }
        }
        runtime.clock.sleep(delay).await;
        delay = (delay * 2).min(RETRY_MAX);
    }
}

/// Kept in a group's log once this node has come into the group. What it is there from then on is up to those who change the
/// members, and no longer to how it is started.
const CAME_IN: StateKey = StateKey(3);

/// Whether this node has come into the group already.
pub(crate) fn has_come_in(log: &GroupLog) -> bool {
    log.get(CAME_IN).is_some()
}

/// Asks to be let into a group until this node is what it wants to be.
pub(crate) async fn run(runtime: Runtime, peers: Arc<Peers>, group: Group, log: GroupLog, join: Join) {
    let mut asking = Asking { contact: join.contact.clone(), link: None, is_astray: false };
    let mut delay = RETRY_MIN;
    while let Some(change) = next_change(&group.status().members, &group.watermarks(), &join.member) {
        match asking.ask(&runtime, &peers, &group, change.clone()).await {
            // At once: if it were demoted before it looked again, it would undo that.
            Ok(Asked::Made) if change == last_change(&join.member) => break,
            Ok(_) => {}
            Err(why) => {
                info!(?change, %why, "not let in yet; trying again");
                asking.is_astray = !asking.is_astray;
            }
        }
        runtime.clock.sleep(delay).await;
        delay = (delay * 2).min(RETRY_MAX);
    }
    match put_durably(&log, CAME_IN, Bytes::from_static(&[1])).await {
        Ok(()) => info!(voter = join.member.voter, "this node is a member"),
        // The disk has failed, and the node stops.
        Err(error) => warn!(%error, "can't note that this node is a member"),
    }
}

/// What makes a node what it wants to be, when all that comes before is made.
fn last_change(wanted: &Member) -> MemberChange {
    if wanted.voter { MemberChange::Promote(wanted.node) } else { addition(wanted) }
}

fn addition(wanted: &Member) -> MemberChange {
    MemberChange::Add { node: wanted.node, address: wanted.address.clone() }
}

/// What is missing, as far as this node's own log tells.
fn next_change(members: &[Member], marks: &Watermarks, wanted: &Member) -> Option<MemberChange> {
    let add = addition(wanted);
    match members.iter().find(|member| member.node == wanted.node) {
        None => Some(add),
        // The leader that let this node in may have failed before that was committed: then nobody knows of it.
        Some(_) if marks.members > marks.committed => Some(add),
        Some(member) if wanted.voter && (!member.voter || marks.is_changing_voters) => {
            Some(MemberChange::Promote(wanted.node))
        }
        Some(_) => None,
    }
}

/// What came of asking for a change.
enum Asked {
    /// It is committed.
    Made,
    /// Another node is to be asked.
    SentOn,
}

/// Whom to ask: the contact first, then the leader that it names.
struct Asking {
    contact: String,
    link: Option<Link>,
    /// The leader that this node knows of may lead no longer, and nobody tells a node that is no member.
    is_astray: bool,
}

impl Asking {
    async fn ask(
        &mut self,
        runtime: &Runtime,
        peers: &Peers,
        group: &Group,
        change: MemberChange,
    ) -> Result<Asked, String> {
        if !self.is_astray && group.leadership().borrow().leader.is_some() {
            let made = group.change_members(change).await;
            return made.map(|()| Asked::Made).map_err(|error| error.to_string());
        }
        let link = self.link.get_or_insert_with(|| peers.contact(&self.contact));
        let body = Body::MemberChange(change.to_wire());
        let answer = runtime.clock.timeout(CALL_TIMEOUT, link.call(group.inner.core.group, body)).await;
        match answer {
            Ok(Ok(Body::MemberChanged(wire::MemberChanged { leader: Some(leader), .. }))) => {
                (self.contact, self.link) = (leader.address, None);
                Ok(Asked::SentOn)
            }
            Ok(Ok(Body::MemberChanged(changed))) if changed.refusal.is_empty() => Ok(Asked::Made),
            Ok(Ok(Body::MemberChanged(changed))) => Err(changed.refusal),
            Ok(Ok(_)) => Err("the contact answered something else than was asked".into()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(elapsed) => Err(elapsed.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::EntryId;
    use crate::identity::NodeId;

    fn member(node: u64, voter: bool) -> Member {
        Member { node: NodeId(node), address: format!("node-{node}:1"), voter }
    }

    fn marks(members: u64, committed: u64) -> Watermarks {
        let entry = |index| Some(EntryId { term: 1, index });
        Watermarks { members: entry(members), committed: entry(committed), ..Watermarks::default() }
    }

    /// Found by the simulator: a joiner saw itself in an entry of a leader that died before that was committed, believed to
    /// be in, and nobody knew of it.
    #[test]
    fn a_joiner_asks_until_it_is_in_by_a_committed_entry() {
        let wanted = member(4, false);
        let add = Some(MemberChange::Add { node: NodeId(4), address: "node-4:1".into() });
        let members = [member(1, true), member(4, false)];
        assert_eq!(next_change(&members[..1], &marks(5, 9), &wanted), add);
        assert_eq!(next_change(&members, &marks(10, 9), &wanted), add);
        assert_eq!(next_change(&members, &marks(10, 10), &wanted), None);
    }

    #[test]
    fn a_joiner_that_is_to_vote_asks_until_only_one_set_of_voters_has_a_say() {
        let promote = Some(MemberChange::Promote(NodeId(4)));
        let wanted = member(4, true);
        assert_eq!(next_change(&[member(4, false)], &marks(9, 9), &wanted), promote);
        let half_done = Watermarks { is_changing_voters: true, ..marks(9, 9) };
        assert_eq!(next_change(&[member(4, true)], &half_done, &wanted), promote);
        assert_eq!(next_change(&[member(4, true)], &marks(9, 9), &wanted), None);
    }
}
