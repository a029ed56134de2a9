//! Who belongs to a shard: those who belong to the control plane's group, as what they are there.
//!
//! A node that comes in asks by itself to be let into the shards, too. The rest is the shard's leader's: it follows what the
//! control plane's group says, one change at a time.

use std::time::Duration;

use consensus::{Group, Member, MemberChange, NodeId};
use runtime::Clock;
use tracing::{info, warn};

/// How often a leader compares.
const LOOK: Duration = Duration::from_secs(1);
/// A node that was let into the shard but is not seen in the control plane's group yet may only be faster there: it is given
/// some time.
const STRANGER_LOOKS: u32 = 10;

/// Keeps the shard's members those of the control plane's group. Runs for as long as the node does.
pub(super) async fn follow(clock: Clock, control: Group, shard: Group, own: NodeId) {
    let mut strange_for = 0;
    loop {
        clock.sleep(LOOK).await;
        if !shard.leads_with_quorum() {
            strange_for = 0;
            continue;
        }
        let Some(change) = next_change(&control.status().members, &shard.status().members, own) else {
            strange_for = 0;
            continue;
        };
        strange_for += 1;
        if matches!(change, MemberChange::Remove(_)) && strange_for < STRANGER_LOOKS {
            continue;
        }
        // What this replica says of the control plane's members may be old.
        if control.barrier().await.is_err()
            || next_change(&control.status().members, &shard.status().members, own).as_ref() != Some(&change)
        {
            continue;
        }
        match shard.change_members(change.clone()).await {
            Ok(()) => info!(shard = shard.status().group, ?change, "members follow the control plane's"),
            Err(why) => warn!(shard = shard.status().group, ?change, %why, "can't change the members now"),
        }
    }
}

/// What is to be changed first. The leader itself is left for last: it goes by handing over, when another one leads.
fn next_change(control: &[Member], shard: &[Member], own: NodeId) -> Option<MemberChange> {
    let change_of = |member: &Member| match control.iter().find(|it| it.node == member.node) {
        None => Some(MemberChange::Remove(member.node)),
        Some(it) if it.voter && !member.voter => Some(MemberChange::Promote(member.node)),
        Some(it) if !it.voter && member.voter => Some(MemberChange::Demote(member.node)),
        Some(_) => None,
    };
    let others = shard.iter().filter(|member| member.node != own);
    others.chain(shard.iter().filter(|member| member.node == own)).find_map(change_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(list: &[(u64, bool)]) -> Vec<Member> {
        let member =
            |&(node, voter): &(u64, bool)| Member { node: NodeId(node), address: String::new(), voter };
        list.iter().map(member).collect()
    }

    #[test]
    fn members_follow_one_after_another_and_the_leader_goes_last() {
        let control = members(&[(2, true), (3, false), (4, true)]);
        let next = |shard: &[(u64, bool)]| next_change(&control, &members(shard), NodeId(1));
        let change = next(&[(1, true), (2, true), (3, true), (4, false)]);
        assert_eq!(change, Some(MemberChange::Demote(NodeId(3))));
        assert_eq!(
            next(&[(1, true), (2, true), (3, false), (4, false)]),
            Some(MemberChange::Promote(NodeId(4)))
        );
        assert_eq!(
            next(&[(1, true), (2, true), (3, false), (4, true)]),
            Some(MemberChange::Remove(NodeId(1)))
        );
        // Whoever is missing asks to be let in.
        assert_eq!(next(&[(2, true), (3, false)]), None);
    }
}
