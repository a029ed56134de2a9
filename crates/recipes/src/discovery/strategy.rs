//! Which instance is next.

use std::sync::Arc;

use runtime::{Entropy, Instant};

use super::Instance;

/// Which of the usable instances is used next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Strategy {
    /// One after another.
    #[default]
    RoundRobin,
    /// Any.
    Random,
    /// The same as last time, while it is usable; then any.
    Sticky,
    /// One that did not fail lately, or else the one whose last failure is the longest ago; among equals one after another.
    LeastRecentlyFailed,
}

/// What a strategy remembers.
#[derive(Default)]
pub(super) struct Picking {
    turn: usize,
    last: Option<String>,
}

impl Picking {
    /// One of `usable`, which are in an order that does not change without reason.
    pub(super) fn pick(
        &mut self,
        strategy: Strategy,
        usable: &[&Arc<Instance>],
        failed_at: impl Fn(&Instance) -> Option<Instant>,
        entropy: &dyn Entropy,
    ) -> Option<Arc<Instance>> {
        if usable.is_empty() {
            return None;
        }
        let picked = match strategy {
            Strategy::RoundRobin => self.next_of(usable),
            Strategy::Random => any_of(usable, entropy),
            Strategy::Sticky => {
                let last = usable.iter().find(|instance| Some(&instance.id) == self.last.as_ref());
                last.copied().unwrap_or_else(|| any_of(usable, entropy))
            }
            Strategy::LeastRecentlyFailed => {
                let least = usable.iter().map(|instance| failed_at(instance)).min().flatten();
                let equals: Vec<_> =
                    usable.iter().copied().filter(|instance| failed_at(instance) == least).collect();
                self.next_of(&equals)
            }
        };
        self.last = Some(picked.id.clone());
        Some(Arc::clone(picked))
    }

    fn next_of<'a>(&mut self, usable: &[&'a Arc<Instance>]) -> &'a Arc<Instance> {
        self.turn = self.turn.wrapping_add(1);
        usable[self.turn.wrapping_sub(1) % usable.len()]
    }
}

fn any_of<'a>(usable: &[&'a Arc<Instance>], entropy: &dyn Entropy) -> &'a Arc<Instance> {
    let index = entropy.next_u64() % usable.len() as u64;
    usable[usize::try_from(index).expect("it is below a length")]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use runtime::SeededEntropy;

    use super::*;

    fn picks(strategy: Strategy, failed: &[(&str, u64)], count: usize) -> Vec<String> {
        let instances: Vec<Arc<Instance>> = ["a", "b", "c"].map(|id| Arc::new(Instance::new("s", id))).into();
        let usable: Vec<&Arc<Instance>> = instances.iter().collect();
        let failed: BTreeMap<&str, u64> = failed.iter().copied().collect();
        let failed_at = |instance: &Instance| {
            failed
                .get(instance.id.as_str())
                .map(|seconds| Instant::from_origin(Duration::from_secs(*seconds)))
        };
        let entropy = SeededEntropy::new(1);
        let mut picking = Picking::default();
        let pick = |_| picking.pick(strategy, &usable, failed_at, &entropy).unwrap().id.clone();
        (0..count).map(pick).collect()
    }

    #[test]
    fn each_strategy_picks_as_it_says() {
        assert_eq!(picks(Strategy::RoundRobin, &[], 4), ["a", "b", "c", "a"]);
        assert_eq!(picks(Strategy::LeastRecentlyFailed, &[("a", 9)], 3), ["b", "c", "b"]);
        assert_eq!(picks(Strategy::LeastRecentlyFailed, &[("a", 9), ("b", 3), ("c", 5)], 2), ["b", "b"]);
        let sticky = picks(Strategy::Sticky, &[], 10);
        assert!(sticky.iter().all(|id| *id == sticky[0]));
        let random = picks(Strategy::Random, &[], 300);
        for id in ["a", "b", "c"] {
            assert!(random.iter().filter(|picked| *picked == id).count() > 60, "{id}");
        }
    }
}
