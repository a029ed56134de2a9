//! Watches tell all that they promise, across connections, and say what they can't.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use client::{Acl, AnyVersion, Client, CreateMode, EventType, Options, WatchEvent, WatchMode, Watcher};
use embedded::{Ensemble, run};
use support::{connect, connect_with};

async fn create(client: &Client, path: &str) {
    client.create(path, None, &Acl::open(), CreateMode::Persistent).await.unwrap();
}

async fn changed(watcher: &mut Watcher) -> (EventType, String) {
    match watcher.next().await {
        Some(WatchEvent::Changed(event)) => (event.kind, event.path.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_shot_watches_tell_of_the_next_change() {
    run(async {
        let world = Ensemble::start(1);
        let client = connect(&world, "n1").await;
        let (stat, coming) = client.exists_and_watch("/a").await.unwrap();
        assert_eq!(stat, None);
        create(&client, "/a").await;
        assert_eq!(coming.fired().await.unwrap().kind, EventType::NodeCreated);
        let (_, data) = client.get_and_watch("/a").await.unwrap();
        let (_, children) = client.children_and_watch("/a").await.unwrap();
        create(&client, "/a/b").await;
        assert_eq!(children.fired().await.unwrap().kind, EventType::NodeChildrenChanged);
        let stat = client.set("/a", None, AnyVersion).await.unwrap();
        let event = data.fired().await.unwrap();
        assert_eq!((event.kind, &*event.path, event.zxid), (EventType::NodeDataChanged, "/a", stat.mzxid));
    });
}

#[test]
fn what_happens_while_the_connection_is_lost_is_told_by_one_shot_watches() {
    run(async {
        let world = Ensemble::start(2);
        let (watching, writing) = (connect(&world, "n1,n2").await, connect(&world, "n1,n2").await);
        create(&writing, "/a").await;
        watching.sync("/").await.unwrap();
        let (_, data) = watching.get_and_watch("/a").await.unwrap();
        let (_, exist) = watching.exists_and_watch("/b").await.unwrap();
        let (_, children) = watching.children_and_watch("/a").await.unwrap();
        let (_, still) = watching.exists_and_watch("/c").await.unwrap();
        world.lose_answers();
        // Its answer is lost, too, but it happens.
        let _ = writing.set("/a", None, AnyVersion).await;
        let _ = writing.create("/b", None, &Acl::open(), CreateMode::Persistent).await;
        let _ = writing.create("/a/x", None, &Acl::open(), CreateMode::Persistent).await;
        assert_eq!(data.fired().await.unwrap().kind, EventType::NodeDataChanged);
        assert_eq!(exist.fired().await.unwrap().kind, EventType::NodeCreated);
        assert_eq!(children.fired().await.unwrap().kind, EventType::NodeChildrenChanged);
        create(&writing, "/c").await;
        assert_eq!(still.fired().await.unwrap().kind, EventType::NodeCreated);
    });
}

#[test]
fn persistent_watches_tell_of_every_change_below_the_chroot() {
    run(async {
        let world = Ensemble::start(1);
        let root = connect(&world, "n1").await;
        create(&root, "/app").await;
        let client = connect(&world, "n1/app").await;
        let mut all = client.watch("/", WatchMode::Recursive).await.unwrap();
        let mut one = client.watch("/a", WatchMode::Node).await.unwrap();
        create(&client, "/a").await;
        create(&client, "/a/b").await;
        client.delete("/a/b", AnyVersion).await.unwrap();
        for expected in [
            (EventType::NodeCreated, "/a"),
            (EventType::NodeCreated, "/a/b"),
            (EventType::NodeDeleted, "/a/b"),
        ] {
            let (kind, path) = changed(&mut all).await;
            assert_eq!((kind, path.as_str()), expected);
        }
        for expected in
            [EventType::NodeCreated, EventType::NodeChildrenChanged, EventType::NodeChildrenChanged]
        {
            assert_eq!(changed(&mut one).await, (expected, "/a".to_owned()));
        }
    });
}

#[test]
fn a_persistent_watch_says_when_it_may_have_missed_something() {
    run(async {
        let world = Ensemble::start(2);
        let client = connect(&world, "n1,n2").await;
        let mut watcher = client.watch("/", WatchMode::Recursive).await.unwrap();
        world.cut();
        assert_eq!(watcher.next().await, Some(WatchEvent::Resumed));
        create(&client, "/a").await;
        assert_eq!(changed(&mut watcher).await, (EventType::NodeCreated, "/a".to_owned()));
    });
}

#[test]
fn an_application_that_is_too_slow_is_told_and_costs_no_more_memory() {
    run(async {
        let world = Ensemble::start(1);
        let options = Options { watch_queue_max: 3, ..Options::default() };
        let client = connect_with(&world, "n1", options).await;
        let mut watcher = client.watch("/", WatchMode::Recursive).await.unwrap();
        for number in 0..10 {
            create(&client, &format!("/{number}")).await;
        }
        for number in 0..3 {
            assert_eq!(changed(&mut watcher).await.1, format!("/{number}"));
        }
        assert_eq!(watcher.next().await, Some(WatchEvent::Overflowed));
        assert_eq!(watcher.next().await, None);
    });
}

#[test]
fn an_event_is_there_before_the_answer_that_shows_what_it_tells() {
    run(async {
        let world = Ensemble::start(2);
        let (reading, writing) = (connect(&world, "n1").await, connect(&world, "n2").await);
        create(&writing, "/a").await;
        reading.sync("/").await.unwrap();
        let mut watcher = reading.watch("/a", WatchMode::Node).await.unwrap();
        for version in 1..200 {
            writing.set("/a", None, AnyVersion).await.unwrap();
            while reading.get("/a").await.unwrap().stat.version < version {}
            let waiting = futures::FutureExt::now_or_never(watcher.next());
            assert!(
                matches!(waiting, Some(Some(WatchEvent::Changed(_)))),
                "{waiting:?} before version {version}"
            );
        }
    });
}

#[test]
fn watches_end_with_the_session() {
    run(async {
        let world = Ensemble::start(1);
        let client = connect(&world, "n1").await;
        let mut watcher = client.watch("/", WatchMode::Recursive).await.unwrap();
        let (_, one_shot) = client.exists_and_watch("/a").await.unwrap();
        client.close().await.unwrap();
        assert_eq!(watcher.next().await, None);
        assert_eq!(one_shot.fired().await, None);
    });
}
