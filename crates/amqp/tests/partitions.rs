//! Queues with partitions: one logical queue, of which each consumer has a share.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use amqp::{Config, QueueCounts};
use amqp091::{Method, Properties, ShortStr, TableBuf, Value, basic, channel, confirm, queue};
use catalog::{Definition, Name, PolicySpec};
use harness::{Channel, Cluster, Got, Node};

const EXCHANGE: &str = "amq.topic";

fn short(text: &str) -> ShortStr<'_> {
    ShortStr::try_from(text).unwrap()
}

fn partitions(count: i32) -> TableBuf {
    TableBuf::new().with("x-partitions", count)
}

/// A channel that has declared a queue with so many partitions, to which every key leads.
async fn with_queue(node: &Node, arguments: &TableBuf) -> Channel {
    let mut channel = node.channel().await;
    channel.declare_with("q", true, arguments).await;
    let bind = queue::Bind {
        queue: short("q"),
        exchange: short(EXCHANGE),
        routing_key: short("#"),
        ..queue::Bind::default()
    };
    channel.call(bind, "queue.bind_ok").await;
    channel.call(confirm::Select::default(), "confirm.select_ok").await;
    channel
}

/// Publishes messages of keys 0 to `keys`, in turn, each with its key and its number in it; and waits until all are safe.
async fn publish(channel: &mut Channel, keys: u32, numbers: std::ops::Range<u32>) {
    let count = u64::from(keys) * u64::from(numbers.end - numbers.start);
    for number in numbers {
        for key in 0..keys {
            channel.publish(EXCHANGE, &format!("key-{key}"), &format!("{key} {number}")).await;
        }
    }
    let mut confirmed = 0;
    while confirmed < count {
        let ack = channel.expect("basic.ack").await;
        let Method::BasicAck(ack) = ack.method() else { panic!() };
        confirmed = if ack.multiple { confirmed.max(ack.delivery_tag) } else { confirmed + 1 };
    }
}

/// The header's number.
fn number_of(got: &Got, header: &str) -> i64 {
    let properties = got.content().properties().unwrap();
    properties.headers.unwrap().get(header).and_then(Value::integer).unwrap()
}

/// Key and number of a message.
fn message(got: &Got) -> (u32, u32) {
    let body = got.body();
    let (key, number) = body.split_once(' ').unwrap();
    (key.parse().unwrap(), number.parse().unwrap())
}

/// Takes deliveries until none comes for a while; acknowledges them if so asked.
async fn take_all(channel: &mut Channel, acknowledges: bool) -> Vec<Got> {
    let mut all = Vec::new();
    while !channel.client.is_silent().await {
        let got = channel.delivery().await;
        if acknowledges {
            channel.ack(got.tag(), false).await;
        }
        all.push(got);
    }
    all
}

#[tokio::test]
async fn one_consumer_gets_all_partitions_and_a_key_stays_in_one() {
    let node = Node::start().await;
    let mut channel = with_queue(&node, &partitions(8)).await;
    publish(&mut channel, 50, 0..3).await;
    assert_eq!(channel.look("q").await, (150, 0));
    channel.consume("q", "c", false).await;
    let (mut places, mut last) = (BTreeMap::new(), BTreeMap::new());
    for got in take_all(&mut channel, true).await {
        let (key, number) = message(&got);
        let partition = number_of(&got, "x-partition");
        assert_eq!(*places.entry(key).or_insert(partition), partition, "a key has one partition");
        assert_eq!(last.insert(key, number), number.checked_sub(1), "a key is in order");
        assert_eq!(number_of(&got, "x-consumer-epoch"), 1);
    }
    assert_eq!(last.len(), 50);
    let used: BTreeSet<i64> = places.into_values().collect();
    assert_eq!(used, (0..8).collect(), "keys are spread over all partitions");
    assert_eq!(channel.look("q").await, (0, 1));
}

#[tokio::test]
async fn consumers_share_partitions_and_one_moves_when_its_holder_has_settled() {
    let node = Node::start().await;
    let mut publisher = with_queue(&node, &partitions(4)).await;
    let mut first = node.channel().await;
    first.consume("q", "first", false).await;
    publish(&mut publisher, 40, 0..1).await;
    let held = take_all(&mut first, false).await;
    assert_eq!(held.len(), 40);
    let mut second = node.channel().await;
    second.consume("q", "second", false).await;
    assert_eq!(second.look("q").await, (0, 2));
    publish(&mut publisher, 40, 1..2).await;
    assert!(second.client.is_silent().await, "the first still has messages of every partition");
    let kept: BTreeSet<i64> =
        take_all(&mut first, false).await.iter().map(|got| number_of(got, "x-partition")).collect();
    assert_eq!(kept.len(), 2, "what is not its own any more gives it nothing");
    first.ack(0, true).await;
    let moved = take_all(&mut second, true).await;
    assert!(moved.iter().all(|got| !kept.contains(&number_of(got, "x-partition"))));
    assert!(moved.iter().all(|got| message(got).1 == 1 && !got.redelivered()));
    assert!(moved.iter().all(|got| number_of(got, "x-consumer-epoch") == 2), "it has a new token");
    // Who comes to a resource with the old one is late.
    first.call(channel::Close::default(), "channel.close_ok").await;
    publish(&mut publisher, 40, 2..3).await;
    assert_eq!(take_all(&mut second, true).await.len(), 40);
    assert_eq!(second.look("q").await, (0, 1));
}

#[tokio::test]
async fn what_a_lost_consumer_held_goes_in_order_to_the_next() {
    let cluster = Cluster::new();
    let (stays, mut goes) =
        (cluster.node(1, Config::default()).await, cluster.node(2, Config::default()).await);
    let mut publisher = with_queue(&stays, &partitions(4)).await;
    let mut lost = goes.channel().await;
    lost.qos(10, false).await;
    lost.consume("q", "lost", false).await;
    publish(&mut publisher, 8, 0..5).await;
    assert_eq!(take_all(&mut lost, false).await.len(), 10);
    let mut next = stays.channel().await;
    next.consume("q", "next", false).await;
    let other = take_all(&mut next, true).await;
    goes.kill();
    let mut last: BTreeMap<u32, u32> = other.iter().map(message).collect();
    let mut came = other.len();
    for _ in 0..100 {
        if came == 40 {
            break;
        }
        for got in take_all(&mut next, true).await {
            let (key, number) = message(&got);
            assert_eq!(last.insert(key, number), number.checked_sub(1), "a key is in order");
            came += 1;
        }
    }
    assert_eq!(came, 40);
}

#[tokio::test]
async fn a_header_chooses_the_partition() {
    let node = Node::start().await;
    let arguments = partitions(16).with("x-partition-header", "customer");
    let mut channel = with_queue(&node, &arguments).await;
    for number in 0..64_i32 {
        let headers = TableBuf::new().with("customer", number % 4);
        let with = Properties { headers: Some(headers.as_table()), ..Properties::default() };
        channel.publish_with("q", with, "x").await;
    }
    let mut consumer = node.channel().await;
    consumer.consume("q", "c", true).await;
    let all = take_all(&mut consumer, false).await;
    let used: BTreeMap<i64, BTreeSet<i64>> = all.iter().fold(BTreeMap::new(), |mut used, got| {
        let customers: &mut BTreeSet<i64> = used.entry(number_of(got, "x-partition")).or_default();
        customers.insert(number_of(got, "customer"));
        used
    });
    assert_eq!(used.values().map(BTreeSet::len).sum::<usize>(), 4, "each customer in one: {used:?}");
    assert!(used.len() > 1, "and not all in the same: {used:?}");
    assert_eq!(consumer.look("q").await, (0, 1), "deliveries that need no acknowledgement are settled");
}

#[tokio::test]
async fn limits_of_consumers_count_over_all_partitions() {
    let node = Node::start().await;
    let mut channel = with_queue(&node, &partitions(8)).await;
    publish(&mut channel, 32, 0..1).await;
    channel.qos(5, false).await;
    channel.consume("q", "c", false).await;
    assert_eq!(take_all(&mut channel, false).await.len(), 5);
    channel.ack(3, true).await;
    assert_eq!(take_all(&mut channel, false).await.len(), 3);
    channel.send(basic::Nack { delivery_tag: 0, multiple: true, requeue: true }).await;
    let again = take_all(&mut channel, true).await;
    assert_eq!(again.len(), 29, "what came back came again");
    assert_eq!(again.iter().filter(|got| got.redelivered()).count(), 5);
}

#[tokio::test]
async fn cancelling_gives_partitions_to_others() {
    let node = Node::start().await;
    let mut channel = with_queue(&node, &partitions(3)).await;
    channel.consume("q", "a", false).await;
    channel.consume("q", "b", false).await;
    assert_eq!(channel.look("q").await, (0, 2));
    let cancel = basic::Cancel { consumer_tag: short("a"), nowait: false };
    channel.call(cancel, "basic.cancel_ok").await;
    assert_eq!(channel.look("q").await, (0, 1));
    let mut publisher = node.channel().await;
    publisher.call(confirm::Select::default(), "confirm.select_ok").await;
    publish(&mut publisher, 20, 0..1).await;
    let all = take_all(&mut channel, true).await;
    assert_eq!(all.len(), 20);
    assert!(
        all.iter()
            .all(|got| matches!(got.method(), Method::BasicDeliver(it) if it.consumer_tag.as_str() == "b"))
    );
}

#[tokio::test]
async fn purging_and_deleting_are_for_the_whole_queue() {
    let node = Node::start().await;
    let mut channel = with_queue(&node, &partitions(8)).await;
    publish(&mut channel, 30, 0..1).await;
    let purged =
        channel.call(queue::Purge { queue: short("q"), ..queue::Purge::default() }, "queue.purge_ok").await;
    assert!(matches!(purged.method(), Method::QueuePurgeOk(ok) if ok.message_count == 30));
    publish(&mut channel, 20, 0..1).await;
    let delete = |if_unused, if_empty| queue::Delete {
        queue: short("q"),
        if_unused,
        if_empty,
        ..queue::Delete::default()
    };
    let why = channel.fails(delete(false, true)).await;
    assert_eq!(why, "406 PRECONDITION_FAILED - queue 'q' in vhost '/' not empty");
    channel.consume("q", "c", false).await;
    assert_eq!(take_all(&mut channel, false).await.len(), 20);
    let mut other = node.channel().await;
    let why = other.fails(delete(true, false)).await;
    assert_eq!(why, "406 PRECONDITION_FAILED - queue 'q' in vhost '/' in use");
    let deleted = other.call(delete(false, false), "queue.delete_ok").await;
    assert!(matches!(deleted.method(), Method::QueueDeleteOk(ok) if ok.message_count == 0));
    channel.expect("basic.cancel").await;
    assert!(channel.client.is_silent().await, "it is cancelled once, however many partitions it had");
    let replica = node.shards.replica(1).unwrap();
    assert_eq!(replica.read(|shard| shard.partitions().len()), 0);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let node = Node::start().await;
    let mut channel = with_queue(&node, &partitions(2)).await;
    for (name, arguments, expected) in [
        ("other", partitions(0), "invalid arg 'x-partitions' for queue 'other' in vhost '/': {value_zero,0}"),
        (
            "other",
            partitions(2000),
            "invalid arg 'x-partitions' for queue 'other' in vhost '/': {max_value_exceeded,2000}",
        ),
        (
            "other",
            partitions(2).with("x-single-active-consumer", true),
            "invalid arg 'x-single-active-consumer' for queue 'other' in vhost '/': single_active_consumer_but_partitions_defined",
        ),
        (
            "q",
            partitions(3),
            "inequivalent arg 'x-partitions' for queue 'q' in vhost '/': received the value '3' of type 'signedint' but current is the value '2' of type 'signedint'",
        ),
    ] {
        let declare = queue::Declare {
            queue: short(name),
            durable: true,
            arguments: arguments.as_table(),
            ..queue::Declare::default()
        };
        assert_eq!(channel.fails(declare).await, format!("406 PRECONDITION_FAILED - {expected}"));
    }
    let get = basic::Get { queue: short("q"), ..basic::Get::default() };
    assert_eq!(
        channel.fails(get).await,
        "405 RESOURCE_LOCKED - cannot obtain access to locked queue 'q' in vhost '/'. basic.get operations are not supported by queues with \
         partitions"
    );
    let consume = || basic::Consume { queue: short("q"), ..basic::Consume::default() };
    let first = TableBuf::new().with("x-priority", 5);
    assert_eq!(
        channel.fails(basic::Consume { arguments: first.as_table(), ..consume() }).await,
        "406 PRECONDITION_FAILED - invalid arg 'x-priority' for queue 'q' in vhost '/': priority_but_partitions_defined"
    );
    assert_eq!(
        channel.fails(basic::Consume { exclusive: true, ..consume() }).await,
        "406 PRECONDITION_FAILED - exclusive consumers are not supported by queue 'q' in vhost '/', which has partitions"
    );
}

#[tokio::test]
async fn it_goes_with_its_last_consumer_or_for_lack_of_one() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    let with_two = partitions(2);
    let declare = queue::Declare {
        queue: short("auto"),
        auto_delete: true,
        arguments: with_two.as_table(),
        ..queue::Declare::default()
    };
    channel.call(declare, "queue.declare_ok").await;
    channel.consume("auto", "a", false).await;
    channel.consume("auto", "b", false).await;
    for tag in ["a", "b"] {
        assert!(node.catalog.topology().vhost(b"/").unwrap().queue(b"auto").is_some());
        channel.call(basic::Cancel { consumer_tag: short(tag), nowait: false }, "basic.cancel_ok").await;
    }
    assert!(node.catalog.topology().vhost(b"/").unwrap().queue(b"auto").is_none());
    channel.declare_with("short", true, &partitions(2).with("x-expires", 200)).await;
    for _ in 0..100 {
        if node.catalog.topology().queue_count() == 0 {
            break;
        }
        node.runtime.clock.sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(node.catalog.topology().queue_count(), 0);
    for shard in 1..=2 {
        assert_eq!(node.shards.replica(shard).unwrap().read(|shard| shard.partitions().len()), 0);
    }
}

#[tokio::test]
async fn dead_letters_leave_from_every_partition_and_policies_reach_it() {
    let node = Node::start().await;
    let mut channel = with_queue(&node, &partitions(4)).await;
    channel.declare("graveyard").await;
    publish(&mut channel, 20, 0..1).await;
    let definition = Definition {
        dead_letter_exchange: Some(String::new()),
        dead_letter_routing_key: Some("graveyard".into()),
        ..Definition::default()
    };
    let spec = PolicySpec { pattern: "^q$".into(), apply_to: Default::default(), priority: 0, definition };
    node.catalog.put_policy(&Name::from("/"), &Name::from("p"), &spec).await.unwrap();
    let queue = node.catalog.topology().vhost(b"/").unwrap().queue(b"q").cloned().unwrap();
    let replica = node.shards.replica(queue.shard).unwrap();
    for _ in 0..100 {
        let keeps = |shard: &streams::Shard| shard.inventory().filter(|(.., it)| it.dead_letters).count();
        if replica.read(keeps) == 4 {
            break;
        }
        node.runtime.clock.sleep(Duration::from_millis(100)).await;
    }
    channel.consume("q", "c", false).await;
    assert_eq!(take_all(&mut channel, false).await.len(), 20);
    channel.send(basic::Nack { delivery_tag: 0, multiple: true, requeue: false }).await;
    for _ in 0..100 {
        if channel.look("graveyard").await.0 == 20 {
            break;
        }
        node.runtime.clock.sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(channel.look("graveyard").await.0, 20);
    let counts = QueueCounts::of(&node.shards, &queue).unwrap();
    assert_eq!((counts.ready, counts.unsettled, counts.published, counts.consumers), (0, 0, 20, 1));
}
