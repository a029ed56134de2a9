//! Finding what is still needed of a segment, a piece at a time.

use bytes::Bytes;

use super::State;
use super::queue::{Done, What};
use crate::GroupId;
use crate::frame::Kind;
use crate::index::Location;

/// Index entries looked at in one piece, so that the lock is not held for long.
const ENTRIES_MAX: usize = 16 << 10;

/// How far a segment was searched.
pub(crate) struct Sweep {
    segment: u64,
    /// Where to go on; `None` at the start.
    at: Option<(GroupId, u64)>,
}

/// An entry of the segment that is still needed.
pub(crate) struct Found {
    pub(crate) group: GroupId,
    pub(crate) index: u64,
    pub(crate) location: Location,
    /// The entry, if it is in memory.
    pub(crate) entry: Option<Bytes>,
}

impl Sweep {
    pub(crate) fn new(segment: u64) -> Self {
        Self { segment, at: None }
    }
}

impl State {
    /// The next entries of the segment that are still needed, about `bytes_max` bytes; `None` at the end. Values and
    /// purge records of the groups passed are queued again on the way.
    pub(crate) fn sweep(&mut self, sweep: &mut Sweep, bytes_max: usize) -> Option<Vec<Found>> {
        let (id, index) = match sweep.at {
            Some(at) => at,
            None => (self.groups.keys().next().copied()?, 0),
        };
        if index == 0 {
            self.move_small(id, sweep.segment);
        }
        let mut found = Vec::new();
        let mut bytes = 0;
        let group = self.groups.get(&id)?;
        for (seen, (index, location)) in group.index.iter_from(index).enumerate() {
            if seen == ENTRIES_MAX || bytes >= bytes_max {
                sweep.at = Some((id, index));
                return Some(found);
            }
            if location.segment() == sweep.segment {
                bytes += location.frame_bytes() as usize;
                found.push(Found { group: id, index, location, entry: group.tail.get(index).cloned() });
            }
        }
        let after = (std::ops::Bound::Excluded(id), std::ops::Bound::Unbounded);
        match self.groups.range(after).next() {
            Some((&next, _)) => sweep.at = Some((next, 0)),
            // One past everything: the next call ends.
            None if found.is_empty() => return None,
            None => sweep.at = Some((id, u64::MAX)),
        }
        Some(found)
    }

    /// Queues the values and the purge record of a group again that are in `segment`.
    fn move_small(&mut self, id: GroupId, segment: u64) {
        let Some(group) = self.groups.get(&id) else { return };
        let is_there = |place: Location| place.segment() == segment;
        let keys: Vec<_> = group
            .values
            .iter()
            .filter(|(_, value)| value.place.is_some_and(is_there))
            .map(|(&key, _)| key)
            .collect();
        let purged = group.purged.as_ref().filter(|purged| is_there(purged.place));
        let purged = purged.map(|purged| (purged.through, purged.marker.clone()));
        for key in keys {
            self.moved += 1;
            self.requeue(id, key);
        }
        if let Some((through, marker)) = purged {
            self.moved += 1;
            self.record_purge(id, through, marker, None);
        }
    }

    /// Queues entries again, those that are still where they were found. `done` follows them.
    pub(crate) fn move_entries(&mut self, entries: Vec<(Found, Bytes)>, done: Done) {
        for (Found { group, index, location, .. }, payload) in entries {
            if self.is_at(group, index, location) {
                self.moved += 1;
                let kind = Kind::Moved { index };
                self.queue.push(What::Frame { group, kind, payload, from: Some(location) }, None);
            }
        }
        self.barrier(Some(done));
    }
}
