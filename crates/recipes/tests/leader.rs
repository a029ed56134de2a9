//! Elections, one scenario each.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use client::AnyVersion;
use embedded::{Ensemble, run};
use recipes::{Latch, Led, Loss, Naming, Selector};
use support::{TIMEOUT, children, connect, ms, pause, sessions_apart};

const PATH: &str = "/some/where/leader";

#[test]
fn the_one_who_stands_longest_leads_and_leaves() {
    run(async {
        let ensemble = Ensemble::start(3);
        let (_, one) = sessions_apart(&ensemble).await;
        let (_, two) = sessions_apart(&ensemble).await;
        let first = Latch::join(&one, PATH, "first");
        let leadership = first.leader().await.unwrap();
        let second = Latch::join(&two, PATH, "second");
        let clock = &ensemble.runtime().clock;
        assert!(clock.timeout(TIMEOUT * 3, second.leader()).await.is_err());
        assert!(second.leadership().is_none() && first.leadership().is_some());
        let ids = first.participants().await.unwrap();
        let ids: Vec<&[u8]> = ids.iter().map(|participant| &*participant.data).collect();
        assert_eq!(ids, [b"first".as_slice(), b"second"]);
        first.leave().await;
        assert_eq!(leadership.lost().await, Loss::Released);
        assert_eq!(leadership.check(), Err(Loss::Released));
        let next = second.leader().await.unwrap();
        assert!(next.token() > leadership.token());
        drop(second);
        pause(&ensemble, ms(10)).await;
        assert!(children(&one.client().await.unwrap(), PATH).await.is_empty());
    });
}

#[test]
fn a_candidate_outlives_its_session() {
    run(async {
        let ensemble = Ensemble::start(3);
        let (host, one) = sessions_apart(&ensemble).await;
        let (_, two) = sessions_apart(&ensemble).await;
        let first = Latch::join(&one, PATH, "first");
        let before = first.leader().await.unwrap();
        let second = Latch::join(&two, PATH, "second");
        let mut changes = first.changes();
        assert!(changes.borrow_and_update().is_some());
        host.take_down();
        assert_eq!(before.lost().await, Loss::CutOff);
        changes.changed().await.unwrap();
        assert!(changes.borrow_and_update().is_none());
        let between = second.leader().await.unwrap();
        host.bring_up();
        pause(&ensemble, TIMEOUT).await;
        assert!(between.check().is_ok(), "one who comes back does not push the leader aside");
        second.leave().await;
        let after = first.leader().await.unwrap();
        assert!(before.token() < between.token() && between.token() < after.token());
        assert_ne!(before.client().session(), after.client().session());
    });
}

#[test]
fn a_leader_whose_znode_is_deleted_stands_again() {
    run(async {
        let ensemble = Ensemble::start(1);
        let (_, sessions) = sessions_apart(&ensemble).await;
        let witness = connect(&ensemble).await;
        let latch = Latch::join(&sessions, PATH, "only");
        let before = latch.leader().await.unwrap();
        let znode = latch.participants().await.unwrap().pop().unwrap();
        assert_eq!(znode.token, before.token());
        witness.delete(&znode.path, AnyVersion).await.unwrap();
        assert_eq!(before.lost().await, Loss::Deleted);
        assert!(latch.leader().await.unwrap().token() > before.token());
    });
}

#[test]
fn a_latch_whose_sessions_are_closed_says_so() {
    run(async {
        let ensemble = Ensemble::start(1);
        let (_, sessions) = sessions_apart(&ensemble).await;
        let latch = Latch::join(&sessions, PATH, "only");
        latch.leader().await.unwrap();
        sessions.close().await.unwrap();
        pause(&ensemble, ms(10)).await;
        assert!(latch.leadership().is_none());
        assert!(latch.leader().await.is_none());
    });
}

#[test]
fn everybody_who_is_selected_does_its_work_alone() {
    run(async {
        let ensemble = Ensemble::start(3);
        let (_, one) = sessions_apart(&ensemble).await;
        let (_, two) = sessions_apart(&ensemble).await;
        let work = async |leadership: recipes::Leadership| {
            pause(&ensemble, ms(1000)).await;
            leadership.check().unwrap()
        };
        let curator = Selector::new(&one, PATH, "curator");
        let kazoo = Selector::new(&two, PATH, "kazoo").named(Naming::Kazoo);
        let clock = &ensemble.runtime().clock;
        let began = clock.now();
        let (one, two) = tokio::join!(curator.lead(work), kazoo.lead(work));
        let (Led::Done(one), Led::Done(two)) = (one.unwrap(), two.unwrap()) else { panic!() };
        assert_ne!(one, two);
        assert!(clock.now().saturating_since(began) >= ms(2000));
        assert!(curator.participants().await.unwrap().is_empty());
    });
}

#[test]
fn work_is_dropped_when_the_leadership_is_lost() {
    run(async {
        let ensemble = Ensemble::start(3);
        let (host, sessions) = sessions_apart(&ensemble).await;
        let selector = Selector::new(&sessions, PATH, "me");
        let work = async |_: recipes::Leadership| {
            host.take_down();
            std::future::pending::<()>().await;
        };
        assert_eq!(selector.lead(work).await.unwrap(), Led::Lost(Loss::CutOff));
        host.bring_up();
        assert_eq!(selector.lead(async |_: recipes::Leadership| 5).await.unwrap(), Led::Done(5));
    });
}
