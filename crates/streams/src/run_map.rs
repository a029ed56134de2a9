//! A map from offsets to small values in which neighbours with equal values cost one entry together.

use std::collections::BTreeMap;
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run<V> {
    end: u64,
    value: V,
}

/// From offsets to values, as the fewest runs: ten million frames in a row that expire in the same millisecond are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunMap<V> {
    /// By start. Runs do not overlap, and those that touch have different values.
    runs: BTreeMap<u64, Run<V>>,
    len: u64,
}

impl<V> Default for RunMap<V> {
    fn default() -> Self {
        Self { runs: BTreeMap::new(), len: 0 }
    }
}

impl<V: Copy + Eq> RunMap<V> {
    /// How many offsets have a value.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The lowest offset that has a value.
    pub(crate) fn first(&self) -> Option<u64> {
        self.runs.first_key_value().map(|(start, _)| *start)
    }

    pub(crate) fn get(&self, offset: u64) -> Option<V> {
        let (_, run) = self.runs.range(..=offset).next_back()?;
        (offset < run.end).then_some(run.value)
    }

    /// Gives a value to offsets that have none.
    pub(crate) fn insert(&mut self, range: Range<u64>, value: V) {
        if range.is_empty() {
            return;
        }
        self.len += range.end - range.start;
        let end = self.split_off_equal(range.end, value).unwrap_or(range.end);
        if let Some((_, before)) = self.runs.range_mut(..range.start).next_back() {
            debug_assert!(before.end <= range.start, "offsets that have no value yet");
            if before.end == range.start && before.value == value {
                before.end = end;
                return;
            }
        }
        self.runs.insert(range.start, Run { end, value });
    }

    /// Removes the run that starts here if it has this value, and gives its end.
    fn split_off_equal(&mut self, start: u64, value: V) -> Option<u64> {
        // Mostly the range is put at the end, and nothing starts after it.
        let (last, _) = self.runs.last_key_value()?;
        if *last < start || self.runs.get(&start)?.value != value {
            return None;
        }
        self.runs.remove(&start).map(|run| run.end)
    }

    pub(crate) fn remove(&mut self, offset: u64) -> Option<V> {
        let (start, run) = self.runs.range_mut(..=offset).next_back()?;
        let (start, Run { end, value }) = (*start, *run);
        if offset >= end {
            return None;
        }
        self.len -= 1;
        if start < offset {
            run.end = offset;
        } else {
            self.runs.remove(&start);
        }
        if offset + 1 < end {
            self.runs.insert(offset + 1, Run { end, value });
        }
        Some(value)
    }

    /// Takes the values of all offsets in the range away and hands them out, run by run.
    pub(crate) fn take(&mut self, range: Range<u64>, mut taken: impl FnMut(Range<u64>, V)) {
        if range.is_empty() {
            return;
        }
        // The run that the range begins in, if one does; mostly there is no other.
        let mut from = range.start;
        if let Some((&start, before)) = self.runs.range_mut(..=range.start).next_back()
            && before.end > range.start
        {
            let Run { end, value } = *before;
            if start < range.start {
                before.end = range.start;
            } else {
                self.runs.remove(&start);
            }
            from = self.taken(range.start..end, &range, value, &mut taken);
        }
        while from < range.end
            && let Some((&start, &Run { end, value })) = self.runs.range(from..range.end).next()
        {
            self.runs.remove(&start);
            from = self.taken(start..end, &range, value, &mut taken);
        }
    }

    /// A run was removed: hands out what of it is within the range, puts the rest back, and gives the end of the run.
    fn taken(
        &mut self,
        run: Range<u64>,
        range: &Range<u64>,
        value: V,
        taken: &mut impl FnMut(Range<u64>, V),
    ) -> u64 {
        let stays = run.end.min(range.end);
        if stays < run.end {
            self.runs.insert(stays, Run { end: run.end, value });
        }
        self.len -= stays - run.start;
        taken(run.start..stays, value);
        run.end
    }

    /// Takes the values of all offsets in the range away.
    pub(crate) fn remove_range(&mut self, range: Range<u64>) {
        if !self.runs.is_empty() {
            self.take(range, |_, _| ());
        }
    }

    pub(crate) fn runs(&self) -> impl Iterator<Item = (Range<u64>, V)> + '_ {
        self.runs.iter().map(|(start, run)| (*start..run.end, run.value))
    }

    /// What of the runs lies within a range.
    pub(crate) fn runs_within(&self, range: Range<u64>) -> impl Iterator<Item = (Range<u64>, V)> + '_ {
        let before = self.runs.range(..range.start).next_back();
        let from = before.filter(|(_, run)| run.end > range.start).map_or(range.start, |(start, _)| *start);
        let until = range.end.max(from);
        self.runs.range(from..until).map(move |(start, run)| {
            let clipped = (*start).max(range.start)..run.end.min(range.end);
            (clipped, run.value)
        })
    }

    /// The value at an offset that has one, and up to where the following ones have the same.
    pub(crate) fn run_at(&self, offset: u64) -> Option<(u64, V)> {
        let (_, run) = self.runs.range(..=offset).next_back()?;
        (offset < run.end).then_some((run.end, run.value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u64, u64, u8),
        Remove(u64),
        Take(u64, u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0u64..60, 0u64..12, 0u8..3).prop_map(|(start, length, value)| Step::Insert(
                start,
                start + length,
                value
            )),
            (0u64..70).prop_map(Step::Remove),
            (0u64..60, 0u64..20).prop_map(|(start, length)| Step::Take(start, start + length)),
        ]
    }

    proptest! {
        #[test]
        fn is_a_map_in_the_fewest_runs(steps in prop::collection::vec(step(), 0..120)) {
            let mut map = RunMap::default();
            let mut plain = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Insert(start, end, value) => {
                        for offset in start..end {
                            if plain.insert(offset, value).is_none() {
                                map.insert(offset..offset + 1, value);
                            } else {
                                map.remove(offset);
                                map.insert(offset..offset + 1, value);
                            }
                        }
                        map.remove_range(start..end);
                        map.insert(start..end, value);
                    }
                    Step::Remove(offset) => prop_assert_eq!(map.remove(offset), plain.remove(&offset)),
                    Step::Take(start, end) => {
                        let mut taken = Vec::new();
                        map.take(start..end, |range, value| taken.extend(range.map(|offset| (offset, value))));
                        let expected: Vec<_> = plain.range(start..end).map(|(offset, value)| (*offset, *value)).collect();
                        plain.retain(|offset, _| !(start..end).contains(offset));
                        prop_assert_eq!(taken, expected);
                    }
                }
                prop_assert_eq!(map.len(), plain.len() as u64);
                prop_assert_eq!(map.first(), plain.keys().next().copied());
                let flat: Vec<_> = map.runs().flat_map(|(range, value)| range.map(move |offset| (offset, value))).collect();
                prop_assert_eq!(&flat, &plain.iter().map(|(offset, value)| (*offset, *value)).collect::<Vec<_>>());
                let within: Vec<_> = map.runs_within(20..40).flat_map(|(range, value)| range.map(move |offset| (offset, value))).collect();
                prop_assert_eq!(within, plain.range(20..40).map(|(offset, value)| (*offset, *value)).collect::<Vec<_>>());
                prop_assert!((0..80).all(|offset| map.get(offset) == plain.get(&offset).copied()));
                let runs: Vec<_> = map.runs().collect();
                prop_assert!(runs.windows(2).all(|pair| pair[0].0.end < pair[1].0.start || pair[0].1 != pair[1].1), "{:?}", runs);
            }
        }
    }
}
