//! How long a session lives for certain, and one session after another.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::Duration;

use client::{Acl, AnyVersion, Client, CreateMode, ErrorKind, Options, Sessions};
use embedded::{Ensemble, TICK, run};
use runtime::Instant;
use support::{connect, connect_with, pause};

async fn ephemeral(client: &Client, path: &str) {
    client.create(path, None, &Acl::open(), CreateMode::Ephemeral).await.unwrap();
}

/// When a znode is gone, as a client knows that is told at once.
async fn gone(witness: &Client, path: &str) -> Instant {
    while let (Some(_), gone) = witness.exists_and_watch(path).await.unwrap() {
        gone.fired().await.unwrap();
    }
    witness.runtime().clock.now()
}

#[test]
fn a_session_that_is_heard_never_lapses() {
    run(async {
        let world = Ensemble::start(3);
        let client = connect(&world, &world.target()).await;
        tokio::select! {
            biased;
            () = client.lapsed() => panic!("nothing has happened"),
            () = pause(&world, 3600) => {}
        }
        assert!(client.lives_until() > world.runtime().clock.now());
    });
}

#[test]
fn a_client_that_is_cut_off_lets_go_before_its_ephemerals_are_gone() {
    // With whatever is left of the interval between two proofs.
    for (timeout_s, offset_ms) in
        [(4, 0), (4, 300), (4, 650), (10, 0), (10, 900), (10, 1600), (40, 0), (40, 5000)]
    {
        run(async {
            let world = Ensemble::start(3);
            let options = Options { session_timeout: Duration::from_secs(timeout_s), ..Options::default() };
            let host = world.host();
            let client = Client::connect(host.runtime(), &world.target(), options).await.unwrap();
            let witness = connect(&world, &world.target()).await;
            ephemeral(&client, "/e").await;
            let lapse = async {
                client.lapsed().await;
                world.runtime().clock.now()
            };
            let cut = async {
                pause(&world, 60).await;
                world.runtime().clock.sleep(Duration::from_millis(offset_ms)).await;
                host.take_down();
                world.runtime().clock.now()
            };
            let (cut, lapsed, gone) = tokio::join!(cut, lapse, gone(&witness, "/e"));
            assert!(cut < lapsed && lapsed < gone, "cut {cut:?}, lapsed {lapsed:?}, gone {gone:?}");
            let timeout = Duration::from_secs(timeout_s);
            assert!(
                lapsed.saturating_since(cut) <= timeout / 2
                    && gone.saturating_since(cut) <= timeout + TICK * 2
            );
        });
    }
}

#[test]
fn a_client_lets_go_in_time_when_its_server_is_cut_off_from_the_leader() {
    for offset_ms in (0..2000).step_by(100) {
        run(async {
            let world = Ensemble::start(3);
            let options = Options { session_timeout: Duration::from_secs(4), ..Options::default() };
            // Node 1 leads.
            let client = connect_with(&world, "n2", options).await;
            let witness = connect(&world, "n1").await;
            ephemeral(&client, "/e").await;
            let lapse = async {
                client.lapsed().await;
                world.runtime().clock.now()
            };
            let cut = async {
                pause(&world, 10).await;
                world.runtime().clock.sleep(Duration::from_millis(offset_ms)).await;
                world.isolate_node(2);
            };
            let ((), lapsed, gone) = tokio::join!(cut, lapse, gone(&witness, "/e"));
            assert!(lapsed < gone, "at {offset_ms} ms: lapsed {lapsed:?}, gone {gone:?}");
        });
    }
}

#[test]
fn who_asks_only_when_it_is_cut_off_is_told_soon() {
    run(async {
        let world = Ensemble::start(1);
        let host = world.host();
        let client = Client::connect(host.runtime(), "n1", Options::default()).await.unwrap();
        pause(&world, 60).await;
        host.take_down();
        let asked = world.runtime().clock.now();
        client.lapsed().await;
        let took = world.runtime().clock.now().saturating_since(asked);
        // Timers have whole milliseconds.
        assert!(took <= client.session_timeout() / 6 + Duration::from_millis(1), "{took:?}");
    });
}

#[test]
fn a_session_that_was_ended_has_lapsed() {
    run(async {
        let world = Ensemble::start(1);
        let client = connect(&world, "n1").await;
        let lapsed = client.lapsed();
        assert!(world.expire(client.session()));
        lapsed.await;
        assert_eq!(client.over().await, ErrorKind::SessionExpired);
        client.lapsed().await;
        assert!(!world.expire(client.session()));
    });
}

#[test]
fn after_a_session_that_is_over_comes_the_next() {
    run(async {
        let world = Ensemble::start(3);
        let sessions = Sessions::open(world.runtime(), &world.target(), Options::default()).await.unwrap();
        let mut client = sessions.client().await.unwrap();
        for _ in 0..5 {
            world.expire(client.session());
            let next = sessions.after(&client).await.unwrap();
            assert_ne!(next.session(), client.session());
            assert_eq!(sessions.client().await.unwrap().session(), next.session());
            client = next;
        }
        ephemeral(&client, "/e").await;
        world.take_down();
        world.expire(client.session());
        pause(&world, 100).await;
        world.bring_up();
        client = sessions.after(&client).await.unwrap();
        assert_eq!(client.delete("/e", AnyVersion).await.unwrap_err().kind, ErrorKind::NoNode);
    });
}

#[test]
fn sessions_end_when_they_are_closed_or_dropped() {
    run(async {
        let world = Ensemble::start(1);
        let witness = connect(&world, "n1").await;
        let open = async || Sessions::open(world.runtime(), "n1", Options::default()).await.unwrap();
        let closed = open().await;
        let other = closed.clone();
        let client = closed.client().await.unwrap();
        ephemeral(&client, "/closed").await;
        closed.close().await.unwrap();
        assert_eq!(witness.exists("/closed").await.unwrap(), None);
        assert_eq!(other.client().await.unwrap_err().kind, ErrorKind::Closed);
        assert_eq!(other.after(&client).await.unwrap_err().kind, ErrorKind::Closed);

        let dropped = open().await;
        ephemeral(&dropped.client().await.unwrap(), "/dropped").await;
        drop(dropped);
        pause(&world, 1).await;
        assert_eq!(witness.exists("/dropped").await.unwrap(), None);
    });
}
