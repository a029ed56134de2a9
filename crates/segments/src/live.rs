//! Which frames are still needed, as the state machine knows it.

use std::ops::Range;

/// What is live, frozen at a checkpoint: the frames that the state machine may still ask for.
pub trait Live: Sync {
    /// The live offsets of a partition within `range`: sorted, disjoint, not empty, inside of `range`. No ranges for a
    /// partition that does not exist (any more). Called often, for ranges in ascending order, from an async task: it must
    /// not block.
    fn live_within(&self, partition: u64, range: Range<u64>) -> Vec<Range<u64>>;
}

/// How many offsets of `range` are in `live`, which is sorted and disjoint.
pub(crate) fn overlap(live: &[Range<u64>], range: Range<u64>) -> u64 {
    let first = live.partition_point(|live| live.end <= range.start);
    live[first..]
        .iter()
        .take_while(|live| live.start < range.end)
        .map(|live| live.end.min(range.end).saturating_sub(live.start.max(range.start)))
        .sum()
}

/// Tells of ascending offsets whether they are in `live`.
pub(crate) struct Filter<'a> {
    live: &'a [Range<u64>],
}

impl<'a> Filter<'a> {
    pub(crate) fn new(live: &'a [Range<u64>]) -> Self {
        Self { live }
    }

    pub(crate) fn keeps(&mut self, offset: u64) -> bool {
        while self.live.first().is_some_and(|live| live.end <= offset) {
            self.live = &self.live[1..];
        }
        self.live.first().is_some_and(|live| live.start <= offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_count_offsets() {
        let live = [2..5, 7..8, 10..20];
        for (range, expected) in
            [(0..2, 0), (0..3, 1), (0..30, 14), (5..7, 0), (4..11, 3), (12..13, 1), (20..30, 0)]
        {
            let slow = range.clone().filter(|offset| live.iter().any(|live| live.contains(offset))).count();
            assert_eq!(overlap(&live, range), expected);
            assert_eq!(slow as u64, expected);
        }
    }

    #[test]
    fn a_filter_keeps_what_is_live() {
        let live = [2..5, 7..8];
        let mut filter = Filter::new(&live);
        let kept: Vec<u64> = (0..10).filter(|&offset| filter.keeps(offset)).collect();
        assert_eq!(kept, [2, 3, 4, 7]);
    }
}
