//! Connections that must be secure before anything is read from them, and clients that are known by certificates. What makes a
//! stream secure is not this crate's matter: here it is whatever the test needs.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod harness;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use amqp::{CertificateName, Config, Terms};
use catalog::{Name, UserSpec};
use harness::{Client, Node};
use runtime::{BoxFuture, BoxStream, Secured, Security, Subject};

const HERE: &str = "127.0.0.1:5000";
const ELSEWHERE: &str = "192.0.2.1:5000";

/// Says of every client that this is its name.
struct Named(Option<Subject>);

impl Security for Named {
    fn secure(&self, stream: BoxStream) -> BoxFuture<'static, io::Result<Secured>> {
        let subject = self.0.clone();
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

fn through(security: impl Security + 'static) -> Terms {
    Terms { security: Some(Arc::new(security)) }
}

/// A subject, and a name that only Java has for it.
fn subject(distinguished: &str, common: Option<&str>) -> Subject {
    Subject {
        x500: "x500".to_owned(),
        distinguished: distinguished.to_owned(),
        common: common.map(str::to_owned),
    }
}

async fn node(config: Config, users: &[(&str, bool)]) -> Node {
    let node = Node::with(Config { refusal_delay: Duration::ZERO, ..config }).await;
    for (user, loopback_only) in users {
        let spec = UserSpec { password: None, tags: Vec::new(), loopback_only: *loopback_only };
        node.catalog.put_user(&Name::from(*user), &spec).await.unwrap();
    }
    node
}

/// What a client with this certificate is offered, and whether it is let in by it.
async fn external(node: &Node, peer: &str, subject: Option<Subject>) -> (String, bool) {
    let mut client = node.dial_from(peer, through(Named(subject)));
    let (offered, answer) = client.log_in_by("EXTERNAL", b"").await;
    (offered, answer.is_some_and(|got| got.name() == "connection.tune"))
}

#[tokio::test]
async fn a_certificate_is_a_login() {
    let node = node(Config::default(), &[("CN=jobs,O=Example", false), ("ops", false)]).await;
    let jobs = subject("CN=jobs,O=Example", Some("jobs"));
    let all = "PLAIN AMQPLAIN EXTERNAL".to_owned();
    let mut client = node.dial_from(ELSEWHERE, through(Named(Some(jobs.clone()))));
    let (offered, answer) = client.log_in_by("EXTERNAL", b"").await;
    assert_eq!((&offered, answer.unwrap().name()), (&all, "connection.tune"));
    let state = node.server.connections()[0].state();
    assert_eq!(state.user.as_deref(), Some("CN=jobs,O=Example"));
    assert_eq!(state.certificate.as_deref(), Some("CN=jobs,O=Example"));
    assert_eq!((state.is_secure, state.mechanism), (true, Some("EXTERNAL")));
    // Whose name is no user's, whole or in part.
    for other in [subject("CN=ops,O=Example", Some("ops")), subject("CN=nobody", Some("CN=jobs,O=Example"))] {
        assert_eq!(external(&node, ELSEWHERE, Some(other)).await, (all.clone(), false));
    }
    // Without a certificate there is no such mechanism.
    assert_eq!(external(&node, ELSEWHERE, None).await, ("PLAIN AMQPLAIN".to_owned(), false));
}

#[tokio::test]
async fn a_common_name_is_a_login_where_it_is_set() {
    let config = Config { certificate_name: CertificateName::Common, ..Config::default() };
    let node = node(config, &[("jobs", false), ("CN=ops", false)]).await;
    assert!(external(&node, ELSEWHERE, Some(subject("CN=jobs,O=Example", Some("jobs")))).await.1);
    assert!(!external(&node, ELSEWHERE, Some(subject("CN=ops", Some("ops")))).await.1);
    assert!(!external(&node, ELSEWHERE, Some(subject("O=jobs", None))).await.1);
}

#[tokio::test]
async fn who_may_come_from_this_machine_only_may_so_with_a_certificate() {
    let node = node(Config::default(), &[("CN=local", true)]).await;
    let local = || Some(subject("CN=local", Some("local")));
    assert!(external(&node, HERE, local()).await.1);
    assert!(!external(&node, ELSEWHERE, local()).await.1);
    let mut guest = node.dial_from(ELSEWHERE, through(Named(local())));
    assert_eq!(guest.log_in("guest", "guest").await.unwrap().why().0, 403);
}

#[tokio::test]
async fn a_password_counts_over_tls_too() {
    let node = Node::start().await;
    let mut client = node.dial_from(HERE, through(Named(Some(subject("CN=jobs", None)))));
    client.open("guest", "guest", "/").await;
    assert_eq!(node.server.connections()[0].state().mechanism, Some("PLAIN"));
}

async fn is_closed(client: &mut Client) -> bool {
    client.next().await.is_none()
}

#[tokio::test]
async fn handshakes_have_an_end_and_a_limit() {
    let config = Config {
        tls_handshakes_max: 2,
        tls_handshake_timeout: Duration::from_millis(300),
        ..Config::default()
    };
    let node = Node::with(config).await;
    let mut slow = [node.dial_from(HERE, through(Endless)), node.dial_from(HERE, through(Endless))];
    // Those two begin first.
    node.runtime.clock.sleep(Duration::from_millis(50)).await;
    assert!(is_closed(&mut node.dial_from(HERE, through(Named(None)))).await, "there is room for two");
    assert_eq!(node.server.metrics().tls_handshakes_refused.get(), 1);
    // Those who need none go on.
    node.connect().await;
    for client in &mut slow {
        assert!(is_closed(client).await);
    }
    assert_eq!(node.server.metrics().tls_handshakes_failed.get(), 2);
    node.dial_from(HERE, through(Named(None))).open("guest", "guest", "/").await;
}

#[tokio::test]
async fn a_server_that_stops_waits_for_no_handshake() {
    let node = Node::start().await;
    let mut slow = node.dial_from(HERE, through(Endless));
    node.runtime.clock.sleep(Duration::from_millis(50)).await;
    let stopping = node.runtime.clock.timeout(Duration::from_secs(2), node.server.stop());
    stopping.await.expect("the server stops at once");
    assert!(is_closed(&mut slow).await);
}
