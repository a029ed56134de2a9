//! Times without a leader, as this node lives through them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use measure::Histogram;
use parking_lot::Mutex;
use runtime::Instant;

use super::as_micros;

/// How often this node looked for a leader, how long it took, and since when it leads itself.
#[derive(Debug, Default)]
pub struct Elections {
    state: Mutex<State>,
    leads: AtomicBool,
    begun: AtomicU64,
    /// From the loss of a leader, or the start, until one was known, in microseconds.
    pub took_us: Histogram,
}

#[derive(Debug, Default)]
struct State {
    /// The leader that was known last, and its term; none before the first note, and while one is looked for.
    leader: Option<(u64, u64)>,
    looking_since: Option<Instant>,
    leading_since: Option<Instant>,
}

impl Elections {
    /// What this node, `node`, knows at `now`: the leader, if there is one, and the term. To be called with every change.
    pub fn note(&self, node: u64, leader: Option<u64>, term: u64, now: Instant) {
        let mut state = self.state.lock();
        let leader = leader.map(|leader| (leader, term));
        if leader == state.leader && (leader.is_some() || state.looking_since.is_some()) {
            return;
        }
        let was_known = state.leader.is_some() || state.looking_since.is_none();
        state.leader = leader;
        if leader.is_none() {
            state.looking_since = Some(now);
        }
        if was_known {
            // From one leader straight to another there was an election too, of which this node has seen only the outcome.
            self.begun.fetch_add(1, Ordering::Relaxed);
        }
        if leader.is_some()
            && let Some(since) = state.looking_since.take()
        {
            self.took_us.record(as_micros(now.saturating_since(since)));
        }
        let leads = leader.is_some_and(|(leader, _)| leader == node);
        state.leading_since = leads.then_some(now);
        self.leads.store(leads, Ordering::Relaxed);
    }

    /// Whether this node led when it last heard.
    pub fn leads(&self) -> bool {
        self.leads.load(Ordering::Relaxed)
    }

    /// For how long this node has led, if it does.
    pub fn leading_for(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_since(self.state.lock().leading_since?))
    }

    /// How often a leader had to be found, the start included.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_origin(Duration::from_millis(ms))
    }

    #[test]
    fn a_node_starts_looking_finds_loses_and_becomes_the_leader() {
        let elections = Elections::default();
        elections.note(1, None, 0, at(0));
        elections.note(1, None, 1, at(50));
        assert_eq!((elections.begun(), elections.took_us.summary().count()), (1, 0));
        elections.note(1, Some(2), 1, at(100));
        elections.note(1, Some(2), 1, at(200));
        assert_eq!((elections.begun(), elections.took_us.summary().max()), (1, 100_000));
        assert!(!elections.leads());
        elections.note(1, None, 2, at(1000));
        elections.note(1, Some(1), 2, at(1300));
        assert_eq!((elections.begun(), elections.took_us.summary().max()), (2, 300_000));
        assert_eq!(elections.leading_for(at(1500)), Some(Duration::from_millis(200)));
        elections.note(1, Some(3), 3, at(2000));
        assert_eq!((elections.begun(), elections.took_us.summary().count()), (3, 2));
        assert_eq!(elections.leading_for(at(2500)), None);
    }

    #[test]
    fn a_leader_that_is_known_at_once_was_found_in_one_election() {
        let elections = Elections::default();
        elections.note(1, Some(1), 1, at(0));
        assert_eq!((elections.begun(), elections.leads()), (1, true));
    }
}
