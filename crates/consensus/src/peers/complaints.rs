//! What goes wrong again and again is said once in a while.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use runtime::Instant;

/// How long the same complaint is not repeated.
const PAUSE: Duration = Duration::from_secs(60);
/// Different complaints that are remembered; beyond it, all are said.
const REMEMBERED_MAX: usize = 256;

/// What was complained of lately.
#[derive(Default)]
pub(super) struct Complaints {
    said: Mutex<BTreeMap<String, Instant>>,
}

impl Complaints {
    /// Whether this was not said within the last minute; then it counts as said now.
    pub(super) fn is_due(&self, what: &str, now: Instant) -> bool {
        let mut said = self.said.lock();
        said.retain(|_, at| now.saturating_since(*at) < PAUSE);
        let is_due = !said.contains_key(what);
        if is_due && said.len() < REMEMBERED_MAX {
            said.insert(what.to_owned(), now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_repeated_after_a_minute_only() {
        let complaints = Complaints::default();
        let at = |seconds| Instant::from_origin(Duration::from_secs(seconds));
        assert!(complaints.is_due("a stranger", at(1)));
        assert!(!complaints.is_due("a stranger", at(2)));
        assert!(complaints.is_due("another", at(2)));
        assert!(!complaints.is_due("a stranger", at(60)));
        assert!(complaints.is_due("a stranger", at(61)));
    }
}
