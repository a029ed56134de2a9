//! What a message costs in the state machine: append, deliver, settle; in different shapes of batches and queues.
//!
//! `cargo bench -p quorate-streams --bench apply [-- MESSAGES]`
#![expect(clippy::print_stdout, reason = "a benchmark reports")]
#![expect(clippy::disallowed_methods, reason = "it measures time, and is simulated by nobody")]

use std::ops::Range;
use std::time::Instant;

use bytes::Bytes;
use streams::{
    ConsumerId, DeathReason, Delivery, Effects, Offset, OffsetSet, Op, Owner, PartitionId, Settings, Shard,
};

const ROUNDS: usize = 5;

/// Settles what it was given, as consumers do.
#[derive(Default)]
struct Node {
    given: Vec<(PartitionId, ConsumerId, Offset)>,
    released: u64,
}

impl Effects for Node {
    fn store(&mut self, _: PartitionId, _: Offset, _: Bytes) {}
    fn released(&mut self, _: PartitionId, range: Range<Offset>) {
        self.released += range.end.0 - range.start.0;
    }
    fn deliver(&mut self, consumer: ConsumerId, delivery: Delivery) {
        self.given.push((delivery.partition, consumer, delivery.offset));
    }
    fn taken(&mut self, _: ConsumerId, _: Delivery) {}
    fn cancelled(&mut self, _: ConsumerId, _: PartitionId) {}
    fn activated(&mut self, _: ConsumerId, _: PartitionId, _: u64) {}
    fn died(&mut self, _: PartitionId, _: Range<Offset>, _: DeathReason) {}
    fn dropped(&mut self, _: PartitionId) {}
    fn expired(&mut self, _: PartitionId) {}
}

#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    partitions: u64,
    consumers: u64,
    /// How many messages are appended before those that were delivered are settled.
    batch: u64,
    /// Whether each is settled by an operation of its own.
    one_by_one: bool,
    /// Whether they are settled in another order than they came.
    scattered: bool,
    /// Whether the view of a checkpoint is taken now and then.
    freezes: bool,
    settings: Settings,
}

const PLAIN: Shape = Shape {
    name: "one queue, settled by ranges",
    partitions: 1,
    consumers: 1,
    batch: 100,
    one_by_one: false,
    scattered: false,
    freezes: false,
    settings: Settings {
        length_max: None,
        bytes_max: None,
        overflow: streams::Overflow::DropHead,
        ttl_ms: None,
        expires_ms: None,
        priorities: 0,
        single_active: false,
        delivery_limit: Some(20),
        dead_letters: false,
        auto_delete: false,
    },
};

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let messages = arguments.next_back().and_then(|count| count.parse().ok()).unwrap_or(500_000);
    let one_by_one = Shape { one_by_one: true, ..PLAIN };
    let shapes = [
        PLAIN,
        Shape { name: "one queue, settled one by one", ..one_by_one },
        Shape { name: "the same in no order", scattered: true, ..one_by_one },
        Shape { name: "ten consumers", consumers: 10, ..one_by_one },
        Shape {
            name: "a single active one of ten",
            consumers: 10,
            settings: Settings { single_active: true, ..PLAIN.settings },
            ..one_by_one
        },
        Shape {
            name: "with time to live",
            settings: Settings { ttl_ms: Some(60_000), ..PLAIN.settings },
            ..one_by_one
        },
        Shape {
            name: "with limits of length and bytes",
            settings: Settings { length_max: Some(1 << 20), bytes_max: Some(1 << 30), ..PLAIN.settings },
            ..one_by_one
        },
        Shape {
            name: "ten priorities",
            settings: Settings { priorities: 9, ..PLAIN.settings },
            ..one_by_one
        },
        Shape { name: "a thousand queues", partitions: 1000, batch: 10_000, ..one_by_one },
        Shape { name: "a view frozen every 1000", freezes: true, ..one_by_one },
    ];
    println!("{:<36} {:>12}", "append + deliver + settle", "ns a message");
    for shape in shapes {
        report(shape.name, || nanoseconds(shape, messages));
    }
    report("append to a backlog", || backlog(messages).0);
    report("drain it, window 1000", || backlog(messages).1);
}

/// The best of some rounds: the others were disturbed.
fn report(name: &str, round: impl Fn() -> f64) {
    let best = (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min);
    println!("{name:<36} {best:>12.0}");
}

fn nanoseconds(shape: Shape, messages: u64) -> f64 {
    let mut shard = Shard::new();
    let mut node = Node::default();
    for id in (0..shape.partitions).map(PartitionId) {
        shard.apply(0, Op::Create { partition: id, settings: shape.settings }, &mut node);
        for number in 0..shape.consumers {
            let consumer = ConsumerId { owner: Owner(1), number };
            shard.apply(0, attach(id, consumer), &mut node);
        }
    }
    let begin = Instant::now();
    let mut number = 0;
    let mut frozen = None;
    while number < messages {
        let time_ms = (number / 100).cast_signed();
        for _ in 0..shape.batch {
            let priority = u8::try_from(number % 10).unwrap_or(0);
            shard.apply(time_ms, append(PartitionId(number % shape.partitions), priority), &mut node);
            number += 1;
        }
        settle(&mut shard, &mut node, shape, time_ms);
        if shape.freezes && number % 1000 == 0 {
            frozen = Some(shard.freeze());
        }
    }
    drop(frozen);
    let nanoseconds = begin.elapsed().as_secs_f64() * 1e9;
    assert_eq!(node.released, number, "every message is settled");
    nanoseconds / number as f64
}

fn settle(shard: &mut Shard, node: &mut Node, shape: Shape, time_ms: i64) {
    while !node.given.is_empty() {
        let mut given = std::mem::take(&mut node.given);
        if shape.scattered {
            let len = given.len();
            (0..len).for_each(|at| given.swap(at, at * 7919 % len));
        }
        if shape.one_by_one {
            for (partition, consumer, offset) in given {
                let offsets = OffsetSet::from(offset);
                shard.apply(time_ms, Op::Settle { partition, consumer, offsets }, node);
            }
        } else {
            let (partition, consumer, _) = given[0];
            let offsets = given.iter().map(|(_, _, offset)| *offset).collect();
            shard.apply(time_ms, Op::Settle { partition, consumer, offsets }, node);
        }
    }
}

fn backlog(messages: u64) -> (f64, f64) {
    let mut shard = Shard::new();
    let mut node = Node::default();
    let partition = PartitionId(0);
    shard.apply(0, Op::Create { partition, settings: PLAIN.settings }, &mut node);
    let begin = Instant::now();
    for _ in 0..messages {
        shard.apply(0, append(partition, 0), &mut node);
    }
    let appended = begin.elapsed();
    shard.apply(0, attach(partition, ConsumerId { owner: Owner(1), number: 0 }), &mut node);
    settle(&mut shard, &mut node, Shape { one_by_one: true, ..PLAIN }, 0);
    let drained = begin.elapsed() - appended;
    let each = |time: std::time::Duration| time.as_secs_f64() * 1e9 / messages as f64;
    (each(appended), each(drained))
}

fn append(partition: PartitionId, priority: u8) -> Op {
    let frame = Bytes::from_static(b"a frame that nobody looks into");
    Op::Append { partition, frame, priority, ttl_ms: None, delay_ms: 0, stamp: None }
}

fn attach(partition: PartitionId, consumer: ConsumerId) -> Op {
    Op::Attach { partition, consumer, window: 1000, priority: 0, exclusive: false }
}
