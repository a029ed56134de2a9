//! Connections: opening, refusing, closing, heartbeats, alarms.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod harness;

use std::time::Duration;

use amqp::{Config, Resource, Terms};
use amqp091::{Method, Properties, ShortStr, basic, channel, connection, exchange, queue};
use harness::{Client, Cluster, Node, properties};
use runtime::{Network, SystemNetwork};

#[tokio::test]
async fn a_client_comes_over_tcp() {
    let node = Node::start().await;
    let listener = SystemNetwork.listen("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = node
        .runtime
        .clock
        .timeout(Duration::from_secs(20), node.server.clone().serve(listener, Terms::default()));
    let talk = async {
        let mut client = Client::new(SystemNetwork.connect(&address).await.unwrap());
        client.open("guest", "guest", "/").await;
        let mut channel = client.into_channel(1).await;
        channel.declare("q").await;
        channel.publish("", "q", "hello").await;
        assert_eq!(channel.get("q", true).await.unwrap().body(), "hello");
        let seen = node.server.connections();
        assert_eq!(seen.len(), 1);
        assert_eq!((seen[0].state().user.as_deref(), seen[0].state().channels), (Some("guest"), 1));
        channel.client.call(0, connection::Close::default(), "connection.close_ok").await;
        assert!(channel.client.next().await.is_none());
        node.server.stop().await;
    };
    let (served, ()) = tokio::join!(serving, talk);
    served.unwrap();
    assert_eq!(node.server.metrics().published.get(), 1);
}

#[tokio::test]
async fn a_wrong_password_is_refused_after_a_while() {
    let node = Node::with(Config { refusal_delay: Duration::from_millis(50), ..Config::default() }).await;
    for (user, password) in [("guest", "wrong"), ("nobody", "guest")] {
        let mut client = node.dial();
        let (code, text, cause) = client.log_in(user, password).await.unwrap().why();
        assert_eq!((code, cause), (403, (0, 0)));
        assert_eq!(
            text,
            "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile."
        );
        assert!(client.next().await.is_none());
    }
    assert_eq!(node.server.metrics().logins_refused.get(), 2);
}

#[tokio::test]
async fn guest_comes_from_this_machine_only() {
    let node = Node::with(Config { refusal_delay: Duration::ZERO, ..Config::default() }).await;
    let (near, far) = tokio::io::duplex(1 << 16);
    node.server.accept(Box::new(far), "192.0.2.1:5000".parse().unwrap(), Terms::default());
    let refused = Client::new(Box::new(near)).log_in("guest", "guest").await.unwrap();
    assert_eq!(refused.why().0, 403);
}

#[tokio::test]
async fn an_unknown_virtual_host_is_refused() {
    let node = Node::start().await;
    let mut client = node.dial();
    client.open_with("guest", "guest", 0).await;
    let open = connection::Open { virtual_host: ShortStr::from_static("x"), ..connection::Open::default() };
    let refused = client.call(0, open, "connection.close").await;
    assert_eq!(refused.why(), (530, "NOT_ALLOWED - vhost x not found".to_owned(), (10, 40)));
}

#[tokio::test]
async fn exclusive_queues_are_gone_before_close_ok() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.open_channel(1).await;
    let mine =
        queue::Declare { queue: ShortStr::from_static("mine"), exclusive: true, ..queue::Declare::default() };
    client.call(1, mine, "queue.declare_ok").await;
    let mut other = node.channel().await;
    let text = other.fails(queue::Declare { exclusive: false, ..mine }).await;
    assert!(
        text.starts_with(
            "405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'mine' in vhost '/'"
        ),
        "{text}"
    );
    client.call(0, connection::Close::default(), "connection.close_ok").await;
    let passive = queue::Declare { passive: true, ..mine };
    assert_eq!(other.fails(passive).await, "404 NOT_FOUND - no queue 'mine' in vhost '/'");
    // One that just drops its socket takes its queues along, too.
    let mut rude = node.channel().await;
    rude.call(mine, "queue.declare_ok").await;
    drop(rude);
    for _ in 0..100 {
        if node.catalog.topology().vhost(b"/").unwrap().queue(b"mine").is_none() {
            return;
        }
        node.runtime.clock.sleep(Duration::from_millis(20)).await;
    }
    panic!("the queue stays although its connection is gone");
}

#[tokio::test]
async fn a_hard_error_closes_the_connection_with_its_cause() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    let immediate = basic::Publish { immediate: true, ..basic::Publish::default() };
    channel.client.publish_as(1, immediate, properties(Properties::default()), "x".into()).await;
    let closed = channel.expect("connection.close").await;
    assert_eq!(closed.why(), (540, "NOT_IMPLEMENTED - immediate=true".to_owned(), (60, 40)));
    channel.client.send(0, connection::CloseOk {}).await;
    assert!(channel.client.next().await.is_none());
}

#[tokio::test]
async fn a_soft_error_closes_its_channel_only() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    client.open_channel(1).await;
    client.open_channel(2).await;
    client.publish(1, "nowhere", "k", properties(Properties::default()), "x").await;
    let closed = client.expect("channel.close").await;
    let text = "NOT_FOUND - no exchange 'nowhere' in vhost '/'".to_owned();
    assert_eq!((closed.channel, closed.why()), (1, (404, text, (60, 40))));
    client.call(2, basic::Qos::default(), "basic.qos_ok").await;
    client.send(1, channel::CloseOk {}).await;
    client.open_channel(1).await;
}

#[tokio::test]
async fn a_silent_client_is_given_up_and_a_quiet_one_hears_heartbeats() {
    let node = Node::start().await;
    let mut client = node.dial();
    client.open_with("guest", "guest", 1).await;
    let open = connection::Open { virtual_host: ShortStr::from_static("/"), ..connection::Open::default() };
    client.call(0, open, "connection.open_ok").await;
    assert!(client.next().await.is_none(), "the server closes the socket without a word");
    assert!((2..=5).contains(&client.heartbeats), "{} heartbeats", client.heartbeats);
}

#[tokio::test]
async fn publishers_are_blocked_while_the_node_is_short_of_something() {
    let node = Node::start().await;
    let mut publisher = node.channel().await;
    let mut consumer = node.channel().await;
    publisher.declare("q").await;
    node.server.alarms().set(Resource::Disk, true);
    publisher.publish("", "q", "first").await;
    let blocked = publisher.expect("connection.blocked").await;
    let Method::ConnectionBlocked(blocked) = blocked.method() else { panic!() };
    assert_eq!(blocked.reason.as_str(), "low on disk");
    // Others go on.
    assert_eq!(consumer.get("q", true).await.unwrap().body(), "first");
    publisher
        .send(exchange::Declare {
            passive: true,
            exchange: ShortStr::from_static("amq.direct"),
            ..Default::default()
        })
        .await;
    assert!(publisher.client.is_silent().await, "nothing is taken from a connection that is blocked");
    node.server.alarms().set(Resource::Disk, false);
    publisher.expect("connection.unblocked").await;
    publisher.expect("exchange.declare_ok").await;
}

#[tokio::test]
async fn what_one_node_is_short_of_holds_up_publishers_of_all() {
    let cluster = Cluster::new();
    let one = cluster.node(1, Config::default()).await;
    let two = cluster.node(2, Config::default()).await;
    let mut publisher = two.channel().await;
    publisher.declare("q").await;
    one.server.alarms().set(Resource::Memory, true);
    one.server.share_alarms();
    publisher.publish("", "q", "first").await;
    let blocked = publisher.expect("connection.blocked").await;
    let Method::ConnectionBlocked(blocked) = blocked.method() else { panic!() };
    assert_eq!(blocked.reason.as_str(), "low on memory");
    assert_eq!(two.server.alarms().others(), [(1, Resource::Memory)]);
    one.server.alarms().set(Resource::Memory, false);
    one.server.share_alarms();
    publisher.expect("connection.unblocked").await;
}

#[tokio::test]
async fn an_operator_closes_a_connection() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    node.server.connections()[0].close("maintenance");
    assert_eq!(
        client.expect("connection.close").await.why(),
        (320, "CONNECTION_FORCED - maintenance".to_owned(), (0, 0))
    );
}

#[tokio::test]
async fn a_client_that_takes_nothing_holds_up_nobody_but_itself() {
    let node = Node::with(Config { output_bytes_max: 100_000, ..Config::default() }).await;
    let mut slow = node.dial_with(10_000);
    slow.open("guest", "guest", "/").await;
    let mut slow = slow.into_channel(1).await;
    let mut other = node.channel().await;
    slow.declare("q").await;
    slow.consume("q", "c", true).await;
    let body = "x".repeat(10_000);
    for _ in 0..200 {
        other.publish("", "q", &body).await;
    }
    // All are accepted, and the slow client has not got more than fits on the way to it.
    assert_eq!(other.look("q").await.1, 1);
    other.declare("r").await;
    other.publish("", "r", "quick").await;
    assert_eq!(other.get("r", true).await.unwrap().body(), "quick");
    for tag in 1..=200 {
        assert_eq!(slow.delivery().await.tag(), tag);
    }
}
