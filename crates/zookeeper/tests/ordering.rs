//! The order of what a connection sees: answers in the order of requests, reads between the right writes, events before
//! the states they announce.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::time::Duration;

use proptest::prelude::*;
use support::{Client, Cluster, Frame, TICK, create, exists, get, run, run_on_threads, set, sync};
use zookeeper::Config;
use zookeeper::codec::{ErrorCode, EventType, OpCode, Request, Xid};

#[test]
fn a_read_waits_for_the_write_before_it_while_others_go_on() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        let mut other = cluster.client(1).await;
        client.create("/a", b"0").await;
        cluster.log.hold(1);
        client.send_all(&[set("/a", b"1"), get("/a", false)]).await;
        assert_eq!(other.get("/a").await.data().unwrap(), b"0");
        assert!(client.is_quiet().await);
        cluster.log.step(1, 1);
        client.reply().await;
        assert_eq!(client.reply().await.data().unwrap(), b"1");
    });
}

#[test]
fn a_read_sees_no_later_write_of_its_connection() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.create("/a", b"0").await;
        cluster.log.hold(1);
        client.send_all(&[set("/a", b"1"), get("/a", false), set("/a", b"2"), get("/a", false)]).await;
        cluster.settle().await;
        cluster.log.release(1);
        let first = client.reply().await;
        let read = client.reply().await;
        assert_eq!(read.data().unwrap(), b"1");
        assert_eq!(read.zxid, first.zxid);
        client.reply().await;
        assert_eq!(client.reply().await.data().unwrap(), b"2");
    });
}

#[test]
fn every_kind_of_answer_waits_its_turn() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        cluster.log.hold(1);
        client.send(&create("/a", b"", 0)).await;
        client.send_as(Xid::PING, &Request::Ping).await;
        let bad = zookeeper::codec::Create { path: "/b", data: None, acl: vec![], flags: 99 };
        client.send(&Request::Create(bad)).await;
        let auth = zookeeper::codec::Auth { kind: 0, scheme: "digest", auth: Some(b"u:p") };
        client.send_as(Xid::AUTH, &Request::Auth(auth)).await;
        client.send(&Request::WhoAmI).await;
        client.send(&sync("/a")).await;
        client.send(&exists("/a", false)).await;
        assert!(client.is_quiet().await);
        cluster.log.release(1);
        let mut errors = Vec::new();
        for _ in 0..7 {
            errors.push(client.reply().await.error);
        }
        assert_eq!(errors[2], ErrorCode::BAD_ARGUMENTS);
        errors.remove(2);
        assert_eq!(errors, [ErrorCode::OK; 6]);
    });
}

#[test]
fn sync_waits_for_what_was_committed_and_so_do_the_reads_behind_it() {
    run(async {
        let cluster = Cluster::start(2);
        let mut writer = cluster.client(1).await;
        let mut reader = cluster.client(2).await;
        writer.create("/a", b"0").await;
        reader.call(&sync("/")).await;
        cluster.log.hold(2);
        let zxid = writer.call(&set("/a", b"1")).await.zxid;
        assert_eq!(reader.get("/a").await.data().unwrap(), b"0", "a node may be behind");
        reader.send_all(&[sync("/a"), sync("/missing"), get("/a", false)]).await;
        assert!(reader.is_quiet().await);
        cluster.log.release(2);
        for path in ["/a", "/missing"] {
            let reply = reader.reply().await;
            assert_eq!(reply.path(), path);
            assert!(reply.zxid >= zxid);
        }
        assert_eq!(reader.reply().await.data().unwrap(), b"1");
    });
}

#[test]
fn more_requests_than_may_be_outstanding_are_answered_too() {
    run(async {
        let cluster = Cluster::with(1, Config { outstanding_max: 10, ..Config::with_tick(TICK) });
        let mut client = cluster.client(1).await;
        client.create("/a", b"").await;
        let requests: Vec<_> =
            (0..500).map(|n| if n % 3 == 0 { get("/a", false) } else { set("/a", b"x") }).collect();
        client.send_all(&requests).await;
        for request in &requests {
            let reply = client.reply().await;
            assert_eq!((reply.op, reply.error), (request.op(), ErrorCode::OK));
        }
        let outstanding = &cluster.node(1).control.metrics().outstanding;
        assert_eq!(outstanding.load(std::sync::atomic::Ordering::Relaxed), 0);
    });
}

/// Replies far beyond what the server buffers, to a client that does not read until it has sent everything.
#[test]
fn a_client_that_reads_late_is_served_without_end_of_memory() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.create("/big", &vec![7; 900_000]).await;
        client.send_all(&vec![get("/big", false); 40]).await;
        cluster.clock().sleep(Duration::from_secs(1)).await;
        for _ in 0..40 {
            assert_eq!(client.reply().await.data().unwrap().len(), 900_000);
        }
    });
}

#[test]
fn a_client_that_does_not_read_is_closed_when_too_much_waits_for_it_and_disturbs_nobody() {
    run(async {
        let cluster = Cluster::start(1);
        let mut slow = cluster.client(1).await;
        let mut other = cluster.client(1).await;
        other.create("/big", &vec![0; 900_000]).await;
        // Reads behind a write are done when it is applied, whether the client takes their answers or not.
        cluster.log.hold(1);
        slow.send(&create("/a", b"", 0)).await;
        slow.send_all(&vec![get("/big", false); 100]).await;
        cluster.settle().await;
        cluster.log.release(1);
        cluster.settle().await;
        assert_eq!(cluster.node(1).control.connection_count(), 1);
        assert!(other.exists("/a").await);
    });
}

/// What one connection does, in order; both have a node of their own.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Sets its node to the next number.
    Write,
    /// Reads its own node: must see its last write.
    ReadOwn,
    /// Reads the other's node, perhaps with a watch: must not go back, and not overtake an event.
    ReadOther(bool),
    Ping,
    Sync,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Write),
        2 => Just(Step::ReadOwn),
        3 => any::<bool>().prop_map(Step::ReadOther),
        1 => Just(Step::Ping),
        1 => Just(Step::Sync),
    ];
    proptest::collection::vec(step, 1..60)
}

/// A client, what it has asked, and what it must find in the answers.
struct Actor {
    client: Client,
    own: &'static str,
    other: &'static str,
    written: u32,
    /// For each request whose reply is due: what was asked, and the last number written before.
    due: std::collections::VecDeque<(Step, u32)>,
    other_seen: u32,
    other_version_watched: Option<u32>,
    zxid: i64,
}

impl Actor {
    fn request<'a>(&mut self, step: Step, scratch: &'a mut String) -> Request<'a> {
        if let Step::Write = step {
            self.written += 1;
        }
        self.due.push_back((step, self.written));
        *scratch = self.written.to_string();
        match step {
            Step::Write => set(self.own, scratch.as_bytes()),
            Step::ReadOwn => get(self.own, false),
            Step::ReadOther(watch) => get(self.other, watch),
            Step::Ping => Request::Ping,
            Step::Sync => sync("/"),
        }
    }

    async fn hear_all(&mut self) {
        while !self.due.is_empty() {
            match self.client.receive().await.expect("the connection stays") {
                Frame::Event { zxid, kind, path } => {
                    assert_eq!((kind, path.as_str()), (EventType::NodeDataChanged, self.other));
                    assert!(self.other_version_watched.take().is_some(), "an event needs a watch");
                    assert!(zxid >= self.zxid, "an event comes before any later state");
                    self.zxid = zxid;
                }
                Frame::Reply(reply) => self.hear(&reply),
            }
        }
    }

    fn hear(&mut self, reply: &support::Reply) {
        let (step, written) = self.due.pop_front().unwrap();
        assert_eq!(reply.error, ErrorCode::OK);
        assert!(reply.zxid >= self.zxid, "no state is shown after a later one");
        self.zxid = reply.zxid;
        match step {
            Step::Write => assert_eq!(reply.stat().version, written as i32),
            Step::ReadOwn => {
                assert_eq!(number(reply), written, "a read sees its connection's last write, no later one")
            }
            Step::ReadOther(watch) => {
                let seen = number(reply);
                assert!(seen >= self.other_seen, "a client's view does not go back");
                self.other_seen = seen;
                if let Some(watched) = self.other_version_watched {
                    assert_eq!(seen, watched, "new data is not shown before its event");
                }
                if watch {
                    self.other_version_watched.get_or_insert(seen);
                }
            }
            Step::Ping => assert_eq!(reply.op, OpCode::Ping),
            Step::Sync => assert_eq!(reply.op, OpCode::Sync),
        }
    }
}

fn number(reply: &support::Reply) -> u32 {
    String::from_utf8(reply.data().unwrap()).unwrap().parse().unwrap()
}

async fn actor(cluster: &Cluster, node: u64, own: &'static str, other: &'static str) -> Actor {
    let client = cluster.client(node).await;
    let due = std::collections::VecDeque::new();
    Actor { client, own, other, written: 0, due, other_seen: 0, other_version_watched: None, zxid: 0 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Two clients, on one node or on two, send pipelines of random requests while nodes apply in random bursts.
    #[test]
    fn mixes_of_reads_and_writes_keep_every_order(
        nodes in 1..3_u64,
        first in steps(),
        second in steps(),
        bursts in proptest::collection::vec((1..3_u64, 1..6_usize), 0..80),
    ) {
        run(async move {
            let cluster = Cluster::start(nodes);
            let mut a = actor(&cluster, 1, "/a", "/b").await;
            let mut b = actor(&cluster, nodes, "/b", "/a").await;
            a.client.create("/a", b"0").await;
            a.client.create("/b", b"0").await;
            for actor in [&mut a, &mut b] {
                actor.client.call(&sync("/")).await;
            }
            for node in 1..=nodes {
                cluster.log.hold(node);
            }
            let mut bursts = bursts.into_iter();
            for pair in 0..first.len().max(second.len()) {
                for (actor, steps) in [(&mut a, &first), (&mut b, &second)] {
                    if let Some(step) = steps.get(pair) {
                        let mut scratch = String::new();
                        let request = actor.request(*step, &mut scratch);
                        let xid = actor.client.send(&request).await;
                        if let Step::Ping = step {
                            actor.client.expect_xid(xid, Xid::PING);
                        }
                    }
                }
                if let Some((node, count)) = bursts.next() {
                    cluster.log.step(node.min(nodes), count);
                    cluster.settle().await;
                }
            }
            for node in 1..=nodes {
                cluster.log.release(node);
            }
            a.hear_all().await;
            b.hear_all().await;
        });
    }
}

/// The same, on several threads at once and without anybody who holds the nodes back.
#[test]
fn orders_hold_on_several_threads() {
    const ROUNDS: u32 = 200;
    run_on_threads(async {
        let cluster = Cluster::start(2);
        let mut a = actor(&cluster, 1, "/a", "/b").await;
        let b = actor(&cluster, 2, "/b", "/a").await;
        let c = actor(&cluster, 1, "/c", "/a").await;
        for path in ["/a", "/b", "/c"] {
            a.client.create(path, b"0").await;
        }
        let mut tasks = Vec::new();
        for (number, mut actor) in [a, b, c].into_iter().enumerate() {
            let work = async move {
                actor.client.call(&sync("/")).await;
                for round in 0..ROUNDS {
                    for request in 0..16 {
                        let step = match (round * 16 + request) * 7919 / (number as u32 + 3) % 8 {
                            0..3 => Step::Write,
                            3 | 4 => Step::ReadOwn,
                            5 => Step::ReadOther(true),
                            _ => Step::ReadOther(false),
                        };
                        let mut scratch = String::new();
                        let request = actor.request(step, &mut scratch);
                        actor.client.send(&request).await;
                    }
                    actor.hear_all().await;
                }
                assert!(actor.other_seen > 0, "the others were seen to write");
            };
            tasks.push(cluster.runtime.spawn(runtime::Pool::Clients, work));
        }
        for task in tasks {
            task.join().await;
        }
        for node in &cluster.nodes {
            node.control.barrier().await.unwrap();
        }
        let digests: Vec<_> = cluster.nodes.iter().map(|node| node.control.digest()).collect();
        assert_eq!(digests[0], digests[1], "nodes that have applied the same are equal");
    });
}
