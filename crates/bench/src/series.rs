//! How many answers came when.

use std::time::Duration;

/// Counts of answers, one for each stretch of the time that is measured.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// `None`: nothing is counted.
    stretch: Option<Duration>,
    counts: Vec<u64>,
}

impl Series {
    /// Stretches of `millis`; 0 for no series.
    pub(crate) fn new(millis: u64) -> Self {
        Self { stretch: (millis > 0).then(|| Duration::from_millis(millis)), counts: Vec::new() }
    }

    /// An answer came so long after the beginning.
    pub(crate) fn count(&mut self, after: Duration) {
        let Some(stretch) = self.stretch else { return };
        let at = (after.as_nanos() / stretch.as_nanos()) as usize;
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
    }

    /// Adds what was counted elsewhere, with stretches of the same length.
    pub(crate) fn add(&mut self, other: &Series) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
    }

    /// The counts from the beginning to the last stretch in which there was an answer; `None` if none were asked for.
    pub(crate) fn counts(&self) -> Option<Vec<u64>> {
        self.stretch.map(|_| self.counts.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_where_they_came_and_added_up() {
        let mut one = Series::new(10);
        for after in [0, 9, 10, 35] {
            one.count(Duration::from_millis(after));
        }
        assert_eq!(one.counts(), Some(vec![2, 1, 0, 1]));
        let mut other = Series::new(10);
        other.add(&one);
        other.count(Duration::from_millis(41));
        assert_eq!(other.counts(), Some(vec![2, 1, 0, 1, 1]));
    }

    #[test]
    fn without_stretches_nothing_is_counted() {
        let mut none = Series::new(0);
        none.count(Duration::from_secs(5));
        assert_eq!(none.counts(), None);
    }
}
