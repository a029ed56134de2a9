//! One queue and what its consumers see, in few words.

use std::ops::Range;

use bytes::Bytes;
use streams::{
    ConsumerId, DeathReason, Delivery, Effects, Offset, OffsetSet, Op, Outcome, Owner, PartitionId, Settings,
    Shard, Stats,
};

pub(crate) const QUEUE: PartitionId = PartitionId(1);

/// Consumer `number` of node `number / 10`.
pub(crate) fn consumer(number: u64) -> ConsumerId {
    ConsumerId { owner: Owner((number / 10).cast_signed()), number }
}

pub(crate) fn set(offsets: &[u64]) -> OffsetSet {
    offsets.iter().copied().map(Offset).collect()
}

/// What happened since it was asked for last.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Consumer and offset.
    pub(crate) delivered: Vec<(u64, u64)>,
    pub(crate) deliveries: Vec<Delivery>,
    /// Consumer and epoch.
    pub(crate) activated: Vec<(u64, u64)>,
    pub(crate) died: Vec<(Range<u64>, DeathReason)>,
    pub(crate) released: Vec<Range<u64>>,
    pub(crate) cancelled: Vec<u64>,
    pub(crate) expired: bool,
}

impl Effects for Seen {
    fn store(&mut self, _: PartitionId, _: Offset, _: Bytes) {}

    fn released(&mut self, _: PartitionId, offsets: Range<Offset>) {
        self.released.push(offsets.start.0..offsets.end.0);
    }

    fn deliver(&mut self, consumer: ConsumerId, delivery: Delivery) {
        self.delivered.push((consumer.number, delivery.offset.0));
        self.deliveries.push(delivery);
    }

    fn taken(&mut self, _: ConsumerId, _: Delivery) {}

    fn cancelled(&mut self, consumer: ConsumerId, _: PartitionId) {
        self.cancelled.push(consumer.number);
    }

    fn activated(&mut self, consumer: ConsumerId, _: PartitionId, epoch: u64) {
        self.activated.push((consumer.number, epoch));
    }

    fn died(&mut self, _: PartitionId, offsets: Range<Offset>, reason: DeathReason) {
        self.died.push((offsets.start.0..offsets.end.0, reason));
    }

    fn dropped(&mut self, _: PartitionId) {}

    fn expired(&mut self, _: PartitionId) {
        self.expired = true;
    }
}

/// A shard with one queue.
pub(crate) struct Queue {
    pub(crate) shard: Shard,
    pub(crate) seen: Seen,
    pub(crate) time_ms: i64,
}

impl Queue {
    pub(crate) fn new(settings: Settings) -> Self {
        let mut queue = Self { shard: Shard::new(), seen: Seen::default(), time_ms: 0 };
        assert_eq!(queue.apply(Op::Create { partition: QUEUE, settings }), Outcome::Created);
        queue
    }

    pub(crate) fn apply(&mut self, op: Op) -> Outcome {
        let outcome = self.shard.apply(self.time_ms, op, &mut self.seen);
        self.shard.check_invariants();
        outcome
    }

    pub(crate) fn append(&mut self) -> Outcome {
        self.append_with(0, None, 0)
    }

    pub(crate) fn append_with(&mut self, priority: u8, ttl_ms: Option<u64>, delay_ms: u64) -> Outcome {
        let frame = Bytes::from_static(b"0123456789");
        self.apply(Op::Append { partition: QUEUE, frame, priority, ttl_ms, delay_ms, stamp: None })
    }

    pub(crate) fn append_many(&mut self, count: usize) {
        (0..count).for_each(|_| assert!(matches!(self.append(), Outcome::Appended(_))));
    }

    pub(crate) fn attach(&mut self, number: u64, window: u32, priority: i32) -> Outcome {
        let consumer = consumer(number);
        self.apply(Op::Attach { partition: QUEUE, consumer, window, priority, exclusive: false })
    }

    pub(crate) fn settle(&mut self, number: u64, offsets: &[u64]) -> Outcome {
        self.apply(Op::Settle { partition: QUEUE, consumer: consumer(number), offsets: set(offsets) })
    }

    pub(crate) fn give_back(&mut self, number: u64, offsets: &[u64], failed: bool, delay_ms: u64) -> Outcome {
        let (consumer, offsets) = (consumer(number), set(offsets));
        self.apply(Op::Return { partition: QUEUE, consumer, offsets, failed, delay_ms })
    }

    pub(crate) fn detach(&mut self, number: u64) -> Outcome {
        self.apply(Op::Detach { partition: QUEUE, consumer: consumer(number) })
    }

    pub(crate) fn release(&mut self, number: u64) -> Outcome {
        self.apply(Op::Release { partition: QUEUE, consumer: consumer(number) })
    }

    pub(crate) fn pass(&mut self, ms: i64) {
        self.time_ms += ms;
        self.apply(Op::Tick);
    }

    pub(crate) fn stats(&self) -> Stats {
        self.shard.stats(QUEUE).unwrap()
    }

    /// Who was given what since this was asked last.
    pub(crate) fn delivered(&mut self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.seen.delivered)
    }

    pub(crate) fn activated(&mut self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.seen.activated)
    }

    pub(crate) fn died(&mut self) -> Vec<(Range<u64>, DeathReason)> {
        std::mem::take(&mut self.seen.died)
    }
}
