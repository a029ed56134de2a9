//! Consuming: deliveries, acknowledgements, limits, cancelling, direct answers.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod harness;

use std::time::Duration;

use amqp::Config;
use amqp091::{Method, Properties, ShortBytes, ShortStr, TableBuf, Value, basic, channel, confirm, queue};
use harness::{Channel, Cluster, Node, properties};

fn short(text: &str) -> ShortStr<'_> {
    ShortStr::try_from(text).unwrap()
}

async fn with_messages(node: &Node, queue: &str, count: usize) -> Channel {
    let mut channel = node.channel().await;
    channel.declare(queue).await;
    for number in 1..=count {
        channel.publish("", queue, &number.to_string()).await;
    }
    channel.look(queue).await;
    channel
}

#[tokio::test]
async fn messages_come_in_order_and_acknowledged_ones_are_gone() {
    let node = Node::start().await;
    let mut channel = with_messages(&node, "q", 3).await;
    channel.consume("q", "c", false).await;
    for number in 1..=3 {
        let got = channel.delivery().await;
        assert_eq!((got.body(), got.tag(), got.redelivered()), (number.to_string(), number, false));
        let Method::BasicDeliver(deliver) = got.method() else { panic!() };
        assert_eq!((deliver.consumer_tag.as_str(), deliver.routing_key.as_str()), ("c", "q"));
    }
    channel.ack(2, true).await;
    channel.call(channel::Close::default(), "channel.close_ok").await;
    channel.call(channel::Open::default(), "channel.open_ok").await;
    let again = channel.get("q", false).await.unwrap();
    assert_eq!((again.body(), again.redelivered()), ("3".to_owned(), true));
    assert_eq!(again.headers(), r#"{"x-delivery-count": 1i64, "x-acquired-count": 1i64}"#);
    assert!(channel.get("q", false).await.is_none());
}

#[tokio::test]
async fn a_limit_holds_back_and_an_acknowledgement_lets_go() {
    let node = Node::start().await;
    let mut channel = with_messages(&node, "q", 5).await;
    channel.qos(2, false).await;
    channel.consume("q", "c", false).await;
    for tag in 1..=2 {
        assert_eq!(channel.delivery().await.tag(), tag);
    }
    assert!(channel.client.is_silent().await);
    channel.ack(1, false).await;
    assert_eq!(channel.delivery().await.tag(), 3);
    assert!(channel.client.is_silent().await);
    channel.ack(3, true).await;
    for tag in 4..=5 {
        assert_eq!(channel.delivery().await.tag(), tag);
    }
}

#[tokio::test]
async fn a_limit_of_a_channel_holds_for_all_its_consumers() {
    let node = Node::start().await;
    let mut channel = with_messages(&node, "a", 3).await;
    channel.declare("b").await;
    for _ in 0..3 {
        channel.publish("", "b", "b").await;
    }
    channel.qos(2, true).await;
    channel.consume("a", "on-a", false).await;
    for tag in 1..=2 {
        assert_eq!(channel.delivery().await.tag(), tag);
    }
    channel.consume("b", "on-b", false).await;
    assert!(channel.client.is_silent().await, "the channel has its two");
    for tag in 1..=6 {
        channel.ack(tag, false).await;
        if tag <= 4 {
            assert_eq!(channel.delivery().await.tag(), tag + 2);
        }
    }
    assert!(channel.client.is_silent().await);
    assert_eq!(channel.look("a").await.0 + channel.look("b").await.0, 0);
}

#[tokio::test]
async fn without_acknowledgements_messages_are_gone_when_they_are_sent() {
    let node = Node::with(Config { open_window: 10, ..Config::default() }).await;
    let mut channel = with_messages(&node, "q", 1000).await;
    channel.consume("q", "c", true).await;
    for number in 1..=1000 {
        assert_eq!(channel.delivery().await.body(), number.to_string());
    }
    channel.call(channel::Close::default(), "channel.close_ok").await;
    channel.call(channel::Open::default(), "channel.open_ok").await;
    assert_eq!(channel.look("q").await, (0, 0));
}

#[tokio::test]
async fn without_a_limit_a_consumer_gets_all_there_is() {
    let node = Node::with(Config { open_window: 10, ..Config::default() }).await;
    let mut channel = with_messages(&node, "q", 1000).await;
    channel.consume("q", "c", false).await;
    for number in 1..=1000 {
        assert_eq!(channel.delivery().await.tag(), number);
    }
    channel.ack(0, true).await;
    assert_eq!(
        channel.fails(basic::Ack { delivery_tag: 5, multiple: false }).await,
        "406 PRECONDITION_FAILED - unknown delivery tag 5"
    );
    assert_eq!(channel.look("q").await, (0, 0));
}

#[tokio::test]
async fn what_is_given_back_comes_again_in_its_place() {
    let node = Node::start().await;
    let mut channel = with_messages(&node, "q", 3).await;
    let first = channel.get("q", false).await.unwrap();
    let second = channel.get("q", false).await.unwrap();
    channel.send(basic::Nack { delivery_tag: second.tag(), multiple: true, requeue: true }).await;
    for (body, redelivered) in [("1", true), ("2", true), ("3", false)] {
        let got = channel.get("q", true).await.unwrap();
        assert_eq!((got.body().as_str(), got.redelivered()), (body, redelivered));
    }
    let text = "406 PRECONDITION_FAILED - unknown delivery tag 1";
    assert_eq!(
        channel.fails(basic::Nack { delivery_tag: first.tag(), multiple: false, requeue: true }).await,
        text
    );
}

#[tokio::test]
async fn a_rejection_counts_and_a_nack_does_not() {
    let node = Node::start().await;
    let mut channel = with_messages(&node, "q", 1).await;
    let tag = channel.get("q", false).await.unwrap().tag();
    channel.send(basic::Nack { delivery_tag: tag, multiple: false, requeue: true }).await;
    let got = channel.get("q", false).await.unwrap();
    assert_eq!(got.headers(), r#"{"x-delivery-count": 0i64, "x-acquired-count": 1i64}"#);
    channel.send(basic::Reject { delivery_tag: got.tag(), requeue: true }).await;
    let got = channel.get("q", false).await.unwrap();
    assert_eq!(got.headers(), r#"{"x-delivery-count": 1i64, "x-acquired-count": 2i64}"#);
    channel.send(basic::Reject { delivery_tag: got.tag(), requeue: false }).await;
    assert!(channel.get("q", false).await.is_none());
    assert_eq!(channel.look("q").await.0, 0);
}

#[tokio::test]
async fn recover_gives_everything_back() {
    let node = Node::start().await;
    let mut channel = with_messages(&node, "q", 2).await;
    channel.get("q", false).await.unwrap();
    channel.get("q", false).await.unwrap();
    channel.call(basic::Recover { requeue: true }, "basic.recover_ok").await;
    assert_eq!(channel.look("q").await.0, 2);
    assert_eq!(channel.fails(basic::Recover { requeue: false }).await, "540 NOT_IMPLEMENTED - requeue=false");
}

#[tokio::test]
async fn a_cancelled_consumer_keeps_what_it_has_and_gets_no_more() {
    let node = Node::start().await;
    let mut channel = with_messages(&node, "q", 3).await;
    channel.qos(1, false).await;
    channel.consume("q", "c", false).await;
    let got = channel.delivery().await;
    let cancel = basic::Cancel { consumer_tag: short("c"), nowait: false };
    channel.call(cancel, "basic.cancel_ok").await;
    assert_eq!(channel.look("q").await, (2, 0));
    channel.ack(got.tag(), false).await;
    channel.call(cancel, "basic.cancel_ok").await;
    channel.consume("q", "c", false).await;
    assert_eq!(channel.delivery().await.body(), "2");
}

#[tokio::test]
async fn a_consumer_hears_that_its_queue_is_gone() {
    let node = Node::start().await;
    let mut channel = with_messages(&node, "q", 0).await;
    let mut other = node.channel().await;
    channel.consume("q", "c", false).await;
    other.call(queue::Delete { queue: short("q"), ..queue::Delete::default() }, "queue.delete_ok").await;
    let got = channel.expect("basic.cancel").await;
    let Method::BasicCancel(cancel) = got.method() else { panic!() };
    assert_eq!((cancel.consumer_tag.as_str(), cancel.nowait), ("c", true));
}

#[tokio::test]
async fn consumers_that_can_not_be_are_refused() {
    let node = Node::start().await;
    let mut channel = with_messages(&node, "q", 0).await;
    let consume = basic::Consume { queue: short("q"), consumer_tag: short("c"), ..basic::Consume::default() };
    let missing = basic::Consume { queue: short("none"), ..consume };
    assert_eq!(channel.fails(missing).await, "404 NOT_FOUND - no queue 'none' in vhost '/'");
    let exclusive = basic::Consume { exclusive: true, ..consume };
    channel.call(exclusive, "basic.consume_ok").await;
    let mut other = node.channel().await;
    assert_eq!(other.fails(consume).await, "403 ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use");
    let bad = TableBuf::new().with("x-priority", "high");
    let bad = basic::Consume { arguments: bad.as_table(), ..consume };
    assert_eq!(
        other.fails(bad).await,
        "406 PRECONDITION_FAILED - invalid arg 'x-priority' for queue 'q' in vhost '/': {unacceptable_type,longstr}"
    );
    channel.send(consume).await;
    let (code, text, _) = channel.expect("connection.close").await.why();
    assert_eq!((code, text.as_str()), (530, "NOT_ALLOWED - attempt to reuse consumer tag 'c'"));
}

#[tokio::test]
async fn one_consumer_is_active_and_the_next_takes_over_with_a_higher_epoch() {
    let node = Node::start().await;
    let mut publisher = node.channel().await;
    publisher.declare_with("q", true, &TableBuf::new().with("x-single-active-consumer", true)).await;
    for number in 1..=4 {
        publisher.publish("", "q", &number.to_string()).await;
    }
    let (mut first, mut second) = (node.channel().await, node.channel().await);
    first.qos(2, false).await;
    first.consume("q", "first", false).await;
    second.consume("q", "second", false).await;
    let got = first.delivery().await;
    let epoch = |got: &harness::Got| {
        let content = got.content().clone();
        let properties = content.properties().unwrap();
        properties.headers.unwrap().get("x-consumer-epoch").and_then(Value::integer).unwrap()
    };
    let before = epoch(&got);
    assert_eq!(got.body(), "1");
    first.ack(got.tag(), false).await;
    assert_eq!(first.delivery().await.body(), "2");
    assert!(second.client.is_silent().await);
    let refused = publisher.fails(basic::Get { ticket: 0, queue: short("q"), no_ack: true }).await;
    assert!(
        refused.starts_with(
            "405 RESOURCE_LOCKED - cannot obtain access to locked queue 'q' in vhost '/'. basic.get"
        ),
        "{refused}"
    );
    drop(first);
    for (body, redelivered) in [("2", true), ("3", true), ("4", false)] {
        let got = second.delivery().await;
        assert_eq!((got.body().as_str(), got.redelivered()), (body, redelivered));
        assert!(epoch(&got) > before);
    }
}

#[tokio::test]
async fn answers_come_directly() {
    let node = Node::start().await;
    let (mut asker, mut answerer) = (node.channel().await, node.channel().await);
    let consume = basic::Consume { queue: short("amq.rabbitmq.reply-to"), ..basic::Consume::default() };
    assert_eq!(asker.fails(consume).await, "406 PRECONDITION_FAILED - reply consumer cannot acknowledge");
    let ask = Properties {
        reply_to: Some(ShortBytes::from_static("amq.rabbitmq.reply-to")),
        correlation_id: Some(ShortBytes::from_static("7")),
        ..Properties::default()
    };
    answerer.declare("questions").await;
    asker.publish_with("questions", ask, "?").await;
    assert_eq!(asker.failed().await, "406 PRECONDITION_FAILED - fast reply consumer does not exist");
    asker.call(basic::Consume { no_ack: true, ..consume }, "basic.consume_ok").await;
    asker.publish_with("questions", ask, "?").await;
    answerer.consume("questions", "c", true).await;
    let question = answerer.delivery().await;
    let content = question.content().clone();
    let properties = content.properties().unwrap();
    let address = properties.reply_to.unwrap().as_str().unwrap();
    assert!(address.starts_with("amq.rabbitmq.reply-to."), "{address}");
    assert_eq!(answerer.look(address).await, (0, 1));
    let with = Properties { correlation_id: properties.correlation_id, ..Properties::default() };
    answerer.publish_with(address, with, "!").await;
    let answer = asker.delivery().await;
    assert_eq!((answer.body().as_str(), answer.tag()), ("!", 1));
    assert_eq!(answer.content().properties().unwrap().correlation_id.unwrap().as_str(), Some("7"));
    drop(asker);
    let gone = queue::Declare { queue: short(address), passive: true, ..queue::Declare::default() };
    let mut text = String::new();
    for _ in 0..50 {
        answerer.send(gone).await;
        let got = answerer.client.next().await.unwrap();
        if got.name() == "channel.close" {
            text = got.why().1;
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(text.starts_with("NOT_FOUND - no queue 'amq.rabbitmq.reply-to."), "{text}");
}

#[tokio::test]
async fn priorities_and_delays_are_the_queues_and_exchanges() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    channel.declare_with("q", true, &TableBuf::new().with("x-max-priority", 10)).await;
    for (priority, body) in [(1, "low"), (9, "high"), (5, "middle")] {
        channel
            .publish_with("q", Properties { priority: Some(priority), ..Properties::default() }, body)
            .await;
    }
    for body in ["high", "middle", "low"] {
        assert_eq!(channel.get("q", true).await.unwrap().body(), body);
    }
}

#[tokio::test]
async fn a_consumer_on_one_node_gets_what_is_published_on_another() {
    let cluster = Cluster::new();
    let one = cluster.node(1, Config::default()).await;
    let two = cluster.node(2, Config::default()).await;
    let (mut publisher, mut consumer) = (one.channel().await, two.channel().await);
    publisher.declare("q").await;
    // What one node has made, the other knows when it has asked.
    two.catalog.sync().await.unwrap();
    consumer.qos(10, false).await;
    consumer.consume("q", "c", false).await;
    for number in 1..=100 {
        publisher.publish("", "q", &number.to_string()).await;
    }
    for number in 1..=100 {
        let got = consumer.delivery().await;
        assert_eq!(got.body(), number.to_string());
        consumer.ack(got.tag(), false).await;
    }
    // Its acknowledgements went through the same log as the question.
    consumer.call(channel::Close::default(), "channel.close_ok").await;
    assert_eq!(publisher.look("q").await, (0, 0));
}

/// A question that somebody has asked, and where it wants the answer.
async fn asked(asker: &mut Channel, answerer: &mut Channel) -> String {
    let consume =
        basic::Consume { queue: short("amq.rabbitmq.reply-to"), no_ack: true, ..basic::Consume::default() };
    asker.call(consume, "basic.consume_ok").await;
    let reply_to = Some(ShortBytes::from_static("amq.rabbitmq.reply-to"));
    asker.publish_with("questions", Properties { reply_to, ..Properties::default() }, "?").await;
    answerer.consume("questions", "c", true).await;
    let question = answerer.delivery().await;
    let content = question.content().clone();
    content.properties().unwrap().reply_to.unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn answers_find_those_who_asked_on_another_node() {
    let cluster = Cluster::new();
    let one = cluster.node(1, Config::default()).await;
    let two = cluster.node(2, Config::default()).await;
    let (mut asker, mut answerer) = (one.channel().await, two.channel().await);
    answerer.declare("questions").await;
    one.catalog.sync().await.unwrap();
    let address = asked(&mut asker, &mut answerer).await;
    assert_eq!(answerer.look(&address).await, (0, 1));
    for number in 0..100 {
        answerer.publish("", &address, &number.to_string()).await;
    }
    for number in 0..100 {
        let got = asker.delivery().await;
        assert_eq!((got.body(), got.tag()), (number.to_string(), number + 1));
    }
    // However large an answer is, one comes.
    let large = "x".repeat(10 << 20);
    answerer.publish("", &address, &large).await;
    assert_eq!(asker.delivery().await.body().len(), large.len());
    // To a node that is not there, as to an address where nobody waits.
    let (prefix, _) = address.rsplit_once('.').unwrap();
    for gone in [address.replace("reply-to.1.", "reply-to.9."), format!("{prefix}.nobody")] {
        answerer.publish("", &gone, "lost").await;
        let declare = queue::Declare { queue: short(&gone), passive: true, ..queue::Declare::default() };
        let text = answerer.fails(declare).await;
        assert_eq!(text, format!("404 NOT_FOUND - no queue '{gone}' in vhost '/'"));
    }
}

/// As RabbitMQ has it: an address is no queue, whether somebody waits there or not.
#[tokio::test]
async fn an_answer_that_must_find_a_queue_arrives_and_comes_back() {
    let node = Node::start().await;
    let (mut asker, mut answerer) = (node.channel().await, node.channel().await);
    answerer.declare("questions").await;
    let address = asked(&mut asker, &mut answerer).await;
    answerer.call(confirm::Select { nowait: false }, "confirm.select_ok").await;
    let publish =
        basic::Publish { routing_key: short(&address), mandatory: true, ..basic::Publish::default() };
    answerer.client.publish_as(1, publish, properties(Properties::default()), "!".into()).await;
    let returned = answerer.expect("basic.return").await;
    assert_eq!(returned.body(), "!");
    answerer.expect("basic.ack").await;
    assert_eq!(asker.delivery().await.body(), "!");
    answerer.publish("", &address, "again").await;
    answerer.expect("basic.ack").await;
    assert_eq!(asker.delivery().await.body(), "again");
}
#[tokio::test]
async fn who_keeps_a_message_for_too_long_loses_its_channel() {
    let config = Config { consumer_timeout: Duration::from_millis(300), ..Config::default() };
    let node = Node::with(config).await;
    let mut channel = with_messages(&node, "q", 2).await;
    channel.consume("q", "c", false).await;
    let first = channel.delivery().await.tag();
    channel.delivery().await;
    channel.ack(first, false).await;
    let text = |ms: u32| {
        format!(
            "406 PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: {ms} ms. This timeout value \
             can be configured, see consumers doc guide to learn more"
        )
    };
    assert_eq!(channel.failed().await, text(300));
    let again = channel.get("q", false).await.unwrap();
    assert!(again.redelivered(), "it went back");
    assert_eq!(channel.failed().await, text(300), "what basic.get gave counts as well");
    // A queue may say otherwise, and a consumer.
    channel.declare_with("patient", true, &TableBuf::new().with("x-consumer-timeout", 0)).await;
    channel.publish("", "patient", "x").await;
    channel.consume("patient", "p", false).await;
    channel.delivery().await;
    node.runtime.clock.sleep(Duration::from_millis(500)).await;
    assert!(channel.client.is_silent().await);
    let hasty = TableBuf::new().with("x-consumer-timeout", 100);
    channel.publish("", "q", "y").await;
    let consume =
        basic::Consume { queue: short("q"), arguments: hasty.as_table(), ..basic::Consume::default() };
    channel.call(consume, "basic.consume_ok").await;
    channel.delivery().await;
    channel.delivery().await;
    assert_eq!(channel.failed().await, text(100));
    for (value, why) in [(Value::I32(-1), "{value_negative,-1}"), ("x".into(), "{unacceptable_type,longstr}")]
    {
        let arguments = TableBuf::new().with("x-consumer-timeout", value);
        let consume = basic::Consume {
            queue: short("q"),
            arguments: arguments.as_table(),
            ..basic::Consume::default()
        };
        let expected = format!(
            "406 PRECONDITION_FAILED - invalid arg 'x-consumer-timeout' for queue 'q' in vhost '/': {why}"
        );
        assert_eq!(channel.fails(consume).await, expected);
    }
}
