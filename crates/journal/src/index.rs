//! Where a group's entries are.

use std::collections::VecDeque;

use crate::frame;

/// Place of a frame on disk, or the ticket of one that is not written yet. 16 bytes: there is one for each live entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Location {
    /// 0 if not written yet.
    segment: u64,
    offset: u32,
    /// Of the payload.
    length: u32,
}

/// Number of a change in the order of the whole journal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Ticket(pub(crate) u64);

impl Location {
    pub(crate) fn on_disk(segment: u64, offset: u64, length: u32) -> Self {
        let offset = u32::try_from(offset).expect("the configuration limits segments to 1 GiB");
        Self { segment, offset, length }
    }

    pub(crate) const fn waiting(Ticket(ticket): Ticket) -> Self {
        Self { segment: 0, offset: (ticket >> 32) as u32, length: ticket as u32 }
    }

    pub(crate) fn is_on_disk(self) -> bool {
        self.segment != 0
    }

    pub(crate) fn segment(self) -> u64 {
        self.segment
    }

    /// Where the frame starts.
    pub(crate) fn offset(self) -> u64 {
        u64::from(self.offset)
    }

    /// Length of the payload.
    pub(crate) fn length(self) -> u32 {
        self.length
    }

    /// Length of the whole frame.
    pub(crate) fn frame_bytes(self) -> u64 {
        frame::HEADER_BYTES as u64 + u64::from(self.length)
    }

    /// Where the frame ends.
    pub(crate) fn end(self) -> u64 {
        self.offset() + self.frame_bytes()
    }
}

/// Locations of the entries from `first` on, without a hole.
#[derive(Debug, Default)]
pub(crate) struct Index {
    first: u64,
    locations: VecDeque<Location>,
}

impl Index {
    pub(crate) fn new(first: u64, locations: VecDeque<Location>) -> Self {
        Self { first, locations }
    }

    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    pub(crate) fn next(&self) -> u64 {
        self.first + self.locations.len() as u64
    }

    pub(crate) fn get(&self, index: u64) -> Option<Location> {
        self.locations.get(self.slot(index)?).copied()
    }

    pub(crate) fn push(&mut self, location: Location) {
        self.locations.push_back(location);
    }

    /// Sets the location of an entry if it is `from` now. Says whether it was.
    pub(crate) fn replace(&mut self, index: u64, from: Location, to: Location) -> bool {
        let slot = self.slot(index);
        match slot.and_then(|slot| self.locations.get_mut(slot)) {
            Some(location) if *location == from => {
                *location = to;
                true
            }
            _ => false,
        }
    }

    /// Removes the entries from `from` on; gives their locations.
    pub(crate) fn truncate(&mut self, from: u64) -> impl Iterator<Item = Location> {
        self.shrink();
        let keep = self.slot(from).unwrap_or(0).min(self.locations.len());
        self.locations.drain(keep..)
    }

    /// Removes the entries before `first`, which becomes the first; gives their locations.
    pub(crate) fn purge(&mut self, first: u64) -> impl Iterator<Item = Location> {
        self.shrink();
        let count = self.slot(first).unwrap_or(0).min(self.locations.len());
        self.first = self.first.max(first);
        self.locations.drain(..count)
    }

    /// Locations from `index` on, each with its index.
    pub(crate) fn iter_from(&self, index: u64) -> impl Iterator<Item = (u64, Location)> {
        let skip = self.slot(index).unwrap_or(0).min(self.locations.len());
        (self.first + skip as u64..).zip(self.locations.range(skip..).copied())
    }

    fn slot(&self, index: u64) -> Option<usize> {
        usize::try_from(index.checked_sub(self.first)?).ok()
    }

    /// Gives back the memory of what was removed before, when it was a lot.
    fn shrink(&mut self) {
        if self.locations.len() < self.locations.capacity() / 4 {
            self.locations.shrink_to(self.locations.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(first: u64, count: u64) -> Index {
        let locations = (first..first + count).map(|i| Location::on_disk(1, i, 1)).collect();
        Index::new(first, locations)
    }

    #[test]
    fn a_location_takes_sixteen_bytes() {
        assert_eq!(size_of::<Location>(), 16);
    }

    #[test]
    fn truncating_removes_the_end() {
        let mut index = index(10, 5);
        assert_eq!(index.truncate(13).map(Location::offset).collect::<Vec<_>>(), [13, 14]);
        assert_eq!((index.first(), index.next()), (10, 13));
        assert_eq!(index.truncate(20).count(), 0);
        assert_eq!(index.truncate(0).count(), 3);
        assert_eq!((index.first(), index.next()), (10, 10));
    }

    #[test]
    fn purging_removes_the_front_and_may_pass_the_end() {
        let mut index = index(10, 5);
        assert_eq!(index.purge(12).map(Location::offset).collect::<Vec<_>>(), [10, 11]);
        assert_eq!((index.first(), index.next()), (12, 15));
        assert_eq!(index.purge(100).count(), 3);
        assert_eq!((index.first(), index.next()), (100, 100));
    }

    #[test]
    fn a_location_is_replaced_only_if_it_is_the_expected_one() {
        let mut index = index(0, 1);
        let waiting = Location::waiting(Ticket(u64::MAX - 1));
        assert!(!waiting.is_on_disk());
        assert!(!index.replace(0, waiting, Location::on_disk(2, 0, 1)));
        assert!(index.replace(0, Location::on_disk(1, 0, 1), waiting));
        assert!(!index.replace(1, waiting, waiting));
        assert_eq!(index.get(0), Some(waiting));
    }
}
