//! Who belongs to a shard: those who belong to the control plane's group, of whom some vote ([`placement`]).
//!
//! A node that comes in asks by itself to be let into the shards, too, and observes. The rest is the shard's leader's: one change
//! at a time, and whoever is to go goes when its successor votes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use catalog::{Catalog, Topology};
use consensus::{Group, GroupStatus, Member, MemberChange, NodeId};
use runtime::Clock;
use tracing::{info, warn};

use super::placement::placement;

/// How often a leader compares.
const LOOK: Duration = Duration::from_secs(1);
/// So many looks in a row must find the same change: nodes that come or go do so in all groups, one after another.
const STEADY_LOOKS: u32 = 3;
/// A node that was let into the shard but is not seen in the control plane's group yet may only be faster there: it is given
/// some time.
const STRANGER_LOOKS: u32 = 10;

/// What a shard's leader follows.
pub(super) struct Following {
    pub(super) clock: Clock,
    pub(super) catalog: Arc<Catalog>,
    pub(super) control: Group,
    pub(super) shard: Group,
    pub(super) own: NodeId,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Change(MemberChange),
    /// The leader is to vote no longer, or to go: another voter leads first.
    HandOver(NodeId),
}

impl Following {
    /// Keeps the shard's members as they are to be. Runs for as long as the node does.
    pub(super) async fn run(self) {
        let mut seen: Option<(Step, u32)> = None;
        loop {
            self.clock.sleep(LOOK).await;
            let next = if self.shard.leads_with_quorum() { self.next_step() } else { None };
            let Some(step) = next else {
                seen = None;
                continue;
            };
            let looks = match seen.take() {
                Some((before, looks)) if before == step => looks + 1,
                _ => 1,
            };
            seen = Some((step.clone(), looks));
            // What this replica says of the control plane's members may be old.
            if looks < looks_needed(&step)
                || self.control.barrier().await.is_err()
                || self.next_step().as_ref() != Some(&step)
            {
                continue;
            }
            self.take(step).await;
        }
    }

    async fn take(&self, step: Step) {
        let shard = self.shard.status().group;
        let failed = match step.clone() {
            Step::Change(change) => self.shard.change_members(change).await.err().map(|why| why.to_string()),
            Step::HandOver(heir) => self.shard.hand_over_to(heir).await.err().map(|why| why.to_string()),
        };
        match failed {
            None => info!(shard, ?step, "the shard's members follow the cluster's"),
            Some(why) => warn!(shard, ?step, %why, "can't change the shard's members now"),
        }
    }

    fn next_step(&self) -> Option<Step> {
        let shard = self.shard.status();
        let control = self.control.status().members;
        let wanted = wanted_voters(&control, &shard, &self.catalog.topology())?;
        next_step(&control, &shard.members, &wanted, self.own)
    }
}

fn looks_needed(step: &Step) -> u32 {
    match step {
        Step::Change(MemberChange::Remove(_)) => STRANGER_LOOKS,
        _ => STEADY_LOOKS,
    }
}

/// Who is to vote in a shard; `None` while nobody can.
pub(super) fn wanted_voters(
    control: &[Member],
    shard: &GroupStatus,
    topology: &Topology,
) -> Option<BTreeSet<u64>> {
    let nodes = candidates(control, &shard.members);
    let placed = placement(&nodes, topology.shards(), topology.replication_factor());
    placed.into_iter().nth((shard.group as usize).checked_sub(1)?).filter(|wanted| !wanted.is_empty())
}

/// Those who vote in the control plane's group and are in the shard. A node without queues takes no part in it.
fn candidates(control: &[Member], shard: &[Member]) -> BTreeSet<u64> {
    let is_here = |member: &&Member| shard.iter().any(|it| it.node == member.node);
    control.iter().filter(|member| member.voter).filter(is_here).map(|member| member.node.0).collect()
}

/// First whoever is to vote does, then the others no longer. The leader itself is left for last.
fn next_step(control: &[Member], shard: &[Member], wanted: &BTreeSet<u64>, own: NodeId) -> Option<Step> {
    let is_wanted = |member: &Member| wanted.contains(&member.node.0);
    let is_member = |member: &Member| control.iter().any(|it| it.node == member.node);
    if let Some(silent) = shard.iter().find(|member| is_wanted(member) && !member.voter) {
        return Some(Step::Change(MemberChange::Promote(silent.node)));
    }
    let leaves = |member: &Member| match is_member(member) {
        false => Some(MemberChange::Remove(member.node)),
        true if member.voter && !is_wanted(member) => Some(MemberChange::Demote(member.node)),
        true => None,
    };
    if let Some(change) = shard.iter().filter(|member| member.node != own).find_map(leaves) {
        return Some(Step::Change(change));
    }
    let leader = shard.iter().find(|member| member.node == own)?;
    leaves(leader)?;
    let heir = shard.iter().find(|member| is_wanted(member) && member.node != own)?;
    Some(Step::HandOver(heir.node))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(list: &[(u64, bool)]) -> Vec<Member> {
        let member =
            |&(node, voter): &(u64, bool)| Member { node: NodeId(node), address: String::new(), voter };
        list.iter().map(member).collect()
    }

    fn change(change: fn(NodeId) -> MemberChange, node: u64) -> Option<Step> {
        Some(Step::Change(change(NodeId(node))))
    }

    #[test]
    fn whoever_goes_waits_for_its_successor_and_the_leader_goes_last() {
        let control = members(&[(2, true), (3, true), (4, true), (5, true), (6, false)]);
        let wanted = BTreeSet::from([3, 4, 5]);
        let next = |shard: &[(u64, bool)]| next_step(&control, &members(shard), &wanted, NodeId(1));
        let all = [(1, true), (2, true), (3, true), (4, false), (5, false), (6, true)];
        assert_eq!(next(&all), change(MemberChange::Promote, 4));
        let all = [(1, true), (2, true), (3, true), (4, true), (5, false), (6, true)];
        assert_eq!(next(&all), change(MemberChange::Promote, 5));
        let all = [(1, true), (2, true), (3, true), (4, true), (5, true), (6, true)];
        assert_eq!(next(&all), change(MemberChange::Demote, 2));
        let all = [(1, true), (2, false), (3, true), (4, true), (5, true), (6, true)];
        assert_eq!(next(&all), change(MemberChange::Demote, 6));
        let all = [(1, true), (2, false), (3, true), (4, true), (5, true), (6, false)];
        assert_eq!(
            next(&all),
            Some(Step::HandOver(NodeId(3))),
            "node 1 is no member of the cluster any more"
        );
        let done = [(2, false), (3, true), (4, true), (5, true), (6, false)];
        assert_eq!(next_step(&control, &members(&done), &wanted, NodeId(3)), None);
        let gone = [(1, false), (2, false), (3, true), (4, true), (5, true), (6, false)];
        let by_successor = next_step(&control, &members(&gone), &wanted, NodeId(3));
        assert_eq!(by_successor, change(MemberChange::Remove, 1));
    }

    #[test]
    fn a_node_without_queues_is_not_counted_on() {
        let control = members(&[(1, true), (2, true), (3, true), (4, false)]);
        let shard = members(&[(1, true), (3, false), (4, false)]);
        assert_eq!(candidates(&control, &shard), BTreeSet::from([1, 3]));
    }
}
