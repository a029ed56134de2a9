//! Sets of offsets, as commands name them and effects report them.

use std::ops::Range;

use crate::ids::Offset;

/// A set of offsets as ascending ranges that neither touch nor overlap: what a client settles at once is mostly one range.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OffsetSet {
    ranges: Vec<Range<u64>>,
}

impl OffsetSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// How many offsets are in it.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|range| range.end - range.start).sum()
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether the offset is in it.
    #[must_use]
    pub fn contains(&self, offset: Offset) -> bool {
        let after = self.ranges.partition_point(|range| range.end <= offset.0);
        self.ranges.get(after).is_some_and(|range| range.start <= offset.0)
    }

    /// Whether all of a range is in it.
    #[must_use]
    pub fn contains_range(&self, range: Range<Offset>) -> bool {
        let after = self.ranges.partition_point(|within| within.end <= range.start.0);
        let within = self.ranges.get(after);
        range.is_empty()
            || within.is_some_and(|within| within.start <= range.start.0 && range.end.0 <= within.end)
    }

    /// Puts an offset in. Cheapest in ascending order.
    pub fn insert(&mut self, offset: Offset) {
        if offset.0 < u64::MAX {
            self.insert_range(offset..Offset(offset.0 + 1));
        }
    }

    /// Puts all of a range in; an empty one changes nothing.
    pub fn insert_range(&mut self, range: Range<Offset>) {
        let (start, end) = (range.start.0, range.end.0);
        if start >= end {
            return;
        }
        let first = match self.ranges.last() {
            Some(last) if last.end >= start => self.ranges.partition_point(|range| range.end < start),
            _ => self.ranges.len(),
        };
        let merged = self.ranges[first..].iter().take_while(|range| range.start <= end).count();
        if merged == 0 {
            self.ranges.insert(first, start..end);
            return;
        }
        let last_end = self.ranges[first + merged - 1].end;
        let joined = &mut self.ranges[first];
        joined.start = joined.start.min(start);
        joined.end = last_end.max(end);
        self.ranges.drain(first + 1..first + merged);
    }

    /// The ranges, ascending, with gaps between them.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = Range<Offset>> + '_ {
        self.ranges.iter().map(|range| Offset(range.start)..Offset(range.end))
    }

    /// The offsets, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Offset> + '_ {
        self.ranges.iter().flat_map(|range| range.clone().map(Offset))
    }
}

impl From<Offset> for OffsetSet {
    fn from(offset: Offset) -> Self {
        [offset].into_iter().collect()
    }
}

impl From<Range<Offset>> for OffsetSet {
    fn from(range: Range<Offset>) -> Self {
        let mut set = Self::new();
        set.insert_range(range);
        set
    }
}

impl FromIterator<Offset> for OffsetSet {
    fn from_iter<I: IntoIterator<Item = Offset>>(offsets: I) -> Self {
        let mut set = Self::new();
        offsets.into_iter().for_each(|offset| set.insert(offset));
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_the_set_of_what_was_put_in(ranges in prop::collection::vec((0u64..60, 0u64..9), 0..40)) {
            let mut set = OffsetSet::new();
            let mut plain = BTreeSet::new();
            for (start, length) in ranges {
                set.insert_range(Offset(start)..Offset(start + length));
                plain.extend(start..start + length);
            }
            prop_assert_eq!(set.iter().map(|offset| offset.0).collect::<Vec<_>>(), plain.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(set.len(), plain.len() as u64);
            prop_assert!((0..80).all(|offset| set.contains(Offset(offset)) == plain.contains(&offset)));
            let ranges: Vec<_> = set.ranges().collect();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start), "{:?}", ranges);
        }
    }
}
