//! Clusters that are upgraded node by node: what older members can't apply is not allowed before they are gone.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[expect(dead_code, reason = "other tests use the rest")]
mod harness;

// Under coverage every program of this package is linked with libFuzzer.
use bolero as _;

use std::time::Duration;

use consensus::NodeId;
use harness::{Cluster, in_time, pause, within};

const SOON: Duration = Duration::from_secs(10);
/// Long enough for a leader to have looked again and again.
const A_WHILE: Duration = Duration::from_millis(500);

/// Three nodes that run this version, once they allow all that it can do.
async fn of_version(version: u32) -> Cluster {
    let cluster = Cluster::start_at(3, version).await;
    within(SOON, || cluster.is_at_level(version)).await;
    cluster
}

async fn replace(cluster: &mut Cluster, node: u64, version: u32) {
    cluster.kill(node).await;
    cluster.upgrade([node], version);
    cluster.restart(node).await;
}

/// Why a node that runs too old a version does not start, or stops soon.
async fn why_it_stops(cluster: &mut Cluster, node: u64) -> String {
    match cluster.try_restart(node).await {
        Err(error) => error.to_string(),
        Ok(()) => {
            let group = cluster.node(node).group.clone();
            in_time(SOON, group.failed()).await
        }
    }
}

#[tokio::test]
async fn a_cluster_that_is_new_begins_with_all_that_its_nodes_can_do() {
    let alone = Cluster::start_at(1, 7).await;
    let group = alone.node(1).group.clone();
    group.new_at_level(SOON).await;
    assert_eq!(group.level(), 7);
    of_version(7).await;
}

#[tokio::test]
async fn the_level_rises_when_the_last_member_is_upgraded_and_not_before() {
    let mut cluster = of_version(1).await;
    for node in 1..=3 {
        pause(A_WHILE).await;
        assert!(cluster.is_at_level(1));
        cluster.propose(1, 0..5);
        replace(&mut cluster, node, 2).await;
    }
    within(SOON, || cluster.is_at_level(2)).await;
    assert!((1..=3).all(|node| cluster.node(node).levels().iter().all(|level| *level == 1)));
    cluster.propose(2, 0..5);
    within(SOON, || (1..=3).all(|node| cluster.node(node).levels().last() == Some(&2))).await;
}

#[tokio::test]
async fn the_lowest_of_many_versions_decides_and_one_that_is_silent_holds_it() {
    let mut cluster = of_version(1).await;
    for (node, version) in [(1, 4), (2, 2), (3, 3)] {
        replace(&mut cluster, node, version).await;
    }
    within(SOON, || cluster.is_at_level(2)).await;
    // Nobody can tell with which version it will come back.
    cluster.kill(2).await;
    pause(A_WHILE).await;
    assert!(cluster.is_at_level(2));
    cluster.upgrade([2], 3);
    cluster.restart(2).await;
    within(SOON, || cluster.is_at_level(3)).await;
    let stated = cluster.node(3).group.stated_level(NodeId(1)).unwrap();
    assert_eq!((stated.number, stated.version.as_str()), (4, "4.0"));
}

#[tokio::test]
async fn an_observer_counts_until_it_is_removed() {
    let mut cluster = of_version(1).await;
    cluster.join(4, false).await;
    cluster.is_member(4, false).await;
    for node in 1..=3 {
        replace(&mut cluster, node, 2).await;
    }
    pause(A_WHILE).await;
    assert!(cluster.is_at_level(1));
    let leave = consensus::MemberChange::Remove(NodeId(4));
    let removed = async { while cluster.node(1).group.change_members(leave.clone()).await.is_err() {} };
    in_time(SOON, removed).await;
    cluster.kill(4).await;
    within(SOON, || cluster.is_at_level(2)).await;
}

#[tokio::test]
async fn the_level_outlives_restarts_and_comes_with_snapshots() {
    let mut cluster = of_version(2).await;
    cluster.kill(3).await;
    // More entries than are kept in the log behind a snapshot.
    for round in 0..100 {
        cluster.propose(1, round * 3..round * 3 + 3);
        within(SOON, || cluster.node(1).waiting() == 0).await;
    }
    cluster.converged(300).await;
    for node in [1, 2] {
        cluster.node(node).group.snapshot().await.unwrap();
    }
    cluster.restart(3).await;
    cluster.converged(300).await;
    cluster.join(4, false).await;
    cluster.converged(300).await;
    assert!(cluster.node(4).restores() > 0, "it was sent a snapshot");
    within(SOON, || cluster.is_at_level(2)).await;
    // From their own snapshots, with nobody to ask.
    for node in 1..=4 {
        cluster.kill(node).await;
    }
    cluster.restart(1).await;
    assert!(cluster.node(1).restores() > 0 && cluster.is_at_level(2));
}

#[tokio::test]
async fn a_node_below_the_level_stops_and_says_what_to_run() {
    let mut cluster = of_version(2).await;
    cluster.propose(1, 0..300);
    cluster.converged(300).await;
    cluster.kill(3).await;
    cluster.upgrade([3], 1);
    let why = why_it_stops(&mut cluster, 3).await;
    assert!(why.contains("start version 2.0 or a newer one"), "{why}");
    // A majority goes on, and it comes back with the right version.
    cluster.propose(1, 0..10);
    within(SOON, || cluster.node(1).applied().len() == 310 && cluster.node(2).applied().len() == 310).await;
    if cluster.is_running(3) {
        cluster.kill(3).await;
    }
    cluster.upgrade([3], 2);
    cluster.restart(3).await;
    cluster.converged(310).await;
}

#[tokio::test]
async fn a_member_that_ends_right_after_the_rise_hears_of_it_from_the_others() {
    let mut cluster = of_version(2).await;
    cluster.kill(3).await;
    cluster.upgrade([3], 1);
    let why = why_it_stops(&mut cluster, 3).await;
    assert!(why.contains("start version 2.0 or a newer one"), "{why}");
}

#[tokio::test]
async fn a_joiner_below_the_level_is_refused() {
    let mut cluster = of_version(2).await;
    cluster.upgrade([4], 1);
    let why = cluster.try_join(4, false).await.unwrap_err().to_string();
    assert!(why.contains("refuses this node") && why.contains("start version 2.0 or a newer one"), "{why}");
    assert!(cluster.node(1).group.status().members.iter().all(|member| member.node.0 != 4));
}
