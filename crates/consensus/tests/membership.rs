//! Nodes that come and go while the others work.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[expect(dead_code, reason = "other tests use the rest")]
mod harness;

// Under coverage every program of this package is linked with libFuzzer.
use bolero as _;

use std::sync::Arc;
use std::time::Duration;

use consensus::{Member, MemberChange, MembershipError, NodeId};
use harness::{Cluster, JOINERS, Names, within};

#[tokio::test]
async fn an_observer_joins_follows_and_never_votes() {
    let mut cluster = Cluster::start(3).await;
    cluster.propose(1, 0..300);
    cluster.converged(300).await;
    cluster.join(4, false).await;
    cluster.is_member(4, false).await;
    cluster.propose(4, 0..100);
    cluster.converged(400).await;
    cluster.check_order();
    // Two voters of three are gone: the observer does not make a quorum.
    let leader = cluster.leader().await;
    let others: Vec<u64> = (1..=3).filter(|node| *node != leader).collect();
    for node in &others {
        cluster.kill(*node).await;
    }
    within(Duration::from_secs(5), || !cluster.node(leader).group.leads_with_quorum()).await;
    cluster.restart(others[0]).await;
    cluster.propose(4, 100..110);
    cluster.converged(410).await;
}

#[tokio::test]
async fn a_voter_joins_and_one_leaves_while_clients_work() {
    let mut cluster = Cluster::start(3).await;
    cluster.propose(1, 0..100);
    cluster.join(4, true).await;
    cluster.propose(2, 0..100);
    cluster.is_member(4, true).await;
    let leaver = cluster.leader().await;
    let change = MemberChange::Remove(NodeId(leaver));
    // Asked for anywhere; the leader itself may be the one that goes.
    within_changed(&cluster, 4, change).await;
    cluster.kill(leaver).await;
    cluster.propose(4, 0..100);
    cluster.converged(300).await;
    cluster.check_order();
    let members = cluster.node(4).group.status().members;
    assert!(members.iter().all(|member| member.node.0 != leaver), "{members:?}");
    assert_eq!(members.iter().filter(|member| member.voter).count(), 3);
}

#[tokio::test]
async fn the_state_machine_hears_of_each_change_when_it_is_complete() {
    let mut cluster = Cluster::start(3).await;
    cluster.join(4, true).await;
    cluster.is_member(4, true).await;
    // Until it has looked for the last time whether it is what it wants to be.
    harness::pause(Duration::from_millis(1500)).await;
    within_changed(&cluster, 1, MemberChange::Demote(NodeId(4))).await;
    within_changed(&cluster, 2, MemberChange::Remove(NodeId(4))).await;
    cluster.kill(4).await;
    let founders = vec![(1, true), (2, true), (3, true)];
    let with = |vote| founders.iter().copied().chain([(4, vote)]).collect::<Vec<_>>();
    let changes = [founders.clone(), with(false), with(true), with(false), founders.clone()];
    for node in 1..=3 {
        within(Duration::from_secs(5), || cluster.node(node).members_applied() == changes).await;
    }
}

#[tokio::test]
async fn a_node_that_joined_comes_back_by_itself() {
    let mut cluster = Cluster::start(3).await;
    cluster.join(4, true).await;
    cluster.is_member(4, true).await;
    cluster.kill(4).await;
    cluster.propose(1, 0..300);
    cluster.converged(300).await;
    cluster.restart(4).await;
    cluster.converged(300).await;
}

#[tokio::test]
async fn a_node_that_was_let_in_and_lost_all_that_it_was_sent_comes_back_by_itself() {
    let names = Arc::new(Names::default());
    // The leader lets it in and can't reach it.
    names.hide(JOINERS);
    let mut cluster = Cluster::start_with(Arc::clone(&names), 3).await;
    cluster.propose(1, 0..10);
    cluster.join(4, false).await;
    let is_known = || cluster.node(1).group.status().members.iter().any(|member| member.node.0 == 4);
    within(Duration::from_secs(10), is_known).await;
    // Until it has heard of that, and noted it.
    harness::pause(Duration::from_secs(2)).await;
    assert_eq!(cluster.node(4).applied().len(), 0, "it was sent something");
    cluster.kill(4).await;
    cluster.restart(4).await;
    names.publish(JOINERS);
    cluster.converged(10).await;
}

#[tokio::test]
async fn a_node_that_joined_as_a_voter_and_was_demoted_stays_an_observer() {
    let mut cluster = Cluster::start(3).await;
    cluster.join(4, true).await;
    cluster.is_member(4, true).await;
    // Until it has looked for the last time whether it is what it wants to be.
    harness::pause(Duration::from_millis(1500)).await;
    within_changed(&cluster, 1, MemberChange::Demote(NodeId(4))).await;
    cluster.is_member(4, false).await;
    cluster.kill(4).await;
    cluster.restart(4).await;
    cluster.propose(4, 0..100);
    cluster.converged(100).await;
    harness::pause(Duration::from_secs(1)).await;
    cluster.is_member(4, false).await;
}

#[tokio::test]
async fn a_node_that_was_removed_is_told_so_when_it_asks() {
    let cluster = Cluster::start(3).await;
    cluster.propose(1, 0..10);
    cluster.converged(10).await;
    let leader = cluster.leader().await;
    let removed = if leader == 1 { 2 } else { 1 };
    let ask = async || cluster.node(removed).group.call_leader(1, Default::default()).await.unwrap_err();
    assert!(ask().await.to_string().contains("takes no calls"));
    within_changed(&cluster, leader, MemberChange::Remove(NodeId(removed))).await;
    assert!(ask().await.to_string().contains("no member"));
}

#[tokio::test]
async fn all_members_change_at_once_and_only_from_those_that_are_known() {
    let mut cluster = Cluster::start(3).await;
    cluster.join(4, false).await;
    cluster.is_member(4, false).await;
    harness::pause(Duration::from_millis(1500)).await;
    cluster.propose(1, 0..100);
    cluster.converged(100).await;
    let leader = cluster.leader().await;
    let before = cluster.node(4).group.status().members;
    // The observer votes, the leader goes, another voter observes.
    let demoted = (1..=3).find(|node| *node != leader).unwrap();
    let after: Vec<_> = before
        .iter()
        .filter(|member| member.node.0 != leader)
        .map(|member| Member { voter: member.node.0 != demoted, ..member.clone() })
        .collect();
    let reshape = MemberChange::Reshape { before, after: after.clone() };
    within_changed(&cluster, 4, reshape.clone()).await;
    let group = &cluster.node(4).group;
    within(Duration::from_secs(5), || group.status().members == after).await;
    let again = group.change_members(reshape).await;
    assert!(matches!(again, Err(MembershipError::OtherMembers)), "{again:?}");
    cluster.kill(leader).await;
    cluster.propose(4, 0..100);
    cluster.converged(200).await;
    cluster.check_order();
}

#[tokio::test]
async fn a_survivor_of_a_lost_majority_goes_on_with_what_it_has_and_without_the_old_cluster() {
    let mut cluster = Cluster::start(3).await;
    cluster.propose(1, 0..500);
    cluster.converged(500).await;
    for node in 1..=3 {
        cluster.kill(node).await;
    }
    let remains = cluster.look(2).await;
    assert!(remains.last >= remains.committed && remains.last.is_some(), "{remains:?}");
    assert!(remains.members.is_none_or(|members| members.len() == 3));
    cluster.recover(2).await;
    cluster.restart(2).await;
    cluster.propose(2, 0..100);
    cluster.converged(600).await;
    cluster.join(4, true).await;
    cluster.is_member(4, true).await;
    cluster.converged(600).await;
    // One of those who were lost for ever comes back.
    cluster.restart(1).await;
    harness::pause(Duration::from_secs(2)).await;
    assert!(!cluster.node(1).group.leads_with_quorum());
    assert_ne!(cluster.node(1).group.leadership().borrow().leader, Some(NodeId(2)));
    cluster.kill(1).await;
    cluster.propose(4, 0..100);
    cluster.converged(700).await;
    cluster.check_order();
}

#[tokio::test]
async fn changes_that_make_no_sense_are_refused_and_say_why() {
    let cluster = Cluster::start(1).await;
    let group = &cluster.node(1).group;
    within(Duration::from_secs(5), || group.leads_with_quorum()).await;
    let refused = async |change| match group.change_members(change).await {
        Err(MembershipError::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    assert!(refused(MemberChange::Remove(NodeId(1))).await.contains("only voter"));
    assert!(refused(MemberChange::Demote(NodeId(1))).await.contains("only voter"));
    assert!(refused(MemberChange::Promote(NodeId(7))).await.contains("no member"));
    let elsewhere = MemberChange::Add { node: NodeId(1), address: "elsewhere:1".into() };
    assert!(refused(elsewhere).await.contains("already"));
    // Already so.
    group.change_members(MemberChange::Promote(NodeId(1))).await.unwrap();
    group.change_members(MemberChange::Remove(NodeId(7))).await.unwrap();
}

/// Asks for a change until it is made.
async fn within_changed(cluster: &Cluster, node: u64, change: MemberChange) {
    let group = &cluster.node(node).group;
    for _ in 0..20 {
        match group.change_members(change.clone()).await {
            Ok(()) => return,
            Err(MembershipError::Unavailable(_)) => {}
            Err(refused) => panic!("{refused}"),
        }
        harness::pause(Duration::from_millis(100)).await;
    }
    panic!("not changed");
}
