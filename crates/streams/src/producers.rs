//! Who appends with stamps, and what came last from each.

use std::collections::BTreeMap;

use crate::command::Stamp;
use crate::ids::Offset;
use crate::outcome::Outcome;

/// How many producers a partition remembers. One more, and the one that was silent for longest is forgotten.
pub(crate) const PRODUCERS_MAX: usize = 1024;

/// What is known of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Producer {
    pub(crate) epoch: u32,
    /// Of its last frame.
    pub(crate) sequence: u64,
    /// Where that is.
    pub(crate) offset: u64,
    /// When it was last heard of.
    pub(crate) used_ms: i64,
}

/// The producers of a partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Producers {
    by_id: BTreeMap<u64, Producer>,
}

impl Producers {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Producer)> + '_ {
        self.by_id.iter().map(|(id, producer)| (*id, *producer))
    }

    /// The highest id.
    pub(crate) fn last(&self) -> Option<u64> {
        self.by_id.last_key_value().map(|(id, _)| *id)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// What to answer instead of accepting the frame, if it is not what comes next.
    pub(crate) fn check(&mut self, stamp: Stamp, now_ms: i64) -> Option<Outcome> {
        let known = self.by_id.get_mut(&stamp.producer)?;
        if stamp.epoch > known.epoch {
            return None;
        }
        let stale = Outcome::Stale { epoch: known.epoch, expected: known.sequence.saturating_add(1) };
        if stamp.epoch < known.epoch {
            return Some(stale);
        }
        known.used_ms = now_ms;
        if stamp.sequence <= known.sequence {
            let is_last = stamp.sequence == known.sequence;
            return Some(Outcome::Duplicate(is_last.then_some(Offset(known.offset))));
        }
        (stamp.sequence - 1 > known.sequence).then_some(stale)
    }

    /// The frame was accepted.
    pub(crate) fn accepted(&mut self, stamp: Stamp, offset: u64, now_ms: i64) {
        let Stamp { producer, epoch, sequence } = stamp;
        self.insert(producer, Producer { epoch, sequence, offset, used_ms: now_ms });
        if self.by_id.len() > PRODUCERS_MAX {
            let silent =
                self.iter().filter(|(id, _)| *id != producer).min_by_key(|(id, known)| (known.used_ms, *id));
            if let Some((id, _)) = silent {
                self.by_id.remove(&id);
            }
        }
    }

    pub(crate) fn insert(&mut self, id: u64, producer: Producer) {
        self.by_id.insert(id, producer);
    }
}
