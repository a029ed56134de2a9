//! Connections that must be secure before anything is read from them. What makes them so is not this crate's matter: here
//! it is whatever the test needs.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use runtime::{BoxFuture, BoxStream, Secured, Security, Subject};
use support::{Client, Cluster, TICK, create, get, run};
use tokio::io::BufStream;
use zookeeper::codec::{Acl, Auth, Create, ErrorCode, ReplyBody, Request, Xid};
use zookeeper::{Config, Terms};

/// Says of every client that it has this name, and holds what is written until it is flushed.
struct Named(Option<&'static str>);

impl Security for Named {
    fn secure(&self, stream: BoxStream) -> BoxFuture<'static, io::Result<Secured>> {
        let subject = self.0.map(|name| Subject { x500: name.to_owned(), ..Subject::default() });
        let stream = Box::new(BufStream::with_capacity(1 << 20, 1 << 20, stream));
        Box::pin(async move { Ok(Secured { stream, subject }) })
    }
}

/// Does not come to an end.
struct Endless;

impl Security for Endless {
    fn secure(&self, stream: BoxStream) -> BoxFuture<'static, io::Result<Secured>> {
        Box::pin(async move {
            let _held = stream;
            std::future::pending().await
        })
    }
}

/// Agrees with nobody.
struct Refusing;

impl Security for Refusing {
    fn secure(&self, _: BoxStream) -> BoxFuture<'static, io::Result<Secured>> {
        Box::pin(async { Err(io::Error::other("no")) })
    }
}

fn connect(cluster: &Cluster, security: impl Security + 'static) -> Client {
    let (near, far) = tokio::io::duplex(64 << 10);
    let peer = "127.0.0.1:40000".parse().unwrap();
    let terms = Terms { security: Some(Arc::new(security)), ..Terms::default() };
    cluster.node(1).server.accept(Box::new(far), peer, terms);
    Client::new(Box::new(near), cluster.clock().clone())
}

async fn named(cluster: &Cluster, subject: Option<&'static str>) -> Client {
    let mut client = connect(cluster, Named(subject));
    assert!(client.begin_session(10_000).await);
    client
}

fn for_subject(path: &'static str, id: &'static str) -> Request<'static> {
    let acl = vec![Acl { permissions: 31, scheme: "x509", id }];
    Request::Create(Create { path, data: Some(b"x"), acl, flags: 0 })
}

async fn word(cluster: &Cluster, word: &str) -> String {
    let mut client = cluster.connect(1);
    client.send_bytes(word.as_bytes()).await;
    client.text().await
}

fn number(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn the_subject_of_a_certificate_is_an_identity() {
    run(async {
        let cluster = Cluster::start(1);
        let mut alice = named(&cluster, Some("CN=alice,O=Example")).await;
        let mut bob = named(&cluster, Some("CN=bob,O=Example")).await;
        let mut nobody = named(&cluster, None).await;

        let made = alice.call(&for_subject("/hers", "CN=alice,O=Example")).await;
        assert_eq!(made.error, ErrorCode::OK);
        assert_eq!(alice.get("/hers").await.error, ErrorCode::OK);
        for other in [&mut bob, &mut nobody] {
            assert_eq!(other.get("/hers").await.error, ErrorCode::NO_AUTH);
        }
        assert_eq!(bob.call(&for_subject("/odd", "bob")).await.error, ErrorCode::INVALID_ACL);

        let reply = alice.call(&Request::WhoAmI).await;
        let ReplyBody::Identities(who) = reply.body() else { panic!("{reply:?}") };
        let who: Vec<_> = who.iter().map(|info| (info.scheme, info.user)).collect();
        assert_eq!(who, [("ip", "127.0.0.1"), ("x509", "CN=alice,O=Example")]);
    });
}

#[test]
fn monitoring_counts_those_without_a_certificate() {
    run(async {
        let cluster = Cluster::start(1);
        let _alice = named(&cluster, Some("CN=alice")).await;
        let _nobody = named(&cluster, None).await;
        let _far = cluster.connect_from(1, "10.0.0.1:1000".parse().unwrap());
        let text = word(&cluster, "mntr").await;
        // The one that asks is one of them.
        assert_eq!(number(&text, "zk_non_mtls_local_conn_count"), 2);
        assert_eq!(number(&text, "zk_non_mtls_remote_conn_count"), 1);
    });
}

#[test]
fn a_certificate_counts_as_authentication() {
    run(async {
        let cluster = Cluster::start(1);
        let mut alice = named(&cluster, Some("CN=alice")).await;
        // Some clients ask for it, as ZooKeeper's do for every scheme that they are told of.
        alice.send_as(Xid::AUTH, &Request::Auth(Auth { kind: 0, scheme: "x509", auth: Some(b"") })).await;
        assert_eq!(alice.reply().await.error, ErrorCode::OK);
        let acl = vec![Acl { permissions: 31, scheme: "auth", id: "" }];
        let made = Request::Create(Create { path: "/hers", data: None, acl, flags: 0 });
        assert_eq!(alice.call(&made).await.error, ErrorCode::OK);
        let mut nobody = named(&cluster, None).await;
        assert_eq!(nobody.get("/hers").await.error, ErrorCode::NO_AUTH);
        assert_eq!(nobody.call(&made).await.error, ErrorCode::INVALID_ACL);
    });
}

/// A stream that encrypts keeps what does not fit into the socket until it is asked to hand it on.
#[test]
fn what_is_written_is_flushed() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = named(&cluster, None).await;
        let data = vec![7; 300_000];
        client.call(&create("/large", &data, 0)).await;
        client.send_all(&[get("/large", false), get("/large", false), get("/large", false)]).await;
        for _ in 0..3 {
            assert_eq!(client.reply().await.data().unwrap(), data);
        }
        let mut asks = connect(&cluster, Named(None));
        asks.send_bytes(b"ruok").await;
        assert_eq!(asks.text().await, "imok");
    });
}

#[test]
fn handshakes_have_an_end_and_a_limit() {
    run(async {
        let config = Config { tls_handshakes_max: 2, ..Config::with_tick(TICK) };
        let timeout = config.tls_handshake_timeout;
        let cluster = Cluster::with(1, config);
        let mut slow = [connect(&cluster, Endless), connect(&cluster, Endless)];
        cluster.settle().await;
        assert!(connect(&cluster, Named(None)).is_closed().await, "there is room for two");
        // Those who don't need one go on.
        assert!(cluster.client(1).await.exists("/").await);
        let text = word(&cluster, "mntr").await;
        assert_eq!(number(&text, "zk_outstanding_tls_handshake"), 2);
        assert_eq!(number(&text, "zk_tls_handshake_exceeded"), 1);
        cluster.clock().sleep(timeout + Duration::from_millis(10)).await;
        for client in &mut slow {
            assert!(client.is_closed().await);
        }
        assert!(connect(&cluster, Refusing).is_closed().await);
        assert!(named(&cluster, None).await.exists("/").await);
        let text = word(&cluster, "mntr").await;
        assert_eq!(number(&text, "zk_outstanding_tls_handshake"), 0);
        assert_eq!(number(&text, "zk_unsuccessful_handshake"), 3);
    });
}

#[test]
fn a_server_that_stops_waits_for_no_handshake() {
    run(async {
        let cluster = Cluster::start(1);
        let mut slow = connect(&cluster, Endless);
        cluster.settle().await;
        cluster.node(1).server.stop().await;
        assert!(slow.is_closed().await);
    });
}
