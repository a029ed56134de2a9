//! Queues and exchanges: declared, checked, deleted; permissions.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod harness;

use amqp091::{Method, ShortStr, TableBuf, basic, channel, exchange, queue};
use harness::{Channel, Node};

fn short(text: &str) -> ShortStr<'_> {
    ShortStr::try_from(text).unwrap()
}

fn declare(name: &str) -> queue::Declare<'_> {
    queue::Declare { queue: short(name), durable: true, ..queue::Declare::default() }
}

async fn deleted(channel: &mut Channel, delete: queue::Delete<'_>) -> u32 {
    let got = channel.call(delete, "queue.delete_ok").await;
    let Method::QueueDeleteOk(ok) = got.method() else { panic!() };
    ok.message_count
}

#[tokio::test]
async fn a_queue_is_declared_looked_at_purged_and_deleted() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    assert_eq!(channel.declare("q").await, ("q".to_owned(), 0, 0));
    for _ in 0..3 {
        channel.publish("", "q", "m").await;
    }
    assert_eq!(channel.declare("q").await, ("q".to_owned(), 3, 0));
    let got =
        channel.call(queue::Purge { queue: short("q"), ..queue::Purge::default() }, "queue.purge_ok").await;
    let Method::QueuePurgeOk(ok) = got.method() else { panic!() };
    assert_eq!(ok.message_count, 3);
    channel.publish("", "q", "m").await;
    let delete = queue::Delete { queue: short("q"), ..queue::Delete::default() };
    let if_empty = queue::Delete { if_empty: true, ..delete };
    assert_eq!(channel.fails(if_empty).await, "406 PRECONDITION_FAILED - queue 'q' in vhost '/' not empty");
    channel.consume("q", "c", true).await;
    channel.delivery().await;
    let if_unused = queue::Delete { if_unused: true, ..delete };
    assert_eq!(channel.fails(if_unused).await, "406 PRECONDITION_FAILED - queue 'q' in vhost '/' in use");
    channel.publish("", "q", "m").await;
    assert_eq!(deleted(&mut channel, delete).await, 1);
    assert_eq!(deleted(&mut channel, delete).await, 0, "what is gone can be deleted");
    let passive = queue::Declare { passive: true, ..declare("q") };
    assert_eq!(channel.fails(passive).await, "404 NOT_FOUND - no queue 'q' in vhost '/'");
}

#[tokio::test]
async fn the_server_names_queues_and_remembers_the_last() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    let get = basic::Get::default();
    assert_eq!(channel.fails(get).await, "404 NOT_FOUND - no previously declared queue");
    let (name, ..) = channel.declare("").await;
    assert!(name.starts_with("amq.gen-") && name.len() == 30, "{name}");
    let bind = queue::Bind { exchange: short("amq.direct"), ..queue::Bind::default() };
    channel.call(bind, "queue.bind_ok").await;
    channel.publish("amq.direct", &name, "m").await;
    assert_eq!(
        channel.get("", true).await.unwrap().body(),
        "m",
        "without both names, it is bound under its own"
    );
}

#[tokio::test]
async fn a_queue_is_declared_again_only_as_it_is() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    channel.call(declare("q"), "queue.declare_ok").await;
    let transient = queue::Declare { durable: false, ..declare("q") };
    assert_eq!(
        channel.fails(transient).await,
        "406 PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'"
    );
    let arguments = TableBuf::new().with("x-message-ttl", 100);
    let other = queue::Declare { arguments: arguments.as_table(), ..declare("q") };
    assert_eq!(
        channel.fails(other).await,
        "406 PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received the value '100' of type 'signedint' but \
         current is none"
    );
    let bad = TableBuf::new().with("x-max-length", "many");
    let bad = queue::Declare { arguments: bad.as_table(), ..declare("r") };
    assert_eq!(
        channel.fails(bad).await,
        "406 PRECONDITION_FAILED - invalid arg 'x-max-length' for queue 'r' in vhost '/': {unacceptable_type,longstr}"
    );
    assert_eq!(
        channel.fails(declare("amq.x")).await,
        "403 ACCESS_REFUSED - queue name 'amq.x' contains reserved prefix 'amq.*'"
    );
}

#[tokio::test]
async fn an_auto_delete_queue_goes_with_its_last_consumer() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    let auto_delete = queue::Declare { auto_delete: true, ..declare("q") };
    let passive = queue::Declare { passive: true, ..declare("q") };
    for by_cancel in [true, false] {
        channel.call(auto_delete, "queue.declare_ok").await;
        channel.publish("", "q", "m").await;
        channel.get("q", true).await.unwrap();
        channel.call(passive, "queue.declare_ok").await;
        channel.consume("q", "c", false).await;
        channel.consume("q", "d", false).await;
        channel.call(basic::Cancel { consumer_tag: short("c"), nowait: false }, "basic.cancel_ok").await;
        channel.call(passive, "queue.declare_ok").await;
        if by_cancel {
            channel.call(basic::Cancel { consumer_tag: short("d"), nowait: false }, "basic.cancel_ok").await;
        } else {
            channel.call(channel::Close::default(), "channel.close_ok").await;
            channel.call(channel::Open::default(), "channel.open_ok").await;
        }
        assert_eq!(channel.fails(passive).await, "404 NOT_FOUND - no queue 'q' in vhost '/'", "{by_cancel}");
    }
}

#[tokio::test]
async fn exchanges_are_declared_bound_and_deleted() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    let declare =
        exchange::Declare { exchange: short("e"), kind: short("topic"), ..exchange::Declare::default() };
    channel.call(declare, "exchange.declare_ok").await;
    let direct = exchange::Declare { kind: short("direct"), ..declare };
    assert_eq!(
        channel.fails(direct).await,
        "406 PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'e' in vhost '/': received 'direct' but current is 'topic'"
    );
    let unknown = exchange::Declare { exchange: short("f"), kind: short("x"), ..declare };
    assert_eq!(channel.fails(unknown).await, "406 PRECONDITION_FAILED - unknown exchange type 'x'");
    channel.declare("q").await;
    let bind =
        exchange::Bind { source: short("amq.fanout"), destination: short("e"), ..exchange::Bind::default() };
    channel.call(bind, "exchange.bind_ok").await;
    let to_queue = queue::Bind {
        queue: short("q"),
        exchange: short("e"),
        routing_key: short("#"),
        ..queue::Bind::default()
    };
    channel.call(to_queue, "queue.bind_ok").await;
    channel.publish("amq.fanout", "any", "m").await;
    assert_eq!(channel.get("q", true).await.unwrap().body(), "m");
    let delete = exchange::Delete { exchange: short("e"), if_unused: true, ..exchange::Delete::default() };
    assert_eq!(channel.fails(delete).await, "406 PRECONDITION_FAILED - exchange 'e' in vhost '/' in use");
    channel.call(exchange::Delete { if_unused: false, ..delete }, "exchange.delete_ok").await;
    let system = exchange::Delete { exchange: short("amq.direct"), ..exchange::Delete::default() };
    assert_eq!(
        channel.fails(system).await,
        "403 ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed"
    );
    let default = exchange::Delete { exchange: short(""), ..exchange::Delete::default() };
    assert_eq!(
        channel.fails(default).await,
        "403 ACCESS_REFUSED - operation not permitted on the default exchange"
    );
    let gone = queue::Bind { exchange: short("e"), ..to_queue };
    assert_eq!(channel.fails(gone).await, "404 NOT_FOUND - no exchange 'e' in vhost '/'");
}

#[tokio::test]
async fn methods_of_a_channel_are_answered_in_order_whatever_they_wait_for() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    channel.send(declare("a")).await;
    channel.send(queue::Declare { nowait: true, ..declare("b") }).await;
    channel.publish("", "b", "m").await;
    channel.send(basic::Get { ticket: 0, queue: short("b"), no_ack: true }).await;
    channel.send(basic::Qos::default()).await;
    channel.send(channel::Close::default()).await;
    for name in ["queue.declare_ok", "basic.get_ok", "basic.qos_ok", "channel.close_ok"] {
        channel.expect(name).await;
    }
}

#[tokio::test]
async fn expired_messages_are_gone() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    channel.declare_with("q", true, &TableBuf::new().with("x-message-ttl", 0)).await;
    channel.publish("", "q", "m").await;
    assert!(channel.get("q", true).await.is_none());
    let with = amqp091::Properties {
        expiration: Some(amqp091::ShortBytes::from_static("soon")),
        ..amqp091::Properties::default()
    };
    channel.publish_with("q", with, "m").await;
    assert_eq!(channel.failed().await, "406 PRECONDITION_FAILED - invalid expiration 'soon': no_integer");
}

#[tokio::test]
async fn a_fault_behind_which_the_channel_was_closed_ends_it_all_the_same() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    channel.send(declare("a")).await;
    channel.send(queue::Declare { passive: true, ..declare("none") }).await;
    channel.send(channel::Close::default()).await;
    channel.expect("queue.declare_ok").await;
    channel.expect("channel.close_ok").await;
    channel.call(channel::Open::default(), "channel.open_ok").await;
}

#[tokio::test]
async fn permissions_are_asked_for_every_method() {
    let node = Node::start().await;
    let vhost = catalog::Name::from("/");
    let user = catalog::Name::from("worker");
    let password = catalog::PasswordHash::new(b"secret", &*node.runtime.entropy);
    let spec = catalog::UserSpec { password: Some(password), tags: Vec::new(), loopback_only: false };
    node.catalog.put_user(&user, &spec).await.unwrap();
    let mut stranger = node.dial();
    stranger.open_with("worker", "secret", 0).await;
    let open = amqp091::connection::Open { virtual_host: short("/"), ..Default::default() };
    let refused = stranger.call(0, open, "connection.close").await.why();
    assert_eq!(
        refused,
        (530, "NOT_ALLOWED - access to vhost '/' refused for user 'worker'".to_owned(), (10, 40))
    );

    node.catalog.set_permission(&vhost, &user, "^mine", "^(mine|amq\\.topic)", "^mine").await.unwrap();
    let mut client = node.dial();
    client.open("worker", "secret", "/").await;
    let mut channel = client.into_channel(1).await;
    channel.declare("mine").await;
    channel.publish("", "mine", "m").await;
    let refused = |action: &str, what: &str| {
        format!("403 ACCESS_REFUSED - {action} access to {what} in vhost '/' refused for user 'worker'")
    };
    assert_eq!(channel.failed().await, refused("write", "exchange 'amq.default'"));
    assert_eq!(channel.fails(declare("other")).await, refused("configure", "queue 'other'"));
    let consume = basic::Consume { queue: short("other"), ..basic::Consume::default() };
    assert_eq!(channel.fails(consume).await, refused("read", "queue 'other'"));
    let bind = queue::Bind { queue: short("mine"), exchange: short("amq.topic"), ..queue::Bind::default() };
    assert_eq!(channel.fails(bind).await, refused("read", "exchange 'amq.topic'"));
    let delete = queue::Delete { queue: short("other"), ..queue::Delete::default() };
    assert_eq!(channel.fails(delete).await, refused("configure", "queue 'other'"));
    channel.publish("amq.topic", "any", "m").await;
    channel.declare("mine").await;
}

#[tokio::test]
async fn a_delayed_exchange_keeps_messages_back_for_as_long_as_they_ask() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    let arguments = TableBuf::new().with("x-delayed-type", "direct");
    let declare = exchange::Declare {
        exchange: short("later"),
        kind: short("x-delayed-message"),
        arguments: arguments.as_table(),
        ..exchange::Declare::default()
    };
    channel.call(declare, "exchange.declare_ok").await;
    channel.declare("q").await;
    let bind = queue::Bind {
        queue: short("q"),
        exchange: short("later"),
        routing_key: short("k"),
        ..queue::Bind::default()
    };
    channel.call(bind, "queue.bind_ok").await;
    let delayed = |headers: &TableBuf| {
        harness::properties(amqp091::Properties {
            headers: Some(headers.as_table()),
            ..amqp091::Properties::default()
        })
    };
    channel.client.publish(1, "later", "k", delayed(&TableBuf::new().with("x-delay", 300)), "later").await;
    channel.client.publish(1, "later", "k", delayed(&TableBuf::new()), "now").await;
    assert_eq!(channel.look("q").await.0, 1);
    channel.consume("q", "c", true).await;
    for body in ["now", "later"] {
        assert_eq!(channel.delivery().await.body(), body);
    }
}

#[tokio::test]
async fn a_changed_limit_counts_for_consumers_that_come_after_it() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    channel.declare("q").await;
    for _ in 0..4 {
        channel.publish("", "q", "m").await;
    }
    channel.qos(1, false).await;
    channel.consume("q", "c", false).await;
    channel.delivery().await;
    channel.qos(2, false).await;
    assert!(channel.client.is_silent().await, "a limit counts for consumers that are started after it");
    channel.qos(2, true).await;
    assert!(channel.client.is_silent().await, "the consumer's own limit still holds");
}

#[tokio::test]
async fn an_auto_delete_queue_goes_also_with_a_client_that_leaves_without_a_word() {
    let node = Node::start().await;
    let mut rude = node.channel().await;
    rude.call(queue::Declare { auto_delete: true, ..declare("q") }, "queue.declare_ok").await;
    rude.consume("q", "c", false).await;
    drop(rude);
    for _ in 0..200 {
        if node.catalog.topology().vhost(b"/").unwrap().queue(b"q").is_none() {
            return;
        }
        node.runtime.clock.sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the queue stays although its last consumer is gone");
}
