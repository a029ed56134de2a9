//! Tells effects what happened, neighbours at once.

use std::ops::Range;

use bytes::Bytes;

use crate::effects::Effects;
use crate::ids::{ConsumerId, Offset, PartitionId};
use crate::outcome::{DeathReason, Delivery};

/// What happened to a range of frames and was not told yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Released,
    Died(DeathReason),
}

/// Joins the ends of neighbouring frames, as long as nothing else happens between them.
pub(crate) struct Reporter<'a> {
    partition: PartitionId,
    effects: &'a mut dyn Effects,
    pending: Option<(Range<u64>, End)>,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(partition: PartitionId, effects: &'a mut dyn Effects) -> Self {
        Self { partition, effects, pending: None }
    }

    pub(crate) fn store(&mut self, offset: u64, frame: Bytes) {
        self.flush();
        self.effects.store(self.partition, Offset(offset), frame);
    }

    pub(crate) fn deliver(&mut self, consumer: ConsumerId, delivery: Delivery) {
        self.flush();
        self.effects.deliver(consumer, delivery);
    }

    pub(crate) fn taken(&mut self, consumer: ConsumerId, delivery: Delivery) {
        self.flush();
        self.effects.taken(consumer, delivery);
    }

    pub(crate) fn activated(&mut self, consumer: ConsumerId, epoch: u64) {
        self.flush();
        self.effects.activated(consumer, self.partition, epoch);
    }

    pub(crate) fn cancelled(&mut self, consumer: ConsumerId) {
        self.flush();
        self.effects.cancelled(consumer, self.partition);
    }

    pub(crate) fn dropped(&mut self) {
        self.flush();
        self.effects.dropped(self.partition);
    }

    pub(crate) fn expired(&mut self) {
        self.flush();
        self.effects.expired(self.partition);
    }

    pub(crate) fn released(&mut self, range: Range<u64>) {
        self.ended(range, End::Released);
    }

    pub(crate) fn died(&mut self, range: Range<u64>, reason: DeathReason) {
        self.ended(range, End::Died(reason));
    }

    fn ended(&mut self, range: Range<u64>, end: End) {
        match &mut self.pending {
            Some((before, same)) if *same == end && before.end == range.start => before.end = range.end,
            _ => {
                self.flush();
                self.pending = Some((range, end));
            }
        }
    }

    /// Tells what is pending.
    fn flush(&mut self) {
        if let Some((range, end)) = self.pending.take() {
            let range = Offset(range.start)..Offset(range.end);
            match end {
                End::Released => self.effects.released(self.partition, range),
                End::Died(reason) => self.effects.died(self.partition, range, reason),
            }
        }
    }
}

impl Drop for Reporter<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}
