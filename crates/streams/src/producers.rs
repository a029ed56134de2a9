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
    /// Of its last frame; 0 if there was none yet.
    pub(crate) sequence: u64,
    /// Where that is.
    pub(crate) offset: u64,
    /// The lowest sequence after that which was refused, if gaps are allowed: no higher one is accepted before it.
    pub(crate) refused: Option<u64>,
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
        match known.refused.filter(|_| stamp.gaps) {
            Some(refused) if stamp.sequence > refused => {
                Some(Outcome::Stale { epoch: known.epoch, expected: refused })
            }
            _ => (!stamp.gaps && stamp.sequence - 1 > known.sequence).then_some(stale),
        }
    }

    /// There was no room for the frame.
    pub(crate) fn refused(&mut self, stamp: Stamp, now_ms: i64) {
        if !stamp.gaps {
            return;
        }
        let known = self.by_id.get(&stamp.producer).filter(|known| known.epoch == stamp.epoch);
        let (sequence, offset) = known.map_or((0, 0), |known| (known.sequence, known.offset));
        let before = known.and_then(|known| known.refused);
        let refused = Some(before.map_or(stamp.sequence, |before| before.min(stamp.sequence)));
        self.remember(
            stamp.producer,
            Producer { epoch: stamp.epoch, sequence, offset, refused, used_ms: now_ms },
        );
    }

    /// The frame was accepted.
    pub(crate) fn accepted(&mut self, stamp: Stamp, offset: u64, now_ms: i64) {
        let Stamp { producer, epoch, sequence, .. } = stamp;
        let known = self.by_id.get(&producer).filter(|known| known.epoch == epoch);
        let refused = known.and_then(|known| known.refused).filter(|refused| *refused > sequence);
        self.remember(producer, Producer { epoch, sequence, offset, refused, used_ms: now_ms });
    }

    fn remember(&mut self, producer: u64, known: Producer) {
        self.insert(producer, known);
        if self.by_id.len() > PRODUCERS_MAX {
            let silent =
                self.iter().filter(|(id, _)| *id != producer).min_by_key(|(id, known)| (known.used_ms, *id));
            if let Some((id, _)) = silent {
                self.by_id.remove(&id);
            }
        }
    }

    /// Notes of a producer of a snapshot what was refused. False if there is no such producer, or that makes no sense.
    pub(crate) fn restore_refused(&mut self, id: u64, refused: u64) -> bool {
        let known =
            self.by_id.get_mut(&id).filter(|known| known.refused.is_none() && refused > known.sequence);
        known.map(|known| known.refused = Some(refused)).is_some()
    }

    pub(crate) fn insert(&mut self, id: u64, producer: Producer) {
        self.by_id.insert(id, producer);
    }
}
