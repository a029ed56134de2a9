//! What reads promise: a state that was, or all that was committed before.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use support::{Client, Cluster, create, get, run, set, sync};
use zookeeper::codec::{Auth, ErrorCode, Request};
use zookeeper::{Reads, Terms};

async fn choose(client: &mut Client, reads: &[u8]) -> ErrorCode {
    client.call(&Request::Auth(Auth { kind: 0, scheme: "reads", auth: Some(reads) })).await.error
}

#[test]
fn linearizable_reads_wait_until_their_node_has_caught_up_and_local_ones_do_not() {
    run(async {
        let cluster = Cluster::start(2);
        let mut writer = cluster.client(1).await;
        let (mut local, mut reader) = (cluster.client(2).await, cluster.client(2).await);
        assert_eq!(choose(&mut reader, b"linearizable").await, ErrorCode::OK);
        writer.create("/a", b"0").await;
        assert_eq!(reader.get("/a").await.data().unwrap(), b"0");
        cluster.log.hold(2);
        let zxid = writer.call(&set("/a", b"1")).await.zxid;
        assert_eq!(local.get("/a").await.data().unwrap(), b"0");
        assert_eq!(reader.call(&Request::WhoAmI).await.error, ErrorCode::OK, "that is not about the state");
        reader.send_all(&[get("/a", false), get("/a", false)]).await;
        assert!(reader.is_quiet().await);
        cluster.log.release(2);
        for _ in 0..2 {
            let reply = reader.reply().await;
            assert_eq!(reply.data().unwrap(), b"1");
            assert!(reply.zxid >= zxid);
        }
        cluster.log.hold(2);
        writer.call(&set("/a", b"2")).await;
        assert_eq!(choose(&mut reader, b"local").await, ErrorCode::OK);
        assert_eq!(reader.get("/a").await.data().unwrap(), b"1");
        cluster.log.release(2);
    });
}

/// The write comes back when its node is where the write is; the read behind it must see what was committed since.
#[test]
fn a_linearizable_read_behind_a_write_sees_what_others_wrote_after_that() {
    run(async {
        let cluster = Cluster::start(2);
        let mut writer = cluster.client(1).await;
        let mut reader = cluster.client(2).await;
        choose(&mut reader, b"linearizable").await;
        for path in ["/a", "/b"] {
            writer.create(path, b"0").await;
        }
        reader.call(&sync("/")).await;
        cluster.log.hold(2);
        reader.send(&set("/a", b"1")).await;
        cluster.settle().await;
        writer.call(&set("/b", b"1")).await;
        reader.send(&get("/b", false)).await;
        // The write alone.
        cluster.log.step(2, 1);
        assert_eq!(reader.reply().await.error, ErrorCode::OK);
        assert!(reader.is_quiet().await, "that state is too old for the read");
        cluster.log.release(2);
        assert_eq!(reader.reply().await.data().unwrap(), b"1");
    });
}

#[test]
fn more_linearizable_reads_than_fit_into_a_turn_are_answered_in_order() {
    run(async {
        let cluster = Cluster::start(2);
        let mut client = cluster.client(2).await;
        choose(&mut client, b"linearizable").await;
        client.create("/a", b"").await;
        let request = |n: u32| match n % 7 {
            0 => set("/a", b"x"),
            1 => sync("/a"),
            2 => create("/b", b"", 0),
            _ => get("/a", false),
        };
        let requests: Vec<_> = (0..1000).map(request).collect();
        client.send_all(&requests).await;
        for request in &requests {
            assert_eq!(client.reply().await.op, request.op());
        }
        let outstanding = &cluster.node(2).control.metrics().outstanding;
        assert_eq!(outstanding.load(std::sync::atomic::Ordering::Relaxed), 0);
    });
}

#[test]
fn a_listener_can_promise_it_to_all_its_clients() {
    run(async {
        let cluster = Cluster::start(2);
        let mut writer = cluster.client(1).await;
        writer.create("/a", b"0").await;
        let terms = Terms { reads: Reads::Linearizable, ..Terms::default() };
        let mut reader = cluster.connect_on(2, terms);
        assert!(reader.begin_session(10_000).await);
        cluster.log.hold(2);
        writer.call(&set("/a", b"1")).await;
        reader.send(&get("/a", false)).await;
        assert!(reader.is_quiet().await);
        cluster.log.release(2);
        assert_eq!(reader.reply().await.data().unwrap(), b"1");
    });
}

#[test]
fn a_client_whose_read_can_not_be_linearizable_is_closed_so_that_it_goes_elsewhere() {
    run(async {
        let cluster = Cluster::start(2);
        let mut reader = cluster.client(2).await;
        choose(&mut reader, b"linearizable").await;
        cluster.log.set_connected(2, false);
        reader.send(&get("/", false)).await;
        cluster.clock().sleep(Duration::from_millis(100)).await;
        assert!(reader.is_closed().await);
    });
}

#[test]
fn a_promise_that_nobody_knows_is_refused() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        assert_eq!(choose(&mut client, b"newest").await, ErrorCode::AUTH_FAILED);
        assert!(client.is_closed().await);
    });
}
