//! Watches: what fires them, in which order their events come, and what they may tell.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use support::{Cluster, Frame, children, create, delete, exists, get, run, set};
use zookeeper::codec::{
    Acl, AddWatch, AddWatchMode, Auth, Create, ErrorCode, EventType, Multi, PathVersion, PathWatcherType,
    Request, SetAcl, SetData, SetWatches, SetWatches2, WatcherType, WritePart, Xid,
};

fn event(kind: EventType, path: &str) -> (EventType, String) {
    (kind, path.to_owned())
}

#[test]
fn an_event_comes_before_the_reply_of_the_write_that_fired_it_and_carries_its_zxid() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.call(&exists("/a", true)).await;
        client.call(&children("/", true)).await;
        client.send(&create("/a", b"", 0)).await;
        let Some(Frame::Event { zxid, kind, path }) = client.receive().await else {
            panic!("an event comes first")
        };
        assert_eq!((kind, path.as_str()), (EventType::NodeCreated, "/a"));
        assert_eq!(client.event().await, event(EventType::NodeChildrenChanged, "/"));
        assert_eq!(client.reply().await.zxid, zxid);
    });
}

#[test]
fn a_watch_fires_once() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        let mut other = cluster.client(1).await;
        client.create("/a", b"").await;
        client.call(&get("/a", true)).await;
        client.call(&get("/a", true)).await;
        client.call(&exists("/a", true)).await;
        other.call(&set("/a", b"1")).await;
        assert_eq!(client.event().await, event(EventType::NodeDataChanged, "/a"));
        other.call(&set("/a", b"2")).await;
        assert!(client.is_quiet().await);
    });
}

#[test]
fn a_deletion_is_one_event_for_whoever_watched_data_and_children() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.create("/a", b"").await;
        client.call(&get("/a", true)).await;
        client.call(&children("/a", true)).await;
        client.call(&children("/", true)).await;
        client.send(&delete("/a")).await;
        assert_eq!(client.event().await, event(EventType::NodeDeleted, "/a"));
        assert_eq!(client.event().await, event(EventType::NodeChildrenChanged, "/"));
        client.reply().await;
        assert!(client.is_quiet().await);
    });
}

#[test]
fn reads_that_fail_set_no_watch_but_exists_waits_for_the_creation() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        for request in [get("/a", true), children("/a", true)] {
            assert_eq!(client.call(&request).await.error, ErrorCode::NO_NODE);
        }
        client.create("/a", b"").await;
        client.call(&delete("/a")).await;
        assert_eq!(client.call(&exists("/a", true)).await.error, ErrorCode::NO_NODE);
        client.send(&create("/a", b"", 0)).await;
        assert_eq!(client.event().await, event(EventType::NodeCreated, "/a"));
        client.reply().await;
    });
}

#[test]
fn a_multi_fires_in_the_order_of_its_parts_and_a_failed_one_fires_nothing() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.create("/a", b"").await;
        client.create("/b", b"").await;
        client.call(&get("/a", true)).await;
        client.call(&get("/b", true)).await;
        let set = |path, version| WritePart::SetData(SetData { path, data: Some(b"1"), version });
        let failing = Multi { parts: vec![set("/a", -1), set("/b", 7)] };
        client.call(&Request::Multi(failing)).await;
        let delete = |path| WritePart::Delete(PathVersion { path, version: -1 });
        client.send(&Request::Multi(Multi { parts: vec![set("/b", 0), delete("/a")] })).await;
        assert_eq!(client.event().await, event(EventType::NodeDataChanged, "/b"));
        assert_eq!(client.event().await, event(EventType::NodeDeleted, "/a"));
        client.reply().await;
    });
}

#[test]
fn the_end_of_a_session_is_an_event_for_those_who_watch_its_ephemerals() {
    run(async {
        let cluster = Cluster::start(2);
        let mut watcher = cluster.client(1).await;
        let mut owner = cluster.client(2).await;
        owner.call(&create("/e", b"", 1)).await;
        owner.call(&get("/e", true)).await;
        watcher.call(&support::sync("/")).await;
        watcher.call(&get("/e", true)).await;
        watcher.call(&children("/", true)).await;
        owner.send(&Request::CloseSession).await;
        assert_eq!(owner.event().await, event(EventType::NodeDeleted, "/e"));
        owner.reply().await;
        assert!(owner.is_closed().await);
        assert_eq!(watcher.event().await, event(EventType::NodeDeleted, "/e"));
        assert_eq!(watcher.event().await, event(EventType::NodeChildrenChanged, "/"));
    });
}

#[test]
fn watches_of_a_connection_go_with_it() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.call(&exists("/a", true)).await;
        client.call(&children("/", true)).await;
        assert_eq!(cluster.node(1).control.watch_counts().watches, 2);
        drop(client);
        cluster.settle().await;
        assert_eq!(cluster.node(1).control.watch_counts().watches, 0);
        assert_eq!(cluster.node(1).control.connection_count(), 0);
    });
}

#[test]
fn set_watches_tells_what_has_happened_and_waits_for_the_rest() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        for path in ["/changed", "/deleted", "/same", "/parent", "/childless"] {
            client.create(path, b"").await;
        }
        let seen = client.get("/same").await.zxid;
        client.call(&set("/changed", b"1")).await;
        client.call(&delete("/deleted")).await;
        client.create("/parent/child", b"").await;
        client.create("/awaited", b"").await;

        let watches = SetWatches {
            relative_zxid: seen,
            data: vec!["/changed", "/deleted", "/same"],
            exist: vec!["/awaited", "/missing"],
            child: vec!["/parent", "/childless", "/deleted"],
        };
        client.send_as(Xid::SET_WATCHES, &Request::SetWatches(watches)).await;
        let happened = [
            (EventType::NodeDataChanged, "/changed"),
            (EventType::NodeDeleted, "/deleted"),
            (EventType::NodeCreated, "/awaited"),
            (EventType::NodeChildrenChanged, "/parent"),
            (EventType::NodeDeleted, "/deleted"),
        ];
        for (kind, path) in happened {
            let expected = Frame::Event { zxid: -1, kind, path: path.to_owned() };
            assert_eq!(client.receive().await.unwrap(), expected);
        }
        let reply = client.reply().await;
        assert_eq!((reply.xid, reply.error), (Xid::SET_WATCHES, ErrorCode::OK));

        client.send(&set("/same", b"1")).await;
        assert_eq!(client.event().await, event(EventType::NodeDataChanged, "/same"));
        client.reply().await;
        client.send(&create("/missing", b"", 0)).await;
        assert_eq!(client.event().await, event(EventType::NodeCreated, "/missing"));
        client.reply().await;
        client.send(&create("/childless/child", b"", 0)).await;
        assert_eq!(client.event().await, event(EventType::NodeChildrenChanged, "/childless"));
        client.reply().await;
    });
}

#[test]
fn an_event_is_withheld_from_those_who_may_not_read_the_node() {
    run(async {
        let cluster = Cluster::start(1);
        let mut owner = cluster.client(1).await;
        let mut stranger = cluster.client(1).await;
        let mut friend = cluster.client(1).await;
        let auth = Request::Auth(Auth { kind: 0, scheme: "digest", auth: Some(b"u:p") });
        for client in [&mut owner, &mut friend] {
            assert_eq!(client.call(&auth).await.error, ErrorCode::OK);
            client.call(&exists("/secret", true)).await;
        }
        stranger.call(&exists("/secret", true)).await;
        let acl = vec![Acl { permissions: 31, scheme: "auth", id: "" }];
        let secret = Create { path: "/secret", data: None, acl: acl.clone(), flags: 0 };
        owner.send(&Request::Create(secret)).await;
        assert_eq!(owner.event().await, event(EventType::NodeCreated, "/secret"));
        owner.reply().await;
        assert_eq!(friend.event().await, event(EventType::NodeCreated, "/secret"));
        assert!(stranger.is_quiet().await);

        // The watch was consumed all the same.
        let open = vec![Acl::OPEN];
        owner.call(&Request::SetAcl(SetAcl { path: "/secret", acl: open, version: -1 })).await;
        owner.call(&set("/secret", b"1")).await;
        assert!(stranger.is_quiet().await);
    });
}

#[test]
fn a_change_of_the_acl_fires_nothing() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.create("/a", b"").await;
        client.call(&get("/a", true)).await;
        let acl = vec![Acl { permissions: 1, scheme: "world", id: "anyone" }];
        let reply = client.call(&Request::SetAcl(SetAcl { path: "/a", acl, version: -1 })).await;
        assert_eq!(reply.stat().aversion, 1);
        assert!(client.is_quiet().await);
    });
}

fn add_watch(path: &str, mode: AddWatchMode) -> Request<'_> {
    Request::AddWatch(AddWatch { path, mode })
}

#[test]
fn a_persistent_watch_outlives_its_events_and_a_missing_path() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        let mut other = cluster.client(1).await;
        assert_eq!(client.call(&add_watch("/a", AddWatchMode::Persistent)).await.error, ErrorCode::OK);
        for _ in 0..2 {
            other.create("/a", b"").await;
            other.call(&set("/a", b"1")).await;
            other.create("/a/b", b"").await;
            other.call(&delete("/a/b")).await;
            other.call(&delete("/a")).await;
            for kind in [
                EventType::NodeCreated,
                EventType::NodeDataChanged,
                EventType::NodeChildrenChanged,
                EventType::NodeChildrenChanged,
                EventType::NodeDeleted,
            ] {
                assert_eq!(client.event().await, event(kind, "/a"));
            }
        }
        assert!(client.is_quiet().await);
    });
}

#[test]
fn a_recursive_watch_tells_of_everything_below_that_its_client_may_read() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        let mut other = cluster.client(1).await;
        client.call(&add_watch("/", AddWatchMode::PersistentRecursive)).await;
        other.create("/a", b"").await;
        let secret = Create { path: "/a/secret", data: None, acl: vec![], flags: 0 };
        other.call(&Request::Auth(Auth { kind: 0, scheme: "digest", auth: Some(b"o:o") })).await;
        let acl = vec![Acl { permissions: 31, scheme: "auth", id: "" }];
        assert_eq!(other.call(&Request::Create(Create { acl, ..secret })).await.error, ErrorCode::OK);
        other.call(&delete("/a/secret")).await;
        other.create("/a/open", b"").await;
        other.call(&set("/a/open", b"1")).await;
        assert_eq!(client.event().await, event(EventType::NodeCreated, "/a"));
        assert_eq!(client.event().await, event(EventType::NodeCreated, "/a/open"));
        assert_eq!(client.event().await, event(EventType::NodeDataChanged, "/a/open"));
        assert!(client.is_quiet().await);
    });
}

#[test]
fn watches_are_checked_and_removed_by_kind_and_removing_is_no_event() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        let mut other = cluster.client(1).await;
        client.create("/a", b"").await;
        client.call(&get("/a", true)).await;
        client.call(&add_watch("/a", AddWatchMode::Persistent)).await;
        let at = |kind| PathWatcherType { path: "/a", kind };
        for (kind, expected) in [
            (WatcherType::Data, ErrorCode::OK),
            (WatcherType::Children, ErrorCode::NO_WATCHER),
            (WatcherType::Persistent, ErrorCode::OK),
            (WatcherType::PersistentRecursive, ErrorCode::NO_WATCHER),
            (WatcherType::Any, ErrorCode::OK),
        ] {
            assert_eq!(client.call(&Request::CheckWatches(at(kind))).await.error, expected, "{kind:?}");
        }
        assert_eq!(client.call(&Request::RemoveWatches(at(WatcherType::Data))).await.error, ErrorCode::OK);
        let again = client.call(&Request::RemoveWatches(at(WatcherType::Data))).await;
        assert_eq!(again.error, ErrorCode::NO_WATCHER);
        // Others' watches are theirs.
        let strange = other.call(&Request::RemoveWatches(at(WatcherType::Any))).await;
        assert_eq!(strange.error, ErrorCode::NO_WATCHER);
        other.call(&set("/a", b"1")).await;
        assert_eq!(client.event().await, event(EventType::NodeDataChanged, "/a"));
        assert_eq!(client.call(&Request::RemoveWatches(at(WatcherType::Any))).await.error, ErrorCode::OK);
        other.call(&set("/a", b"2")).await;
        assert!(client.is_quiet().await);
    });
}

#[test]
fn persistent_watches_that_are_set_again_tell_only_of_what_comes() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.create("/a", b"").await;
        let one_shot = SetWatches { relative_zxid: 0, data: vec!["/a"], ..SetWatches::default() };
        let watches = SetWatches2 { one_shot, persistent: vec!["/a"], persistent_recursive: vec!["/"] };
        client.send_as(Xid::SET_WATCHES, &Request::SetWatches2(watches)).await;
        assert_eq!(
            client.event().await,
            event(EventType::NodeDataChanged, "/a"),
            "for the one that fires once"
        );
        client.reply().await;
        client.send(&create("/a/b", b"", 0)).await;
        assert_eq!(client.event().await, event(EventType::NodeCreated, "/a/b"));
        assert_eq!(client.event().await, event(EventType::NodeChildrenChanged, "/a"));
        client.reply().await;
    });
}
