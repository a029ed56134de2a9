//! What goes wrong again and again is said now and then.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::Instant;

/// About one thing nothing is said so soon again, unless it is asked for otherwise.
const QUIET: Duration = Duration::from_secs(30);
/// Things that are remembered. Beyond that all are forgotten.
const REMEMBERED_MAX: usize = 256;

/// What was complained of lately. `K` is what tells one complaint from another.
#[derive(Debug)]
pub struct Complaints<K> {
    made: Mutex<BTreeMap<K, Instant>>,
    quiet: Duration,
}

impl<K> Default for Complaints<K> {
    fn default() -> Self {
        Self::every(QUIET)
    }
}

impl<K> Complaints<K> {
    /// Each thing is complained of at most so often; 30 seconds by default.
    pub fn every(quiet: Duration) -> Self {
        Self { made: Mutex::default(), quiet }
    }
}

impl<K: Ord> Complaints<K> {
    /// Whether to complain at `now`: not if that was done a short while ago. If so, it counts as done.
    pub fn is_due(&self, what: K, now: Instant) -> bool {
        let mut made = self.made.lock();
        let is_due = made.get(&what).is_none_or(|last| now.saturating_since(*last) >= self.quiet);
        if is_due {
            if made.len() >= REMEMBERED_MAX {
                made.clear();
            }
            made.insert(what, now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_complained_of_now_and_then() {
        let complaints = Complaints::default();
        let at = |seconds| Instant::from_origin(Duration::from_secs(seconds));
        assert!(complaints.is_due(1, at(100)));
        assert!(!complaints.is_due(1, at(129)));
        assert!(complaints.is_due(2, at(129)));
        assert!(complaints.is_due(1, at(130)));
        for number in 0..1000 {
            complaints.is_due(number, at(131));
        }
        assert!(complaints.made.lock().len() <= REMEMBERED_MAX);
    }
}
