//! Barriers and meetings, one scenario each.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::cell::Cell;
use std::rc::Rc;

use client::{Acl, AnyVersion, CreateMode};
use embedded::{Ensemble, Host, run};
use futures::future::join_all;
use recipes::{AcquireError, Barrier, DoubleBarrier, Naming, Rendezvous, RendezvousError};
use support::dice::{Dice, with_seeds};
use support::{TIMEOUT, children, connect, connect_apart, ms, pause};

const PATH: &str = "/some/where/barrier";

#[test]
fn who_waits_goes_on_when_the_barrier_is_gone() {
    run(async {
        let ensemble = Ensemble::start(3);
        let (one, two) = (connect(&ensemble).await, connect(&ensemble).await);
        let (barrier, other) = (Barrier::new(&one, PATH), Barrier::new(&two, PATH));
        other.wait().await.unwrap();
        barrier.set().await.unwrap();
        barrier.set().await.unwrap();
        two.sync(PATH).await.unwrap();
        assert!(!other.wait_within(TIMEOUT).await.unwrap());
        let remove = async {
            pause(&ensemble, ms(100)).await;
            // Neither other data nor servers that go are the end of the barrier.
            one.set(PATH, Some(b"x"), AnyVersion).await.unwrap();
            ensemble.cut();
            pause(&ensemble, ms(100)).await;
            barrier.remove().await.unwrap();
            // Who is on its way to look may miss that it was gone, who waits may not.
            barrier.set().await.unwrap();
            ensemble.runtime().clock.now()
        };
        let wait = async {
            other.wait().await.unwrap();
            ensemble.runtime().clock.now()
        };
        let (removed_at, gone_on_at) = tokio::join!(remove, wait);
        assert!(gone_on_at.saturating_since(removed_at) < ms(10));
        barrier.remove().await.unwrap();
        barrier.remove().await.unwrap();
    });
}

/// Parties that enter and leave again and again: how many are inside, and whether some left while others had not entered.
async fn party(
    ensemble: &Ensemble,
    mut barrier: DoubleBarrier,
    dice: &Dice,
    inside: &Cell<i32>,
    parties: i32,
) {
    for round in 0..5 {
        pause(ensemble, dice.between(ms(0), ms(3000))).await;
        inside.set(inside.get() + 1);
        barrier.enter().await.unwrap();
        assert!(inside.get() > round * parties, "all are there when one goes on");
        assert_eq!((inside.get() - 1) / parties, round);
        pause(ensemble, dice.between(ms(0), ms(3000))).await;
        barrier.leave().await.unwrap();
        assert_eq!(inside.get() % parties, 0);
        // The last to leave is seen to have left before anybody comes back.
        pause(ensemble, TIMEOUT * 3).await;
    }
}

#[test]
fn parties_enter_and_leave_together() {
    with_seeds(30, |seed| {
        run(async {
            let ensemble = Ensemble::start(3);
            let parties = 3;
            let inside = Cell::new(0);
            let dice = Dice::of(seed);
            let naming = if seed % 2 == 0 { Naming::Curator } else { Naming::Kazoo };
            let (mut hosts, mut barriers) = (Vec::new(), Vec::new());
            for _ in 0..parties {
                let (host, client) = connect_apart(&ensemble).await;
                hosts.push(Rc::<Host>::new(host));
                barriers.push(DoubleBarrier::new(&client, PATH, 3).named(naming));
            }
            let trouble = async {
                for _ in 0..200 {
                    pause(&ensemble, dice.between(ms(1), ms(2000))).await;
                    // kazoo's way can't do with parties that miss something while they are cut off.
                    if naming == Naming::Curator {
                        hosts[usize::try_from(dice.roll(3)).unwrap()].cut();
                    }
                }
            };
            let all = join_all(
                barriers.into_iter().map(|barrier| party(&ensemble, barrier, &dice, &inside, parties)),
            );
            let both = futures::future::select(
                Box::pin(all),
                Box::pin(futures::future::join(trouble, std::future::pending::<()>())),
            );
            ensemble.runtime().clock.timeout(TIMEOUT * 60, both).await.expect("somebody waits for ever");
            let witness = connect(&ensemble).await;
            assert!(children(&witness, PATH).await.is_empty());
        });
    });
}

#[test]
fn a_party_that_gives_up_or_dies_is_not_there() {
    run(async {
        let ensemble = Ensemble::start(3);
        let ((host, one), two) = (connect_apart(&ensemble).await, connect(&ensemble).await);
        let clock = &ensemble.runtime().clock;
        let mut gives_up = DoubleBarrier::new(&two, PATH, 2);
        assert!(clock.timeout(ms(100), gives_up.enter()).await.is_err());
        pause(&ensemble, ms(10)).await;
        assert!(children(&one, PATH).await.is_empty());
        // A party dies inside, and the other one can leave.
        let (mut dies, mut leaves) = (DoubleBarrier::new(&one, PATH, 2), DoubleBarrier::new(&two, PATH, 2));
        let (entered, too) = tokio::join!(dies.enter(), leaves.enter());
        entered.and(too).unwrap();
        host.take_down();
        clock.timeout(TIMEOUT * 3, leaves.leave()).await.unwrap().unwrap();
        assert!(children(&two, PATH).await.is_empty());
    });
}

#[test]
fn a_party_whose_znode_is_deleted_is_told() {
    run(async {
        let ensemble = Ensemble::start(1);
        let client = connect(&ensemble).await;
        let mut barrier = DoubleBarrier::new(&client, PATH, 2);
        let delete = async {
            pause(&ensemble, ms(100)).await;
            let own = children(&client, PATH).await.pop().unwrap();
            client.delete(&format!("{PATH}/{own}"), AnyVersion).await.unwrap();
            // Another one comes, and the barrier opens without the first.
            for name in ["x", "y"] {
                let path = format!("{PATH}/{name}");
                client.create(&path, None, &Acl::open(), CreateMode::Ephemeral).await.unwrap();
            }
            let ready = format!("{PATH}/ready");
            client.create(&ready, None, &Acl::open(), CreateMode::Persistent).await.unwrap();
        };
        let (entered, ()) = tokio::join!(barrier.enter(), delete);
        assert!(matches!(entered, Err(AcquireError::Removed { .. })), "{entered:?}");
    });
}

#[test]
fn all_who_meet_learn_the_same() {
    with_seeds(30, |seed| {
        run(async {
            let ensemble = Ensemble::start(3);
            let (dice, parties) = (Dice::of(seed), 4);
            let (mut hosts, mut clients) = (Vec::new(), Vec::new());
            for _ in 0..parties {
                let (host, client) = connect_apart(&ensemble).await;
                hosts.push(Rc::<Host>::new(host));
                clients.push(client);
            }
            let meet = join_all(clients.iter().enumerate().map(async |(who, client)| {
                pause(&ensemble, dice.between(ms(0), ms(5000))).await;
                let value = who.to_string();
                // One that gives up is not counted among those who met, unless it comes again.
                let rendezvous = Rendezvous::new(client, PATH, parties);
                let clock = &ensemble.runtime().clock;
                if who == 0
                    && clock.timeout(dice.between(ms(0), ms(50)), rendezvous.meet(b"impatient")).await.is_ok()
                {
                    return None;
                }
                let meeting = rendezvous.meet(value.as_bytes()).await.ok()?;
                assert_eq!(meeting.values[meeting.own], value.as_bytes());
                Some(meeting.values)
            }));
            let cuts = async {
                for _ in 0..40 {
                    pause(&ensemble, dice.between(ms(1), ms(400))).await;
                    let host = &hosts[usize::try_from(dice.roll(parties as u64)).unwrap()];
                    if dice.roll(2) == 0 { host.cut() } else { host.lose_answers() }
                }
            };
            let both = futures::future::join(meet, cuts);
            let (met, ()) = ensemble.runtime().clock.timeout(TIMEOUT * 20, both).await.expect("they meet");
            let met: Vec<_> = met.into_iter().flatten().collect();
            assert!(met.len() >= parties - 1);
            assert!(met.iter().all(|values| *values == met[0] && values.len() == parties));
            let late = Rendezvous::new(&clients[0], PATH, parties).meet(b"late").await;
            assert!(matches!(late, Err(RendezvousError::Late { .. })), "{late:?}");
            pause(&ensemble, TIMEOUT).await;
            assert_eq!(children(&clients[0], PATH).await, ["met"]);
        });
    });
}

#[test]
fn what_is_no_record_of_a_meeting_is_told() {
    run(async {
        let ensemble = Ensemble::start(1);
        let client = connect(&ensemble).await;
        let rendezvous = Rendezvous::new(&client, "/m", 1);
        assert_eq!(rendezvous.meet(b"alone").await.unwrap().values, [b"alone".as_slice()]);
        client.set("/m/met", Some(b"\0\0\0\x09x"), AnyVersion).await.unwrap();
        assert!(matches!(rendezvous.meet(b"").await, Err(RendezvousError::Damaged { .. })));
    });
}
