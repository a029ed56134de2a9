//! What is open on a channel, in the order of its numbers: deliveries by tag, publishes by sequence.

use std::collections::VecDeque;

/// Entries under rising numbers. Taking one out costs the same anywhere, and memory follows the number of entries, however far apart they are.
#[derive(Debug)]
pub(crate) struct Ledger<T> {
    /// Rising by number; `None` was taken out. The first is there.
    entries: VecDeque<(u64, Option<T>)>,
    live: usize,
}

/// Fewer places than this that were taken out are not worth the work of closing the gaps.
const GAPS_MIN: usize = 64;

impl<T> Default for Ledger<T> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), live: 0 }
    }
}

impl<T> Ledger<T> {
    /// Adds an entry; its number is above all before it.
    pub(crate) fn push(&mut self, number: u64, entry: T) {
        debug_assert!(self.entries.back().is_none_or(|(last, _)| *last < number), "numbers rise");
        self.entries.push_back((number, Some(entry)));
        self.live += 1;
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The lowest number that is there.
    pub(crate) fn first(&self) -> Option<u64> {
        self.entries.front().map(|(number, _)| *number)
    }

    /// The entry with this number.
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let at = self.find(number)?;
        self.entries[at].1.as_mut()
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        let at = self.find(number)?;
        let entry = self.entries[at].1.take()?;
        self.live -= 1;
        self.tidy();
        Some(entry)
    }

    /// Takes the entry with this number and all below it out, in order. `false` if it is not there; then nothing is taken.
    pub(crate) fn remove_through(&mut self, number: u64, mut taken: impl FnMut(T)) -> bool {
        let Some(at) = self.find(number).filter(|at| self.entries[*at].1.is_some()) else {
            return false;
        };
        for (_, entry) in self.entries.drain(..=at) {
            if let Some(entry) = entry {
                self.live -= 1;
                taken(entry);
            }
        }
        self.tidy();
        true
    }

    /// All entries, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(|(_, entry)| entry.as_ref())
    }

    /// The entries up to this number, in order.
    pub(crate) fn through_mut(&mut self, number: u64) -> impl Iterator<Item = (u64, &mut T)> {
        let through = self.entries.iter_mut().take_while(move |(found, _)| *found <= number);
        through.filter_map(|(found, entry)| entry.as_mut().map(|entry| (*found, entry)))
    }

    /// Takes everything out, in order.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> {
        self.live = 0;
        self.entries.drain(..).filter_map(|(_, entry)| entry)
    }

    fn find(&self, number: u64) -> Option<usize> {
        let (first, _) = self.entries.front()?;
        // Without gaps, the number tells the place.
        let guess = usize::try_from(number.checked_sub(*first)?).ok()?;
        if self.entries.get(guess).is_some_and(|(found, _)| *found == number) {
            return Some(guess);
        }
        self.entries.binary_search_by_key(&number, |(number, _)| *number).ok()
    }

    fn tidy(&mut self) {
        while self.entries.front().is_some_and(|(_, entry)| entry.is_none()) {
            self.entries.pop_front();
        }
        if self.entries.len() > GAPS_MIN + 2 * self.live {
            self.entries.retain(|(_, entry)| entry.is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_that_grows_at_its_end(steps in prop::collection::vec((0_u8..8, any::<prop::sample::Index>()), 0..400)) {
            let (mut ledger, mut model, mut next) = (Ledger::default(), BTreeMap::new(), 0);
            for (step, index) in steps {
                let number = index.index(next as usize + 1) as u64;
                match step {
                    0..=3 => {
                        next += u64::from(step % 2) + 1;
                        ledger.push(next, next * 10);
                        model.insert(next, next * 10);
                    }
                    4..=6 => prop_assert_eq!(ledger.remove(number), model.remove(&number)),
                    _ => {
                        let mut taken = Vec::new();
                        let is_there = ledger.remove_through(number, |entry| taken.push(entry));
                        prop_assert_eq!(is_there, model.contains_key(&number));
                        if is_there {
                            let above = model.split_off(&(number + 1));
                            prop_assert_eq!(taken, std::mem::replace(&mut model, above).into_values().collect::<Vec<_>>());
                        }
                    }
                }
                prop_assert_eq!((ledger.len(), ledger.first()), (model.len(), model.keys().next().copied()));
                prop_assert!(ledger.entries.len() <= GAPS_MIN + 2 * ledger.len());
            }
            prop_assert_eq!(ledger.drain().collect::<Vec<_>>(), model.into_values().collect::<Vec<_>>());
            prop_assert!(ledger.is_empty());
        }
    }
}
