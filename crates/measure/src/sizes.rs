//! The last, the least and the largest of some sizes.

use std::sync::atomic::{AtomicI64, Ordering};

/// What one thread has seen of sizes, for [`Sizes::add`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The last; -1 without any.
    pub last: i64,
    /// The least; -1 without any.
    pub min: i64,
    /// The largest; -1 without any.
    pub max: i64,
}

impl Default for Seen {
    fn default() -> Self {
        Self { last: -1, min: -1, max: -1 }
    }
}

impl Seen {
    /// One more.
    pub fn see(&mut self, size: usize) {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        self.last = size;
        self.min = if self.min < 0 { size } else { self.min.min(size) };
        self.max = self.max.max(size);
    }
}

/// What all threads have seen. Each of the three is right by itself; they may be of different moments.
#[derive(Debug)]
pub struct Sizes {
    last: AtomicI64,
    min: AtomicI64,
    max: AtomicI64,
}

impl Default for Sizes {
    fn default() -> Self {
        let sizes = Self { last: AtomicI64::new(0), min: AtomicI64::new(0), max: AtomicI64::new(0) };
        sizes.reset();
        sizes
    }
}

impl Sizes {
    /// Adds what one thread has seen: a store, and more only for a new extreme.
    pub fn add(&self, seen: Seen) {
        if seen.last < 0 {
            return;
        }
        self.last.store(seen.last, Ordering::Relaxed);
        if seen.min < self.min.load(Ordering::Relaxed) {
            self.min.fetch_min(seen.min, Ordering::Relaxed);
        }
        if seen.max > self.max.load(Ordering::Relaxed) {
            self.max.fetch_max(seen.max, Ordering::Relaxed);
        }
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        let (last, max) = (self.last.load(Ordering::Relaxed), self.max.load(Ordering::Relaxed));
        let min = self.min.load(Ordering::Relaxed);
        Seen { last, min: if min == i64::MAX { -1 } else { min }, max }
    }

    /// Forgets it.
    pub fn reset(&self) {
        self.last.store(-1, Ordering::Relaxed);
        self.min.store(i64::MAX, Ordering::Relaxed);
        self.max.store(-1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_the_least_and_the_largest() {
        let sizes = Sizes::default();
        assert_eq!(sizes.seen(), Seen::default());
        for batch in [[20, 5], [30, 7]] {
            let mut seen = Seen::default();
            batch.iter().for_each(|size| seen.see(*size));
            sizes.add(seen);
        }
        sizes.add(Seen::default());
        assert_eq!(sizes.seen(), Seen { last: 7, min: 5, max: 30 });
        sizes.reset();
        assert_eq!(sizes.seen(), Seen::default());
    }
}
