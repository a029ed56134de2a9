//! Bytes that are not the protocol: they cost their own connection at most, and one log line.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use proptest::prelude::*;
use support::{Client, Cluster, TICK, create, get, run};
use zookeeper::Config;
use zookeeper::codec::{
    Create, DEFAULT_FRAME_BYTES_MAX, ErrorCode, JuteWrite, Multi, MultiRead, OpCode, PathWatch, ReadPart,
    Reader, Record, ReplyHeader, RequestHeader, WritePart, Xid, put_frame,
};

/// Sends a frame with a header and whatever `body` writes, and returns the header of what comes back.
async fn send_raw(client: &mut Client, op: i32, body: impl FnOnce(&mut BytesMut)) -> Option<ReplyHeader> {
    let mut out = BytesMut::new();
    put_frame(&mut out, |out| {
        RequestHeader { xid: Xid(77), op: OpCode::from(op) }.encode(out);
        body(out);
    });
    client.send_bytes(&out).await;
    let payload = client.receive_payload().await?;
    let header = ReplyHeader::decode(&mut Reader::new(&payload)).unwrap();
    assert_eq!(header.xid, Xid(77));
    assert!(header.error == ErrorCode::OK || payload.len() == 16, "an error has no body");
    Some(header)
}

#[test]
fn a_frame_of_impossible_length_closes_the_connection_without_a_word() {
    run(async {
        let cluster = Cluster::start(1);
        let too_long = i32::try_from(DEFAULT_FRAME_BYTES_MAX + 1).unwrap();
        for length in [-1, i32::MIN, too_long, i32::MAX] {
            let mut client = cluster.client(1).await;
            client.send_bytes(&length.to_be_bytes()).await;
            assert!(client.is_closed().await, "{length}");
            let mut fresh = cluster.connect(1);
            fresh.send_bytes(&length.to_be_bytes()).await;
            assert!(fresh.is_closed().await, "{length}");
        }
    });
}

#[test]
fn a_frame_of_exactly_the_limit_is_served() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        let mut frame = BytesMut::new();
        create("/a", b"", 0).put_frame(Xid(1), &mut frame);
        let overhead = frame.len() - 4;
        let data = vec![b'x'; DEFAULT_FRAME_BYTES_MAX - overhead];
        assert_eq!(client.create("/a", &data).await.path(), "/a");
        assert_eq!(client.get("/a").await.data().unwrap(), data);
    });
}

#[test]
fn a_record_that_does_not_parse_is_an_error_and_the_connection_stays() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        let before = client.get("/").await.zxid;
        for op in OpCode::ALL.iter().map(|op| i32::from(*op)) {
            // These have no record, or none that a client may send, or an answer whatever the record.
            if [0, 11, 13, 20, 102, 107, -10, -11].contains(&op) {
                continue;
            }
            let reply = send_raw(&mut client, op, |out| out.put_int(1_000_000)).await.unwrap();
            assert_eq!(reply.error, ErrorCode::MARSHALLING_ERROR, "operation {op}");
            // A null path.
            if op != 103 {
                let reply = send_raw(&mut client, op, |out| out.put_int(-1)).await.unwrap();
                assert_eq!(reply.error, ErrorCode::MARSHALLING_ERROR, "operation {op}");
            }
        }
        assert_eq!(client.get("/").await.zxid, before, "what does not parse is no transaction");
    });
}

#[test]
fn a_path_that_is_not_utf8_does_not_parse() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        let reply = send_raw(&mut client, 4, |out| {
            out.put_buffer(Some(&[b'/', 0xff]));
            out.put_bool(false);
        });
        assert_eq!(reply.await.unwrap().error, ErrorCode::MARSHALLING_ERROR);
    });
}

#[test]
fn bytes_behind_a_record_are_ignored() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        let reply = send_raw(&mut client, 3, |out| {
            PathWatch { path: "/", watch: false }.encode(out);
            out.extend_from_slice(b"more");
        });
        assert_eq!(reply.await.unwrap().error, ErrorCode::OK);
    });
}

#[test]
fn an_operation_that_is_not_for_clients_is_answered_and_the_connection_ends() {
    run(async {
        let cluster = Cluster::start(1);
        for op in [0, 10, 13, 20, -10, -1, 4711, i32::MIN] {
            let mut client = cluster.client(1).await;
            let reply = send_raw(&mut client, op, |_| {}).await.unwrap();
            assert_eq!((reply.error, reply.zxid), (ErrorCode::UNIMPLEMENTED, -1), "operation {op}");
            assert!(client.is_closed().await);
        }
    });
}

#[test]
fn a_multi_that_mixes_reads_and_writes_does_not_parse() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        let reads = MultiRead { parts: vec![ReadPart::GetData(PathWatch { path: "/", watch: false })] };
        let bad_flags = Create { path: "/a", data: None, acl: support::open_acl(), flags: 9 };
        let writes = Multi { parts: vec![WritePart::Create(bad_flags)] };
        let reply = send_raw(&mut client, 14, |out| reads.encode(out)).await.unwrap();
        assert_eq!(reply.error, ErrorCode::MARSHALLING_ERROR);
        let reply = send_raw(&mut client, 22, |out| writes.encode(out)).await.unwrap();
        assert_eq!(reply.error, ErrorCode::MARSHALLING_ERROR);
        let reply = send_raw(&mut client, 14, |out| writes.encode(out)).await.unwrap();
        assert_eq!(reply.error, ErrorCode::MARSHALLING_ERROR);
    });
}

#[test]
fn a_frame_too_short_for_a_header_closes_the_connection() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.send_bytes(&[0, 0, 0, 3, 1, 2, 3]).await;
        assert!(client.is_closed().await);
    });
}

/// Counts log lines from `warn` up, of the thread that it is set for.
#[derive(Clone, Default)]
struct Lines(Arc<AtomicUsize>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn a_bad_frame_costs_one_log_line() {
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || {
        run(async {
            let cluster = Cluster::start(1);
            let garbage: [&[u8]; 4] = [&[0xff; 64], &[0x7f; 4], &[0, 0, 0, 3, 1, 2, 3], &[0, 0, 0, 200, 1]];
            for (number, bytes) in garbage.into_iter().enumerate() {
                let mut client = cluster.client(1).await;
                client.create("/a", b"").await;
                client.send_bytes(bytes).await;
                drop(client);
                cluster.settle().await;
                assert_eq!(lines.0.load(Ordering::Relaxed), number + 1);
            }
        });
    });
}

/// A thousand clients that send garbage of every kind at every moment, next to one that works.
#[test]
fn a_thousand_bad_connections_leave_another_undisturbed() {
    run(async {
        let cluster = Cluster::with(1, Config { connections_per_address_max: 0, ..Config::with_tick(TICK) });
        let mut good = cluster.client(1).await;
        good.create("/a", b"0").await;
        let mut held = Vec::new();
        for number in 0..1000_u32 {
            let mut bad = if number % 2 == 0 { cluster.connect(1) } else { cluster.client(1).await };
            let garbage: &[u8] = match number % 5 {
                0 => &[0xff; 64],
                1 => b"GET / HTTP/1.1\r\nHost: quorate\r\n\r\n",
                2 => &[0, 0, 0, 200, 1, 2, 3],
                3 => &[0x7f, 0xff, 0xff, 0xff],
                _ => &[0, 0, 0, 4, 0, 0, 0, 1],
            };
            bad.send_bytes(garbage).await;
            // Some stay in the middle of a frame, some go.
            if number % 5 == 2 && number % 3 == 0 {
                held.push(bad);
            }
            if number % 10 == 0 {
                assert_eq!(good.call(&support::set("/a", b"1")).await.error, ErrorCode::OK);
            }
        }
        assert!(!held.is_empty());
        assert_eq!(good.get("/a").await.stat().version, 100);
        drop(held);
        cluster.clock().sleep(Duration::from_millis(10)).await;
        assert_eq!(cluster.node(1).control.connection_count(), 1, "nothing of them is left");
    });
}

proptest! {
    /// Whatever follows the handshake, a frame at a time or in pieces: the connection is served or closed, never stuck,
    /// and the next client is served.
    #[test]
    fn garbage_behind_the_handshake_never_harms_the_server(
        frames in proptest::collection::vec((-2..120_i32, proptest::collection::vec(any::<u8>(), 0..60)), 1..20),
    ) {
        run(async move {
            let cluster = Cluster::start(1);
            let mut client = cluster.client(1).await;
            for (op, body) in frames {
                let mut out = BytesMut::new();
                put_frame(&mut out, |out| {
                    RequestHeader { xid: Xid(1), op: OpCode::from(op) }.encode(out);
                    out.extend_from_slice(&body);
                });
                client.send_bytes(&out).await;
            }
            cluster.settle().await;
            drop(client);
            assert!(cluster.client(1).await.exists("/").await);
        });
    }

    #[test]
    fn garbage_instead_of_a_handshake_never_harms_the_server(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        run(async move {
            let cluster = Cluster::start(1);
            let mut client = cluster.connect(1);
            client.send_bytes(&bytes).await;
            cluster.settle().await;
            drop(client);
            assert!(cluster.client(1).await.exists("/").await);
        });
    }
}

#[test]
fn a_request_cut_off_by_the_end_of_the_stream_has_no_effect() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        let mut frame = BytesMut::new();
        create("/a", b"data", 0).put_frame(Xid(1), &mut frame);
        client.send_bytes(&frame[..frame.len() - 1]).await;
        drop(client);
        cluster.settle().await;
        let reply = cluster.client(1).await.call(&get("/a", false)).await;
        assert_eq!(reply.error, ErrorCode::NO_NODE);
    });
}
