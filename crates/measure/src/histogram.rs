//! A histogram that many threads fill.

use std::array;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::buckets::{BUCKETS, VALUE_MAX, index};
use crate::summary::Summary;

/// Counts numbers from 0 to 2^40 by their size, to a sixteenth; takes 5 KB.
///
/// Recording costs two relaxed additions, and more only for a new extreme. A [`summary`](Histogram::summary) that is made
/// meanwhile may miss parts of what is being recorded.
pub struct Histogram {
    buckets: Box<[AtomicU64; BUCKETS]>,
    sum: AtomicU64,
    max: AtomicU64,
    /// The least, plus one; 0 before the first.
    min_plus_one: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: Box::new(array::from_fn(|_| AtomicU64::new(0))),
            sum: AtomicU64::new(0),
            max: AtomicU64::new(0),
            min_plus_one: AtomicU64::new(0),
        }
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.summary().fmt(f)
    }
}

impl Histogram {
    /// Counts a number.
    pub fn record(&self, value: u64) {
        self.record_many(value, 1);
    }

    /// Counts a number `count` times.
    pub fn record_many(&self, value: u64, count: u64) {
        if count == 0 {
            return;
        }
        let value = value.min(VALUE_MAX);
        self.buckets[index(value)].fetch_add(count, Ordering::Relaxed);
        self.sum.fetch_add(value.saturating_mul(count), Ordering::Relaxed);
        if value > self.max.load(Ordering::Relaxed) {
            self.max.fetch_max(value, Ordering::Relaxed);
        }
        let min = self.min_plus_one.load(Ordering::Relaxed);
        if min == 0 || value + 1 < min {
            self.lower_min(value + 1);
        }
    }

    fn lower_min(&self, candidate: u64) {
        let lower = |min: u64| (min == 0 || candidate < min).then_some(candidate);
        // It fails when another thread has set a lower one, which is as good.
        let _ = self.min_plus_one.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lower);
    }

    /// What was counted so far.
    pub fn summary(&self) -> Summary {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let min = self.min_plus_one.load(Ordering::Relaxed).saturating_sub(1);
        Summary::new(counts, self.sum.load(Ordering::Relaxed), min, self.max.load(Ordering::Relaxed))
    }

    /// Forgets what was counted.
    pub fn reset(&self) {
        let rest = [&self.sum, &self.max, &self.min_plus_one];
        for number in self.buckets.iter().chain(rest) {
            number.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_the_extremes_and_the_mean() {
        let histogram = Histogram::default();
        assert_eq!(histogram.summary(), Summary::default());
        histogram.record(10);
        histogram.record_many(40, 2);
        histogram.record_many(7, 0);
        let summary = histogram.summary();
        assert_eq!((summary.count(), summary.sum(), summary.min(), summary.max()), (3, 90, 10, 40));
        histogram.reset();
        assert_eq!(histogram.summary(), Summary::default());
    }

    #[test]
    fn what_is_too_large_counts_as_the_largest() {
        let histogram = Histogram::default();
        histogram.record(u64::MAX);
        assert_eq!(histogram.summary().max(), VALUE_MAX);
    }

    #[test]
    fn threads_lose_nothing() {
        let histogram = Histogram::default();
        std::thread::scope(|scope| {
            for first in 0..4 {
                let histogram = &histogram;
                scope.spawn(move || (0..1000).for_each(|n| histogram.record(n * 4 + first)));
            }
        });
        let summary = histogram.summary();
        assert_eq!((summary.count(), summary.sum()), (4000, 3999 * 4000 / 2));
        assert_eq!((summary.min(), summary.max()), (0, 3999));
    }
}
