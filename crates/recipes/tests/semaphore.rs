//! Semaphores, one scenario each.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use client::AnyVersion;
use embedded::{Ensemble, run};
use recipes::{Loss, Naming, Semaphore, SemaphoreError};
use support::{TIMEOUT, children, connect, connect_apart, ms, pause};

const PATH: &str = "/some/where/semaphore";

#[test]
fn there_are_as_many_as_leases() {
    run(async {
        for naming in [Naming::Curator, Naming::Kazoo] {
            let ensemble = Ensemble::start(1);
            let (one, two) = (connect(&ensemble).await, connect(&ensemble).await);
            let of = |client| Semaphore::new(client, PATH, 3).named(naming);
            let first = of(&one).acquire_many(2).await.unwrap();
            let third = of(&two).acquire().await.unwrap();
            assert!(first[0].token() < first[1].token() && first[1].token() < third.token());
            assert!(of(&two).acquire_within(ms(1000)).await.unwrap().is_none());
            drop(first);
            let fourth = of(&two).acquire_within(ms(1000)).await.unwrap().unwrap();
            fourth.release().await.unwrap();
            two.delete(&third.path(), AnyVersion).await.unwrap();
            assert_eq!((third.lost().await, third.check()), (Loss::Deleted, Err(Loss::Deleted)));
        }
    });
}

#[test]
fn a_waiter_is_served_when_a_holder_dies() {
    run(async {
        for naming in [Naming::Curator, Naming::Kazoo] {
            let ensemble = Ensemble::start(3);
            let ((host, one), two) = (connect_apart(&ensemble).await, connect(&ensemble).await);
            let lease = Semaphore::new(&one, PATH, 1).named(naming).acquire().await.unwrap();
            host.take_down();
            let clock = &ensemble.runtime().clock;
            let lost = async { (lease.lost().await, clock.now()) };
            let next = async {
                let lease = Semaphore::new(&two, PATH, 1).named(naming).acquire().await.unwrap();
                lease.release().await.unwrap();
                clock.now()
            };
            let ((loss, lost_at), next_at) = tokio::join!(lost, next);
            assert_eq!(loss, Loss::CutOff);
            assert!(lost_at < next_at);
        }
    });
}

#[test]
fn a_future_that_is_dropped_while_its_answer_is_lost_leaves_no_znode() {
    run(async {
        for naming in [Naming::Curator, Naming::Kazoo] {
            for drop_after in [ms(1), ms(100), ms(6000)] {
                let ensemble = Ensemble::start(3);
                let (host, client) = connect_apart(&ensemble).await;
                let witness = connect(&ensemble).await;
                let semaphore = Semaphore::new(&client, PATH, 2).named(naming);
                semaphore.acquire().await.unwrap().release().await.unwrap();
                host.lose_answers();
                drop(ensemble.runtime().clock.timeout(drop_after, semaphore.acquire()).await);
                pause(&ensemble, TIMEOUT * 2).await;
                for path in ["", "/locks", "/leases", "-__lock__"] {
                    let left = children(&witness, &format!("{PATH}{path}")).await;
                    assert!(left.iter().all(|name| name == "locks" || name == "leases"), "{left:?}");
                }
                assert!(!client.is_over());
            }
        }
    });
}

#[test]
fn kazoos_layout_notes_the_number_of_leases() {
    run(async {
        let ensemble = Ensemble::start(1);
        let client = connect(&ensemble).await;
        let of = |leases| Semaphore::new(&client, PATH, leases).named(Naming::Kazoo);
        of(2).acquire().await.unwrap().release().await.unwrap();
        let error = of(3).acquire().await.unwrap_err();
        assert!(matches!(error, SemaphoreError::OtherLimit { there: 2, asked: 3, .. }), "{error}");
        client.set(PATH, Some(b"somebody else's"), AnyVersion).await.unwrap();
        of(3).acquire().await.unwrap().release().await.unwrap();
    });
}
