//! A shard with one group, and what subscribers have in their hands.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;
use streams::{
    ConsumerId, DeathReason, Delivery, Effects, GroupId, GroupInfo, Offset, OffsetSet, Op, Outcome, Owner,
    PartitionId, Settings, Shard, SubscriberInfo,
};

pub(crate) const GROUP: GroupId = GroupId(1);

/// Subscriber `number` of node `number / 10`.
pub(crate) fn subscriber(number: u64) -> ConsumerId {
    ConsumerId { owner: Owner((number / 10).cast_signed()), number }
}

/// What is in whose hands.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    pub(crate) held: BTreeMap<(PartitionId, Offset), ConsumerId>,
    /// In the order in which they were handed out.
    pub(crate) delivered: Vec<(u64, u64, u64)>,
    /// The last one that was delivered for the first time.
    newest: BTreeMap<PartitionId, Offset>,
    epochs: BTreeMap<PartitionId, (ConsumerId, u64)>,
    pub(crate) released: u64,
}

impl Effects for Hands {
    fn store(&mut self, _: PartitionId, _: Offset, _: Bytes) {}

    fn released(&mut self, _: PartitionId, offsets: Range<Offset>) {
        self.released += offsets.end.0 - offsets.start.0;
    }

    fn deliver(&mut self, consumer: ConsumerId, delivery: Delivery) {
        let Delivery { partition, offset, .. } = delivery;
        assert_eq!(self.epochs.get(&partition), Some(&(consumer, delivery.epoch)), "only to the active one");
        let other = self.held.iter().find(|((of, _), by)| *of == partition && **by != consumer);
        assert_eq!(other, None, "two hold frames of {partition:?}");
        assert_eq!(self.held.insert((partition, offset), consumer), None, "given once");
        if !delivery.redelivered {
            assert!(self.newest.insert(partition, offset) < Some(offset), "in order");
        }
        self.delivered.push((consumer.number, partition.0, offset.0));
    }

    fn taken(&mut self, _: ConsumerId, _: Delivery) {}

    fn cancelled(&mut self, _: ConsumerId, _: PartitionId) {}

    fn activated(&mut self, consumer: ConsumerId, partition: PartitionId, epoch: u64) {
        let other = self.held.iter().find(|((of, _), by)| *of == partition && **by != consumer);
        assert_eq!(other, None, "{partition:?} moves while somebody holds frames of it");
        let before = self.epochs.insert(partition, (consumer, epoch));
        assert!(before.is_none_or(|(_, before)| before < epoch), "epochs rise");
    }

    fn died(&mut self, _: PartitionId, _: Range<Offset>, _: DeathReason) {}

    fn dropped(&mut self, _: PartitionId) {}

    fn expired(&mut self, _: PartitionId) {}
}

/// What makes the group, of partitions from 1 up.
pub(crate) fn create(partitions: u64, settings: Settings) -> Op {
    Op::CreateGroup { group: GROUP, partitions: (1..=partitions).map(PartitionId).collect(), settings }
}

pub(crate) struct Group {
    pub(crate) shard: Shard,
    pub(crate) hands: Hands,
}

impl Group {
    pub(crate) fn new(partitions: u64) -> Self {
        Self::with(partitions, Settings::default())
    }

    pub(crate) fn with(partitions: u64, settings: Settings) -> Self {
        let mut group = Self { shard: Shard::new(), hands: Hands::default() };
        assert_eq!(group.apply(create(partitions, settings)), Outcome::Created);
        group
    }

    pub(crate) fn apply(&mut self, op: Op) -> Outcome {
        self.apply_at(0, op)
    }

    /// Applies an operation; what it takes out of hands is taken out first.
    pub(crate) fn apply_at(&mut self, time_ms: i64, op: Op) -> Outcome {
        let held = &mut self.hands.held;
        match &op {
            Op::Settle { partition, consumer, offsets } | Op::Return { partition, consumer, offsets, .. } => {
                held.retain(|at, by| at.0 != *partition || by != consumer || !offsets.contains(at.1));
            }
            Op::Unsubscribe { consumer, release: true, .. } => held.retain(|_, by| by != consumer),
            Op::Gone { owner } => held.retain(|_, by| by.owner != *owner),
            _ => {}
        }
        let outcome = self.shard.apply(time_ms, op, &mut self.hands);
        self.shard.check_invariants();
        outcome
    }

    pub(crate) fn append(&mut self, partition: u64) -> Outcome {
        let frame = Bytes::from_static(b"frame");
        let partition = PartitionId(partition);
        self.apply(Op::Append { partition, frame, priority: 0, ttl_ms: None, delay_ms: 0, stamp: None })
    }

    pub(crate) fn subscribe(&mut self, number: u64, window: u32) -> Outcome {
        self.apply(Op::Subscribe { group: GROUP, consumer: subscriber(number), window })
    }

    pub(crate) fn unsubscribe(&mut self, number: u64, release: bool) -> Outcome {
        self.apply(Op::Unsubscribe { group: GROUP, consumer: subscriber(number), release })
    }

    pub(crate) fn settle(&mut self, number: u64, partition: u64, offset: u64) -> Outcome {
        let (partition, consumer) = (PartitionId(partition), subscriber(number));
        self.apply(Op::Settle { partition, consumer, offsets: OffsetSet::from(Offset(offset)) })
    }

    /// Who was given what since this was asked last: subscriber, partition, offset.
    pub(crate) fn delivered(&mut self) -> Vec<(u64, u64, u64)> {
        std::mem::take(&mut self.hands.delivered)
    }

    pub(crate) fn info(&self) -> GroupInfo {
        self.shard.group(GROUP).unwrap()
    }

    /// Who has which partitions.
    pub(crate) fn shares(&self) -> BTreeMap<ConsumerId, BTreeSet<PartitionId>> {
        let shares = |known: SubscriberInfo| (known.id, known.partitions.into_iter().collect());
        self.info().subscribers.into_iter().map(shares).collect()
    }
}
