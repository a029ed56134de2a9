//! The records of one partition.

use std::ops::Range;

use super::kind;
use super::page::PAGE_ENTRIES;
use super::restore::Wrong;
use crate::command::read_settings;
use crate::consumers::{Attachment, Consumers};
use crate::ids::{ConsumerId, PartitionId};
use crate::outcome::DeathReason;
use crate::partition::Partition;
use crate::past::Past;
use crate::producers::{PRODUCERS_MAX, Producer};
use crate::ready::Ready;
use crate::run_map::RunMap;
use crate::wire::{Malformed, Reader};

/// How many frames one partition may list in sets, so that a few damaged bytes can't ask for more memory than there is: 512 MiB
/// of bitmap.
const LISTED_MAX: u64 = 1 << 32;

/// A partition of which not all records have arrived.
#[derive(Debug)]
pub(super) struct Building {
    id: PartitionId,
    partition: Partition,
    /// The kind of the record before, and the lane or holder that it was of.
    section: (u8, u8, Option<ConsumerId>),
    /// Where the section's last range ended.
    end: u64,
    /// How many frames may still be listed in sets.
    listed_rest: u64,
}

impl Building {
    pub(super) fn begin(reader: &mut Reader) -> Result<Self, Wrong> {
        let id = reader.partition()?;
        let settings = read_settings(reader)?;
        let [has_active, expired, exclusive, abandoned] = reader.flags("partition")?;
        let active = has_active.then(|| reader.consumer()).transpose()?;
        let (cursor, tail) = (reader.number("cursor")?, reader.number("tail")?);
        if cursor > tail {
            return Err(Wrong::Inconsistent("the cursor is not behind the tail"));
        }
        let (epoch, used_ms) = (reader.number("epoch")?, reader.signed("time of use")?);
        let counters = (reader.number("attachments")?, reader.number("turn")?, exclusive);
        let ready = Ready::restored(cursor, tail);
        let consumers = Consumers::restored(counters);
        let partition = Partition {
            settings,
            ready,
            consumers,
            active,
            epoch,
            used_ms,
            expired,
            abandoned,
            ..Partition::default()
        };
        Ok(Self { id, partition, section: (kind::PARTITION, 0, None), end: 0, listed_rest: LISTED_MAX })
    }

    pub(super) fn record(&mut self, kind: u8, reader: &mut Reader) -> Result<(), Wrong> {
        match kind {
            kind::HOLES => self.holes(reader),
            kind::LANE => self.lane(reader),
            kind::PASTS => self.runs(kind, reader, past, |partition| &mut partition.pasts),
            kind::DEADLINES => self.runs(
                kind,
                reader,
                |reader| reader.signed("deadline"),
                |partition| &mut partition.deadlines,
            ),
            kind::SIZES => {
                self.runs(kind, reader, |reader| reader.narrow("size"), |partition| &mut partition.sizes)
            }
            kind::DUE => self.due(reader),
            kind::PARKED => self.runs(kind, reader, |_| Ok(()), |partition| &mut partition.parked),
            kind::DEAD => self.runs(kind, reader, reason, |partition| &mut partition.dead),
            kind::HOLDER => self.holder(reader),
            kind::HELD => self.held(reader),
            kind::PRODUCERS => self.producers(reader),
            kind::REFUSED => self.refused(reader),
            _ => Err(Wrong::Inconsistent("a record is of an unknown kind")),
        }
    }

    pub(super) fn finish(self) -> Result<(PartitionId, Partition), Wrong> {
        let mut partition = self.partition;
        partition.count_bytes();
        match partition.broken_invariant() {
            Some(rule) => Err(Wrong::Inconsistent(rule)),
            None => Ok((self.id, partition)),
        }
    }

    fn holes(&mut self, reader: &mut Reader) -> Result<(), Wrong> {
        self.enter(kind::HOLES, 0, None)?;
        self.ranges(
            reader,
            |_| Ok(()),
            |this, range, ()| {
                this.list(&range)?;
                if range.start <= this.partition.ready.cursor() {
                    return Err(Wrong::Inconsistent("holes are behind the cursor"));
                }
                this.partition.ready.restore_holes(range);
                Ok(())
            },
        )
    }

    fn lane(&mut self, reader: &mut Reader) -> Result<(), Wrong> {
        let level = reader.byte("level")?;
        self.enter(kind::LANE, level, None)?;
        self.ranges(
            reader,
            |_| Ok(()),
            |this, range, ()| {
                this.list(&range)?;
                this.partition.ready.restore_lane(level, range);
                Ok(())
            },
        )
    }

    fn runs<V: Copy + Eq>(
        &mut self,
        kind: u8,
        reader: &mut Reader,
        value: impl Fn(&mut Reader) -> Result<V, Malformed>,
        map: impl Fn(&mut Partition) -> &mut RunMap<V>,
    ) -> Result<(), Wrong> {
        self.enter(kind, 0, None)?;
        self.ranges(reader, value, |this, range, value| {
            map(&mut this.partition).insert(range, value);
            Ok(())
        })
    }

    fn due(&mut self, reader: &mut Reader) -> Result<(), Wrong> {
        self.enter(kind::DUE, 0, None)?;
        for _ in 0..entries(reader)? {
            let due = (reader.signed("due time")?, reader.number("delayed frame")?);
            let is_after = self.partition.due.last().is_none_or(|last| *last < due);
            if !is_after || due.1 >= self.partition.ready.tail() {
                return Err(Wrong::Inconsistent("delayed frames ascend by time"));
            }
            self.partition.due.insert(due);
            self.partition.delayed.insert(due.1);
        }
        Ok(())
    }

    fn holder(&mut self, reader: &mut Reader) -> Result<(), Wrong> {
        let id = reader.consumer()?;
        self.enter(kind::HOLDER, 0, Some(id))?;
        let [is_attached, has_turn] = reader.flags("holder")?;
        let attachment = is_attached.then(|| attachment(reader)).transpose()?;
        let turn = has_turn.then(|| reader.number("turn")).transpose()?;
        if self.partition.consumers.restore(id, attachment, turn) {
            Ok(())
        } else {
            Err(Wrong::Inconsistent("two consumers share a place"))
        }
    }

    fn held(&mut self, reader: &mut Reader) -> Result<(), Wrong> {
        let (_, _, holder) = self.section;
        let holder = holder.ok_or(Wrong::Inconsistent("what is held has a holder"))?;
        self.enter(kind::HELD, 0, Some(holder))?;
        self.ranges(reader, past, |this, range, past| {
            this.partition.consumers.give(holder, range, past);
            Ok(())
        })
    }

    fn producers(&mut self, reader: &mut Reader) -> Result<(), Wrong> {
        self.enter(kind::PRODUCERS, 0, None)?;
        for _ in 0..entries(reader)? {
            let id = reader.number("producer")?;
            let producer = Producer {
                epoch: reader.narrow("producer epoch")?,
                sequence: reader.number("sequence")?,
                offset: reader.number("offset of a producer")?,
                refused: None,
                used_ms: reader.signed("time of use")?,
            };
            let producers = &mut self.partition.producers;
            if producers.last().is_some_and(|last| last >= id) || producers.len() == PRODUCERS_MAX {
                return Err(Wrong::Inconsistent("producers ascend and are not too many"));
            }
            producers.insert(id, producer);
        }
        Ok(())
    }

    fn refused(&mut self, reader: &mut Reader) -> Result<(), Wrong> {
        self.enter(kind::REFUSED, 0, None)?;
        for _ in 0..entries(reader)? {
            let (id, sequence) = (reader.number("producer")?, reader.number("sequence")?);
            if !self.partition.producers.restore_refused(id, sequence) {
                return Err(Wrong::Inconsistent(
                    "what was refused is of a producer, once, and after what was accepted",
                ));
            }
        }
        Ok(())
    }

    /// Goes on with a section or begins a later one.
    fn enter(&mut self, kind: u8, level: u8, holder: Option<ConsumerId>) -> Result<(), Wrong> {
        let (before, level_before, holder_before) = self.section;
        let is_next_holder = before == kind::HELD && kind == kind::HOLDER;
        let is_other_holder = holder_before.is_some() && kind == kind::HOLDER && holder <= holder_before;
        if kind < before && !is_next_holder || kind == before && level < level_before || is_other_holder {
            return Err(Wrong::Inconsistent("records are in order"));
        }
        let section = (kind, level, holder);
        if section != self.section {
            self.end = 0;
        }
        self.section = section;
        Ok(())
    }

    /// Reads ranges that ascend through all pages of a section, with a value each.
    fn ranges<V>(
        &mut self,
        reader: &mut Reader,
        value: impl Fn(&mut Reader) -> Result<V, Malformed>,
        put: impl Fn(&mut Self, Range<u64>, V) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        let mut end = 0;
        for _ in 0..entries(reader)? {
            let range = reader.range(end)?;
            let value = value(reader)?;
            if range.start < self.end || range.end > self.partition.ready.tail() {
                return Err(Wrong::Inconsistent("ranges ascend and end at the tail"));
            }
            end = range.end;
            self.end = end;
            put(self, range, value)?;
        }
        Ok(())
    }

    fn list(&mut self, range: &Range<u64>) -> Result<(), Wrong> {
        let rest = self.listed_rest.checked_sub(range.end - range.start);
        self.listed_rest = rest.ok_or(Wrong::Inconsistent("too many frames are listed"))?;
        Ok(())
    }
}

/// How many entries a page has.
pub(super) fn entries(reader: &mut Reader) -> Result<usize, Wrong> {
    let entries = reader.count("number of entries", 2)?;
    if entries > PAGE_ENTRIES { Err(Wrong::Inconsistent("a page has too many entries")) } else { Ok(entries) }
}

fn attachment(reader: &mut Reader) -> Result<Attachment, Malformed> {
    Ok(Attachment {
        window: reader.narrow("window")?,
        priority: i32::try_from(reader.signed("consumer priority")?)
            .map_err(|_| Malformed::Field("consumer priority"))?,
        order: reader.number("order")?,
    })
}

fn past(reader: &mut Reader) -> Result<Past, Malformed> {
    Ok(Past {
        failed: reader.narrow("count of failures")?,
        acquired: reader.narrow("count of deliveries")?,
        level: reader.byte("level")?,
    })
}

fn reason(reader: &mut Reader) -> Result<DeathReason, Malformed> {
    match reader.byte("reason of a death")? {
        1 => Ok(DeathReason::Rejected),
        2 => Ok(DeathReason::Expired),
        3 => Ok(DeathReason::MaxLen),
        4 => Ok(DeathReason::DeliveryLimit),
        _ => Err(Malformed::Field("reason of a death")),
    }
}
