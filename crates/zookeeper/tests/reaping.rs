//! Containers and times to live, over the wire.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::time::Duration;

use support::{Client, Cluster, children, create, delete, exists, open_acl, run};
use zookeeper::codec::{
    AddWatch, AddWatchMode, Create, CreateTtl, ErrorCode, EventType, Multi, Request, WritePart,
};

/// More than the nodes' interval between two looks.
const A_LOOK_LATER: Duration = Duration::from_secs(11);

fn node(path: &str, flags: i32) -> Create<'_> {
    Create { path, data: Some(b"x"), acl: open_acl(), flags }
}

fn with_ttl(path: &str, flags: i32, ttl_ms: i64) -> Request<'_> {
    Request::CreateTtl(CreateTtl { create: node(path, flags), ttl_ms })
}

/// Waits and says something now and then, as clients do.
async fn wait(cluster: &Cluster, client: &mut Client, duration: Duration) {
    for _ in 0..duration.as_secs() {
        cluster.clock().sleep(Duration::from_secs(1)).await;
        client.exists("/").await;
    }
}

#[test]
fn an_empty_container_goes_and_its_watchers_hear_of_it() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        let made = client.call(&Request::CreateContainer(node("/c", 4))).await;
        assert_eq!((made.error, made.path().as_str()), (ErrorCode::OK, "/c"));
        client.create("/c/a", b"").await;
        client.call(&delete("/c/a")).await;
        let watch = AddWatch { path: "/c", mode: AddWatchMode::Persistent };
        client.call(&Request::AddWatch(watch)).await;
        cluster.clock().sleep(Duration::from_secs(9)).await;
        client.exists("/").await;
        cluster.clock().sleep(Duration::from_secs(2)).await;
        assert_eq!(client.event().await, (EventType::NodeDeleted, "/c".to_owned()));
        assert!(!client.exists("/c").await);
    });
}

#[test]
fn a_znode_with_a_time_to_live_goes_when_nobody_sets_it() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        assert_eq!(client.call(&with_ttl("/t", 5, 1)).await.error, ErrorCode::OK);
        let named = client.call(&with_ttl("/s-", 6, 3_600_000)).await;
        assert_eq!(named.path(), "/s-0000000001");
        let stat = client.call(&exists("/t", false)).await.stat();
        assert_eq!(stat.ephemeral_owner, 0);
        // What counts is the wall clock, which does not jump with the test's time.
        while cluster.clock().wall_ms() <= stat.mtime_ms + 2 {
            client.exists("/").await;
        }
        wait(&cluster, &mut client, A_LOOK_LATER).await;
        let left = client.call(&children("/", false)).await.names();
        assert_eq!(left, ["s-0000000001", "zookeeper"]);
    });
}

#[test]
fn times_to_live_and_flags_that_do_not_fit_are_bad_arguments() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        for request in [
            with_ttl("/t", 5, 0),
            with_ttl("/t", 5, -1),
            with_ttl("/t", 5, 1 << 40),
            with_ttl("/t", 0, 1000),
            with_ttl("/t", 0, -1),
            with_ttl("/t", 4, 1000),
            create("/t", b"", 5),
            create("/t", b"", 7),
        ] {
            assert_eq!(client.call(&request).await.error, ErrorCode::BAD_ARGUMENTS, "{request:?}");
        }
        assert!(!client.exists("/t").await);
    });
}

#[test]
fn they_can_be_made_in_a_multi() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        let parts = vec![
            WritePart::CreateContainer(node("/c", 4)),
            WritePart::CreateTtl(CreateTtl { create: node("/c/t", 5), ttl_ms: 60_000 }),
        ];
        assert_eq!(client.call(&Request::Multi(Multi { parts })).await.error, ErrorCode::OK);
        assert!(client.exists("/c/t").await);
    });
}
