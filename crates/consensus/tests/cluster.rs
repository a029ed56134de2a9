//! Three nodes over loopback: commands proposed anywhere are applied everywhere, once, in each proposer's order,
//! whatever happens to leaders.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[expect(dead_code, reason = "other tests use the rest")]
mod harness;

// Under coverage every program of this package is linked with libFuzzer.
use bolero as _;

use std::sync::Arc;
use std::time::Duration;

use consensus::{HandOverError, NodeId};
use harness::{Cluster, FOUNDERS, Names, in_time, pause, within};
use runtime::SystemClock;

/// Three nodes that have applied the numbers below 10, and their leader.
async fn at_work() -> (Cluster, u64) {
    let cluster = Cluster::start(3).await;
    cluster.propose(1, 0..10);
    cluster.converged(10).await;
    let leader = cluster.leader().await;
    (cluster, leader)
}

#[tokio::test]
async fn a_single_node_serves_at_once() {
    let cluster = Cluster::start(1).await;
    cluster.propose(1, 0..100);
    within(Duration::from_secs(5), || cluster.node(1).own().len() == 100).await;
}

#[tokio::test]
async fn nodes_whose_names_are_not_found_yet_wait_for_them() {
    let names = Arc::new(Names::default());
    names.hide(FOUNDERS);
    let cluster = Cluster::start_with(Arc::clone(&names), 3).await;
    cluster.propose(1, 0..10);
    pause(Duration::from_secs(1)).await;
    assert_eq!(cluster.node(1).own().len(), 0, "a node found others without their names");
    names.publish(FOUNDERS);
    cluster.converged(10).await;
}

#[tokio::test]
async fn commands_of_all_nodes_are_applied_on_all_nodes_in_their_order() {
    let cluster = Cluster::start(3).await;
    for node in 1..=3 {
        cluster.propose(node, 0..200);
    }
    cluster.converged(600).await;
    cluster.check_order();
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_leaders_hand_over() {
    let cluster = Cluster::start(3).await;
    let mut total = 0;
    for round in 0..4 {
        for node in 1..=3 {
            cluster.propose(node, round * 50..round * 50 + 50);
        }
        total += 150;
        let leader = cluster.leader().await;
        assert!(cluster.node(leader).group.hand_over(Duration::from_secs(5)).await, "round {round}");
    }
    cluster.converged(total).await;
    cluster.check_order();
}

#[tokio::test]
async fn any_node_has_the_leadership_moved_to_any_voter_under_load() {
    let cluster = Cluster::start(3).await;
    cluster.propose(1, 0..10);
    cluster.converged(10).await;
    let mut total = 10;
    for round in 0..6 {
        let leader = cluster.leader().await;
        let (asking, heir) = (1 + round % 3, 1 + leader % 3);
        for node in 1..=3 {
            cluster.propose(node, 0..50);
        }
        total += 150;
        // Refused while a voter is some entries behind: it is asked again.
        let moving = async {
            while cluster.node(asking).group.hand_over_to(NodeId(heir)).await.is_err() {
                pause(Duration::from_millis(20)).await;
            }
        };
        in_time(Duration::from_secs(10), moving).await;
        assert_eq!(cluster.node(asking).group.leadership().borrow().leader, Some(NodeId(heir)));
        let before = cluster.node(asking).group.leadership().borrow().term;
        cluster.node(asking).group.hand_over_to(NodeId(heir)).await.unwrap();
        assert_eq!(cluster.node(asking).group.leadership().borrow().term, before, "it leads already");
    }
    cluster.converged(total).await;
    cluster.check_order();
}

#[tokio::test]
async fn a_leader_stays_while_a_voter_is_away_and_when_the_heir_is_none() {
    let (mut cluster, leader) = at_work().await;
    let others: Vec<u64> = (1..=3).filter(|node| *node != leader).collect();
    let refused = cluster.node(others[0]).group.hand_over_to(NodeId(9)).await.unwrap_err();
    assert!(matches!(&refused, HandOverError::NotNow(why) if why.contains("node 9")), "{refused}");
    cluster.kill(others[1]).await;
    // It counts as there for a second after its last word.
    pause(Duration::from_millis(1500)).await;
    let refused = cluster.node(others[0]).group.hand_over_to(NodeId(others[0])).await.unwrap_err();
    assert!(matches!(&refused, HandOverError::NotNow(why) if why.contains("does not answer")), "{refused}");
    assert_eq!(cluster.leader().await, leader);
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_the_leader_dies_and_comes_back() {
    let mut cluster = Cluster::start(3).await;
    for round in 0..3 {
        let leader = cluster.leader().await;
        let survivors: Vec<u64> = (1..=3).filter(|node| *node != leader).collect();
        for node in &survivors {
            cluster.propose(*node, 0..100);
        }
        cluster.kill(leader).await;
        for node in &survivors {
            cluster.propose(*node, 100..200);
        }
        for node in &survivors {
            let node = cluster.node(*node);
            within(Duration::from_secs(10), || node.waiting() == 0).await;
        }
        cluster.restart(leader).await;
        cluster.agree().await;
        cluster.check_order();
        tracing::info!(round, "round done");
    }
}

#[tokio::test]
async fn all_nodes_restart_with_what_was_applied() {
    let mut cluster = Cluster::start(3).await;
    cluster.propose(1, 0..300);
    cluster.converged(300).await;
    for node in 1..=3 {
        cluster.kill(node).await;
    }
    for node in 1..=3 {
        cluster.restart(node).await;
    }
    cluster.converged(300).await;
    cluster.propose(2, 0..10);
    cluster.converged(310).await;
}

#[tokio::test]
async fn a_replica_that_fell_behind_is_caught_up_by_snapshot() {
    let mut cluster = Cluster::start(3).await;
    let leader = cluster.leader().await;
    let behind = if leader == 1 { 2 } else { 1 };
    cluster.kill(behind).await;
    // More than is kept in the log behind a snapshot: the harness keeps 8 entries and snapshots every 4 KiB.
    for round in 0..200 {
        cluster.propose(leader, round * 10..round * 10 + 10);
        within(Duration::from_secs(10), || cluster.node(leader).waiting() == 0).await;
    }
    let status = cluster.node(leader).group.status();
    assert!(status.snapshot_index.is_some(), "no snapshot was taken: {status:?}");
    cluster.restart(behind).await;
    cluster.converged(2000).await;
    assert!(cluster.node(behind).restores() > 0, "caught up without a snapshot");
    cluster.check_order();
}

#[tokio::test]
async fn a_barrier_on_a_follower_waits_for_what_was_committed_before() {
    let cluster = Cluster::start(3).await;
    let leader = cluster.leader().await;
    let follower = if leader == 1 { 2 } else { 1 };
    for round in 0..20 {
        cluster.propose(leader, round..round + 1);
        within(Duration::from_secs(5), || cluster.node(leader).waiting() == 0).await;
        cluster.node(follower).group.barrier().await.unwrap();
        assert_eq!(cluster.node(follower).applied().len() as u64, round + 1);
    }
}

#[tokio::test]
async fn a_wiped_data_directory_is_refused_under_its_old_identity() {
    let (mut cluster, leader) = at_work().await;
    let victim = if leader == 1 { 2 } else { 1 };
    cluster.kill(victim).await;
    cluster.wipe(victim);
    cluster.restart(victim).await;
    pause(Duration::from_secs(2)).await;
    assert_eq!(cluster.node(victim).applied().len(), 0, "a wiped node was let in");
}

#[tokio::test]
async fn a_data_directory_from_a_backup_is_refused() {
    let (mut cluster, leader) = at_work().await;
    let victim = if leader == 1 { 2 } else { 1 };
    cluster.kill(victim).await;
    let backup = cluster.backup(victim);
    cluster.restart(victim).await;
    // It votes and acknowledges, and would break those promises if it forgot them.
    cluster.propose(leader, 10..20);
    cluster.converged(20).await;
    cluster.kill(victim).await;
    let today = cluster.backup(victim);
    cluster.restore(victim, backup);
    // A supervisor starts it again and again, and so more often than the original ever was.
    for _ in 0..4 {
        cluster.restart(victim).await;
        pause(Duration::from_millis(500)).await;
        assert!(cluster.node(victim).applied().len() < 20, "a node with yesterday's directory was let in");
        cluster.kill(victim).await;
    }
    cluster.restore(victim, today);
    cluster.restart(victim).await;
    cluster.converged(20).await;
}

#[tokio::test]
async fn a_backup_is_refused_by_a_node_that_was_only_told_of_a_newer_start() {
    let (mut cluster, leader) = at_work().await;
    let others: Vec<u64> = (1..=3).filter(|node| *node != leader).collect();
    let (victim, absent) = (others[0], others[1]);
    cluster.kill(victim).await;
    let backup = cluster.backup(victim);
    cluster.kill(absent).await;
    cluster.restart(victim).await;
    cluster.propose(leader, 10..20);
    within(Duration::from_secs(5), || cluster.node(victim).applied().len() == 20).await;
    cluster.kill(victim).await;
    cluster.restart(absent).await;
    within(Duration::from_secs(5), || cluster.node(absent).applied().len() == 20).await;
    // The leader tells of starts twice a second.
    pause(Duration::from_secs(1)).await;
    cluster.kill(leader).await;
    cluster.restore(victim, backup);
    cluster.restart(victim).await;
    pause(Duration::from_secs(2)).await;
    assert!(cluster.node(victim).applied().len() < 20, "a node with yesterday's directory was let in");
}

#[tokio::test]
async fn a_leader_without_a_quorum_says_so() {
    let (mut cluster, leader) = at_work().await;
    for node in (1..=3).filter(|node| *node != leader) {
        assert!(!cluster.node(node).group.leads_with_quorum());
        assert!(cluster.node(leader).group.leads_with_quorum());
    }
    let others: Vec<u64> = (1..=3).filter(|node| *node != leader).collect();
    cluster.kill(others[0]).await;
    pause(Duration::from_secs(2)).await;
    assert!(cluster.node(leader).group.leads_with_quorum(), "two of three are a quorum");
    cluster.kill(others[1]).await;
    let alone = cluster.node(leader);
    within(Duration::from_secs(3), || !alone.group.leads_with_quorum()).await;
}

#[tokio::test]
async fn the_last_node_does_not_wait_for_an_heir() {
    let (mut cluster, leader) = at_work().await;
    for node in (1..=3).filter(|node| *node != leader) {
        cluster.kill(node).await;
    }
    let long = Duration::from_secs(60);
    let handed_over = cluster.node(leader).group.hand_over(long);
    let handed_over = SystemClock::clock().timeout(long / 2, handed_over).await.unwrap();
    assert!(!handed_over);
}
