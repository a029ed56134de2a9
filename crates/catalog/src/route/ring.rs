//! Consistent hashing: weighted rendezvous over a fixed number of slots.
//!
//! A key falls into one of [`SLOTS`] slots by its hash. Each destination draws a number for each slot, from the hash of its name and the
//! slot, exponentially distributed with its weight; the lowest number has the slot. So who has a slot depends on nothing but who is
//! bound: not on the order of bindings, the node or the past. A destination that comes takes its share from all others, one that goes
//! leaves its share to all others, and nothing else moves. The logarithm is computed here from additions and multiplications, which
//! give the same bits on every machine; a library's does not.

use std::sync::Arc;

use crate::destination::Destination;
use crate::map::Map;
use crate::route::stable_hash::{mix, stable_hash};

/// How many slots there are: ten destinations differ by about 2.5 %.
pub(crate) const SLOTS: usize = 1 << 14;

/// Who has which slot.
#[derive(Clone, Default)]
pub(crate) struct Ring {
    members: Map<u32, Member>,
    /// By destination.
    numbers: Map<Destination, u32>,
    /// The number of the member that has the slot. Empty while there is none.
    slots: Option<Arc<[u32]>>,
    next: u32,
}

#[derive(Clone)]
struct Member {
    destination: Destination,
    /// The hash of its name.
    hash: u64,
    weight: f64,
    /// Those of all its bindings.
    weights: Vec<u32>,
}

impl Ring {
    /// Adds a binding. Of several that lead to one destination, the heaviest counts.
    pub(crate) fn add(&mut self, destination: &Destination, weight: u32) {
        let mut weights = self.leave(destination);
        weights.push(weight);
        self.join(destination, weights);
    }

    /// Takes a binding away.
    pub(crate) fn remove(&mut self, destination: &Destination, weight: u32) {
        let mut weights = self.leave(destination);
        if let Some(at) = weights.iter().position(|other| *other == weight) {
            weights.swap_remove(at);
        }
        self.join(destination, weights);
    }

    /// Where a key belongs.
    pub(crate) fn find(&self, key: &[u8]) -> Option<&Destination> {
        let slots = self.slots.as_ref()?;
        let slot = slots[stable_hash(0, key) as usize % SLOTS];
        self.members.get(&slot).map(|member| &member.destination)
    }

    fn join(&mut self, destination: &Destination, weights: Vec<u32>) {
        let Some(heaviest) = weights.iter().max() else { return };
        let (is_queue, name) = match destination {
            Destination::Queue(queue) => (1, &queue.name),
            Destination::Exchange(name) => (0, name),
        };
        let member = Member {
            destination: destination.clone(),
            hash: stable_hash(is_queue, name),
            weight: f64::from(*heaviest),
            weights,
        };
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        match &mut self.slots {
            None => self.slots = Some(std::iter::repeat_n(number, SLOTS).collect()),
            Some(slots) => {
                let held = by_number(&self.members);
                for (slot, holder) in Arc::make_mut(slots).iter_mut().enumerate() {
                    let at = held.binary_search_by_key(holder, |(number, _)| *number);
                    let at = at.expect("who has a slot is a member");
                    if member.beats(held[at].1, slot) {
                        *holder = number;
                    }
                }
            }
        }
        self.members.insert(number, member);
        self.numbers.insert(destination.clone(), number);
    }

    /// The weights that it had.
    fn leave(&mut self, destination: &Destination) -> Vec<u32> {
        let Some(number) = self.numbers.remove(destination) else { return Vec::new() };
        let member = self.members.remove(&number).expect("numbers are those of members");
        if self.members.is_empty() {
            self.slots = None;
        } else if let Some(slots) = &mut self.slots {
            let rest = by_number(&self.members);
            let left = Arc::make_mut(slots).iter_mut().enumerate().filter(|(_, holder)| **holder == number);
            for (slot, holder) in left {
                let best = rest
                    .iter()
                    .copied()
                    .reduce(|best, other| if other.1.beats(best.1, slot) { other } else { best });
                *holder = best.expect("somebody is left").0;
            }
        }
        member.weights
    }
}

fn by_number(members: &Map<u32, Member>) -> Vec<(u32, &Member)> {
    let mut members: Vec<_> = members.iter().map(|(number, member)| (*number, member)).collect();
    members.sort_unstable_by_key(|(number, _)| *number);
    members
}

impl Member {
    /// Equal numbers are as good as impossible, and yet decided alike everywhere.
    fn beats(&self, other: &Member, slot: usize) -> bool {
        let (mine, theirs) = (self.draw(slot), other.draw(slot));
        mine < theirs || (mine == theirs && self.destination < other.destination)
    }

    fn draw(&self, slot: usize) -> f64 {
        let bits = mix(self.hash ^ mix(slot as u64 + 1));
        // 53 bits, never 0.
        let uniform = ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        -natural_logarithm(uniform) / self.weight
    }
}

/// Of a number above 0 and below infinity, to about 1e-10; the same bits on every machine.
fn natural_logarithm(x: f64) -> f64 {
    const LN_2: f64 = std::f64::consts::LN_2;
    let bits = x.to_bits();
    let exponent = (bits >> 52) as i32 - 1023;
    let mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    // ln m = 2 artanh((m - 1) / (m + 1)), m from 1 to 2.
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let square = z * z;
    let mut sum = 0.0;
    for divisor in [19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        sum = sum * square + 1.0 / divisor;
    }
    f64::from(exponent) * LN_2 + 2.0 * z * sum
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::name::Name;

    fn destination(number: u32) -> Destination {
        Destination::Exchange(Name::from(format!("queue-{number}").as_str()))
    }

    fn ring(members: &[(u32, u32)]) -> Ring {
        let mut ring = Ring::default();
        for (number, weight) in members {
            ring.add(&destination(*number), *weight);
        }
        ring
    }

    fn key(number: u32) -> String {
        format!("customer-{number}")
    }

    fn shares(ring: &Ring, keys: u32) -> BTreeMap<Destination, u32> {
        let mut shares = BTreeMap::new();
        for number in 0..keys {
            let found = ring.find(key(number).as_bytes()).expect("there are members");
            *shares.entry(found.clone()).or_default() += 1;
        }
        shares
    }

    #[test]
    fn the_logarithm_is_one() {
        for x in [1e-16, 1e-9, 0.1, 0.5, 0.7, 0.999_999, 1.0, 1.5, 2.0, 1e9_f64] {
            assert!((natural_logarithm(x) - x.ln()).abs() < 1e-9 * x.ln().abs().max(1.0), "{x}");
        }
    }

    #[test]
    fn shares_follow_weights() {
        let ring = ring(&[(0, 1), (1, 1), (2, 2), (3, 4)]);
        let shares = shares(&ring, 80_000);
        for (number, weight) in [(0, 1), (1, 1), (2, 2), (3, 4)] {
            let share = f64::from(shares[&destination(number)]);
            let expected = f64::from(weight) * 10_000.0;
            assert!((share - expected).abs() < expected * 0.06, "{number}: {share}, not {expected}");
        }
    }

    #[test]
    fn who_comes_takes_its_share_and_moves_nothing_else() {
        let before = ring(&(0..10).map(|number| (number, 1)).collect::<Vec<_>>());
        let mut after = before.clone();
        after.add(&destination(10), 1);
        let mut moved = 0;
        for number in 0..50_000 {
            let key = key(number);
            let (old, new) = (before.find(key.as_bytes()), after.find(key.as_bytes()));
            if old != new {
                assert_eq!(new, Some(&destination(10)));
                moved += 1;
            }
        }
        assert!((3_900..5_200).contains(&moved), "{moved} of 50000 keys moved, not a eleventh");
    }

    #[test]
    fn nobody_gets_nothing() {
        assert!(Ring::default().find(b"key").is_none());
        let mut ring = ring(&[(1, 5)]);
        ring.remove(&destination(1), 5);
        assert!(ring.find(b"key").is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_past_does_not_matter(members in prop::collection::vec((0..8_u32, 1..5_u32), 1..12), seed in any::<u64>()) {
            let straight = ring(&members);
            let mut shuffled = members.clone();
            shuffled.sort_by_key(|(number, weight)| mix(seed ^ u64::from(number * 10 + weight)));
            let mut detour = ring(&shuffled);
            detour.add(&destination(99), 3);
            detour.add(&destination(98), 3);
            detour.remove(&destination(99), 3);
            detour.remove(&destination(98), 3);
            for number in 0..300 {
                let key = key(number);
                prop_assert_eq!(straight.find(key.as_bytes()), detour.find(key.as_bytes()));
            }
        }
    }
}
