//! Connections of one and two nodes over a log in memory, with real stores of frames on simulated disks.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use runtime::disk::sim::SimDisk;
use runtime::{BoxFuture, Runtime, SeededEntropy, SystemClock, SystemNetwork, Task, TokioPools};
use shards::{Event, FrameStore, Link, Loopback, Owners, Replica, Shards};
use streams::{ConsumerId, Delivery, Offset, OffsetSet, Op, Outcome, Owner, PartitionId, Settings};
use tokio::sync::watch;

const P: PartitionId = PartitionId(7);
const SHARD: u32 = 1;

struct Node {
    runtime: Runtime,
    plane: Arc<Shards>,
    replica: Arc<Replica>,
    owner: watch::Sender<Option<Owner>>,
    _tasks: Vec<Task>,
}

fn runtime(number: u64) -> Runtime {
    let handle = tokio::runtime::Handle::current();
    Runtime {
        network: Arc::new(SystemNetwork),
        disk: Arc::new(SimDisk::new(number)),
        clock: SystemClock::clock(),
        entropy: Arc::new(SeededEntropy::new(number)),
        pools: Arc::new(TokioPools::new(handle.clone(), handle)),
    }
}

fn replica(runtime: &Runtime, number: u64) -> Arc<Replica> {
    let config = segments::Config { shard: u64::from(SHARD), ..Default::default() };
    let store = FrameStore::new(Arc::clone(&runtime.disk), "/frames".into(), config, number << 16);
    Replica::new(SHARD, store)
}

async fn node(log: &Arc<Loopback>, runtime: Runtime, number: u64) -> Node {
    let replica = replica(&runtime, number);
    replica.begin_empty().await.unwrap();
    let applying = log.join(number, &replica);
    let owner = watch::Sender::new(Some(Owner(number as i64)));
    let plane = Shards::new(owner.subscribe());
    plane.add(Arc::clone(&replica));
    let following = Arc::clone(&plane);
    let following = runtime.spawn(runtime::Pool::Clients, async move { following.follow_owner().await });
    Node { runtime, plane, replica, owner, _tasks: vec![applying, following] }
}

async fn alone() -> Node {
    let runtime = runtime(1);
    node(&Loopback::new(runtime.clone()), runtime, 1).await
}

/// A connection, and what it was told and nobody looked at yet.
struct Client {
    link: Link,
    told: std::collections::VecDeque<Event>,
}

impl Client {
    fn of(node: &Node) -> Self {
        Self { link: node.plane.connect().unwrap(), told: Default::default() }
    }

    async fn next(&mut self) -> Event {
        while self.told.is_empty() {
            let woken = SystemClock::clock().timeout(Duration::from_secs(5), self.link.woken()).await;
            woken.expect("something is told within five seconds");
            let mut events = Vec::new();
            self.link.take(&mut events).await.unwrap();
            self.told.extend(events);
        }
        self.told.pop_front().unwrap()
    }

    async fn outcomes(&mut self, ops: Vec<Op>) -> Vec<Outcome> {
        let ticket = self.link.submit(SHARD, ops);
        match self.next().await {
            Event::Outcomes { ticket: told, outcomes } if told == ticket => outcomes,
            other => panic!("{other:?} instead of what came of submission {ticket}"),
        }
    }

    async fn outcome(&mut self, op: Op) -> Outcome {
        self.outcomes(vec![op]).await.pop().unwrap()
    }

    async fn attach(&mut self, window: u32) -> ConsumerId {
        let consumer = self.link.consumer();
        let op = Op::Attach { partition: P, consumer, window, priority: 0, exclusive: false };
        assert!(matches!(self.outcome(op).await, Outcome::Attached { .. }));
        consumer
    }

    async fn delivery(&mut self) -> (Delivery, Bytes) {
        match self.next().await {
            Event::Deliver { delivery, frame, .. } => (delivery, frame),
            other => panic!("{other:?} instead of a delivery"),
        }
    }

    async fn is_told_nothing(&mut self) {
        let woken = SystemClock::clock().timeout(Duration::from_millis(50), self.link.woken()).await;
        assert!(self.told.is_empty() && woken.is_err(), "something was told");
    }
}

fn append(body: impl Into<Bytes>) -> Op {
    Op::Append { partition: P, frame: body.into(), priority: 0, ttl_ms: None, delay_ms: 0, stamp: None }
}

fn body(number: u64) -> Bytes {
    Bytes::from(format!("frame {number} ").repeat(20))
}

fn settle(consumer: ConsumerId, offset: Offset) -> Op {
    Op::Settle { partition: P, consumer, offsets: OffsetSet::from(offset) }
}

async fn made(client: &mut Client) {
    let create = Op::Create { partition: P, settings: Settings::default() };
    assert_eq!(client.outcome(create).await, Outcome::Created);
}

#[tokio::test]
async fn what_is_published_on_one_node_is_consumed_on_another_in_order() {
    let log = Loopback::new(runtime(9));
    let (one, two) = (node(&log, runtime(1), 1).await, node(&log, runtime(2), 2).await);
    let (mut publisher, mut subscriber) = (Client::of(&one), Client::of(&two));
    made(&mut publisher).await;
    assert_eq!(publisher.outcome(append(body(0))).await, Outcome::Appended(Offset(0)));
    // Told of being attached before its first frame.
    let consumer = subscriber.attach(2).await;
    for number in 1..20 {
        assert_eq!(publisher.outcome(append(body(number))).await, Outcome::Appended(Offset(number)));
    }
    for number in 0..20 {
        let (delivery, frame) = subscriber.delivery().await;
        assert_eq!((delivery.offset, delivery.redelivered), (Offset(number), false));
        assert_eq!(frame, body(number));
        subscriber.link.submit(SHARD, vec![settle(consumer, delivery.offset)]);
        let mut early = Vec::new();
        let settled = loop {
            match subscriber.next().await {
                Event::Outcomes { outcomes, .. } => break outcomes,
                event => early.push(event),
            }
        };
        assert!(early.len() < 2, "more than the window");
        early.into_iter().rev().for_each(|event| subscriber.told.push_front(event));
        assert_eq!(settled, [Outcome::Settled { unknown: 0 }]);
    }
}

#[tokio::test]
async fn what_a_connection_held_goes_to_others_when_it_ends() {
    let node = alone().await;
    let (mut first, mut second) = (Client::of(&node), Client::of(&node));
    made(&mut first).await;
    first.attach(10).await;
    first.link.submit(SHARD, (0..3).map(|number| append(body(number))).collect());
    assert!(matches!(first.next().await, Event::Outcomes { .. }));
    for number in 0..3 {
        assert_eq!(first.delivery().await.0.offset, Offset(number));
    }
    second.attach(10).await;
    second.is_told_nothing().await;
    drop(first);
    for number in 0..3 {
        let (delivery, frame) = second.delivery().await;
        assert_eq!((delivery.offset, delivery.redelivered), (Offset(number), true));
        assert_eq!(frame, body(number));
    }
}

async fn snapshot(node: &Node) -> Vec<Bytes> {
    let mut source = node.replica.begin_snapshot();
    source.attach().await.unwrap();
    let pieces = std::iter::from_fn(|| source.next_chunk()).collect();
    source.kept().await;
    pieces
}

#[tokio::test]
async fn frames_that_have_left_memory_are_delivered_in_order_with_those_that_have_not() {
    let node = alone().await;
    let mut client = Client::of(&node);
    made(&mut client).await;
    client.outcomes((0..3000).map(|number| append(body(number))).collect()).await;
    snapshot(&node).await;
    assert!(node.replica.frames().recent(P.0, 0).is_none(), "the checkpoint has not freed memory");
    client.outcomes((3000..3010).map(|number| append(body(number))).collect()).await;
    let consumer = client.attach(5000).await;
    for number in 0..3010 {
        let (delivery, frame) = client.delivery().await;
        assert_eq!(delivery.offset, Offset(number));
        assert_eq!(frame, body(number));
    }
    let all = OffsetSet::from(Offset(0)..Offset(3010));
    let settled = client.outcome(Op::Settle { partition: P, consumer, offsets: all }).await;
    assert_eq!(settled, Outcome::Settled { unknown: 0 });
    assert_eq!(node.plane.stats(SHARD, P).unwrap().head, Offset(3010));
}

#[tokio::test]
async fn a_replica_goes_on_from_its_snapshot() {
    let log = Loopback::new(runtime(9));
    let one = node(&log, runtime(1), 1).await;
    let mut client = Client::of(&one);
    made(&mut client).await;
    client.outcomes((0..100).map(|number| append(body(number))).collect()).await;
    let pieces = snapshot(&one).await;
    // What was applied after the snapshot is not in it.
    client.outcome(append(body(100))).await;
    let again = replica(&one.runtime, 1);
    let mut target = again.begin_restore();
    pieces.into_iter().for_each(|piece| target.push(piece).unwrap());
    target.finish().await.unwrap();
    assert_eq!(again.stats(P).unwrap().tail, Offset(100));
    let offsets: Vec<u64> = (0..100).collect();
    let frames = again.frames().read(P.0, &offsets, usize::MAX).await.unwrap();
    assert!(
        frames.iter().zip(0..).all(|((offset, frame), number)| *offset == number && *frame == body(number))
    );
    assert_eq!(frames.len(), 100);
}

#[tokio::test]
async fn connections_with_consumers_end_with_the_session_of_their_node() {
    let node = alone().await;
    let mut client = Client::of(&node);
    made(&mut client).await;
    client.attach(1).await;
    node.owner.send_replace(Some(Owner(99)));
    assert_eq!(client.next().await, Event::Over);
    let mut next = Client::of(&node);
    assert_eq!(next.attach(1).await.owner, Owner(99));
}

#[tokio::test]
async fn who_is_not_told_what_came_of_it_is_told_that() {
    let log = Loopback::new(runtime(9));
    let one = node(&log, runtime(1), 1).await;
    let mut client = Client::of(&one);
    log.hold(1);
    let ticket = client.link.submit(SHARD, vec![append(body(0))]);
    one.replica.lost_through(1);
    assert_eq!(client.next().await, Event::Lost { ticket });
}

#[tokio::test]
async fn a_connection_from_before_the_nodes_session_gets_no_consumers_any_more() {
    let node = alone().await;
    let mut client = Client::of(&node);
    made(&mut client).await;
    node.owner.send_replace(Some(Owner(2)));
    client.is_told_nothing().await;
    let consumer = client.link.consumer();
    client
        .link
        .submit(SHARD, vec![Op::Attach { partition: P, consumer, window: 1, priority: 0, exclusive: false }]);
    assert_eq!(client.next().await, Event::Over);
    drop(client);
    let mut later = Client::of(&node);
    later.attach(1).await;
    later.outcome(append(body(0))).await;
    later.delivery().await;
}

/// Owners that a test has end.
struct Ended {
    ended: watch::Sender<u64>,
    gone: Owner,
}

impl Owners for Ended {
    fn gone(&self, owners: Vec<Owner>) -> BoxFuture<'_, Vec<Owner>> {
        let over = *self.ended.borrow() > 0;
        Box::pin(async move { owners.into_iter().filter(|owner| over && *owner == self.gone).collect() })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }
}

#[tokio::test]
async fn the_leader_takes_back_what_a_node_held_that_is_gone() {
    let log = Loopback::new(runtime(9));
    let (one, two) = (node(&log, runtime(1), 1).await, node(&log, runtime(2), 2).await);
    let (mut staying, mut leaving) = (Client::of(&one), Client::of(&two));
    made(&mut staying).await;
    leaving.attach(10).await;
    staying.outcome(append(body(0))).await;
    leaving.delivery().await;
    staying.attach(10).await;
    let owners = Arc::new(Ended { ended: watch::Sender::new(0), gone: Owner(2) });
    let keeping = Arc::clone(&one.replica).keep(one.runtime.clock.clone(), owners.clone());
    let _keeper = one.runtime.spawn(runtime::Pool::Consensus, keeping);
    staying.is_told_nothing().await;
    owners.ended.send_replace(1);
    let (delivery, _) = staying.delivery().await;
    assert_eq!((delivery.offset, delivery.redelivered), (Offset(0), true));
}

#[tokio::test]
async fn what_waits_for_its_time_comes_when_it_is_due() {
    let node = alone().await;
    let owners = Arc::new(Ended { ended: watch::Sender::new(0), gone: Owner(2) });
    let keeping = Arc::clone(&node.replica).keep(node.runtime.clock.clone(), owners);
    let _keeper = node.runtime.spawn(runtime::Pool::Consensus, keeping);
    let mut client = Client::of(&node);
    made(&mut client).await;
    client.attach(10).await;
    let late =
        Op::Append { partition: P, frame: body(0), priority: 0, ttl_ms: None, delay_ms: 100, stamp: None };
    assert_eq!(client.outcome(late).await, Outcome::Appended(Offset(0)));
    client.is_told_nothing().await;
    assert_eq!(client.delivery().await.0.offset, Offset(0));
}

#[tokio::test]
async fn what_older_nodes_can_not_apply_waits_and_keeps_its_place_in_the_order() {
    let runtime = runtime(1);
    let log = Loopback::new(runtime.clone());
    log.set_level(1);
    let node = node(&log, runtime, 1).await;
    let mut client = Client::of(&node);
    let settings = Settings { auto_delete: true, ..Settings::default() };
    let settings_of =
        |node: &Node| node.replica.read(|shard| shard.inventory().map(|(.., settings)| *settings).next());
    let create = Op::Create { partition: P, settings };
    assert_eq!(client.outcome(create).await, Outcome::Created);
    assert_eq!(
        settings_of(&node),
        Some(Settings::default()),
        "older nodes know no partition that goes by itself"
    );
    // One that can't be done holds back what comes with it, and what it says does not overtake what came before.
    let first = client.link.submit(SHARD, vec![Op::Tick]);
    let second = client.link.submit(SHARD, vec![Op::Purge { partition: P }, Op::Expire { partition: P }]);
    for (expected, outcomes) in [(first, vec![Outcome::Done]), (second, vec![Outcome::TooNew; 2])] {
        assert_eq!(client.next().await, Event::Outcomes { ticket: expected, outcomes });
    }
    log.set_level(2);
    let alter = Op::Alter { partition: P, settings };
    assert_eq!(client.outcome(alter).await, Outcome::Done);
    assert_eq!(settings_of(&node), Some(settings));
}

#[tokio::test]
async fn what_is_in_the_log_above_its_level_has_no_effect_on_any_replica() {
    let node = alone().await;
    let settings = Settings { auto_delete: true, ..Settings::default() };
    let mut bytes = bytes::BytesMut::new();
    streams::Command { ops: vec![Op::Create { partition: P, settings }] }.encode(&mut bytes);
    let of_now = bytes.freeze();
    // This version does not even know what the second is.
    let to_come = Bytes::from(vec![streams::LEVEL_MAX as u8 + 1, 1, 250]);
    let commands = [of_now, to_come].map(|bytes| shards::AppliedCommand { own: None, bytes });
    node.replica
        .apply(shards::AppliedEntry { time_ms: 1, level: 1, commands: commands.into_iter() })
        .unwrap();
    assert_eq!(node.replica.stats(P), None);
}
