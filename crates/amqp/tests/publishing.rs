//! Publishing: confirms, returns, copies, transactions, limits.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod harness;

use amqp::Config;
use amqp091::{
    ArrayBuf, Method, Properties, ShortBytes, ShortStr, TableBuf, basic, confirm, exchange, queue, tx,
};
use harness::{Channel, Cluster, Node, properties};

async fn confirming(node: &Node) -> Channel {
    let mut channel = node.channel().await;
    channel.call(confirm::Select { nowait: false }, "confirm.select_ok").await;
    channel
}

/// Waits until all publishes up to this one are confirmed, each once.
async fn confirmed(channel: &mut Channel, last: u64) {
    let mut open: std::collections::BTreeSet<u64> = (1..=last).collect();
    while !open.is_empty() {
        let got = channel.expect("basic.ack").await;
        let Method::BasicAck(ack) = got.method() else { panic!() };
        assert!(open.remove(&ack.delivery_tag), "{ack:?}");
        if ack.multiple {
            open = open.split_off(&ack.delivery_tag);
        }
    }
}

#[tokio::test]
async fn every_publish_is_confirmed_and_there() {
    let node = Node::start().await;
    let mut channel = confirming(&node).await;
    channel.declare("q").await;
    for number in 0..500 {
        channel.publish("", "q", &number.to_string()).await;
    }
    confirmed(&mut channel, 500).await;
    assert_eq!(channel.look("q").await, (500, 0));
    for number in 0..500 {
        assert_eq!(channel.get("q", true).await.unwrap().body(), number.to_string());
    }
    assert!(channel.get("q", true).await.is_none());
}

#[tokio::test]
async fn a_return_comes_before_its_confirmation() {
    let node = Node::start().await;
    let mut channel = confirming(&node).await;
    let publish = basic::Publish {
        routing_key: ShortStr::from_static("nobody"),
        mandatory: true,
        ..basic::Publish::default()
    };
    let with =
        properties(Properties { app_id: Some(ShortBytes::from_static("app")), ..Properties::default() });
    channel.client.publish_as(1, publish, with.clone(), "lost".into()).await;
    let returned = channel.expect("basic.return").await;
    let Method::BasicReturn(method) = returned.method() else { panic!() };
    assert_eq!((method.reply_code, method.reply_text.as_str()), (312, "NO_ROUTE"));
    assert_eq!((method.exchange.as_str(), method.routing_key.as_str()), ("", "nobody"));
    assert_eq!((returned.body(), &returned.content().properties), ("lost".to_owned(), &with));
    assert_eq!(channel.expect("basic.ack").await.tag(), 1);
    // Without the wish to have it back, it is confirmed at once.
    channel.publish("", "nobody", "lost").await;
    assert_eq!(channel.expect("basic.ack").await.tag(), 2);
}

#[tokio::test]
async fn a_full_queue_refuses() {
    let node = Node::start().await;
    let mut channel = confirming(&node).await;
    let arguments = TableBuf::new().with("x-max-length", 1).with("x-overflow", "reject-publish");
    channel.declare_with("q", true, &arguments).await;
    channel.publish("", "q", "fits").await;
    assert_eq!(channel.expect("basic.ack").await.tag(), 1);
    channel.publish("", "q", "does not").await;
    assert_eq!(channel.expect("basic.nack").await.tag(), 2);
    channel.publish("", "q", "does not either").await;
    assert_eq!(channel.expect("basic.nack").await.tag(), 3);
}

#[tokio::test]
async fn a_message_goes_to_every_queue_that_is_bound_once() {
    let node = Node::start().await;
    let mut channel = confirming(&node).await;
    for (queue, key) in [("a", "x.#"), ("a", "#"), ("b", "x.*"), ("c", "y")] {
        channel.declare(queue).await;
        let bind = queue::Bind {
            queue: ShortStr::try_from(queue).unwrap(),
            exchange: ShortStr::from_static("amq.topic"),
            routing_key: ShortStr::try_from(key).unwrap(),
            ..queue::Bind::default()
        };
        channel.call(bind, "queue.bind_ok").await;
    }
    channel.publish("amq.topic", "x.y", "m").await;
    confirmed(&mut channel, 1).await;
    for (queue, count) in [("a", 1), ("b", 1), ("c", 0)] {
        assert_eq!(channel.look(queue).await.0, count, "{queue}");
    }
    let got = channel.get("a", true).await.unwrap();
    let Method::BasicGetOk(method) = got.method() else { panic!() };
    assert_eq!((method.exchange.as_str(), method.routing_key.as_str()), ("amq.topic", "x.y"));
}

#[tokio::test]
async fn copies_go_where_they_are_to_and_blind_ones_show_nowhere() {
    let node = Node::start().await;
    let mut channel = confirming(&node).await;
    for queue in ["to", "cc", "bcc"] {
        channel.declare(queue).await;
    }
    let (mut seen, mut blind) = (ArrayBuf::new(), ArrayBuf::new());
    seen.push("cc");
    blind.push("bcc");
    let headers = TableBuf::new().with("CC", seen.as_array()).with("BCC", blind.as_array());
    channel
        .publish_with("to", Properties { headers: Some(headers.as_table()), ..Properties::default() }, "m")
        .await;
    confirmed(&mut channel, 1).await;
    for queue in ["to", "cc", "bcc"] {
        assert_eq!(channel.get(queue, true).await.unwrap().headers(), r#"{"CC": ["cc"]}"#, "{queue}");
    }
}

#[tokio::test]
async fn properties_arrive_as_they_were_sent() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    channel.declare("q").await;
    let headers = TableBuf::new()
        .with("n", 1_i64)
        .with("x", amqp091::Value::Bytes(b"\0\xff"))
        .with("v", amqp091::Value::Void);
    let with = properties(Properties {
        content_type: Some(ShortBytes::from_static("text/plain")),
        headers: Some(headers.as_table()),
        delivery_mode: Some(2),
        priority: Some(0),
        timestamp: Some(1),
        ..Properties::default()
    });
    channel.client.publish(1, "", "q", with.clone(), "m").await;
    assert_eq!(channel.get("q", true).await.unwrap().content().properties, with);
}

#[tokio::test]
async fn bodies_of_any_size_arrive() {
    let node = Node::start().await;
    let mut channel = confirming(&node).await;
    channel.declare("q").await;
    let sizes = [0, 1, 1000, 131_064, 131_065, 1_000_000];
    for size in sizes {
        channel.publish("", "q", &"x".repeat(size)).await;
    }
    confirmed(&mut channel, sizes.len() as u64).await;
    for size in sizes {
        assert_eq!(channel.get("q", true).await.unwrap().content().body.len(), size as u64);
    }
}

#[tokio::test]
async fn internal_exchanges_and_others_names_are_refused() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    channel.publish("amq.rabbitmq.trace", "k", "m").await;
    assert_eq!(
        channel.failed().await,
        "403 ACCESS_REFUSED - cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'"
    );
    channel
        .publish_with(
            "q",
            Properties { user_id: Some(ShortBytes::from_static("root")), ..Properties::default() },
            "m",
        )
        .await;
    assert_eq!(
        channel.failed().await,
        "406 PRECONDITION_FAILED - user_id property set to 'root' but authenticated user was 'guest'"
    );
}

#[tokio::test]
async fn an_alternate_exchange_takes_what_matches_nothing() {
    let node = Node::start().await;
    let mut channel = confirming(&node).await;
    channel.declare("rest").await;
    let arguments = TableBuf::new().with("alternate-exchange", "amq.fanout");
    let declare = exchange::Declare {
        exchange: ShortStr::from_static("main"),
        kind: ShortStr::from_static("direct"),
        arguments: arguments.as_table(),
        ..exchange::Declare::default()
    };
    channel.call(declare, "exchange.declare_ok").await;
    let bind = queue::Bind {
        queue: ShortStr::from_static("rest"),
        exchange: ShortStr::from_static("amq.fanout"),
        ..queue::Bind::default()
    };
    channel.call(bind, "queue.bind_ok").await;
    channel.publish("main", "nobody", "m").await;
    confirmed(&mut channel, 1).await;
    assert_eq!(channel.get("rest", true).await.unwrap().body(), "m");
}

#[tokio::test]
async fn a_transaction_takes_effect_when_it_is_committed() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    channel.declare("q").await;
    channel.publish("", "q", "before").await;
    channel.call(tx::Select {}, "tx.select_ok").await;
    let first = channel.get("q", false).await.unwrap();
    channel.ack(first.tag(), false).await;
    channel.publish("", "q", "inside").await;
    assert_eq!(channel.look("q").await.0, 0);
    channel.call(tx::Rollback {}, "tx.rollback_ok").await;
    channel.call(tx::Commit {}, "tx.commit_ok").await;
    assert_eq!(channel.look("q").await.0, 0, "what was rolled back is gone");
    // The acknowledgement was taken back, so it can be given again.
    channel.ack(first.tag(), false).await;
    channel.publish("", "q", "committed").await;
    channel.call(tx::Commit {}, "tx.commit_ok").await;
    assert_eq!(channel.look("q").await.0, 1);
    assert_eq!(
        channel.fails(basic::Ack { delivery_tag: first.tag(), multiple: false }).await,
        "406 PRECONDITION_FAILED - unknown delivery tag 1"
    );
}

#[tokio::test]
async fn modes_of_a_channel_exclude_one_another() {
    let node = Node::start().await;
    let mut channel = confirming(&node).await;
    assert_eq!(
        channel.fails(tx::Select {}).await,
        "406 PRECONDITION_FAILED - cannot switch from confirm to tx mode"
    );
    assert_eq!(channel.fails(tx::Commit {}).await, "406 PRECONDITION_FAILED - channel is not transactional");
    channel.call(tx::Select {}, "tx.select_ok").await;
    let confirm = confirm::Select { nowait: false };
    assert_eq!(
        channel.fails(confirm).await,
        "406 PRECONDITION_FAILED - cannot switch from tx to confirm mode"
    );
}

/// Publishes a message with a stamp, and says whether it was confirmed.
async fn publish_stamped(
    channel: &mut Channel,
    exchange: &str,
    epoch: i32,
    sequence: i64,
    body: &str,
) -> bool {
    let headers = TableBuf::new()
        .with("x-producer-id", "till-7")
        .with("x-producer-epoch", epoch)
        .with("x-producer-sequence", sequence);
    let with = properties(Properties { headers: Some(headers.as_table()), ..Properties::default() });
    channel.client.publish(channel.number, exchange, "k", with, body).await;
    match channel.client.next().await.unwrap().name() {
        "basic.ack" => true,
        "basic.nack" => false,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_message_that_is_published_again_is_confirmed_and_stored_once() {
    let cluster = Cluster::new();
    let nodes = [cluster.node(1, Config::default()).await, cluster.node(2, Config::default()).await];
    let mut first = nodes[0].channel().await;
    let bind = |queue| queue::Bind {
        queue,
        exchange: ShortStr::from_static("amq.fanout"),
        ..queue::Bind::default()
    };
    let full = TableBuf::new().with("x-max-length", 2).with("x-overflow", "reject-publish");
    first.declare("a").await;
    first.declare_with("b", true, &full).await;
    for name in ["a", "b"] {
        first.call(bind(ShortStr::try_from(name).unwrap()), "queue.bind_ok").await;
    }
    first.call(confirm::Select::default(), "confirm.select_ok").await;
    assert!(publish_stamped(&mut first, "amq.fanout", 0, 1, "1").await);
    assert!(publish_stamped(&mut first, "amq.fanout", 0, 3, "3").await);
    let mut again = nodes[1].channel().await;
    again.call(confirm::Select::default(), "confirm.select_ok").await;
    for (sequence, body) in [(1, "1"), (3, "3")] {
        assert!(publish_stamped(&mut again, "amq.fanout", 0, sequence, body).await);
    }
    assert_eq!((again.look("a").await.0, again.look("b").await.0), (2, 2));
    assert!(!publish_stamped(&mut again, "amq.fanout", 0, 4, "4").await, "one of them has no room");
    assert!(again.get("b", true).await.is_some());
    again.look("b").await;
    assert!(
        !publish_stamped(&mut again, "amq.fanout", 0, 5, "5").await,
        "it does not overtake what was refused"
    );
    assert!(publish_stamped(&mut again, "amq.fanout", 0, 4, "4").await);
    assert!(again.get("b", true).await.is_some());
    again.look("b").await;
    assert!(publish_stamped(&mut again, "amq.fanout", 0, 5, "5").await);
    assert!(publish_stamped(&mut again, "", 0, 1, "of another queue").await, "which nobody knows");
    assert!(again.get("b", true).await.is_some());
    again.look("b").await;
    assert!(publish_stamped(&mut again, "amq.fanout", 1, 1, "new life").await);
    assert!(!publish_stamped(&mut first, "amq.fanout", 0, 6, "late").await, "of a life that is over");
    let mut bodies = Vec::new();
    while let Some(got) = again.get("a", true).await {
        bodies.push(got.body());
    }
    assert_eq!(bodies, ["1", "3", "4", "5", "new life"]);
}
