//! What operators see of a partition.

use super::Partition;
use crate::consumers::Holder;
use crate::ids::{ConsumerId, Offset};
use crate::settings::Settings;

/// A partition in numbers. Counts are of frames where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// How it behaves.
    pub settings: Settings,
    /// Can be delivered at once.
    pub ready: u64,
    /// The size of these, counting what was appended while bytes were limited.
    pub ready_bytes: u64,
    /// Held by somebody.
    pub unsettled: u64,
    /// Wait for their time.
    pub delayed: u64,
    /// Failed too often and wait for an operator: [`Op::Unpark`](crate::Op::Unpark).
    pub parked: u64,
    /// Wait to be buried.
    pub dead: u64,
    /// How many consumers are attached.
    pub consumers: u64,
    /// The single active one of them.
    pub active: Option<ConsumerId>,
    /// The epoch of that one.
    pub epoch: u64,
    /// How many producers are remembered.
    pub producers: u64,
    /// The lowest frame that lives; the tail if none does.
    pub head: Offset,
    /// The place of the next frame.
    pub tail: Offset,
    /// When it was used last, in the shard's time, milliseconds.
    pub used_ms: i64,
    /// Whether it was unused for as long as it may be, or is to go with its last consumer and has lost it.
    pub expired: bool,
}

/// A consumer, or somebody who only holds frames, as operators see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerInfo {
    /// Who.
    pub id: ConsumerId,
    /// Whether it is attached.
    pub attached: bool,
    /// How many frames it may hold; 0 if it is not attached.
    pub window: u32,
    /// Its priority; 0 if it is not attached.
    pub priority: i32,
    /// Whether it gets frames: it is attached and no other is the single active consumer.
    pub active: bool,
    /// How many frames it holds.
    pub unsettled: u64,
}

impl Partition {
    pub(crate) fn stats(&self) -> Stats {
        let tail = self.ready.tail();
        Stats {
            settings: self.settings,
            ready: self.ready.len(),
            ready_bytes: self.ready_bytes,
            unsettled: self.consumers.held(),
            delayed: self.due.len() as u64,
            parked: self.parked.len(),
            dead: self.dead.len(),
            consumers: self.consumers.attached() as u64,
            active: self.active,
            epoch: self.epoch,
            producers: self.producers.len() as u64,
            head: Offset(self.first().unwrap_or(tail)),
            tail: Offset(tail),
            used_ms: self.used_ms,
            expired: self.is_to_go(),
        }
    }

    pub(crate) fn consumer_infos(&self) -> impl Iterator<Item = ConsumerInfo> + '_ {
        self.consumers.iter().map(|(id, holder)| self.consumer_info(id, holder))
    }

    fn consumer_info(&self, id: ConsumerId, holder: &Holder) -> ConsumerInfo {
        let attachment = holder.attachment;
        ConsumerInfo {
            id,
            attached: attachment.is_some(),
            window: attachment.map_or(0, |attachment| attachment.window),
            priority: attachment.map_or(0, |attachment| attachment.priority),
            active: attachment.is_some() && (!self.settings.single_active || self.active == Some(id)),
            unsettled: holder.held.len(),
        }
    }
}
