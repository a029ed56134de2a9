//! What a leader does when it is asked for a change of who belongs to a group, and when it refuses.

use std::collections::{BTreeMap, BTreeSet};

use openraft::{BasicNode, ChangeMembers};

use crate::raft::{Membership, membership_from_wire};
use crate::wire::{self, member_change::Action, member_changed::Reason};

/// How far behind the leader's commits a node may be and count as in step: it must not hold up the next ones.
const BEHIND_MAX: u64 = 1000;

/// What openraft is to do, and whether voters that go stay as observers; nothing, if it is so already.
pub(super) type Wanted = Option<(ChangeMembers<u64, BasicNode>, bool)>;

/// Why a change is not made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    pub(super) text: String,
}

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Self { reason: Reason::Any, text }
    }
}

/// What the leader knows when it is asked for a change.
pub(super) struct Now<'a> {
    pub(super) leader: u64,
    pub(super) membership: &'a Membership,
    pub(super) committed: u64,
    /// The last entry that each node is known to have which has answered lately.
    pub(super) heard: BTreeMap<u64, u64>,
}

impl Now<'_> {
    pub(super) fn wanted(&self, change: &wire::MemberChange) -> Result<Wanted, Refusal> {
        let node = change.node;
        // A leader that failed in the middle of a change leaves two sets of voters behind, of which both have a say. The
        // newer is what was wanted, and any change of voters that is asked for ends that.
        let voters = self.voters();
        let is_half_done = self.is_half_done();
        let known = self.membership.nodes().find(|(member, _)| **member == node).map(|(_, basic)| basic);
        let is_voter = voters.contains(&node);
        let is_last = is_voter && voters.len() == 1;
        let only = BTreeSet::from([node]);
        let stranger = || Refusal::from(format!("node {node} is no member"));
        match change.action() {
            Action::Add => match known {
                Some(basic) if basic.addr == change.address => Ok(None),
                Some(basic) => Err(format!("node {node} is a member already, at {}", basic.addr).into()),
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
                Err(format!("node {node} is the only voter; without it nothing would go on").into())
            }
            Action::Demote if is_voter || (is_half_done && known.is_some()) => {
                self.check_quorum_without(&voters, node)?;
                Ok(Some((ChangeMembers::RemoveVoters(only), true)))
            }
            Action::Demote => known.map(|_| None).ok_or_else(stranger),
            Action::Remove if is_voter || (is_half_done && known.is_some()) => {
                self.check_quorum_without(&voters, node)?;
                Ok(Some((ChangeMembers::RemoveVoters(only), false)))
            }
            Action::Remove if known.is_some() => Ok(Some((ChangeMembers::RemoveNodes(only), false))),
            Action::Remove => Ok(None),
            Action::Reshape => self.reshaped(change),
            Action::Unknown => Err(String::from(
                "the change is of a kind that this version does not know; upgrade this node",
            )
            .into()),
        }
    }

    fn is_half_done(&self) -> bool {
        self.membership.get_joint_config().len() > 1
    }

    fn voters(&self) -> BTreeSet<u64> {
        self.membership.get_joint_config().last().cloned().unwrap_or_default()
    }

    /// All at once: there is one moment at which the new voters take over from the old ones.
    fn reshaped(&self, change: &wire::MemberChange) -> Result<Wanted, Refusal> {
        let read = |named: &Option<wire::Membership>| {
            let named = named.clone().ok_or("the change names no members")?;
            membership_from_wire(named).map_err(|error| error.to_string())
        };
        let (before, after) = (read(&change.before)?, read(&change.after)?);
        if self.is_half_done() || before != *self.membership {
            let text = "the members are not those that the change starts from".into();
            return Err(Refusal { reason: Reason::OtherMembers, text });
        }
        if after == before {
            return Ok(None);
        }
        let voters: BTreeSet<u64> = after.voter_ids().collect();
        let there: BTreeMap<_, _> = before.nodes().collect();
        for (node, basic) in after.nodes() {
            if let Some(known) = there.get(node).filter(|known| known.addr != basic.addr) {
                return Err(format!("node {node} is at {}, and can't be moved", known.addr).into());
            }
        }
        let before_voters = self.voters();
        for node in voters.difference(&before_voters) {
            self.check_caught_up(*node)?;
        }
        self.check_quorum(&voters)?;
        let added: BTreeMap<_, _> = after
            .nodes()
            .filter(|(node, _)| !there.contains_key(node))
            .map(|(node, basic)| (*node, basic.clone()))
            .collect();
        let stays = |node: &u64| after.get_node(node).is_some() || before_voters.contains(node);
        let gone: BTreeSet<_> = there.keys().map(|node| **node).filter(|node| !stays(node)).collect();
        let mut changes = Vec::new();
        if !added.is_empty() {
            changes.push(ChangeMembers::AddNodes(added));
        }
        if !gone.is_empty() {
            changes.push(ChangeMembers::RemoveNodes(gone));
        }
        if voters != before_voters {
            changes.push(ChangeMembers::ReplaceAllVoters(voters));
        }
        // Voters that go observe until they are removed.
        Ok((!changes.is_empty()).then_some((ChangeMembers::Batch(changes), true)))
    }

    fn is_in_step(&self, node: u64) -> bool {
        node == self.leader || self.heard.get(&node).is_some_and(|index| index + BEHIND_MAX >= self.committed)
    }

    fn check_caught_up(&self, node: u64) -> Result<(), Refusal> {
        let text = match self.heard.get(&node) {
            _ if self.is_in_step(node) => return Ok(()),
            Some(index) => {
                let behind = self.committed.saturating_sub(*index);
                format!("node {node} is {behind} entries behind; it can vote when it has caught up")
            }
            None => format!("node {node} does not answer; it can vote when it runs and has caught up"),
        };
        Err(Refusal { reason: Reason::NotInStep, text })
    }

    /// Without one that is a voter. A change that is half done is finished, whatever comes of it: there is no way back.
    fn check_quorum_without(&self, voters: &BTreeSet<u64>, node: u64) -> Result<(), Refusal> {
        if self.is_half_done() {
            return Ok(());
        }
        self.check_quorum(&voters.iter().copied().filter(|voter| *voter != node).collect())
    }

    /// Nothing would be committed any more if too few of the new voters kept up.
    fn check_quorum(&self, voters: &BTreeSet<u64>) -> Result<(), Refusal> {
        let late: Vec<_> = voters.iter().filter(|voter| !self.is_in_step(**voter)).collect();
        if (voters.len() - late.len()) * 2 > voters.len() {
            return Ok(());
        }
        let text = format!(
            "of the {} voters that there would be, {late:?} do not answer or are behind; start them, or let them go first",
            voters.len()
        );
        Err(Refusal { reason: Reason::NotInStep, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::membership_to_wire;

    fn membership(configs: &[&[u64]], nodes: &[u64]) -> Membership {
        let configs = configs.iter().map(|voters| voters.iter().copied().collect()).collect();
        let address = |node| BasicNode::new(format!("node-{node}:1"));
        let nodes: BTreeMap<_, _> = nodes.iter().map(|node| (*node, address(*node))).collect();
        Membership::new(configs, nodes).expect("all voters are nodes")
    }

    /// How far the nodes are that have answered lately.
    fn heard(nodes: &[(u64, u64)]) -> BTreeMap<u64, u64> {
        nodes.iter().copied().collect()
    }

    fn now(membership: &Membership, heard: BTreeMap<u64, u64>) -> Now<'_> {
        Now { leader: 1, membership, committed: 5000, heard }
    }

    fn wanted(membership: &Membership, action: Action, node: u64) -> Result<Wanted, Refusal> {
        let change = wire::MemberChange {
            action: action as i32,
            node,
            address: format!("node-{node}:1"),
            ..Default::default()
        };
        now(membership, heard(&[(1, 5000), (2, 4900), (3, 4500), (4, 4001)])).wanted(&change)
    }

    fn promote(node: u64) -> wire::MemberChange {
        wire::MemberChange { action: Action::Promote as i32, node, ..Default::default() }
    }

    /// What makes these voters and observers of those that are there.
    fn reshape(
        membership: &Membership,
        heard: BTreeMap<u64, u64>,
        voters: &[u64],
        all: &[u64],
    ) -> Result<Wanted, Refusal> {
        let change = wire::MemberChange {
            action: Action::Reshape as i32,
            before: Some(membership_to_wire(membership)),
            after: Some(membership_to_wire(&self::membership(&[voters], all))),
            ..Default::default()
        };
        now(membership, heard).wanted(&change)
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
    fn the_last_voter_stays_and_a_node_far_behind_or_silent_does_not_vote() {
        let members = membership(&[&[1]], &[1, 2]);
        assert!(wanted(&members, Action::Remove, 1).is_err());
        assert!(wanted(&members, Action::Demote, 1).is_err());
        for (heard, may) in [(heard(&[(2, 4000)]), true), (heard(&[(2, 3999)]), false), (heard(&[]), false)] {
            let verdict = now(&members, heard).wanted(&promote(2)).map_err(|refusal| refusal.reason);
            assert_eq!(verdict.is_ok(), may);
            assert!(may || verdict == Err(Reason::NotInStep));
        }
    }

    #[test]
    fn no_voter_goes_whom_the_others_need_for_a_quorum() {
        let members = membership(&[&[1, 2, 3, 4, 5]], &[1, 2, 3, 4, 5]);
        let remove = |node| wire::MemberChange { action: Action::Remove as i32, node, ..Default::default() };
        let some_silent = heard(&[(2, 5000), (3, 5000)]);
        let refused = now(&members, some_silent.clone()).wanted(&remove(2)).unwrap_err();
        assert_eq!(refused.reason, Reason::NotInStep, "1 and 3 of four would be left");
        assert!(now(&members, some_silent).wanted(&remove(4)).is_ok(), "a silent one may go");
    }

    #[test]
    fn a_reshaping_is_one_change() {
        let members = membership(&[&[1, 2, 3]], &[1, 2, 3, 4, 5]);
        let in_step = heard(&[(2, 5000), (3, 5000), (4, 5000)]);
        let Some((ChangeMembers::Batch(changes), true)) =
            reshape(&members, in_step.clone(), &[1, 2, 4], &[1, 2, 3, 4, 6]).unwrap()
        else {
            panic!("one change is wanted, and those who no longer vote stay");
        };
        let added = BTreeMap::from([(6, BasicNode::new("node-6:1"))]);
        let expected = [
            ChangeMembers::AddNodes(added),
            ChangeMembers::RemoveNodes(BTreeSet::from([5])),
            ChangeMembers::ReplaceAllVoters(BTreeSet::from([1, 2, 4])),
        ];
        assert_eq!(changes, expected);
        assert_eq!(reshape(&members, in_step, &[1, 2, 3], &[1, 2, 3, 4, 5]), Ok(None), "it is so already");
    }

    #[test]
    fn a_reshaping_must_leave_a_quorum_in_step_and_start_from_what_is() {
        let members = membership(&[&[1, 2, 3]], &[1, 2, 3, 4]);
        let in_step = heard(&[(2, 5000), (3, 5000)]);
        let reason = |voters: &[u64], all: &[u64]| {
            reshape(&members, in_step.clone(), voters, all).map_err(|refusal| refusal.reason)
        };
        assert_eq!(reason(&[1, 4], &[1, 4]), Err(Reason::NotInStep));
        let nobody = wire::MemberChange {
            action: Action::Reshape as i32,
            before: Some(membership_to_wire(&members)),
            after: Some(wire::Membership { configs: vec![wire::VoterSet::default()], members: vec![] }),
            ..Default::default()
        };
        assert!(now(&members, in_step.clone()).wanted(&nobody).is_err(), "nobody would vote");
        let others = wire::MemberChange {
            action: Action::Reshape as i32,
            before: Some(membership_to_wire(&membership(&[&[1, 2]], &[1, 2, 3, 4]))),
            after: Some(membership_to_wire(&membership(&[&[1]], &[1]))),
            ..Default::default()
        };
        let refused = now(&members, in_step.clone()).wanted(&others).unwrap_err();
        assert_eq!(refused.reason, Reason::OtherMembers);
    }
}
