//! What operations caused, noted in a form that can be compared, and checked for what must never happen whatever the model
//! says.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;
use streams::{ConsumerId, DeathReason, Delivery, Effects, Offset, Op, Owner, PartitionId, Shard};

/// What consumers and catalogs learn, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Delivered(ConsumerId, Delivery),
    Taken(ConsumerId, Delivery),
    Cancelled(ConsumerId, PartitionId),
    Activated(ConsumerId, PartitionId, u64),
    Dropped(PartitionId),
    Expired(PartitionId),
}

/// What one operation caused. Which frames ended is compared without their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Happened {
    pub(crate) events: Vec<Event>,
    pub(crate) stored: Vec<(PartitionId, Offset)>,
    pub(crate) released: BTreeSet<(PartitionId, Offset)>,
    pub(crate) died: BTreeMap<(PartitionId, Offset), DeathReason>,
}

/// Every effect from the beginning on.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) happened: Happened,
    stored: BTreeSet<(PartitionId, Offset)>,
    released: BTreeSet<(PartitionId, Offset)>,
    hands: BTreeMap<(PartitionId, Offset), ConsumerId>,
    is_blind: bool,
    /// The single active consumer and its epoch, while the partition has one.
    active: BTreeMap<PartitionId, (ConsumerId, u64)>,
}

impl History {
    /// Begins anew with who holds what, after an operation before which time had changed something: what was taken out of
    /// hands between the two can't be told apart from here.
    pub(crate) fn resume(&mut self, shard: &Shard) {
        let holders = shard.partitions().flat_map(|id| shard.consumers(id));
        let owners: BTreeSet<Owner> = holders.map(|holder| holder.id.owner).collect();
        let start = |owner| (PartitionId(0), ConsumerId { owner, number: 0 }, Offset(0));
        let held = owners.into_iter().flat_map(|owner| shard.held(owner, start(owner), usize::MAX));
        self.hands = held.map(|(by, delivery)| ((delivery.partition, delivery.offset), by)).collect();
        self.is_blind = false;
    }

    /// Does not look at hands until [`History::resume`].
    pub(crate) fn look_away(&mut self) {
        self.hands.clear();
        self.is_blind = true;
    }

    /// Notes what an operation takes out of hands, before it is applied.
    pub(crate) fn before(&mut self, op: &Op) {
        match op {
            Op::Settle { partition, consumer, offsets }
            | Op::Return { partition, consumer, offsets, .. }
            | Op::Reject { partition, consumer, offsets } => {
                let is_given = |at: &(PartitionId, Offset)| at.0 == *partition && offsets.contains(at.1);
                self.hands.retain(|at, by| !(is_given(at) && by == consumer));
            }
            Op::Release { partition, consumer } => {
                self.hands.retain(|at, by| !(at.0 == *partition && by == consumer));
            }
            Op::Gone { owner } => self.hands.retain(|_, by| by.owner != *owner),
            _ => {}
        }
    }

    pub(crate) fn take(&mut self) -> Happened {
        std::mem::take(&mut self.happened)
    }

    /// What of a partition was stored and never released.
    pub(crate) fn live(&self, partition: PartitionId) -> Vec<Offset> {
        let live = self.stored.difference(&self.released).filter(|(of, _)| *of == partition);
        live.map(|(_, offset)| *offset).collect()
    }

    /// Nobody else holds a frame of a partition with a single active consumer.
    pub(crate) fn check_single_active(&self, partition: PartitionId) {
        let holders: BTreeSet<_> =
            self.hands.iter().filter(|(at, _)| at.0 == partition).map(|(_, by)| *by).collect();
        assert!(holders.len() <= 1, "{partition:?} is in the hands of {holders:?}");
    }

    fn handed(&mut self, consumer: ConsumerId, delivery: Delivery) {
        let at = (delivery.partition, delivery.offset);
        assert!(
            self.stored.contains(&at) && !self.released.contains(&at),
            "{at:?} lives when it is delivered"
        );
        let before = self.hands.insert(at, consumer);
        assert!(before.is_none() || self.is_blind, "{at:?} is given to {consumer:?} while {before:?} has it");
        if delivery.epoch > 0 {
            let active = self.active.get(&delivery.partition);
            assert_eq!(
                active,
                Some(&(consumer, delivery.epoch)),
                "{at:?} goes to the single active consumer"
            );
        }
    }
}

impl Effects for History {
    fn store(&mut self, partition: PartitionId, offset: Offset, _: Bytes) {
        assert!(self.stored.insert((partition, offset)), "{partition:?} {offset:?} is stored once");
        self.happened.stored.push((partition, offset));
    }

    fn released(&mut self, partition: PartitionId, offsets: Range<Offset>) {
        assert!(offsets.start < offsets.end, "something is released");
        for offset in (offsets.start.0..offsets.end.0).map(Offset) {
            assert!(self.stored.contains(&(partition, offset)), "{partition:?} {offset:?} was stored");
            assert!(self.released.insert((partition, offset)), "{partition:?} {offset:?} is released once");
            self.hands.remove(&(partition, offset));
            self.happened.released.insert((partition, offset));
        }
    }

    fn deliver(&mut self, consumer: ConsumerId, delivery: Delivery) {
        self.handed(consumer, delivery);
        self.happened.events.push(Event::Delivered(consumer, delivery));
    }

    fn taken(&mut self, consumer: ConsumerId, delivery: Delivery) {
        self.handed(consumer, delivery);
        self.happened.events.push(Event::Taken(consumer, delivery));
    }

    fn cancelled(&mut self, consumer: ConsumerId, partition: PartitionId) {
        self.happened.events.push(Event::Cancelled(consumer, partition));
    }

    fn activated(&mut self, consumer: ConsumerId, partition: PartitionId, epoch: u64) {
        let before = self.active.insert(partition, (consumer, epoch));
        assert!(before.is_none_or(|(_, before)| before < epoch), "epochs rise");
        let other = self.hands.iter().find(|(at, by)| at.0 == partition && **by != consumer);
        assert!(
            other.is_none() || self.is_blind,
            "somebody else holds frames when {consumer:?} becomes active"
        );
        self.happened.events.push(Event::Activated(consumer, partition, epoch));
    }

    fn died(&mut self, partition: PartitionId, offsets: Range<Offset>, reason: DeathReason) {
        for offset in (offsets.start.0..offsets.end.0).map(Offset) {
            assert!(!self.released.contains(&(partition, offset)), "{partition:?} {offset:?} died before");
            self.hands.remove(&(partition, offset));
            let before = self.happened.died.insert((partition, offset), reason);
            assert_eq!(before, None, "{partition:?} {offset:?} dies once");
        }
    }

    fn dropped(&mut self, partition: PartitionId) {
        self.stored.retain(|(of, _)| *of != partition);
        self.released.retain(|(of, _)| *of != partition);
        self.hands.retain(|(of, _), _| *of != partition);
        self.active.remove(&partition);
        self.happened.events.push(Event::Dropped(partition));
    }

    fn expired(&mut self, partition: PartitionId) {
        self.happened.events.push(Event::Expired(partition));
    }
}
