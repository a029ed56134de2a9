//! From chunks to a shard.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::section::{Building, entries};
use super::{FORMAT, kind};
use crate::error::RestoreError;
use crate::group::{Group, MEMBERS_MAX};
use crate::ids::{GroupId, PartitionId};
use crate::partition::Partition;
use crate::shard::Shard;
use crate::wire::{Malformed, Reader};

/// Builds a shard from the chunks of a snapshot, in their order.
#[derive(Debug, Default)]
pub struct Restore {
    time_ms: Option<i64>,
    partitions: BTreeMap<PartitionId, Arc<Partition>>,
    /// The partition whose records are arriving.
    building: Option<Building>,
    /// Groups, which are put together when all partitions are there.
    groups: Vec<(GroupId, Group)>,
    /// How many chunks have arrived.
    chunks: u64,
    ended: bool,
}

/// What is wrong within a chunk.
pub(super) enum Wrong {
    Malformed(Malformed),
    Inconsistent(&'static str),
}

impl From<Malformed> for Wrong {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

const CHECKSUM_BYTES: usize = 4;

impl Restore {
    /// Nothing has arrived yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next chunk. Memory grows with what arrives, whatever that says of itself.
    ///
    /// # Errors
    /// [`RestoreError`]; the snapshot is of no use.
    pub fn chunk(&mut self, chunk: Bytes) -> Result<(), RestoreError> {
        let mut reader = self.open(chunk)?;
        while reader.rest() > 0 {
            self.record(&mut reader).map_err(|wrong| self.explain(wrong))?;
        }
        self.chunks += 1;
        Ok(())
    }

    /// The shard, equal to the one that was frozen.
    ///
    /// # Errors
    /// [`RestoreError::Truncated`] if chunks are missing at the end, [`RestoreError::Inconsistent`] if groups do not fit their
    /// partitions.
    pub fn finish(self) -> Result<Shard, RestoreError> {
        match self.time_ms {
            Some(time_ms) if self.ended => {
                let mut shard = Shard::restored(time_ms, self.partitions);
                let are_sound = self.groups.into_iter().all(|(id, group)| shard.restore_group(id, group));
                let what = "a group does not fit its partitions";
                are_sound.then_some(shard).ok_or(RestoreError::Inconsistent { number: self.chunks, what })
            }
            _ => Err(RestoreError::Truncated { chunks: self.chunks }),
        }
    }

    /// Checks the frame of a chunk and gives what is in it.
    fn open(&self, chunk: Bytes) -> Result<Reader, RestoreError> {
        let number = self.chunks;
        let found = *chunk.first().ok_or(RestoreError::Damaged { number })?;
        if found != FORMAT {
            return Err(RestoreError::Format { found: u32::from(found), newest: u32::from(FORMAT) });
        }
        let end = chunk.len().checked_sub(CHECKSUM_BYTES).ok_or(RestoreError::Damaged { number })?;
        let checksum = chunk[end..].iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        if crc32c::crc32c(&chunk[..end]) != checksum || end == 0 {
            return Err(RestoreError::Damaged { number });
        }
        let mut reader = Reader::new(chunk.slice(1..end));
        let found = reader.number("chunk number").map_err(|_| RestoreError::Damaged { number })?;
        if found != number {
            return Err(RestoreError::Order { found, expected: number });
        }
        Ok(reader)
    }

    fn explain(&self, wrong: Wrong) -> RestoreError {
        let number = self.chunks;
        match wrong {
            Wrong::Inconsistent(what) => RestoreError::Inconsistent { number, what },
            Wrong::Malformed(Malformed::Field(what)) => RestoreError::Inconsistent { number, what },
            Wrong::Malformed(Malformed::Truncated(what)) => RestoreError::Short { number, what },
        }
    }

    fn record(&mut self, reader: &mut Reader) -> Result<(), Wrong> {
        if self.ended {
            return Err(Wrong::Inconsistent("records come after the end"));
        }
        match reader.byte("record")? {
            kind::SHARD if self.time_ms.is_none() => self.time_ms = Some(reader.signed("time")?),
            _ if self.time_ms.is_none() => {
                return Err(Wrong::Inconsistent("the shard comes first, and once"));
            }
            kind::PARTITION => {
                self.complete()?;
                self.building = Some(Building::begin(reader)?);
            }
            kind::GROUP => {
                self.complete()?;
                let (id, joined) = (reader.group()?, reader.number("subscriptions")?);
                let members = reader.partitions()?;
                let is_sound = !members.is_empty() && members.len() <= MEMBERS_MAX && members.is_sorted();
                if !is_sound || self.groups.last().is_some_and(|(last, _)| *last >= id) {
                    return Err(Wrong::Inconsistent("groups and their partitions ascend"));
                }
                self.groups.push((id, Group::new(members, joined)));
            }
            kind::SUBSCRIBERS => {
                let (_, group) =
                    self.groups.last_mut().ok_or(Wrong::Inconsistent("subscribers have a group"))?;
                for _ in 0..entries(reader)? {
                    let id = reader.consumer()?;
                    let (window, order) = (reader.narrow("window")?, reader.number("order")?);
                    group.insert(id, window, order, reader.partition()?);
                }
            }
            kind::END => {
                self.complete()?;
                let partitions = reader.number("number of partitions")?;
                if partitions != self.partitions.len() as u64 {
                    return Err(Wrong::Inconsistent("partitions are missing"));
                }
                self.ended = true;
            }
            kind => {
                let building = self.building.as_mut();
                building
                    .ok_or(Wrong::Inconsistent("a record belongs to a partition"))?
                    .record(kind, reader)?;
            }
        }
        Ok(())
    }

    /// The partition that was arriving is complete.
    fn complete(&mut self) -> Result<(), Wrong> {
        let Some(building) = self.building.take() else { return Ok(()) };
        let (id, partition) = building.finish()?;
        let is_after = self.partitions.last_key_value().is_none_or(|(last, _)| *last < id);
        self.partitions.insert(id, Arc::new(partition));
        if is_after { Ok(()) } else { Err(Wrong::Inconsistent("partitions ascend")) }
    }
}
