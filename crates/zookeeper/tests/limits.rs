//! Limits on memory and on requests: what is refused, with which words, and what goes on.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::net::SocketAddr;

use bytes::BytesMut;
use control::MemoryLimits;
use support::{Client, Cluster, TICK, create, delete, exists, get, run, set};
use zookeeper::Config;
use zookeeper::codec::{
    AddWatch, AddWatchMode, Auth, Create, DEFAULT_FRAME_BYTES_MAX, ErrorCode, Multi, PartReply, PathVersion,
    ReplyBody, Request, SetWatches, WritePart, Xid,
};

const TREE_BYTES: usize = 100_000;

/// Nodes whose trees have room for `TREE_BYTES` more than a new one.
fn small_trees(nodes: u64) -> Cluster {
    let empty = tree::Tree::new().counters().memory_bytes;
    let memory = MemoryLimits { tree_bytes: Some(empty + TREE_BYTES), watch_bytes: None };
    Cluster::with_memory(nodes, Config::with_tick(TICK), memory)
}

/// Creates znodes of 1 KB until that is refused, and returns how many there are.
async fn fill(client: &mut Client, prefix: &str) -> usize {
    for number in 0..1000 {
        let reply = client.create(&format!("/{prefix}{number}"), &[7; 1000]).await;
        if reply.error != ErrorCode::OK {
            assert_eq!(reply.error, ErrorCode::QUOTA_EXCEEDED);
            return number;
        }
    }
    panic!("nothing was refused");
}

#[test]
fn a_full_tree_refuses_what_adds_to_it_and_takes_the_rest() {
    run(async {
        let cluster = small_trees(1);
        let mut client = cluster.client(1).await;
        let count = fill(&mut client, "n").await;
        assert!((60..90).contains(&count), "{count} znodes of 1 KB in {TREE_BYTES} bytes");
        let zxid = client.get("/n0").await.zxid;
        for refused in [
            create("/more", &[0; 1000], 0),
            create("/sequential", &[0; 1000], 2),
            create("/ephemeral", &[0; 1000], 1),
            set("/n0", &[0; 3000]),
        ] {
            assert_eq!(client.call(&refused).await.error, ErrorCode::QUOTA_EXCEEDED, "{refused:?}");
        }
        assert_eq!(client.get("/n0").await.zxid, zxid, "what is refused is no transaction");
        assert_eq!(client.get("/n0").await.data().unwrap(), [7; 1000]);
        assert_eq!(client.call(&set("/n0", &[1; 1000])).await.error, ErrorCode::OK, "as long as before");
        assert_eq!(client.call(&set("/n0", b"shorter")).await.error, ErrorCode::OK);
        let mut another = cluster.client(1).await;
        assert!(another.exists("/n1").await, "new sessions get in");
        for number in 1..5 {
            assert_eq!(another.call(&delete(&format!("/n{number}"))).await.error, ErrorCode::OK);
        }
        assert_eq!(client.create("/more", &[0; 1000]).await.error, ErrorCode::OK);
        let node = &cluster.node(1).control;
        assert_eq!(node.refused_for_memory().writes, 5);
        assert!(node.tree_counters().memory_bytes <= node.memory_limits().tree_bytes.unwrap());
    });
}

#[test]
fn a_multi_is_refused_at_the_first_part_that_adds() {
    run(async {
        let cluster = small_trees(1);
        let mut client = cluster.client(1).await;
        fill(&mut client, "n").await;
        let data = [0; 1000];
        let parts = |path| {
            let delete = PathVersion { path: "/n0", version: -1 };
            let create = Create { path, data: Some(&data), acl: support::open_acl(), flags: 0 };
            vec![WritePart::Delete(delete), WritePart::Create(create.clone()), WritePart::Create(create)]
        };
        let reply = client.call(&Request::Multi(Multi { parts: parts("/more") })).await;
        let ReplyBody::Multi(answers) = reply.body() else { panic!("{reply:?}") };
        let codes = [ErrorCode::OK, ErrorCode::QUOTA_EXCEEDED, ErrorCode::RUNTIME_INCONSISTENCY];
        assert_eq!(answers.parts, codes.map(PartReply::Error));
        assert!(client.exists("/n0").await, "nothing of it took effect");
    });
}

#[test]
fn refusals_come_in_the_order_of_the_requests_and_what_is_under_way_counts() {
    run(async {
        let cluster = small_trees(1);
        let mut client = cluster.client(1).await;
        let paths: Vec<_> = (0..200).map(|number| format!("/n{number}")).collect();
        let requests: Vec<_> = paths.iter().map(|path| create(path, &[7; 1000], 0)).collect();
        client.send_all(&requests).await;
        let mut made = 0;
        for _ in &paths {
            match client.reply().await.error {
                ErrorCode::OK => made += 1,
                error => assert_eq!(error, ErrorCode::QUOTA_EXCEEDED),
            }
        }
        assert!((50..90).contains(&made), "{made}");
        let control = &cluster.node(1).control;
        let max = control.memory_limits().tree_bytes.unwrap();
        assert!(control.tree_counters().memory_bytes <= max, "one node alone never goes beyond");
    });
}

#[test]
fn replicas_take_what_another_node_has_let_in() {
    run(async {
        let cluster = small_trees(2);
        let (mut first, mut second) = (cluster.client(1).await, cluster.client(2).await);
        let count = fill(&mut first, "n").await;
        assert_eq!(fill(&mut second, "m").await, 0, "the second node has applied the same");
        assert!(second.exists(&format!("/n{}", count - 1)).await);
        let digests = cluster.nodes.iter().map(|node| node.control.digest()).collect::<Vec<_>>();
        assert_eq!(digests[0], digests[1]);
    });
}

/// Room for a few dozen watches.
fn few_watches() -> Cluster {
    let memory = MemoryLimits { tree_bytes: None, watch_bytes: Some(10_000) };
    Cluster::with_memory(1, Config::with_tick(TICK), memory)
}

/// Sets watches until that is refused, and returns how many there are.
async fn fill_watches(client: &mut Client) -> usize {
    for number in 0..1000 {
        let reply = client.call(&exists(&format!("/w{number}"), true)).await;
        if reply.error != ErrorCode::NO_NODE {
            assert_eq!(reply.error, ErrorCode::QUOTA_EXCEEDED);
            return number;
        }
    }
    panic!("nothing was refused");
}

#[test]
fn a_watch_for_which_there_is_no_room_is_refused_with_its_read() {
    run(async {
        let cluster = few_watches();
        let mut client = cluster.client(1).await;
        let count = fill_watches(&mut client).await;
        assert!((10..60).contains(&count), "{count} watches in 10000 bytes");
        assert_eq!(cluster.node(1).control.watch_counts().watches, count);
        let persistent = AddWatch { path: "/", mode: AddWatchMode::PersistentRecursive };
        for refused in [get("/", true), support::children("/", true), Request::AddWatch(persistent)] {
            assert_eq!(client.call(&refused).await.error, ErrorCode::QUOTA_EXCEEDED, "{refused:?}");
        }
        assert_eq!(client.get("/").await.error, ErrorCode::OK, "without a watch");
        let again = client.call(&exists("/w0", true)).await;
        assert_eq!(again.error, ErrorCode::NO_NODE, "what is watched already takes no more room");
        let mut another = cluster.client(1).await;
        for path in ["/w0", "/w1"] {
            another.create(path, b"").await.path();
            assert_eq!(client.event().await.1, path);
        }
        assert_eq!(client.call(&get("/", true)).await.error, ErrorCode::OK, "two have fired");
        assert_eq!(cluster.node(1).control.refused_for_memory().watches, 4);
    });
}

#[test]
fn a_client_that_brings_too_many_watches_is_sent_to_another_node() {
    run(async {
        let cluster = few_watches();
        let mut client = cluster.client(1).await;
        let paths: Vec<_> = (0..1000).map(|number| format!("/w{number}")).collect();
        let exist = paths.iter().map(String::as_str).collect();
        let watches = SetWatches { relative_zxid: 0, data: vec![], exist, child: vec![] };
        let reply = client.call(&Request::SetWatches(watches)).await;
        assert_eq!(reply.error, ErrorCode::QUOTA_EXCEEDED);
        assert!(client.is_closed().await);
        assert_eq!(cluster.node(1).control.watch_counts().watches, 0);
    });
}

#[test]
fn requests_may_be_as_large_as_the_setting_says() {
    for mebibytes in [1, 5, 16] {
        run(async {
            let limit = mebibytes << 20;
            let cluster = Cluster::with(2, Config { frame_bytes_max: limit, ..Config::with_tick(TICK) });
            let (mut first, mut second) = (cluster.client(1).await, cluster.client(2).await);
            let mut frame = BytesMut::new();
            create("/a", b"", 0).put_frame(Xid(1), &mut frame);
            let data = vec![b'x'; limit - (frame.len() - 4)];
            assert_eq!(first.create("/a", &data).await.path(), "/a");
            first.call(&support::sync("/")).await;
            second.call(&support::sync("/")).await;
            assert_eq!(second.get("/a").await.data().unwrap(), data);
            first.send(&set("/a", &[&data[..], &[b'x'; 100]].concat())).await;
            assert!(first.is_closed().await, "{mebibytes} MiB");
        });
    }
}

#[test]
fn whoever_has_no_session_may_not_send_more_than_zookeepers_default() {
    run(async {
        let cluster = Cluster::with(1, Config { frame_bytes_max: 16 << 20, ..Config::with_tick(TICK) });
        let mut stranger = cluster.connect_from(1, SocketAddr::from(([127, 0, 0, 1], 1)));
        let too_long = u32::try_from(DEFAULT_FRAME_BYTES_MAX + 1).unwrap();
        stranger.send_bytes(&too_long.to_be_bytes()).await;
        assert!(stranger.is_closed().await);
    });
}

#[test]
fn a_client_may_not_have_identities_without_end() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        for number in 0..100 {
            let proof = format!("{number}{}:password", "u".repeat(1000));
            let auth = Auth { kind: 0, scheme: "digest", auth: Some(proof.as_bytes()) };
            client.send_as(Xid::AUTH, &Request::Auth(auth)).await;
            let reply = client.reply().await;
            if reply.error != ErrorCode::OK {
                assert_eq!(reply.error, ErrorCode::AUTH_FAILED);
                assert!((50..70).contains(&number), "{number} identities of 1 KB");
                assert!(client.is_closed().await);
                return;
            }
        }
        panic!("nothing was refused");
    });
}
