//! What applying causes on this node.

use std::ops::Range;

use bytes::Bytes;
use segments::Frames;
use streams::{ConsumerId, DeathReason, Delivery, Effects, Offset, Owner, PartitionId};

use crate::event::{Event, Waiting};

/// Takes effects to the store of frames, and gathers what consumers are told.
pub(crate) struct Applying<'a> {
    pub(crate) shard: u32,
    pub(crate) frames: &'a Frames,
    /// To whom the consumers of this node belong: nobody else is told here. `None` while they belong to nobody.
    pub(crate) here: Option<Owner>,
    /// What there is to tell, in order.
    pub(crate) told: &'a mut Vec<(ConsumerId, Waiting)>,
    /// Whether somebody has to look after partitions: frames have died, or partitions have expired.
    pub(crate) needs_care: &'a mut bool,
}

impl Applying<'_> {
    fn is_here(&self, consumer: ConsumerId) -> bool {
        self.here == Some(consumer.owner)
    }
}

impl Effects for Applying<'_> {
    fn store(&mut self, partition: PartitionId, offset: Offset, frame: Bytes) {
        self.frames.append(partition.0, offset.0, frame);
    }

    fn released(&mut self, partition: PartitionId, offsets: Range<Offset>) {
        self.frames.release(partition.0, offsets.start.0..offsets.end.0);
    }

    fn deliver(&mut self, consumer: ConsumerId, delivery: Delivery) {
        if !self.is_here(consumer) {
            return;
        }
        let frame = self.frames.recent(delivery.partition.0, delivery.offset.0);
        let waiting = match frame {
            Some(frame) => Waiting::Ready(Event::Deliver { consumer, delivery, frame }),
            None => Waiting::Unread { shard: self.shard, consumer, delivery },
        };
        self.told.push((consumer, waiting));
    }

    fn taken(&mut self, consumer: ConsumerId, delivery: Delivery) {
        self.deliver(consumer, delivery);
    }

    fn cancelled(&mut self, consumer: ConsumerId, partition: PartitionId) {
        if self.is_here(consumer) {
            self.told.push((consumer, Waiting::Ready(Event::Cancelled { consumer, partition })));
        }
    }

    fn activated(&mut self, consumer: ConsumerId, partition: PartitionId, epoch: u64) {
        if self.is_here(consumer) {
            self.told.push((consumer, Waiting::Ready(Event::Activated { consumer, partition, epoch })));
        }
    }

    fn died(&mut self, _partition: PartitionId, _offsets: Range<Offset>, _reason: DeathReason) {
        *self.needs_care = true;
    }

    fn dropped(&mut self, partition: PartitionId) {
        self.frames.drop_partition(partition.0);
    }

    fn expired(&mut self, _partition: PartitionId) {
        *self.needs_care = true;
    }
}
