//! Chance that one seed decides.

use std::time::Duration;

use runtime::{Entropy, SeededEntropy};

pub(crate) struct Dice(SeededEntropy);

impl Dice {
    pub(crate) fn of(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    /// One of `0..sides`.
    pub(crate) fn roll(&self, sides: u64) -> u64 {
        self.0.next_u64() % sides
    }

    pub(crate) fn between(&self, least: Duration, most: Duration) -> Duration {
        let span = u64::try_from((most - least).as_millis()).unwrap();
        least + Duration::from_millis(self.roll(span + 1))
    }
}

/// Runs `test` with so many seeds, or with those of `QUORATE_SEEDS=FIRST..END`. A seed that fails is told.
pub(crate) fn with_seeds(count: u64, test: impl Fn(u64)) {
    let given = std::env::var("QUORATE_SEEDS").ok();
    let seeds = match given.as_deref().map(|text| text.split_once("..").expect("QUORATE_SEEDS=FIRST..END")) {
        Some((first, end)) => first.parse().unwrap()..end.parse().unwrap(),
        None => 0..count,
    };
    for seed in seeds {
        let told = Told(seed);
        test(seed);
        std::mem::forget(told);
    }
}

/// Says which seed it was when a test panics.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        eprintln!("failed with seed {0}; again: QUORATE_SEEDS={0}..{1}", self.0, self.0 + 1);
    }
}
