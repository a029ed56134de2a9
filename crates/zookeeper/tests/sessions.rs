//! Sessions: begun, taken up again, moved, closed, expired.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use support::{Client, Cluster, TICK, create, delete, exists, get, run, set};
use zookeeper::Config;
use zookeeper::codec::{ConnectResponse, ErrorCode, Reader, Record, Request, Xid};

const EPHEMERAL: i32 = 1;

/// A client that takes up the session of another one.
async fn take_up(cluster: &Cluster, node: u64, other: &Client) -> Client {
    let mut client = cluster.connect(node);
    client.session = other.session;
    client.password = other.password;
    assert!(client.begin_session(10_000).await, "the session lives");
    client
}

#[test]
fn a_new_session_has_an_id_a_password_and_a_timeout_within_the_limits() {
    run(async {
        let cluster = Cluster::start(1);
        for (wished, granted) in [(10_000, 10_000), (1, 4000), (0, 4000), (-5, 4000), (i32::MAX, 40_000)] {
            let mut client = cluster.connect(1);
            assert!(client.begin_session(wished).await);
            assert_eq!(client.timeout_ms, granted);
            assert_ne!(client.session, 0);
            assert_ne!(client.password, [0; 16]);
        }
    });
}

#[test]
fn the_read_only_byte_is_answered_only_if_it_was_sent() {
    run(async {
        let cluster = Cluster::start(1);
        for (sent, bytes) in [(Some(true), 37), (Some(false), 37), (None, 36)] {
            let mut client = cluster.connect(1);
            let frame = client.connect_frame(10_000, sent);
            client.send_bytes(&frame).await;
            let payload = client.receive_payload().await.unwrap();
            assert_eq!(payload.len(), bytes);
            let response = ConnectResponse::decode(&mut Reader::new(&payload)).unwrap();
            assert_eq!(response.read_only, sent.map(|_| false));
        }
    });
}

#[test]
fn requests_behind_the_connect_frame_are_answered_behind_it() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.connect(1);
        let connect = client.connect_frame(10_000, Some(false));
        client.send_bytes(&connect).await;
        client.send(&create("/a", b"1", EPHEMERAL)).await;
        client.send(&get("/a", false)).await;
        assert!(client.receive_session().await);
        assert_eq!(client.reply().await.path(), "/a");
        assert_eq!(client.reply().await.stat().ephemeral_owner, client.session);
    });
}

#[test]
fn a_session_taken_up_again_has_its_ephemerals() {
    run(async {
        let cluster = Cluster::start(2);
        let mut first = cluster.client(1).await;
        first.call(&create("/e", b"", EPHEMERAL)).await;
        for node in [1, 2] {
            let mut second = take_up(&cluster, node, &first).await;
            assert_eq!(second.session, first.session);
            assert!(second.exists("/e").await);
            assert!(first.is_closed().await, "the old connection is told by its end");
            first = second;
        }
    });
}

#[test]
fn a_wrong_password_is_refused_and_disturbs_nobody() {
    run(async {
        let cluster = Cluster::start(1);
        let mut owner = cluster.client(1).await;
        let mut stranger = cluster.connect(1);
        stranger.session = owner.session;
        assert!(!stranger.begin_session(10_000).await);
        assert_eq!((stranger.session, stranger.password), (0, [0; 16]));
        assert!(stranger.is_closed().await);
        assert!(owner.exists("/zookeeper").await);
    });
}

#[test]
fn an_unknown_session_is_refused() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.connect(1);
        client.session = 0x0100_0000_0000_4711;
        assert!(!client.begin_session(10_000).await);
        assert!(client.is_closed().await);
    });
}

/// The old node has not applied the move yet: its connection still reads, but its writes have no effect.
#[test]
fn a_write_over_a_connection_that_lost_its_session_closes_it_without_an_answer() {
    run(async {
        let cluster = Cluster::start(2);
        let mut old = cluster.client(1).await;
        old.create("/a", b"1").await;
        cluster.log.hold(1);
        let mut new = take_up(&cluster, 2, &old).await;
        assert_eq!(old.get("/a").await.data().unwrap(), b"1");
        old.send(&set("/a", b"old")).await;
        cluster.settle().await;
        cluster.log.release(1);
        assert!(old.is_closed().await);
        new.call(&support::sync("/")).await;
        assert_eq!(new.get("/a").await.data().unwrap(), b"1");
    });
}

#[test]
fn closing_a_session_deletes_its_ephemerals_answers_and_ends_the_connection() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        let mut other = cluster.client(1).await;
        client.call(&create("/e", b"", EPHEMERAL)).await;
        client.send_all(&[Request::CloseSession, create("/never", b"", 0)]).await;
        let reply = client.reply().await;
        assert_eq!((reply.op, reply.error), (zookeeper::codec::OpCode::CloseSession, ErrorCode::OK));
        assert!(client.is_closed().await, "what was sent behind the close is dropped");
        assert!(!other.exists("/e").await);
        assert!(!other.exists("/never").await);
    });
}

#[test]
fn a_silent_session_expires_within_its_timeout_and_a_tick_and_a_ping_keeps_one_alive() {
    run(async {
        let cluster = Cluster::start(2);
        let mut silent = cluster.connect(2);
        silent.begin_session(4000).await;
        silent.call(&create("/silent", b"", EPHEMERAL)).await;
        let mut alive = cluster.connect(2);
        alive.begin_session(4000).await;
        alive.call(&create("/alive", b"", EPHEMERAL)).await;

        let mut expired_after = None;
        for half_second in 1..40 {
            cluster.clock().sleep(Duration::from_millis(500)).await;
            alive.send_as(Xid::PING, &Request::Ping).await;
            assert_eq!(alive.reply().await.xid, Xid::PING);
            if expired_after.is_none() && !alive.exists("/silent").await {
                expired_after = Some(half_second * 500);
            }
        }
        assert!(alive.exists("/alive").await);
        assert!(silent.is_closed().await);
        // A tick, and the time until the test looks again.
        let latest = 4000 + TICK.as_millis() as u64 + 500;
        assert!((4000..=latest).contains(&expired_after.unwrap()), "{expired_after:?}");
    });
}

#[test]
fn a_session_outlives_its_connection_for_its_timeout() {
    run(async {
        let cluster = Cluster::start(1);
        let mut other = cluster.client(1).await;
        let mut gone = cluster.connect(1);
        gone.begin_session(6000).await;
        gone.call(&create("/e", b"", EPHEMERAL)).await;
        drop(gone);
        for _ in 0..5 {
            cluster.clock().sleep(Duration::from_secs(1)).await;
            assert!(other.exists("/e").await);
        }
        for _ in 0..6 {
            cluster.clock().sleep(Duration::from_secs(1)).await;
            other.exists("/e").await;
        }
        assert!(!other.exists("/e").await);
    });
}

#[test]
fn a_new_leader_gives_every_session_its_full_timeout() {
    run(async {
        let cluster = Cluster::start(3);
        let mut gone = cluster.connect(3);
        gone.begin_session(10_000).await;
        gone.call(&create("/e", b"", EPHEMERAL)).await;
        drop(gone);
        let mut other = cluster.connect(3);
        other.begin_session(40_000).await;
        // The leader changes twice, the second time it is the one before again.
        for leader in [2, 2] {
            cluster.clock().sleep(Duration::from_secs(8)).await;
            assert!(other.exists("/e").await);
            cluster.log.elect(Some(leader));
        }
        for _ in 0..9 {
            cluster.clock().sleep(Duration::from_secs(1)).await;
            assert!(other.exists("/e").await, "the new leader has not waited its timeout yet");
        }
        cluster.clock().sleep(Duration::from_secs(6)).await;
        assert!(!other.exists("/e").await);
    });
}

#[test]
fn without_a_leader_no_session_expires_and_reads_go_on() {
    run(async {
        let cluster = Cluster::start(3);
        let mut client = cluster.connect(2);
        client.begin_session(4000).await;
        client.call(&create("/e", b"", EPHEMERAL)).await;
        cluster.log.elect(None);
        cluster.clock().sleep(Duration::from_secs(2)).await;
        assert!(client.exists("/e").await);
        cluster.log.elect(Some(3));
        for _ in 0..20 {
            cluster.clock().sleep(Duration::from_secs(1)).await;
            assert!(client.exists("/e").await);
        }
    });
}

/// Reads go on for a while; then a client with a timeout of 9 s and the ephemeral `/e` is sent away while there is time left
/// to go elsewhere.
async fn is_sent_away_in_time(cluster: &Cluster, mut client: Client) {
    for _ in 0..4 {
        cluster.clock().sleep(Duration::from_secs(1)).await;
        assert!(client.exists("/e").await, "reads go on");
    }
    cluster.clock().sleep(Duration::from_secs(4)).await;
    assert!(client.is_closed().await);
    let mut elsewhere = take_up(cluster, 3, &client).await;
    assert!(elsewhere.exists("/e").await);
}

#[test]
fn a_node_that_does_not_reach_the_leader_sends_its_clients_away_in_time() {
    run(async {
        let cluster = Cluster::start(3);
        let mut client = cluster.connect(2);
        client.begin_session(9000).await;
        client.call(&create("/e", b"", EPHEMERAL)).await;
        cluster.log.set_connected(2, false);
        is_sent_away_in_time(&cluster, client).await;
    });
}

#[test]
fn a_node_that_applies_nothing_any_more_sends_its_clients_away_in_time() {
    run(async {
        let cluster = Cluster::start(3);
        let mut client = cluster.connect(2);
        client.begin_session(9000).await;
        client.call(&create("/e", b"", EPHEMERAL)).await;
        let mut writer = cluster.client(1).await;
        cluster.settle().await;
        // As with a disk that hangs: the leader is reached, and what it has done is not.
        cluster.log.hold(2);
        writer.create("/a", b"").await;
        is_sent_away_in_time(&cluster, client).await;
    });
}

#[test]
fn a_client_that_has_seen_more_than_the_node_is_sent_away_without_a_word() {
    run(async {
        let cluster = Cluster::start(2);
        let mut ahead = cluster.client(1).await;
        cluster.settle().await;
        cluster.log.hold(2);
        let zxid = ahead.create("/a", b"").await.zxid;
        let mut client = cluster.connect(2);
        client.last_zxid = zxid;
        let frame = client.connect_frame(10_000, Some(false));
        client.send_bytes(&frame).await;
        assert!(client.is_closed().await);
        cluster.log.release(2);
        cluster.settle().await;
        let mut client = cluster.connect(2);
        client.last_zxid = zxid;
        assert!(client.begin_session(10_000).await);
    });
}

#[test]
fn a_connection_that_begins_no_session_is_closed() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.connect(1);
        client.send_bytes(&[0, 0]).await;
        cluster.clock().sleep(Duration::from_secs(9)).await;
        assert!(client.is_quiet().await);
        cluster.clock().sleep(Duration::from_secs(1)).await;
        assert!(client.is_closed().await);
    });
}

#[test]
fn beyond_the_limit_connections_are_closed_at_once() {
    run(async {
        let cluster = Cluster::with(1, Config { connections_max: 2, ..Config::with_tick(TICK) });
        let mut first = cluster.client(1).await;
        let second = cluster.client(1).await;
        assert!(cluster.connect(1).is_closed().await);
        drop(second);
        cluster.settle().await;
        cluster.client(1).await;
        assert!(first.exists("/").await);
    });
}

#[test]
fn an_address_has_a_limit_of_its_own() {
    run(async {
        let limits = Config { connections_per_address_max: 2, ..Config::with_tick(TICK) };
        let cluster = Cluster::with(1, limits);
        let from = |address: &str| cluster.connect_from(1, address.parse().unwrap());
        let mut first = from("10.0.0.1:1000");
        assert!(first.begin_session(10_000).await);
        // The same address, as a listener for both families sees it.
        let second = from("[::ffff:10.0.0.1]:1001");
        assert!(from("10.0.0.1:1002").is_closed().await);
        assert!(from("10.0.0.2:1000").begin_session(10_000).await);
        assert_eq!(cluster.node(1).control.metrics().connections_rejected.load(Ordering::Relaxed), 1);
        drop(second);
        cluster.settle().await;
        assert!(from("10.0.0.1:1003").begin_session(10_000).await);
        assert!(first.exists("/").await);
    });
}

#[test]
fn a_server_that_stops_finishes_what_is_under_way() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        cluster.log.hold(1);
        client.send(&create("/a", b"", 0)).await;
        let mut silent = cluster.connect(1);
        cluster.settle().await;
        let server = std::sync::Arc::clone(&cluster.node(1).server);
        let stopped = cluster.runtime.spawn(runtime::Pool::Clients, async move { server.stop().await });
        cluster.settle().await;
        assert!(!stopped.is_finished());
        assert!(cluster.connect(1).is_closed().await, "no new connections");
        assert!(silent.is_closed().await, "nobody waits for those who have not begun");
        cluster.log.release(1);
        assert_eq!(client.reply().await.path(), "/a");
        assert!(client.is_closed().await);
        stopped.join().await;
    });
}

#[test]
fn deleting_an_ephemeral_takes_it_from_its_session() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.call(&create("/e", b"", EPHEMERAL)).await;
        assert_eq!(client.call(&delete("/e")).await.error, ErrorCode::OK);
        assert_eq!(client.call(&exists("/e", false)).await.error, ErrorCode::NO_NODE);
    });
}
