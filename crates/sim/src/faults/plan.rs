//! When what goes wrong.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::Kind;
use super::kind::Track;

/// A fault to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Planned {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts; of those that end a process, how long until it is started again.
    pub lasts: Duration,
    /// What it is.
    pub kind: Kind,
}

/// What goes wrong in a run, in order of time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan(pub Vec<Planned>);

/// Longest pause between two faults of a track, in milliseconds.
const PAUSE_MS: u64 = 2500;
/// Longest faults, in milliseconds. Some outlast the sessions of those whom they cut off.
const LONGEST_MS: [u64; 8] = [400, 1500, 1500, 1500, 1500, 5000, 9000, 14_000];

impl Plan {
    /// A plan for a cluster of so many founders from `from` to `until`.
    ///
    /// Each run has only some of the kinds, so that no kind hides behind others that come more often.
    pub fn draw(rng: &mut StdRng, founders: u64, from: Duration, until: Duration) -> Self {
        let share = [0.15, 0.3, 0.5, 1.0].choose(rng).copied().unwrap_or(1.0);
        let mut kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|_| rng.random_bool(share)).collect();
        kinds.retain(|kind| kind.founders_min() <= founders);
        let mut plan = Vec::new();
        for track in [Track::Network, Track::Machine, Track::Membership] {
            let kinds: Vec<Kind> = kinds.iter().copied().filter(|kind| kind.track() == track).collect();
            let mut at = from + Duration::from_millis(rng.random_range(0..PAUSE_MS));
            while let Some(kind) = kinds.choose(rng).copied().filter(|_| at < until) {
                let longest = LONGEST_MS.choose(rng).copied().unwrap_or(PAUSE_MS);
                let lasts = Duration::from_millis(rng.random_range(50..longest));
                plan.push(Planned { at, lasts, kind });
                at += lasts + Duration::from_millis(rng.random_range(50..PAUSE_MS));
            }
        }
        plan.sort_by_key(|planned| planned.at);
        Plan(plan)
    }
}
