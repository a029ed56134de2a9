//! What a shard costs in memory and in snapshots. Alone in its process: others would be counted too.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
#![allow(clippy::print_stdout, reason = "figures are shown to those who ask")]
#![cfg(target_os = "linux")]

use std::ops::Range;

use bytes::Bytes;
use streams::{
    ConsumerId, DeathReason, Delivery, Effects, Offset, OffsetSet, Op, Owner, PartitionId, Settings, Shard,
};

/// Of this process, from the kernel.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

/// By how many bytes the process grows.
fn bytes_of<T>(make: impl FnOnce() -> T) -> (usize, T) {
    let before = resident_bytes();
    let made = make();
    (resident_bytes().saturating_sub(before), made)
}

struct Ignore;

impl Effects for Ignore {
    fn store(&mut self, _: PartitionId, _: Offset, _: Bytes) {}
    fn released(&mut self, _: PartitionId, _: Range<Offset>) {}
    fn deliver(&mut self, _: ConsumerId, _: Delivery) {}
    fn taken(&mut self, _: ConsumerId, _: Delivery) {}
    fn cancelled(&mut self, _: ConsumerId, _: PartitionId) {}
    fn activated(&mut self, _: ConsumerId, _: PartitionId, _: u64) {}
    fn died(&mut self, _: PartitionId, _: Range<Offset>, _: DeathReason) {}
    fn dropped(&mut self, _: PartitionId) {}
    fn expired(&mut self, _: PartitionId) {}
}

const BACKLOG: u64 = 10_000_000;
/// Where memory grows with the backlog, so that a part of it tells.
const SMALLER_BACKLOG: u64 = 1_000_000;
const QUEUE: PartitionId = PartitionId(1);

fn append(partition: PartitionId, priority: u8, ttl_ms: Option<u64>) -> Op {
    Op::Append { partition, frame: Bytes::new(), priority, ttl_ms, delay_ms: 0, stamp: None }
}

fn attach(partition: PartitionId, number: u64, window: u32) -> Op {
    let consumer = ConsumerId { owner: Owner(1), number };
    Op::Attach { partition, consumer, window, priority: 0, exclusive: false }
}

fn queue(settings: Settings) -> Shard {
    let mut shard = Shard::new();
    shard.apply(0, Op::Create { partition: QUEUE, settings }, &mut Ignore);
    shard
}

fn fill(shard: &mut Shard) {
    for _ in 0..BACKLOG {
        shard.apply(0, append(QUEUE, 0, None), &mut Ignore);
    }
}

fn snapshot_bytes(shard: &Shard) -> usize {
    shard.freeze().chunks(1 << 20).map(|chunk| chunk.len()).sum()
}

// One test, as others at the same time would be counted too. What is made stays until the end: what one gives back would
// be there for the next.
#[test]
fn memory_and_snapshots_stay_small() {
    let shards = [
        idle_partitions(),
        plain_backlog(),
        backlog_with_times_to_live(),
        backlog_of_priorities(),
        backlog_in_one_hand_and_back(),
        holes_behind_an_unsettled_frame(),
    ];
    let snapshots = shards.map(|shard| snapshot_bytes(&shard));
    println!("bytes of their snapshots: {snapshots:?}");
    let [idle, plain, with_ttl, prioritized, returned, holes] = snapshots;
    assert!(idle < IDLE * 64, "an idle partition takes little of a snapshot: {idle}");
    assert!(plain < 256 && returned < 256 && holes < 256, "{plain} {returned} {holes}");
    assert!(with_ttl < 200 << 10 && prioritized < 2 << 20, "{with_ttl} {prioritized}");
}

const IDLE: usize = 20_000;

fn idle_partitions() -> Shard {
    let ids = || (0..IDLE as u64).map(PartitionId);
    let (empty, mut shard) = bytes_of(|| {
        let mut shard = Shard::new();
        for id in ids() {
            shard.apply(0, Op::Create { partition: id, settings: Settings::default() }, &mut Ignore);
        }
        shard
    });
    let (consumed, ()) = bytes_of(|| {
        for id in ids() {
            shard.apply(0, attach(id, id.0, 100), &mut Ignore);
        }
    });
    let (empty, consumed) = (empty / IDLE, consumed / IDLE);
    println!("idle partition: {empty} bytes, {consumed} more with a consumer");
    assert!(empty < 1024 && empty + consumed < 2048, "{empty} + {consumed}");
    shard
}

fn plain_backlog() -> Shard {
    let (bytes, shard) = bytes_of(|| {
        let mut shard = queue(Settings::default());
        fill(&mut shard);
        shard.apply(0, attach(QUEUE, 1, 1000), &mut Ignore);
        shard
    });
    println!("ten million waiting frames: {bytes} bytes");
    assert!(bytes < 256 << 10, "{bytes}");
    shard
}

/// A hundred frames in each millisecond.
fn backlog_with_times_to_live() -> Shard {
    let (bytes, shard) = bytes_of(|| {
        let mut shard = queue(Settings { ttl_ms: Some(1 << 40), ..Settings::default() });
        for number in 0..SMALLER_BACKLOG {
            shard.apply((number / 100).cast_signed(), append(QUEUE, 0, None), &mut Ignore);
        }
        shard
    });
    println!("a million with a time to live: {bytes} bytes");
    assert!(bytes < 1 << 20, "{bytes}");
    shard
}

fn backlog_of_priorities() -> Shard {
    let (bytes, shard) = bytes_of(|| {
        let mut shard = queue(Settings { priorities: 9, ..Settings::default() });
        for number in 0..SMALLER_BACKLOG {
            let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let priority = u8::try_from(scattered % 10).unwrap();
            shard.apply(0, append(QUEUE, priority, None), &mut Ignore);
        }
        shard
    });
    println!("a million of ten priorities: {bytes} bytes");
    assert!(bytes < 3 << 20, "{bytes}");
    shard
}

fn backlog_in_one_hand_and_back() -> Shard {
    let mut shard = queue(Settings::default());
    fill(&mut shard);
    let (bytes, ()) = bytes_of(|| {
        shard.apply(0, attach(QUEUE, 1, u32::MAX), &mut Ignore);
        shard.apply(0, Op::Gone { owner: Owner(1) }, &mut Ignore);
    });
    println!("ten million in one hand, and back: {bytes} bytes");
    assert!(bytes < 4 << 20, "{bytes}");
    shard
}

fn holes_behind_an_unsettled_frame() -> Shard {
    let mut shard = queue(Settings::default());
    let (bytes, ()) = bytes_of(|| {
        for _ in 0..BACKLOG / 100 {
            shard.apply(0, append(QUEUE, 0, None), &mut Ignore);
        }
        shard.apply(0, attach(QUEUE, 1, u32::MAX), &mut Ignore);
        let consumer = ConsumerId { owner: Owner(1), number: 1 };
        for number in 1..BACKLOG / 100 {
            let offsets = OffsetSet::from(Offset(1 + number * 7_368_787 % (BACKLOG / 100 - 1)));
            shard.apply(0, Op::Settle { partition: QUEUE, consumer, offsets }, &mut Ignore);
        }
    });
    println!("one unsettled frame behind {}: {bytes} bytes", BACKLOG / 100);
    assert_eq!(shard.stats(QUEUE).unwrap().unsettled, 1);
    assert!(bytes < 4 << 20, "{bytes}");
    shard
}
