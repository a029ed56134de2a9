//! The client and the real front end, over pipes in memory.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "../../amqp/tests/harness/mod.rs"]
mod harness;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use amqp::{Config, Terms};
use amqp_client::{Channel, Connection, ExchangeOptions};
use amqp_client::{
    ConsumeOptions, Effect, ErrorKind, Options, Outcome, Outcomes, Properties, Publication, QueueOptions,
    Table, TableBuf, encode,
};
use amqp091::ReplyCode;
use bytes::Bytes;
use harness::Node;
use runtime::{Pool, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn connect(node: &Node) -> Connection {
    connect_with(node, &Options::default()).await.unwrap()
}

async fn connect_with(node: &Node, options: &Options) -> Result<Connection, amqp_client::Error> {
    let (near, far) = tokio::io::duplex(1 << 16);
    node.server.accept(Box::new(far), "127.0.0.1:5000".parse().unwrap(), Terms::default());
    Connection::over(&node.runtime, Box::new(near), options).await
}

async fn queue(channel: &Channel, name: &str) {
    channel.declare_queue(name, &QueueOptions::durable()).await.unwrap();
}

/// Waits until every one of `count` publishes has an outcome. The tags of those that were acked.
async fn acked(outcomes: &mut Outcomes, count: u64) -> BTreeSet<u64> {
    let mut open: BTreeSet<u64> = (1..=count).collect();
    let mut acked = BTreeSet::new();
    while !open.is_empty() {
        let (tag, multiple, is_ack) = match outcomes.next().await.unwrap() {
            Outcome::Acked { tag, multiple } => (tag, multiple, true),
            Outcome::Nacked { tag, multiple } => (tag, multiple, false),
            Outcome::Returned(_) => continue,
        };
        let settled: BTreeSet<u64> =
            open.iter().copied().filter(|other| *other == tag || multiple && *other < tag).collect();
        open.retain(|other| !settled.contains(other));
        if is_ack {
            acked.extend(settled);
        }
    }
    acked
}

#[tokio::test]
async fn thousands_in_flight_arrive_in_order() {
    const COUNT: u64 = 5000;
    let node = Node::start().await;
    let connection = connect(&node).await;
    let channel = connection.channel().await.unwrap();
    queue(&channel, "q").await;
    let mut outcomes = channel.confirms().await.unwrap();
    for number in 1..=COUNT {
        let body = Bytes::from(number.to_string());
        assert_eq!(channel.publish(&Publication::to_queue("q", body)).await, Ok(number));
    }
    assert_eq!(acked(&mut outcomes, COUNT).await.len() as u64, COUNT);

    let consuming = connection.channel().await.unwrap();
    consuming.qos(100).await.unwrap();
    let mut deliveries = consuming.consume("q", "me", &ConsumeOptions::default()).await.unwrap();
    for number in 1..=COUNT {
        let delivery = deliveries.next().await.unwrap();
        assert_eq!(delivery.body, number.to_string());
        assert_eq!((delivery.tag, delivery.redelivered), (number, false));
        assert_eq!((delivery.exchange(), delivery.routing_key()), ("", "q"));
        if number % 50 == 0 {
            consuming.ack(number, true).unwrap();
        }
    }
    consuming.cancel("me").await.unwrap();
    assert_eq!(deliveries.next().await.unwrap_err().kind, ErrorKind::Cancelled);
    connection.close().await.unwrap();
}

#[tokio::test]
async fn what_is_given_back_comes_again_and_says_so() {
    let node = Node::start().await;
    let connection = connect(&node).await;
    let channel = connection.channel().await.unwrap();
    queue(&channel, "q").await;
    let headers = TableBuf::new().with("who", "me");
    let properties = Properties { headers: Some(headers.as_table()), ..Properties::default() };
    let message = Publication { properties: encode(&properties), ..Publication::to_queue("q", "x".into()) };
    channel.publish(&message).await.unwrap();
    let mut deliveries = channel.consume("q", "me", &ConsumeOptions::default()).await.unwrap();
    let first = deliveries.next().await.unwrap();
    assert!(!first.redelivered);
    channel.nack(first.tag, false, true).unwrap();
    let second = deliveries.next().await.unwrap();
    assert!(second.redelivered && second.tag > first.tag);
    assert_eq!(format!("{:?}", second.headers().get("who").unwrap()), "\"me\"");
    // The channel's end gives it back, too.
    channel.close().await.unwrap();
    let other = connection.channel().await.unwrap();
    let got = other.get("q", false).await.unwrap().unwrap();
    assert!(got.redelivered);
    assert_eq!(got.body, "x");
    other.ack(got.tag, false).unwrap();
    assert!(other.get("q", false).await.unwrap().is_none());
}

#[tokio::test]
async fn a_message_for_nobody_comes_back_before_its_confirm() {
    let node = Node::start().await;
    let connection = connect(&node).await;
    let channel = connection.channel().await.unwrap();
    channel.declare_exchange("x", "direct", &ExchangeOptions::default()).await.unwrap();
    let mut outcomes = channel.confirms().await.unwrap();
    let lost = Publication {
        exchange: "x",
        routing_key: "nowhere",
        mandatory: true,
        body: "back".into(),
        ..Publication::default()
    };
    channel.publish(&lost).await.unwrap();
    let Outcome::Returned(returned) = outcomes.next().await.unwrap() else { panic!("it comes back first") };
    assert_eq!((returned.code(), returned.routing_key()), (312, "nowhere"));
    assert_eq!(returned.body(), "back");
    assert!(matches!(outcomes.next().await.unwrap(), Outcome::Acked { tag: 1, .. }));
    queue(&channel, "q").await;
    channel.bind_queue("q", "x", "nowhere", Table::default()).await.unwrap();
    channel.publish(&lost).await.unwrap();
    assert!(matches!(outcomes.next().await.unwrap(), Outcome::Acked { tag: 2, .. }));
}

#[tokio::test]
async fn a_refusal_ends_the_channel_and_had_no_effect() {
    let node = Node::start().await;
    let connection = connect(&node).await;
    let channel = connection.channel().await.unwrap();
    let consumed = channel.consume("none", "me", &ConsumeOptions::default()).await;
    let error = consumed.unwrap_err();
    assert!(error.is_refused(ReplyCode::NotFound), "{error}");
    assert_eq!(error.effect, Effect::None);
    assert!(channel.publish(&Publication::to_queue("q", "x".into())).await.is_err());
    // The connection goes on, and a number is free again.
    let other = connection.channel().await.unwrap();
    queue(&other, "q").await;
}

#[tokio::test]
async fn a_wrong_password_is_told_as_the_server_says_it() {
    let node = Node::start().await;
    let options = Options { password: "wrong".into(), ..Options::default() };
    let error = connect_with(&node, &options).await.unwrap_err();
    assert!(error.is_refused(ReplyCode::AccessRefused), "{error}");
}

#[tokio::test]
async fn a_deleted_queue_ends_its_consumers() {
    let node = Node::start().await;
    let connection = connect(&node).await;
    let channel = connection.channel().await.unwrap();
    queue(&channel, "q").await;
    let mut deliveries = channel.consume("q", "me", &ConsumeOptions::default()).await.unwrap();
    let other = connection.channel().await.unwrap();
    assert_eq!(other.delete_queue("q").await, Ok(0));
    assert_eq!(deliveries.next().await.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(channel.ending(), None);
}

#[tokio::test]
async fn what_was_not_confirmed_when_the_connection_ends_is_unknown() {
    let node = Node::with(Config::default()).await;
    let connection = connect(&node).await;
    let channel = connection.channel().await.unwrap();
    queue(&channel, "q").await;
    let mut outcomes = channel.confirms().await.unwrap();
    node.server.connections()[0].close("an operator wants it");
    let error = outcomes.next().await.unwrap_err();
    assert!(error.is_refused(ReplyCode::ConnectionForced), "{error}");
    assert_eq!(error.effect, Effect::Unknown);
    assert_eq!(channel.ending(), Some(error.kind.clone()));
    assert_eq!(connection.over_because().await, error.kind);
}

#[tokio::test]
async fn deliveries_that_nobody_takes_hold_the_server_back() {
    const BODY: usize = 10_000;
    let node = Node::start().await;
    let options = Options { input_bytes_max: 5 * BODY, ..Options::default() };
    let connection = connect_with(&node, &options).await.unwrap();
    let channel = connection.channel().await.unwrap();
    queue(&channel, "q").await;
    let mut deliveries = channel.consume("q", "me", &ConsumeOptions::default()).await.unwrap();
    let publisher = connect(&node).await;
    let publishing = publisher.channel().await.unwrap();
    let mut outcomes = publishing.confirms().await.unwrap();
    for _ in 0..100 {
        publishing.publish(&Publication::to_queue("q", vec![7; BODY].into())).await.unwrap();
    }
    assert_eq!(acked(&mut outcomes, 100).await.len(), 100);
    SystemClock::clock().sleep(Duration::from_millis(100)).await;
    let mut waiting = 0;
    while deliveries.try_next().unwrap().is_some() {
        waiting += 1;
    }
    assert!((5..20).contains(&waiting), "{waiting} deliveries waited at once");
    for _ in waiting..100 {
        deliveries.next().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_is_given_up() {
    let node = Node::start().await;
    let options = Options { heartbeat: Duration::from_secs(2), ..Options::default() };
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let (mut there, here) = tokio::io::duplex(1 << 16);
    node.server.accept(Box::new(here), "127.0.0.1:5000".parse().unwrap(), Terms::default());
    let silent = Arc::new(AtomicBool::new(false));
    let falls_silent = Arc::clone(&silent);
    let relay = node.runtime.spawn(Pool::Clients, async move {
        let (mut out, mut back) = ([0; 4096], [0; 4096]);
        loop {
            tokio::select! {
                read = far.read(&mut out) => there.write_all(&out[..read.unwrap()]).await.unwrap(),
                read = there.read(&mut back) => {
                    let read = read.unwrap();
                    if !falls_silent.load(Ordering::Relaxed) {
                        far.write_all(&back[..read]).await.unwrap();
                    }
                }
            }
        }
    });
    let connection = Connection::over(&node.runtime, Box::new(near), &options).await.unwrap();
    // Heartbeats alone keep it.
    let clock = SystemClock::clock();
    assert!(clock.timeout(Duration::from_secs(20), connection.over_because()).await.is_err());
    silent.store(true, Ordering::Relaxed);
    let over = clock.timeout(Duration::from_secs(6), connection.over_because()).await;
    assert!(matches!(over, Ok(ErrorKind::ConnectionLost { .. })), "{over:?}");
    drop(relay);
}
