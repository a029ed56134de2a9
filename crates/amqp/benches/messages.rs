//! What a message costs from socket to socket: one connection, a pipe in memory, one shard's state machine over a log in memory, one thread.
//!
//! `cargo bench -p quorate-amqp`. Everything counts: the client's encoding, the front end, routing, the shard, the store of frames.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench fails where it stands, and tells what it found"
)]

#[path = "../tests/harness/mod.rs"]
mod harness;

use std::time::Duration;

use amqp091::{ChannelId, Content, FrameMax, Method, Properties, basic, confirm};
use bytes::{Bytes, BytesMut};
use harness::{Channel, Node, properties};
use runtime::SystemClock;

const BODY_BYTES: usize = 1024;
/// Publishes that may be unconfirmed.
const WINDOW: u64 = 1000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // Run as a test, it only shows that it works.
    let count = if std::env::args().any(|argument| argument == "--bench") { 300_000 } else { 2000 };
    let node = Node::start().await;
    let clock = SystemClock::clock();
    let mut channel = node.channel().await;
    channel.declare("q").await;
    channel.call(confirm::Select { nowait: false }, "confirm.select_ok").await;
    let before = clock.now();
    publish(&mut channel, count).await;
    report("published with confirms", count, clock.now().saturating_since(before));
    channel.qos(1000, false).await;
    let before = clock.now();
    channel.consume("q", "c", false).await;
    consume(&mut channel, count).await;
    report("delivered and acknowledged", count, clock.now().saturating_since(before));
}

async fn publish(channel: &mut Channel, count: u64) {
    let content = Content {
        properties: properties(Properties { delivery_mode: Some(2), ..Properties::default() }),
        body: Bytes::from(vec![7; BODY_BYTES]).into(),
    };
    let publish =
        basic::Publish { routing_key: amqp091::ShortStr::from_static("q"), ..basic::Publish::default() };
    let (mut sent, mut confirmed, mut wire) = (0, 0, BytesMut::new());
    while confirmed < count {
        let batch = (confirmed + WINDOW).min(count) - sent;
        for _ in 0..batch {
            content.put(&publish.into(), ChannelId(1), FrameMax::DEFAULT, &mut wire);
        }
        sent += batch;
        if batch > 0 {
            channel.client.write(&wire).await;
            wire.clear();
        }
        let got = channel.client.next().await.unwrap();
        let Method::BasicAck(ack) = got.method() else { panic!("{got:?}") };
        confirmed = confirmed.max(ack.delivery_tag);
    }
}

async fn consume(channel: &mut Channel, count: u64) {
    for tag in 1..=count {
        assert_eq!(channel.delivery().await.tag(), tag);
        if tag % 100 == 0 || tag == count {
            channel.ack(tag, true).await;
        }
    }
}

fn report(what: &str, count: u64, took: Duration) {
    let each_ns = took.as_nanos() / u128::from(count);
    println!("{what}: {count} in {took:?}, {each_ns} ns each");
}
