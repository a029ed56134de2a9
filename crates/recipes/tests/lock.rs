//! Locks, one scenario each.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::Duration;

use client::{Acl, AnyVersion, CreateMode};
use embedded::{Ensemble, run};
use recipes::{AcquireError, Lock, Loss, MultiLock, Naming, ReadWriteLock, revoke};
use support::{TIMEOUT, children, connect, connect_apart, ms, pause};

const PATH: &str = "/some/where/lock";

#[test]
fn one_holds_it_at_a_time_in_the_order_of_asking() {
    run(async {
        let ensemble = Ensemble::start(3);
        let clients = [connect(&ensemble).await, connect(&ensemble).await, connect(&ensemble).await];
        let first = Lock::new(&clients[0], PATH).acquire().await.unwrap();
        let mut order = Vec::new();
        let second = async {
            let guard = Lock::new(&clients[1], PATH).acquire().await.unwrap();
            (guard.token(), guard.release().await.unwrap()).0
        };
        let third = async {
            pause(&ensemble, ms(100)).await;
            let guard = Lock::new(&clients[2], PATH).acquire().await.unwrap();
            (guard.token(), guard.release().await.unwrap()).0
        };
        let release = async {
            pause(&ensemble, ms(5000)).await;
            let token = first.check().unwrap();
            assert_eq!(children(&clients[0], PATH).await.len(), 3);
            first.release().await.unwrap();
            token
        };
        let (second, third, first) = tokio::join!(second, third, release);
        order.extend([first, second, third]);
        assert!(order.is_sorted_by(|one, next| one < next), "{order:?}");
        assert!(children(&clients[0], PATH).await.is_empty());
    });
}

#[test]
fn what_is_given_up_leaves_no_znode() {
    run(async {
        let ensemble = Ensemble::start(1);
        let (one, two) = (connect(&ensemble).await, connect(&ensemble).await);
        let lock = Lock::new(&two, PATH);
        let guard = Lock::new(&one, PATH).acquire().await.unwrap();
        assert!(lock.try_acquire().await.unwrap().is_none());
        assert_eq!(children(&one, PATH).await.len(), 1);
        assert!(lock.acquire_within(ms(500)).await.unwrap().is_none());
        pause(&ensemble, ms(10)).await;
        assert_eq!(children(&one, PATH).await.len(), 1);
        drop(guard);
        pause(&ensemble, ms(10)).await;
        assert!(children(&one, PATH).await.is_empty());
        let guard = lock.try_acquire().await.unwrap().unwrap();
        guard.release().await.unwrap();
    });
}

#[test]
fn a_future_that_is_dropped_while_its_answer_is_lost_leaves_no_znode() {
    run(async {
        for drop_after in [ms(0), ms(1), ms(100), ms(6000)] {
            let ensemble = Ensemble::start(3);
            let (host, client) = connect_apart(&ensemble).await;
            let witness = connect(&ensemble).await;
            // The parents are there, so that the first request creates the contender.
            Lock::new(&client, PATH).acquire().await.unwrap().release().await.unwrap();
            host.lose_answers();
            let lock = Lock::new(&client, PATH);
            let given_up = ensemble.runtime().clock.timeout(drop_after, lock.acquire()).await;
            let was_there = children(&witness, PATH).await.len();
            if drop_after == ms(1) {
                assert!(given_up.is_err());
                assert_eq!(was_there, 1, "the request arrived");
            }
            drop(given_up);
            pause(&ensemble, TIMEOUT).await;
            assert_eq!(children(&witness, PATH).await, Vec::<String>::new(), "after {drop_after:?}");
            assert!(!client.is_over());
        }
    });
}

#[test]
fn an_answer_that_was_lost_makes_no_second_contender() {
    run(async {
        let ensemble = Ensemble::start(3);
        let (host, client) = connect_apart(&ensemble).await;
        let lock = Lock::new(&client, PATH);
        lock.acquire().await.unwrap().release().await.unwrap();
        host.lose_answers();
        let guard = lock.acquire().await.unwrap();
        let there = children(&client, PATH).await;
        assert_eq!(there.len(), 1);
        assert!(guard.path().ends_with(&there[0]));
        let stat = client.exists(&guard.path()).await.unwrap().unwrap();
        assert_eq!(guard.token().number(), stat.czxid);
    });
}

#[test]
fn a_holder_that_is_cut_off_knows_before_another_has_the_lock() {
    run(async {
        let ensemble = Ensemble::start(3);
        let clock = ensemble.runtime().clock.clone();
        let ((host, one), two) = (connect_apart(&ensemble).await, connect(&ensemble).await);
        let guard = Lock::new(&one, PATH).acquire().await.unwrap();
        pause(&ensemble, TIMEOUT * 3).await;
        assert!(guard.check().is_ok());
        host.take_down();
        let cut_at = clock.now();
        let holder = async {
            let loss = guard.lost().await;
            (loss, clock.now())
        };
        let waiter = async {
            let guard = Lock::new(&two, PATH).acquire().await.unwrap();
            (guard.token(), clock.now())
        };
        let ((loss, lost_at), (token, got_at)) = tokio::join!(holder, waiter);
        assert_eq!((loss, guard.check()), (Loss::CutOff, Err(Loss::CutOff)));
        assert!(lost_at < got_at && token > guard.token());
        assert!(lost_at.saturating_since(cut_at) <= TIMEOUT / 2);
        assert!(got_at.saturating_since(cut_at) < TIMEOUT * 2);
        // Once it is told, it stays so, whatever becomes of the session.
        host.bring_up();
        assert_eq!(one.over().await, client::ErrorKind::SessionExpired);
        assert_eq!(guard.check(), Err(Loss::CutOff));
        guard.release().await.unwrap();
    });
}

#[test]
fn a_lock_survives_servers_that_go() {
    run(async {
        let ensemble = Ensemble::start(3);
        let client = connect(&ensemble).await;
        let guard = Lock::new(&client, PATH).acquire().await.unwrap();
        for node in [1, 2, 3, 1, 2, 3] {
            ensemble.take_down_node(node);
            pause(&ensemble, TIMEOUT).await;
            assert!(guard.check().is_ok());
            ensemble.bring_up_node(node);
        }
    });
}

#[test]
fn the_end_of_the_session_and_of_the_znode_are_told_apart() {
    run(async {
        let ensemble = Ensemble::start(1);
        let (one, two) = (connect(&ensemble).await, connect(&ensemble).await);
        let guard = Lock::new(&one, PATH).acquire().await.unwrap();
        two.delete(&guard.path(), AnyVersion).await.unwrap();
        assert_eq!(guard.lost().await, Loss::Deleted);
        guard.release().await.unwrap();
        let guard = Lock::new(&one, PATH).acquire().await.unwrap();
        ensemble.expire(one.session());
        assert_eq!(guard.lost().await, Loss::SessionOver);
        guard.release().await.unwrap();
        assert!(matches!(Lock::new(&one, PATH).acquire().await, Err(AcquireError::Client(_))));
    });
}

#[test]
fn a_waiter_whose_znode_is_deleted_is_told() {
    run(async {
        let ensemble = Ensemble::start(1);
        let (one, two) = (connect(&ensemble).await, connect(&ensemble).await);
        let guard = Lock::new(&one, PATH).acquire().await.unwrap();
        let lock = Lock::new(&two, PATH);
        let delete = async {
            pause(&ensemble, ms(100)).await;
            let waiting = lock.participants().await.unwrap().pop().unwrap();
            one.delete(&waiting.path, AnyVersion).await.unwrap();
            guard.release().await.unwrap();
        };
        let (acquired, ()) = tokio::join!(lock.acquire(), delete);
        assert!(matches!(acquired, Err(AcquireError::Removed { .. })), "{acquired:?}");
    });
}

#[test]
fn a_holder_can_be_asked_to_let_go() {
    run(async {
        let ensemble = Ensemble::start(1);
        let (one, two) = (connect(&ensemble).await, connect(&ensemble).await);
        let guard = Lock::new(&one, PATH).with_data(b"one").acquire().await.unwrap();
        let holder = &Lock::new(&two, PATH).participants().await.unwrap()[0];
        assert_eq!((&*holder.data, holder.session), (&b"one"[..], one.session()));
        assert_eq!(holder.token, guard.token());
        let clock = &ensemble.runtime().clock;
        // Other data asks for nothing.
        two.set(&holder.path, Some(b"two"), AnyVersion).await.unwrap();
        assert!(clock.timeout(ms(500), guard.revoked()).await.is_err());
        revoke(&two, &holder.path).await.unwrap();
        guard.revoked().await;
        assert!(guard.check().is_ok());
    });
}

#[test]
fn contenders_of_other_libraries_take_their_turn() {
    run(async {
        let ensemble = Ensemble::start(1);
        let client = connect(&ensemble).await;
        let other = connect(&ensemble).await;
        let first = Lock::new(&client, PATH).acquire().await.unwrap();
        let create = |name: &'static str| {
            let other = other.clone();
            async move {
                let path = format!("{PATH}/{name}");
                other.create(&path, None, &Acl::open(), CreateMode::EphemeralSequential).await.unwrap().0
            }
        };
        let kazoo = create("00c4a2__lock__").await;
        let curator = create("_c_ffffffff-ffff-4fff-bfff-ffffffffffff-lock-").await;
        let lock = Lock::new(&client, PATH).named(Naming::Kazoo);
        let last = lock.acquire();
        tokio::pin!(last);
        let clock = &ensemble.runtime().clock;
        first.release().await.unwrap();
        assert!(clock.timeout(ms(100), &mut last).await.is_err());
        other.delete(&kazoo, AnyVersion).await.unwrap();
        assert!(clock.timeout(ms(100), &mut last).await.is_err());
        other.delete(&curator, AnyVersion).await.unwrap();
        last.await.unwrap().release().await.unwrap();
    });
}

#[test]
fn readers_share_and_writers_do_not() {
    run(async {
        let ensemble = Ensemble::start(1);
        let client = connect(&ensemble).await;
        for naming in [Naming::Curator, Naming::Kazoo] {
            let lock = ReadWriteLock::new(&client, PATH).named(naming);
            let readers = [lock.read().acquire().await.unwrap(), lock.read().acquire().await.unwrap()];
            assert!(lock.write().try_acquire().await.unwrap().is_none());
            let write = lock.write().acquire();
            tokio::pin!(write);
            let clock = &ensemble.runtime().clock;
            assert!(clock.timeout(ms(100), &mut write).await.is_err());
            // A reader that comes after a writer waits for it.
            assert!(lock.read().try_acquire().await.unwrap().is_none());
            for reader in readers {
                reader.release().await.unwrap();
            }
            let writer = write.await.unwrap();
            assert!(lock.read().try_acquire().await.unwrap().is_none());
            writer.release().await.unwrap();
            lock.read().try_acquire().await.unwrap().unwrap().release().await.unwrap();
        }
    });
}

#[test]
fn several_locks_are_had_all_or_none() {
    run(async {
        let ensemble = Ensemble::start(1);
        let (one, two) = (connect(&ensemble).await, connect(&ensemble).await);
        let of = |client: &client::Client, paths: &[&str]| {
            MultiLock::new(paths.iter().map(|path| Lock::new(client, path)).collect::<Vec<_>>())
        };
        let held = of(&one, &["/b", "/a", "/b"]).acquire().await.unwrap();
        assert_eq!(held.guards().len(), 2);
        assert!(of(&two, &["/c", "/b"]).try_acquire().await.unwrap().is_none());
        assert!(of(&two, &["/0", "/b"]).acquire_within(ms(100)).await.unwrap().is_none());
        pause(&ensemble, ms(10)).await;
        assert!(children(&two, "/c").await.is_empty() && children(&two, "/0").await.is_empty());
        one.delete(&held.guards()[1].path(), AnyVersion).await.unwrap();
        assert_eq!(held.lost().await, Loss::Deleted);
        held.release().await.unwrap();
        assert!(children(&two, "/a").await.is_empty());
        of(&two, &["/c", "/b"]).try_acquire().await.unwrap().unwrap().release().await.unwrap();
    });
}

#[test]
fn those_that_need_the_same_locks_in_another_order_do_not_wait_in_a_circle() {
    run(async {
        let ensemble = Ensemble::start(3);
        let rounds = async |names: [&str; 2]| {
            let client = connect(&ensemble).await;
            for _ in 0..20 {
                let locks = MultiLock::new(names.map(|path| Lock::new(&client, path)));
                let held = locks.acquire().await.unwrap();
                pause(&ensemble, ms(10)).await;
                held.release().await.unwrap();
            }
        };
        let both = async { tokio::join!(rounds(["/x", "/y"]), rounds(["/y", "/x"])) };
        ensemble.runtime().clock.timeout(Duration::from_secs(60), both).await.unwrap();
    });
}
