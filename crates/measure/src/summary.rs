//! What a histogram holds at a moment.

use crate::buckets::largest;

/// Counts by size, and what follows from them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// By bucket; empty if nothing was counted.
    counts: Vec<u64>,
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
}

impl Summary {
    pub(crate) fn new(counts: Vec<u64>, sum: u64, min: u64, max: u64) -> Self {
        match counts.iter().sum() {
            0 => Self::default(),
            count => Self { counts, count, sum, min, max },
        }
    }

    /// How many numbers were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The least; 0 without any.
    pub fn min(&self) -> u64 {
        self.min
    }

    /// The largest; 0 without any.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The mean; 0 without any.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// A number that this part of the counted ones, from 0 to 1, does not exceed; at most a sixteenth too large. 0 without any.
    pub fn quantile(&self, part: f64) -> u64 {
        let rank = (part * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let reaches = |count: &u64| {
            seen += count;
            seen >= rank
        };
        let bucket = self.counts.iter().position(reaches);
        bucket.map_or(self.max, |bucket| largest(bucket).clamp(self.min, self.max))
    }

    /// What a histogram would hold that had counted both.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let (long, short) = if self.counts.is_empty() { (other, self) } else { (self, other) };
        let mut merged = long.clone();
        if short.count > 0 {
            merged.counts.iter_mut().zip(&short.counts).for_each(|(count, more)| *count += more);
            merged.count += short.count;
            merged.sum += short.sum;
            merged.min = merged.min.min(short.min);
            merged.max = merged.max.max(short.max);
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Histogram;

    fn summary_of(values: &[u64]) -> Summary {
        let histogram = Histogram::default();
        values.iter().for_each(|value| histogram.record(*value));
        histogram.summary()
    }

    #[test]
    fn without_numbers_all_is_zero() {
        let summary = Summary::default();
        assert_eq!((summary.mean(), summary.quantile(0.99)), (0.0, 0));
        assert_eq!(summary.merged(&summary), summary);
    }

    proptest! {
        #[test]
        fn quantiles_are_near_those_of_the_sorted_numbers(
            mut values in prop::collection::vec(0..1_000_000_u64, 1..200),
            part in 0.0..=1.0_f64,
        ) {
            let found = summary_of(&values).quantile(part);
            values.sort_unstable();
            let rank = ((part * values.len() as f64).ceil() as usize).max(1);
            let exact = values[rank - 1];
            prop_assert!(exact <= found && found - exact <= exact / 16, "{found} instead of {exact}");
        }

        #[test]
        fn merging_is_counting_both(
            left in prop::collection::vec(0..100_000_u64, 0..50),
            right in prop::collection::vec(0..100_000_u64, 0..50),
        ) {
            let both: Vec<_> = left.iter().chain(&right).copied().collect();
            prop_assert_eq!(summary_of(&left).merged(&summary_of(&right)), summary_of(&both));
        }
    }
}
