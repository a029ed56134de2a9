//! A queue in numbers: those of its partitions together.

use catalog::Queue;
use shards::Shards;
use streams::Shard;

use crate::broker::partitions::{group, partitions};

/// What a queue holds, and how many consume from it. Counts are of messages where nothing else is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Can be delivered at once.
    pub ready: u64,
    /// The size of these, counting what was published while bytes were limited.
    pub ready_bytes: u64,
    /// Held by consumers.
    pub unsettled: u64,
    /// Wait for their time.
    pub delayed: u64,
    /// Failed too often and wait for an operator.
    pub parked: u64,
    /// Dead, and not where they belong yet.
    pub dead: u64,
    /// How many consumers there are.
    pub consumers: u64,
    /// All that were ever published to it.
    pub published: u64,
}

impl QueueCounts {
    /// Of a queue, as far as this node's replica has applied. `None`: it has no partition there.
    pub fn of(shards: &Shards, queue: &Queue) -> Option<Self> {
        shards.replica(queue.shard)?.read(|shard| Self::in_shard(shard, queue))
    }

    /// The same, of a shard that is at hand.
    pub fn in_shard(shard: &Shard, queue: &Queue) -> Option<Self> {
        let mut all = partitions(queue).filter_map(|partition| shard.stats(partition)).peekable();
        all.peek()?;
        let mut counts = Self::default();
        for stats in all {
            counts.ready += stats.ready;
            counts.ready_bytes += stats.ready_bytes;
            counts.unsettled += stats.unsettled;
            counts.delayed += stats.delayed;
            counts.parked += stats.parked;
            counts.dead += stats.dead;
            counts.consumers += stats.consumers;
            counts.published += stats.tail.0;
        }
        if let Some(group) = group(queue).and_then(|group| shard.group(group)) {
            counts.consumers = group.subscribers.len() as u64;
        }
        Some(counts)
    }
}
