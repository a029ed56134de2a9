//! The consumers of a connection, as shards know them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use catalog::Queue;
use streams::{ConsumerId, Offset, OffsetSet, Op, PartitionId};

use super::partitions::group;
use crate::channel::ChannelRef;

/// A consumer of one queue.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) id: ConsumerId,
    pub(crate) at: ChannelRef,
    pub(crate) queue: Arc<Queue>,
    pub(crate) role: Role,
    /// Deliveries are done with when they are on their way to the client.
    pub(crate) no_ack: bool,
    /// Its own limit of deliveries that are not settled; 0 is none.
    pub(crate) prefetch: u16,
    /// How long the client may keep a delivery before it settles it; `None`: for ever.
    pub(crate) patience: Option<Duration>,
    /// Deliveries that the client has not settled.
    pub(crate) held: u32,
    /// How many it may hold, as its shard knows.
    pub(crate) window: u32,
    /// How many more than it holds it may get, for one without a limit of its own.
    pub(crate) open: Option<u32>,
    /// Done with, and not settled in the shard.
    pub(crate) done: Places,
}

/// Places in the partitions of a queue.
#[derive(Debug, Default)]
pub(crate) struct Places(BTreeMap<PartitionId, OffsetSet>);

impl Places {
    pub(crate) fn insert(&mut self, partition: PartitionId, offset: Offset) {
        self.0.entry(partition).or_default().insert(offset);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (PartitionId, OffsetSet)> + use<> {
        std::mem::take(&mut self.0).into_iter()
    }
}

/// What a consumer is for.
#[derive(Debug)]
pub(crate) enum Role {
    /// basic.consume.
    Consumer { tag: String, priority: i32, exclusive: bool, state: State },
    /// basic.get. While one is under way: how many messages are left in the queue, once that is known.
    Getter { left: u64 },
}

/// How far a consumer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Its shard was asked to attach it.
    Starting {
        nowait: bool,
        /// How often the queue's partition was not there.
        tries: u8,
    },
    /// It gets messages.
    Live,
    /// Its shard was asked to detach it.
    Cancelling { nowait: bool },
    /// It gets none any more, and is there for what it holds.
    Over,
}

/// How many messages a consumer may hold; and, if the client set no limit, how many more than it holds it may get.
pub(crate) fn window(prefetch: u16, limit: u16, no_ack: bool, open: u32) -> (u32, Option<u32>) {
    let limits = [prefetch, limit].into_iter().filter(|limit| *limit > 0 && !no_ack);
    match limits.min() {
        Some(limit) => (limit.into(), None),
        None => (open, Some(open)),
    }
}

impl Subscriber {
    /// What has its shard give it messages, as many at a time as its window says. `None`: it takes them one by one.
    pub(crate) fn attach(&self) -> Option<Op> {
        let Role::Consumer { priority, exclusive, .. } = self.role else { return None };
        let (consumer, window) = (self.id, self.window);
        Some(match group(&self.queue) {
            Some(group) => Op::Subscribe { group, consumer, window },
            None => Op::Attach { partition: self.first(), consumer, window, priority, exclusive },
        })
    }

    /// What changes its window to what it is now.
    pub(crate) fn change_window(&self) -> Op {
        let (consumer, window) = (self.id, self.window);
        match group(&self.queue) {
            Some(group) => Op::Subscribe { group, consumer, window },
            None => Op::Window { partition: self.first(), consumer, window },
        }
    }

    /// What ends its deliveries. What it holds stays with it.
    pub(crate) fn detach(&self) -> Op {
        let consumer = self.id;
        match group(&self.queue) {
            Some(group) => Op::Unsubscribe { group, consumer, release: false },
            None => Op::Detach { partition: self.first(), consumer },
        }
    }

    /// What ends it, and gives back what it holds.
    pub(crate) fn release(&self) -> Op {
        let consumer = self.id;
        match group(&self.queue) {
            Some(group) => Op::Unsubscribe { group, consumer, release: true },
            None => Op::Release { partition: self.first(), consumer },
        }
    }

    /// The first partition of its queue, which may be the only one.
    pub(crate) fn first(&self) -> PartitionId {
        PartitionId(self.queue.id)
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.role, Role::Consumer { state: State::Over, .. })
    }

    /// The window to ask for, if it is to be wider.
    pub(crate) fn wider_window(&self) -> Option<u32> {
        let open = self.open.filter(|_| !self.no_ack)?;
        (self.window - self.held.min(self.window) <= open / 2).then(|| self.held.saturating_add(open))
    }
}

/// By number. Nothing depends on the order of the map.
pub(crate) type Subscribers = HashMap<u64, Subscriber, rapidhash::fast::RandomState>;
