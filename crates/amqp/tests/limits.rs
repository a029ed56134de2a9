//! Limits of users and virtual hosts, with RabbitMQ's errors.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod harness;

use amqp::Config;
use amqp091::{ShortStr, channel, connection, queue};
use catalog::{Limit, Name, PasswordHash, UserSpec, VhostSpec};
use harness::{Channel, Client, Cluster, Node};

const USER: &str = "lim";

/// A user with all permissions.
async fn add_user(node: &Node) {
    let password = PasswordHash::new(b"secret", &*node.runtime.entropy);
    let spec = UserSpec { password: Some(password), tags: Vec::new(), loopback_only: false };
    node.catalog.put_user(&Name::from(USER), &spec).await.unwrap();
    node.catalog.set_permission(&Name::from("/"), &Name::from(USER), ".*", ".*", ".*").await.unwrap();
}

async fn limit_user(node: &Node, limit: Limit, number: Option<i64>) {
    node.catalog.set_user_limit(&Name::from(USER), limit, number).await.unwrap();
}

async fn connect(node: &Node) -> Client {
    let mut client = node.dial();
    client.open(USER, "secret", "/").await;
    client
}

/// Why a connection of this user is refused.
async fn refused(node: &Node, user: &str, password: &str, vhost: &str) -> String {
    let mut client = node.dial();
    client.open_with(user, password, 0).await;
    let open = connection::Open { virtual_host: vhost.try_into().unwrap(), ..connection::Open::default() };
    let (code, text, cause) = client.call(0, open, "connection.close").await.why();
    assert_eq!(cause, (10, 40));
    format!("{code} {text}")
}

/// Until the node knows that a connection is gone.
async fn until_alone(node: &Node) {
    for _ in 0..200 {
        if node.server.connections().is_empty() {
            return;
        }
        node.runtime.clock.sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("a connection stays");
}

#[tokio::test]
async fn a_user_has_no_more_connections_than_it_may() {
    let node = Node::start().await;
    add_user(&node).await;
    limit_user(&node, Limit::MaxConnections, Some(2)).await;
    let (first, _second) = (connect(&node).await, connect(&node).await);
    let text = "530 NOT_ALLOWED - connection refused for user 'lim': user connection limit (2) is reached";
    assert_eq!(refused(&node, USER, "secret", "/").await, text);
    node.connect().await;
    limit_user(&node, Limit::MaxConnections, Some(-1)).await;
    connect(&node).await;
    drop((first, _second));
    until_alone(&node).await;
    limit_user(&node, Limit::MaxConnections, Some(0)).await;
    assert!(refused(&node, USER, "secret", "/").await.ends_with("user connection limit (0) is reached"));
    limit_user(&node, Limit::MaxConnections, None).await;
    connect(&node).await;
}

#[tokio::test]
async fn a_user_has_no_more_channels_than_it_may_on_all_its_connections() {
    let node = Node::start().await;
    add_user(&node).await;
    limit_user(&node, Limit::MaxChannels, Some(3)).await;
    let (mut first, mut second) = (connect(&node).await, connect(&node).await);
    first.open_channel(1).await;
    second.open_channel(1).await;
    second.open_channel(2).await;
    let closed = first.call(2, channel::Open::default(), "connection.close").await;
    let text = "NOT_ALLOWED - number of channels opened for user 'lim' has reached the maximum allowed user limit of (3)";
    assert_eq!(closed.why(), (530, text.to_owned(), (0, 0)));
    let mut guest = node.connect().await;
    for number in 1..=5 {
        guest.open_channel(number).await;
    }
    second.call(1, channel::Close::default(), "channel.close_ok").await;
    second.open_channel(1).await;
}

#[tokio::test]
async fn a_virtual_host_has_no_more_connections_and_queues_than_it_may() {
    let node = Node::start().await;
    let vhost = Name::from("v");
    node.catalog.put_vhost(&vhost, &VhostSpec::default()).await.unwrap();
    node.catalog.set_permission(&vhost, &Name::from("guest"), ".*", ".*", ".*").await.unwrap();
    for limit in Limit::OF_VHOSTS {
        node.catalog.set_vhost_limit(&vhost, limit, Some(1)).await.unwrap();
    }
    // What is said of it otherwise changes no limit.
    let spec = VhostSpec { description: "limited".to_owned(), ..VhostSpec::default() };
    node.catalog.put_vhost(&vhost, &spec).await.unwrap();
    let mut client = node.dial();
    client.open("guest", "guest", "v").await;
    let text =
        "530 NOT_ALLOWED - access to vhost 'v' refused for user 'guest': connection limit (1) is reached";
    assert_eq!(refused(&node, "guest", "guest", "v").await, text);
    node.connect().await;
    let mut channel: Channel = client.into_channel(1).await;
    channel.declare("q").await;
    let declare = queue::Declare { queue: ShortStr::from_static("r"), ..queue::Declare::default() };
    let text = "406 PRECONDITION_FAILED - cannot declare queue 'r': queue limit in vhost 'v' (1) is reached";
    assert_eq!(channel.fails(declare).await, text);
    // The one that is there may be declared again.
    channel.declare("q").await;
    channel
        .call(queue::Delete { queue: ShortStr::from_static("q"), ..Default::default() }, "queue.delete_ok")
        .await;
    channel.declare("r").await;
}

#[tokio::test]
async fn what_a_user_has_on_other_nodes_counts() {
    let cluster = Cluster::new();
    let one = cluster.node(1, Config::default()).await;
    let two = cluster.node(2, Config::default()).await;
    add_user(&one).await;
    limit_user(&one, Limit::MaxConnections, Some(2)).await;
    limit_user(&one, Limit::MaxChannels, Some(2)).await;
    two.catalog.sync().await.unwrap();
    let mut first = connect(&one).await;
    first.open_channel(1).await;
    first.open_channel(2).await;
    // The numbers of channels are told at the end of a turn; this is another.
    first.call(2, amqp091::basic::Qos::default(), "basic.qos_ok").await;
    one.server.share_usage();
    let mut second = connect(&two).await;
    assert!(refused(&two, USER, "secret", "/").await.contains("user connection limit (2) is reached"));
    let closed = second.call(1, channel::Open::default(), "connection.close").await;
    assert!(closed.why().1.ends_with("user limit of (2)"));
}
