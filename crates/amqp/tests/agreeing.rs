//! The catalog and the partitions of shards agree, whatever dies when.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod harness;

use std::sync::Arc;
use std::time::Duration;

use amqp::Config;
use amqp091::{Method, ShortStr, TableBuf, basic, channel, confirm, queue};
use catalog::{Definition, Name, PolicySpec, Queue, QueueSpec, VhostSpec};
use harness::{Channel, Cluster, Node};
use streams::{Op, Outcome, PartitionId, Settings, Stats};

fn short(text: &str) -> ShortStr<'_> {
    ShortStr::try_from(text).unwrap()
}

fn declare(name: &str) -> queue::Declare<'_> {
    queue::Declare { queue: short(name), durable: true, ..queue::Declare::default() }
}

fn vhost() -> Name {
    Name::from("/")
}

fn queue(node: &Node, name: &str) -> Option<Arc<Queue>> {
    node.catalog.topology().vhost(b"/").unwrap().queue(name.as_bytes()).cloned()
}

fn stats(node: &Node, queue: &Queue) -> Option<Stats> {
    node.shards.stats(queue.shard, PartitionId(queue.id))
}

/// Long enough for whoever leads to have looked.
async fn pause(node: &Node) {
    node.runtime.clock.sleep(Duration::from_secs(3)).await;
}

async fn eventually(node: &Node, what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        node.runtime.clock.sleep(Duration::from_millis(100)).await;
    }
    panic!("{what}: not in time");
}

async fn gone(node: &Node, queue: &Queue) {
    let is_gone = || node.catalog.topology().queue_by_id(queue.id).is_none() && stats(node, queue).is_none();
    eventually(node, "a queue and its partition go", is_gone).await;
}

/// Asks a shard behind the back of the front end.
async fn ask(node: &Node, shard: u32, op: Op) -> Outcome {
    ask_on(&mut node.shards.connect().unwrap(), shard, op).await
}

async fn ask_on(link: &mut shards::Link, shard: u32, op: Op) -> Outcome {
    link.submit(shard, vec![op]);
    let mut events = Vec::new();
    link.woken().await;
    link.take(&mut events).await.unwrap();
    let [shards::Event::Outcomes { outcomes, .. }] = &events[..] else { panic!("{events:?}") };
    outcomes[0].clone()
}

/// A queue of the catalog alone: who declared it died before it made the partition.
async fn half_declared(node: &Node, name: &str, spec: QueueSpec) -> Arc<Queue> {
    node.catalog.declare_queue(&vhost(), &name.into(), &spec, 1).await.unwrap().value
}

fn durable() -> QueueSpec {
    QueueSpec { durable: true, ..QueueSpec::default() }
}

async fn policy(node: &Node, definition: Definition) {
    let spec = PolicySpec { pattern: "^q".to_owned(), definition, ..PolicySpec::default() };
    node.catalog.put_policy(&vhost(), &"p".into(), &spec).await.unwrap();
}

fn length_max(length: u64) -> Definition {
    Definition { max_length: Some(length), ..Definition::default() }
}

#[tokio::test(start_paused = true)]
async fn a_partition_whose_queue_is_gone_goes_and_no_other() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    channel.declare("q").await;
    channel.publish("", "q", "m").await;
    let stays = queue(&node, "q").unwrap();
    channel.declare("r").await;
    let deleted = queue(&node, "r").unwrap();
    // Its deleter dies before it tells the shard.
    let by_id = catalog::Deletion::ById(deleted.id);
    node.catalog.delete_queue(&vhost(), &"r".into(), by_id, None).await.unwrap();
    gone(&node, &deleted).await;
    // Somebody who has not heard of it publishes once more.
    let create = Op::Create { partition: PartitionId(deleted.id), settings: Settings::default() };
    assert_eq!(ask(&node, deleted.shard, create).await, Outcome::Created);
    gone(&node, &deleted).await;
    assert_eq!(stats(&node, &stays).unwrap().ready, 1);
}

#[tokio::test(start_paused = true)]
async fn the_queues_of_a_virtual_host_go_with_it() {
    let node = Node::start().await;
    let v = Name::from("v");
    node.catalog.put_vhost(&v, &VhostSpec::default()).await.unwrap();
    let mut queues = Vec::new();
    for number in 0..600 {
        let name = Name::from(format!("q{number}").as_str());
        let queue = node.catalog.declare_queue(&v, &name, &durable(), 1).await.unwrap().value;
        let create = Op::Create { partition: PartitionId(queue.id), settings: Settings::default() };
        ask(&node, queue.shard, create).await;
        queues.push(queue);
    }
    node.catalog.delete_vhost(&v).await.unwrap();
    let are_gone = || queues.iter().all(|queue| stats(&node, queue).is_none());
    eventually(&node, "all partitions go", are_gone).await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_the_leader_has_not_heard_of_is_never_taken_for_gone() {
    let cluster = Cluster::new();
    let leader = cluster.node(1, Config::default()).await;
    let other = cluster.node(2, Config::default()).await;
    let mut channel = other.channel().await;
    cluster.control.hold(1);
    for number in 0..4 {
        channel.declare(&format!("q{number}")).await;
        channel.publish("", &format!("q{number}"), "m").await;
    }
    other.runtime.clock.sleep(Duration::from_millis(2_000)).await;
    assert!(queue(&leader, "q0").is_none(), "the leader is behind");
    cluster.control.release(1);
    pause(&leader).await;
    for number in 0..4 {
        let queue = queue(&leader, &format!("q{number}")).unwrap();
        assert_eq!(stats(&leader, &queue).unwrap().ready, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_leads_next_finishes_what_the_one_before_left() {
    let cluster = Cluster::new();
    let mut first = cluster.node(1, Config::default()).await;
    let second = cluster.node(2, Config::default()).await;
    let mut channel = second.channel().await;
    channel.declare("q").await;
    let queue = queue(&second, "q").unwrap();
    first.kill();
    cluster.control.elect(Some(2));
    second.catalog.delete_queue(&vhost(), &"q".into(), catalog::Deletion::ByName, None).await.unwrap();
    pause(&second).await;
    assert!(stats(&second, &queue).is_some(), "nobody leads");
    cluster.shards.iter().for_each(|shard| shard.elect(2));
    gone(&second, &queue).await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_counts_for_queues_that_are_there() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    channel.declare("q").await;
    channel.declare("other").await;
    for _ in 0..3 {
        channel.publish("", "q", "m").await;
        channel.publish("", "other", "m").await;
    }
    channel.look("q").await;
    let (q, other) = (queue(&node, "q").unwrap(), queue(&node, "other").unwrap());
    let has = |expected: Option<u64>| stats(&node, &q).unwrap().settings.length_max == expected;
    policy(&node, length_max(2)).await;
    eventually(&node, "the limit counts", || has(Some(2))).await;
    assert_eq!(stats(&node, &q).unwrap().ready, 2, "what is too much is dropped");
    policy(&node, length_max(1)).await;
    eventually(&node, "the new limit counts", || has(Some(1))).await;
    node.catalog.delete_policy(&vhost(), &"p".into()).await.unwrap();
    eventually(&node, "no limit counts", || has(None)).await;
    let untouched = stats(&node, &other).unwrap();
    assert_eq!((untouched.ready, untouched.settings), (3, Settings::default()));
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_was_made_with_old_settings_gets_those_that_count() {
    let node = Node::start().await;
    policy(&node, length_max(7)).await;
    pause(&node).await;
    let queue = half_declared(&node, "q", durable()).await;
    pause(&node).await;
    // Whoever makes it has not heard of the policy.
    let create = Op::Create { partition: PartitionId(queue.id), settings: Settings::default() };
    ask(&node, queue.shard, create).await;
    let has_limit = || stats(&node, &queue).unwrap().settings.length_max == Some(7);
    eventually(&node, "the limit counts", has_limit).await;
}

async fn auto_delete(channel: &mut Channel, name: &str) {
    channel.call(queue::Declare { auto_delete: true, ..declare(name) }, "queue.declare_ok").await;
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_a_node_that_dies_goes() {
    let cluster = Cluster::new();
    let stays = cluster.node(1, Config::default()).await;
    let mut dies = cluster.node(2, Config::default()).await;
    let (mut here, mut there) = (stays.channel().await, dies.channel().await);
    there.call(queue::Declare { exclusive: true, ..declare("exclusive") }, "queue.declare_ok").await;
    for name in ["lost", "shared", "fresh"] {
        auto_delete(&mut there, name).await;
    }
    there.declare("plain").await;
    for name in ["exclusive", "lost", "shared", "plain"] {
        there.publish("", name, "m").await;
        there.consume(name, name, false).await;
        there.delivery().await;
    }
    let queues = ["exclusive", "lost", "shared", "fresh", "plain"].map(|name| queue(&dies, name).unwrap());
    let [exclusive, lost, shared, fresh, plain] = queues;
    eventually(&stays, "the other node has heard", || queue(&stays, "plain").is_some()).await;
    here.consume("shared", "here", false).await;
    dies.kill();
    gone(&stays, &exclusive).await;
    gone(&stays, &lost).await;
    assert!(here.delivery().await.redelivered(), "what the lost consumer had");
    pause(&stays).await;
    for queue in [&shared, &fresh, &plain] {
        assert!(stays.catalog.topology().queue_by_id(queue.id).is_some(), "{} stays", queue.name);
        assert!(stats(&stays, queue).is_some());
    }
    let left = stats(&stays, &plain).unwrap();
    assert_eq!((left.consumers, left.ready), (0, 1));
    here.call(channel::Close::default(), "channel.close_ok").await;
    gone(&stays, &shared).await;
}

#[tokio::test(start_paused = true)]
async fn an_auto_delete_queue_goes_however_its_consumer_was_lost() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    auto_delete(&mut channel, "q").await;
    let q = queue(&node, "q").unwrap();
    let partition = PartitionId(q.id);
    let mut link = node.shards.connect().unwrap();
    let consumer = link.consumer();
    let attach = Op::Attach { partition, consumer, window: 1, priority: 0, exclusive: false };
    ask_on(&mut link, q.shard, attach).await;
    pause(&node).await;
    assert!(stats(&node, &q).is_some());
    // The front end dies between the release of its consumer and the deletion.
    drop(link);
    gone(&node, &q).await;
    auto_delete(&mut channel, "q").await;
    channel.publish("", "q", "m").await;
    assert_eq!(channel.get("q", true).await.unwrap().body(), "m");
}

#[tokio::test(start_paused = true)]
async fn a_queue_whose_deletion_was_interrupted_goes_from_the_catalog_as_well() {
    let node = Node::start().await;
    let halved = half_declared(&node, "halved", QueueSpec { auto_delete: true, ..durable() }).await;
    let plain = half_declared(&node, "plain", durable()).await;
    node.runtime.clock.sleep(Duration::from_secs(50)).await;
    assert!(queue(&node, "halved").is_some(), "whoever declares it may still be about it");
    node.runtime.clock.sleep(Duration::from_secs(180)).await;
    assert!(queue(&node, "halved").is_none());
    assert!(queue(&node, "plain").is_some());
    assert!(stats(&node, &halved).is_none() && stats(&node, &plain).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_exclusive_queue_that_its_connection_left_behind_goes() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    channel.call(queue::Declare { exclusive: true, ..declare("mine") }, "queue.declare_ok").await;
    let spec = QueueSpec { exclusive: true, ..QueueSpec::default() };
    let left = node.catalog.declare_queue(&vhost(), &"left".into(), &spec, 4242).await.unwrap().value;
    let create = Op::Create { partition: PartitionId(left.id), settings: Settings::default() };
    ask(&node, left.shard, create).await;
    gone(&node, &left).await;
    channel.publish("", "mine", "m").await;
    assert_eq!(channel.get("mine", true).await.unwrap().body(), "m");
}

#[tokio::test(start_paused = true)]
async fn a_queue_without_a_partition_is_as_good_as_any() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    for name in ["passive", "purged", "got", "published", "consumed", "again", "deleted", "dead"] {
        half_declared(&node, name, durable()).await;
    }
    assert_eq!(channel.look("passive").await, (0, 0));
    let purge = queue::Purge { queue: short("purged"), ..queue::Purge::default() };
    let Method::QueuePurgeOk(purged) = channel.call(purge, "queue.purge_ok").await.method() else { panic!() };
    assert_eq!(purged.message_count, 0);
    assert!(channel.get("got", true).await.is_none());
    assert_eq!(channel.declare("again").await, ("again".to_owned(), 0, 0));
    let delete = queue::Delete { queue: short("deleted"), ..queue::Delete::default() };
    channel.call(delete, "queue.delete_ok").await;
    assert!(queue(&node, "deleted").is_none());
    channel.consume("consumed", "c", true).await;
    channel.publish("", "consumed", "m").await;
    assert_eq!(channel.delivery().await.body(), "m");
    channel.call(confirm::Select { nowait: false }, "confirm.select_ok").await;
    channel.publish("", "published", "m").await;
    channel.expect("basic.ack").await;
    assert_eq!(channel.get("published", true).await.unwrap().body(), "m");
}

#[tokio::test(start_paused = true)]
async fn dead_letters_arrive_in_a_queue_without_a_partition() {
    let node = Node::start().await;
    let mut channel = node.channel().await;
    let dead = half_declared(&node, "dead", durable()).await;
    let arguments =
        TableBuf::new().with("x-dead-letter-exchange", "").with("x-dead-letter-routing-key", "dead");
    channel.declare_with("q", true, &arguments).await;
    channel.publish("", "q", "m").await;
    let tag = channel.get("q", false).await.unwrap().tag();
    channel.send(basic::Reject { delivery_tag: tag, requeue: false }).await;
    let has_arrived = || stats(&node, &dead).is_some_and(|stats| stats.ready == 1);
    eventually(&node, "the letter arrives", has_arrived).await;
    assert_eq!(channel.get("dead", true).await.unwrap().body(), "m");
}
