//! Frames in order, made into groups.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use super::scan::Record;
use crate::frame::Kind;
use crate::index::{Index, Location, Ticket};
use crate::segment;
use crate::state::{Group, Purged, Value};
use crate::tail::Tail;
use crate::{GroupId, OpenError, StateKey};

/// Entries that may be missing between two that are there, until moved ones fill the gap.
const GAP_MAX: u64 = 1 << 28;

/// The groups as far as the frames were read.
#[derive(Default)]
pub(super) struct Replay {
    groups: BTreeMap<GroupId, Replayed>,
}

#[derive(Default)]
struct Replayed {
    /// Index of the first location.
    start: u64,
    /// Locations; [`VACANT`] where the entry was in a segment that is freed and its move is yet to come.
    locations: VecDeque<Location>,
    values: BTreeMap<StateKey, Value>,
    purged: Option<Purged>,
}

const VACANT: Location = Location::waiting(Ticket(0));

impl Replay {
    pub(super) fn add(&mut self, dir: &Path, record: Record) -> Result<(), OpenError> {
        let Record { group, kind, location, payload } = record;
        let replayed = self.groups.entry(group).or_default();
        let added = match kind {
            Kind::Entry { index } => replayed.entry(index, location),
            Kind::Moved { index } => replayed.moved(index, location),
            Kind::Truncate { from } => {
                replayed.truncate(from);
                Ok(())
            }
            Kind::Purge { through } => replayed.purge(Purged { through, marker: payload, place: location }),
            Kind::Put { key } => {
                replayed.values.insert(key, Value { bytes: payload, place: Some(location) });
                Ok(())
            }
        };
        added.map_err(|reason| {
            let path = segment::path(dir, location.segment());
            OpenError::damaged(&path, location.offset(), format!("group {}: {reason}", group.0))
        })
    }

    /// The groups, if no entry is missing.
    pub(super) fn finish(self, oldest: &Path) -> Result<BTreeMap<GroupId, Group>, OpenError> {
        let finish = |(id, replayed): (GroupId, Replayed)| match replayed.finish() {
            Ok(group) => Ok((id, group)),
            Err(index) => {
                let reason =
                    format!("entry {index} of group {} should be in this segment or a later one", id.0);
                Err(OpenError::damaged(oldest, 0, reason))
            }
        };
        self.groups.into_iter().map(finish).collect()
    }
}

impl Replayed {
    /// Lowest index that an entry may have.
    fn first(&self) -> u64 {
        self.purged.as_ref().map_or(0, |purged| purged.through.saturating_add(1))
    }

    fn next(&self) -> u64 {
        self.start.saturating_add(self.locations.len() as u64)
    }

    fn entry(&mut self, index: u64, location: Location) -> Result<(), String> {
        if index < self.first() || (!self.locations.is_empty() && index < self.next()) {
            return Err(format!("entry {index} is written again without a truncation"));
        }
        self.set(index, location)
    }

    fn moved(&mut self, index: u64, location: Location) -> Result<(), String> {
        if index < self.first() {
            return Err(format!("entry {index} is moved after it was purged"));
        }
        self.set(index, location)
    }

    fn set(&mut self, index: u64, location: Location) -> Result<(), String> {
        if self.locations.is_empty() {
            self.start = index;
        }
        let missing = self.start.saturating_sub(index).max(index.saturating_sub(self.next()));
        if missing > GAP_MAX {
            return Err(format!("entry {index} is far from the others, {} to {}", self.start, self.next()));
        }
        while self.start > index {
            self.locations.push_front(VACANT);
            self.start -= 1;
        }
        while self.next() <= index {
            self.locations.push_back(VACANT);
        }
        self.locations[(index - self.start) as usize] = location;
        Ok(())
    }

    fn truncate(&mut self, from: u64) {
        let keep = from.saturating_sub(self.start);
        self.locations.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
    }

    fn purge(&mut self, purged: Purged) -> Result<(), String> {
        if purged.through == u64::MAX || self.purged.as_ref().is_some_and(|old| old.through > purged.through)
        {
            return Err(format!("a purge through {} is impossible here", purged.through));
        }
        let gone = (purged.through + 1).saturating_sub(self.start).min(self.locations.len() as u64);
        self.locations.drain(..gone as usize);
        self.start += gone;
        self.purged = Some(purged);
        Ok(())
    }

    /// The group, or the index of a missing entry.
    fn finish(self) -> Result<Group, u64> {
        let first = self.first();
        if !self.locations.is_empty() && self.start != first {
            return Err(first);
        }
        if let Some(vacant) = self.locations.iter().position(|location| *location == VACANT) {
            return Err(first + vacant as u64);
        }
        let index = Index::new(first, self.locations);
        let tail = Tail::new(index.next());
        Ok(Group { index, tail, values: self.values, purged: self.purged })
    }
}
