//! The leader's clock of every session: a plain value that is told the time.

use std::collections::BTreeMap;
use std::time::Duration;

use runtime::Instant;
use tree::SessionId;

/// Decides which sessions have been silent for too long.
///
/// Its clock is not the machine's. It advances with each [`step`](SessionTracker::step), but never by more than one tick at
/// a time: a leader that was paused for a minute has heard nothing for a minute, which is no evidence against anybody.
///
/// A session with timeout T expires between T and T + tick after it was last heard of, on that clock.
#[derive(Debug)]
pub struct SessionTracker {
    tick: Duration,
    stepped: Instant,
    clock: Duration,
    sessions: BTreeMap<SessionId, Watched>,
    /// Sessions to look at, by the time they are to be looked at. A session that was heard of since is only then moved
    /// on, so that hearing of it costs no more than noting the time.
    due: BTreeMap<Duration, Vec<SessionId>>,
}

#[derive(Debug)]
struct Watched {
    generation: u64,
    timeout: Duration,
    deadline: Duration,
    /// Its place in `due`; it has others when it was moved, which mean nothing.
    queued: Duration,
}

/// A session that was silent for its timeout, as it stood at that generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// The session.
    pub session: SessionId,
    /// The generation that was silent.
    pub generation: u64,
}

impl SessionTracker {
    /// A tracker without sessions, at time `now`.
    pub fn new(tick: Duration, now: Instant) -> Self {
        Self { tick, stepped: now, clock: Duration::ZERO, sessions: BTreeMap::new(), due: BTreeMap::new() }
    }

    /// A session was made or attached: it has its full timeout from now on.
    pub fn track(&mut self, session: SessionId, generation: u64, timeout_ms: u32, now: Instant) {
        let timeout = Duration::from_millis(timeout_ms.into());
        let deadline = deadline(self.clock_at(now), timeout, self.tick);
        self.sessions.insert(session, Watched { generation, timeout, deadline, queued: deadline });
        self.due.entry(deadline).or_default().push(session);
    }

    /// A session was heard of. Nothing happens if it is not known.
    pub fn touch(&mut self, session: SessionId, now: Instant) {
        let (clock, tick) = (self.clock_at(now), self.tick);
        if let Some(watched) = self.sessions.get_mut(&session) {
            watched.deadline = deadline(clock, watched.timeout, tick);
        }
    }

    /// What its clock shows at `now`, which may be between two steps: what happens there must not count as earlier.
    fn clock_at(&self, now: Instant) -> Duration {
        self.clock + now.saturating_since(self.stepped).min(self.tick)
    }

    /// A session has ended.
    pub fn forget(&mut self, session: SessionId) {
        self.sessions.remove(&session);
    }

    /// The sessions by how many milliseconds of silence they had left at the last step, rounded up to a multiple of `granule`
    /// so that there are few groups.
    pub fn deadlines(&self, granule: Duration) -> BTreeMap<u64, Vec<SessionId>> {
        let granule = granule.as_millis().max(1);
        let mut found: BTreeMap<u64, Vec<SessionId>> = BTreeMap::new();
        for (session, watched) in &self.sessions {
            let left_ms = watched.deadline.saturating_sub(self.clock).as_millis().div_ceil(granule) * granule;
            found.entry(u64::try_from(left_ms).unwrap_or(u64::MAX)).or_default().push(*session);
        }
        found
    }

    /// How many sessions it watches.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether it watches none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Advances the clock to `now`, by at most one tick, and returns the sessions that were silent for too long. To be
    /// called every half tick.
    ///
    /// A session that is returned has its timeout again, in case the command that ends it is lost.
    pub fn step(&mut self, now: Instant) -> Vec<Expiry> {
        self.clock = self.clock_at(now);
        self.stepped = self.stepped.max(now);
        let mut expired = Vec::new();
        while let Some(entry) = self.due.first_entry()
            && *entry.key() <= self.clock
        {
            let (time, sessions) = entry.remove_entry();
            for session in sessions {
                expired.extend(self.look_at(session, time));
            }
        }
        expired
    }

    fn look_at(&mut self, session: SessionId, queued: Duration) -> Option<Expiry> {
        let (clock, tick) = (self.clock, self.tick);
        let watched = self.sessions.get_mut(&session).filter(|watched| watched.queued == queued)?;
        let silent = watched.deadline <= clock;
        if silent {
            watched.deadline = deadline(clock, watched.timeout, tick);
        }
        // The shortest of timeouts must not bring it back into this very step.
        watched.queued = watched.deadline.max(clock + Duration::from_nanos(1));
        self.due.entry(watched.queued).or_default().push(session);
        silent.then_some(Expiry { session, generation: watched.generation })
    }
}

/// When a session that is heard of now has been silent for too long: rounded up to a sixteenth of a tick, so that
/// sessions share entries of the queue.
fn deadline(clock: Duration, timeout: Duration, tick: Duration) -> Duration {
    let granule = (tick / 16).max(Duration::from_millis(1)).as_nanos();
    let rounded = (clock + timeout).as_nanos().div_ceil(granule) * granule;
    Duration::from_nanos(u64::try_from(rounded).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TICK: Duration = Duration::from_millis(2000);
    const STEP: Duration = Duration::from_millis(1000);

    fn at(millis: u64) -> Instant {
        Instant::from_origin(Duration::from_millis(millis))
    }

    fn tracker() -> SessionTracker {
        SessionTracker::new(TICK, at(0))
    }

    /// The first time, at steps of half a tick after `from_ms`, at which a session expires.
    fn first_expiry(tracker: &mut SessionTracker, from_ms: u64) -> (u64, Vec<Expiry>) {
        for step in 1..100 {
            let millis = from_ms + step * 1000;
            let expired = tracker.step(at(millis));
            if !expired.is_empty() {
                return (millis, expired);
            }
        }
        panic!("nothing expires");
    }

    #[test]
    fn a_silent_session_expires_within_a_tick_of_its_timeout() {
        let mut tracker = tracker();
        tracker.track(SessionId(1), 7, 4000, at(0));
        let (millis, expired) = first_expiry(&mut tracker, 0);
        assert!((4000..=6000).contains(&millis), "{millis}");
        assert_eq!(expired, [Expiry { session: SessionId(1), generation: 7 }]);
    }

    #[test]
    fn what_comes_between_two_steps_counts_from_then() {
        for late in [1, 500, 999] {
            let mut tracker = tracker();
            tracker.step(at(1000));
            tracker.track(SessionId(1), 0, 4000, at(1000 + late));
            let (millis, _) = first_expiry(&mut tracker, 1000);
            assert!(millis >= 5000 + late, "{late}: {millis}");
            tracker.track(SessionId(2), 0, 4000, at(millis));
            tracker.forget(SessionId(1));
            tracker.touch(SessionId(2), at(millis + late));
            let (again, _) = first_expiry(&mut tracker, millis);
            assert!(again >= millis + 4000 + late, "{late}: {again}");
        }
    }

    #[test]
    fn a_session_that_is_heard_of_lives_on() {
        let mut tracker = tracker();
        tracker.track(SessionId(1), 0, 4000, at(0));
        for second in 1..60 {
            assert_eq!(tracker.step(at(second * 1000)), [], "{second}");
            if second % 3 == 0 {
                tracker.touch(SessionId(1), at(second * 1000));
            }
        }
    }

    #[test]
    fn a_pause_of_the_leader_expires_nobody() {
        let mut tracker = tracker();
        for id in 1..100 {
            tracker.track(SessionId(id), 0, 4000, at(0));
        }
        assert_eq!(tracker.step(at(1_000_000)), []);
        let (millis, expired) = first_expiry(&mut tracker, 1_000_000);
        assert_eq!(expired.len(), 99);
        assert!(millis >= 1_002_000, "a pause counts as one tick: {millis}");
    }

    #[test]
    fn a_session_attached_with_a_shorter_timeout_expires_by_that() {
        let mut tracker = tracker();
        tracker.track(SessionId(1), 0, 40_000, at(0));
        tracker.track(SessionId(1), 1, 4000, at(0));
        let (millis, expired) = first_expiry(&mut tracker, 0);
        assert!(millis <= 6000);
        assert_eq!(expired, [Expiry { session: SessionId(1), generation: 1 }]);
    }

    #[test]
    fn an_expiry_that_was_lost_is_asked_for_again() {
        let mut tracker = tracker();
        tracker.track(SessionId(1), 0, 4000, at(0));
        let (first, _) = first_expiry(&mut tracker, 0);
        let (second, _) = first_expiry(&mut tracker, first);
        assert!(second > first);
        tracker.forget(SessionId(1));
        for step in 1..20 {
            assert_eq!(tracker.step(at(second + step * 1000)), []);
        }
    }

    #[test]
    fn a_timeout_below_the_granule_ends() {
        let mut tracker = tracker();
        tracker.track(SessionId(1), 0, 0, at(0));
        assert_eq!(tracker.step(at(0)).len(), 1);
        assert_eq!(tracker.step(at(1000)).len(), 1);
    }

    proptest! {
        /// Against the definition: the clock of the tracker, computed apart, and the last time each session was heard of.
        #[test]
        fn sessions_expire_between_timeout_and_a_tick_more(
            timeouts in proptest::collection::vec(100..20_000_u32, 1..6),
            steps in proptest::collection::vec((1..6000_u64, any::<u8>()), 1..60),
        ) {
            let mut tracker = tracker();
            let mut now = 0;
            let mut clock = Duration::ZERO;
            let mut heard = vec![Some(Duration::ZERO); timeouts.len()];
            for (id, timeout_ms) in timeouts.iter().enumerate() {
                tracker.track(SessionId(id as i64), 0, *timeout_ms, at(0));
            }
            for (advance, mask) in steps {
                now += advance;
                let advanced = Duration::from_millis(advance).min(TICK);
                clock += advanced;
                let expired: Vec<_> = tracker.step(at(now)).into_iter().map(|expiry| expiry.session.0 as usize).collect();
                for id in 0..timeouts.len() {
                    let timeout = Duration::from_millis(timeouts[id].into());
                    let Some(last) = heard[id] else { continue };
                    let silent = clock - last;
                    if expired.contains(&id) {
                        prop_assert!(silent >= timeout);
                        tracker.forget(SessionId(id as i64));
                        heard[id] = None;
                    } else {
                        prop_assert!(silent < timeout + STEP.max(TICK / 2) + advanced, "{silent:?} {timeout:?}");
                        if mask & (1 << id) != 0 {
                            tracker.touch(SessionId(id as i64), at(now));
                            heard[id] = Some(clock);
                        }
                    }
                }
            }
        }
    }
}
