//! How long ago this node was last known to be in step with the leader.

use std::collections::VecDeque;

use runtime::Instant;
use tree::Zxid;

/// Reports that the leader has taken at a state that is not applied here yet. One goes out every half tick: older ones than
/// these are of no use to any session.
const UNPROVEN_MAX: usize = 64;

/// When this node last was in step. A report that the leader has taken is not enough: a node whose disk hangs is told
/// everything and applies nothing, and would go on answering for sessions that ended long ago. It counts once what the
/// leader had applied by then is applied here.
#[derive(Debug)]
pub(crate) struct Reach {
    last: Instant,
    /// When each report was begun, and where the leader stood when it took it; the oldest first.
    unproven: VecDeque<(Instant, Zxid)>,
}

impl Reach {
    /// Of a node that begins now.
    pub(crate) fn new(now: Instant) -> Self {
        Self { last: now, unproven: VecDeque::new() }
    }

    /// The leader, which stood at `zxid`, has taken a report that was begun at `began`.
    pub(crate) fn on_taken(&mut self, began: Instant, zxid: Zxid) {
        if self.unproven.len() >= UNPROVEN_MAX {
            self.unproven.pop_front();
        }
        self.unproven.push_back((began, zxid));
    }

    /// When this node, which has applied all up to `applied`, was last known to be in step.
    pub(crate) fn last(&mut self, applied: Zxid) -> Instant {
        while let Some((began, _)) = self.unproven.pop_front_if(|(_, zxid)| *zxid <= applied) {
            self.last = began;
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(seconds))
    }

    #[test]
    fn a_report_counts_once_what_the_leader_had_is_applied() {
        let mut reach = Reach::new(at(0));
        reach.on_taken(at(1), Zxid(10));
        reach.on_taken(at(2), Zxid(20));
        assert_eq!(reach.last(Zxid(9)), at(0));
        assert_eq!(reach.last(Zxid(10)), at(1));
        assert_eq!(reach.last(Zxid(19)), at(1));
        assert_eq!(reach.last(Zxid(25)), at(2));
    }

    #[test]
    fn a_node_that_hangs_for_long_keeps_only_the_newest() {
        let mut reach = Reach::new(at(0));
        for second in 1..1000 {
            reach.on_taken(at(second), Zxid(second as i64));
        }
        assert_eq!(reach.unproven.len(), UNPROVEN_MAX);
        assert_eq!(reach.last(Zxid(5)), at(0));
        assert_eq!(reach.last(Zxid(999)), at(999));
    }
}
