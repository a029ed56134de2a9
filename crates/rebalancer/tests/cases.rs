//! The deterministic cases of Rebalanser's own tests, for both protocols.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::time::Duration;

use rebalancer::{Mode, Options, Weight};
use support::{GROUP, Stage, numbered};

const SOON: Duration = Duration::from_secs(20);

fn options(mode: Mode) -> Options {
    Options {
        mode,
        interval_min: Duration::from_millis(200),
        stop_deadline: Duration::from_secs(1),
        ..Options::default()
    }
}

/// Both protocols, one after the other, each with so many resources and members.
fn with_both(resources: usize, members: usize, case: impl AsyncFn(&mut Stage, Options)) {
    for mode in [Mode::Resource, Mode::Global] {
        embedded::run(async {
            let mut stage = Stage::start(3, 1).await;
            stage.add(numbered(resources)).await;
            for number in 1..=members {
                assert!(stage.join(&format!("m{number}"), options(mode)).await);
            }
            stage.quiet(SOON).await.unwrap();
            case(&mut stage, options(mode)).await;
            stage.assert_exclusive();
        });
    }
}

fn counts(stage: &Stage) -> Vec<usize> {
    stage.counts().into_values().collect()
}

/// What changes with each rebalance and nothing else: the allocation's version, and the round.
async fn rebalances(stage: &Stage) -> (i32, i32) {
    let version = async |path: &str| stage.admin.exists(path).await.unwrap().map_or(0, |stat| stat.version);
    (version(&format!("{GROUP}/resources")).await, version(&format!("{GROUP}/status")).await)
}

#[test]
fn a_single_member_gets_all() {
    with_both(6, 1, async |stage, _| assert_eq!(counts(stage), [6]));
}

#[test]
fn six_for_three_are_two_each() {
    with_both(6, 3, async |stage, _| assert_eq!(counts(stage), [2, 2, 2]));
}

#[test]
fn members_leave_one_by_one() {
    with_both(6, 3, async |stage, _| {
        for (name, left) in [("m2", vec![3, 3]), ("m1", vec![6])] {
            stage.leave(name).await;
            stage.quiet(SOON).await.unwrap();
            assert_eq!(counts(stage), left);
        }
        stage.leave("m3").await;
        assert!(stage.monitor.owners().is_empty());
    });
}

#[test]
fn members_die_one_by_one() {
    with_both(6, 3, async |stage, _| {
        for (name, left) in [("m1", vec![3, 3]), ("m3", vec![6])] {
            stage.kill(name);
            stage.quiet(SOON).await.unwrap();
            assert_eq!(counts(stage), left);
        }
    });
}

#[test]
fn members_join_one_by_one() {
    with_both(6, 0, async |stage, options| {
        for (name, all) in [("m1", vec![6]), ("m2", vec![3, 3]), ("m3", vec![2, 2, 2])] {
            stage.join(name, options.clone()).await;
            stage.quiet(SOON).await.unwrap();
            assert_eq!(counts(stage), all);
        }
    });
}

#[test]
fn a_member_more_than_needed_triggers_nothing() {
    with_both(3, 3, async |stage, options| {
        let before = rebalances(stage).await;
        stage.join("m4", options).await;
        stage.pause(SOON).await;
        assert_eq!((rebalances(stage).await, counts(stage)), (before, vec![1, 1, 1, 0]));
    });
}

#[test]
fn the_loss_of_an_idle_member_triggers_nothing() {
    with_both(3, 4, async |stage, _| {
        let before = rebalances(stage).await;
        let counts = stage.counts();
        let idle = counts.iter().find(|(_, count)| **count == 0).unwrap().0.clone();
        stage.kill(&idle);
        stage.pause(SOON).await;
        assert_eq!(rebalances(stage).await, before);
    });
}

#[test]
fn the_loss_of_an_owner_triggers_a_rebalance() {
    with_both(3, 4, async |stage, _| {
        let before = rebalances(stage).await;
        let counts = stage.counts();
        let owner = counts.iter().rev().find(|(_, count)| **count == 1).unwrap().0.clone();
        stage.kill(&owner);
        stage.quiet(SOON).await.unwrap();
        assert_ne!(rebalances(stage).await, before);
        assert_eq!(self::counts(stage), [1, 1, 1]);
    });
}

#[test]
fn resources_come_and_go() {
    with_both(4, 2, async |stage, _| {
        stage.add(["a".to_owned(), "b".to_owned()]).await;
        stage.quiet(SOON).await.unwrap();
        assert_eq!(counts(stage), [3, 3]);
        for resource in ["a", "b", "r0000", "r0001"] {
            stage.remove(resource).await;
        }
        stage.quiet(SOON).await.unwrap();
        assert_eq!(counts(stage), [1, 1]);
    });
}

/// Joined in this order, the first coordinates: whoever has which weight, it is told to the coordinator by the znodes alone.
#[test]
fn weights_are_what_members_get() {
    with_both(12, 0, async |stage, options| {
        let join = async |stage: &mut Stage, name: &str, weight: u32| {
            let weight = Weight::new(weight).unwrap();
            assert!(stage.join(name, Options { weight, ..options.clone() }).await);
        };
        for (name, weight) in [("m1", 1), ("m2", 2), ("m3", 3)] {
            join(stage, name, weight).await;
        }
        stage.quiet(SOON).await.unwrap();
        assert_eq!(counts(stage), [2, 4, 6]);
        // The next coordinator has read none of the weights before.
        stage.leave("m1").await;
        join(stage, "m4", 7).await;
        stage.quiet(SOON).await.unwrap();
        assert_eq!(counts(stage), [2, 3, 7]);
        stage.kill("m4");
        stage.quiet(SOON).await.unwrap();
        // 4.8 and 7.2: what is left over goes to whom rounding takes more from.
        assert_eq!(counts(stage), [5, 7]);
        stage.kill("m2");
        stage.quiet(SOON).await.unwrap();
        assert_eq!(counts(stage), [12]);
    });
}

#[test]
fn members_with_the_weight_of_others_move_no_more_than_they_get() {
    with_both(20, 0, async |stage, options| {
        for (name, weight) in [("m1", 1), ("m2", 4)] {
            let weight = Weight::new(weight).unwrap();
            stage.join(name, Options { weight, ..options.clone() }).await;
        }
        stage.quiet(SOON).await.unwrap();
        assert_eq!(counts(stage), [4, 16]);
        let before = stage.monitor.owners();
        stage.join("m3", Options { weight: Weight::new(5).unwrap(), ..options }).await;
        stage.quiet(SOON).await.unwrap();
        assert_eq!(counts(stage), [2, 8, 10]);
        let after = stage.monitor.owners();
        let moved = after.iter().filter(|(resource, owner)| before[*resource] != **owner).count();
        assert_eq!(moved, 10);
    });
}
