//! Sessions outlive connections, and say so when they do not.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::Duration;

use client::{Acl, Client, CreateMode, Effect, ErrorKind, Options, State};
use embedded::{Ensemble, run};
use support::{connect, pause};

async fn ephemeral(client: &Client, path: &str) {
    client.create(path, None, &Acl::open(), CreateMode::Ephemeral).await.unwrap();
}

#[test]
fn a_session_is_taken_up_on_another_connection() {
    run(async {
        let world = Ensemble::start(3);
        let client = connect(&world, "n1,n2,n3").await;
        ephemeral(&client, "/e").await;
        let State::Attached { session, .. } = client.state() else { panic!("{:?}", client.state()) };
        for cuts in 1..10 {
            world.cut();
            let stat = client.exists("/e").await.unwrap().unwrap();
            assert_eq!(stat.ephemeral_owner, session);
            assert!(world.connects() > cuts);
        }
    });
}

#[test]
fn a_write_whose_answer_was_lost_may_have_happened_and_a_read_is_asked_again() {
    run(async {
        let world = Ensemble::start(1);
        let client = connect(&world, "n1").await;
        world.lose_answers();
        let open = Acl::open();
        let (write, read) =
            tokio::join!(client.create("/w", None, &open, CreateMode::Persistent), client.exists("/w"),);
        let error = write.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::ConnectionLost { .. }), "{error}");
        assert_eq!((error.effect, error.is_passing()), (Effect::Unknown, true));
        assert!(read.unwrap().is_some(), "in fact it did happen");
    });
}

#[test]
fn a_server_that_falls_silent_is_left_before_the_session_ends() {
    run(async {
        let world = Ensemble::start(2);
        let client = connect(&world, "n1,n2").await;
        ephemeral(&client, "/e").await;
        world.lose_answers();
        pause(&world, 9).await;
        assert!(world.connects() >= 2);
        assert!(client.exists("/e").await.unwrap().is_some());
    });
}

#[test]
fn an_idle_session_lives() {
    run(async {
        let world = Ensemble::start(1);
        let client = connect(&world, "n1").await;
        ephemeral(&client, "/e").await;
        pause(&world, 3600).await;
        assert!(client.exists("/e").await.unwrap().is_some());
        assert_eq!(world.connects(), 1);
    });
}

#[test]
fn without_a_server_requests_fail_unsent_and_the_client_goes_on() {
    run(async {
        let world = Ensemble::start(1);
        let client = connect(&world, "n1").await;
        world.take_down();
        let error = client.create("/a", None, &Acl::open(), CreateMode::Persistent).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::NotConnected { .. }), "{error}");
        assert_eq!(error.effect, Effect::None);
        world.bring_up();
        pause(&world, 2).await;
        // By then the session has expired at the server, which nobody but the server can say.
        assert_eq!(client.exists("/a").await.unwrap_err().kind, ErrorKind::SessionExpired);
    });
}

#[test]
fn a_session_that_is_over_stays_over() {
    run(async {
        let world = Ensemble::start(1);
        let mut client = connect(&world, "n1").await;
        ephemeral(&client, "/e").await;
        world.take_down();
        pause(&world, 14).await;
        world.bring_up();
        while !matches!(client.state_changed().await, State::Over(_)) {}
        assert_eq!(client.state(), State::Over(ErrorKind::SessionExpired));
        for _ in 0..3 {
            assert_eq!(client.get("/e").await.unwrap_err().kind, ErrorKind::SessionExpired);
        }
        let anew = connect(&world, "n1").await;
        assert_eq!(anew.exists("/e").await.unwrap(), None);
    });
}

#[test]
fn a_client_that_is_closed_or_dropped_takes_its_ephemerals_with_it() {
    run(async {
        let world = Ensemble::start(1);
        let witness = connect(&world, "n1").await;
        let closed = connect(&world, "n1").await;
        ephemeral(&closed, "/closed").await;
        let other = closed.clone();
        closed.close().await.unwrap();
        assert_eq!(witness.exists("/closed").await.unwrap(), None);
        assert_eq!(other.get("/closed").await.unwrap_err().kind, ErrorKind::Closed);
        let dropped = connect(&world, "n1").await;
        ephemeral(&dropped, "/dropped").await;
        drop(dropped);
        pause(&world, 1).await;
        assert_eq!(witness.exists("/dropped").await.unwrap(), None);
    });
}

#[test]
fn nobody_there_is_an_error_that_names_who_was_asked() {
    run(async {
        let world = Ensemble::start(1);
        let options = Options { patience: Duration::from_secs(1), ..Options::default() };
        let error = Client::connect(world.runtime(), "n7,n8", options).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::NotConnected { .. }), "{error}");
        assert!(error.to_string().contains(":2181: connection refused"), "{error}");
        let error = Client::connect(world.runtime(), "n1:x", Options::default()).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::BadAddress(_)), "{error}");
    });
}

#[test]
fn a_server_that_takes_the_session_and_drops_it_is_not_pestered() {
    run(async {
        let world = Ensemble::start(1);
        let client = connect(&world, "n1").await;
        let before = world.connects();
        let cut = async {
            for _ in 0..10_000 {
                world.cut();
                world.runtime().clock.sleep(Duration::from_millis(1)).await;
            }
        };
        cut.await;
        let connects = world.connects() - before;
        assert!((5..60).contains(&connects), "{connects} in ten seconds");
        assert!(client.exists("/").await.unwrap().is_some());
    });
}
