//! A set of small numbers that costs little when it holds few.

use std::collections::BTreeSet;

/// From this many on a tree holds them.
const MANY: usize = 32;

/// None, one, a sorted few, or many.
#[derive(Clone, Debug, Default)]
pub(super) enum SmallSet<T> {
    #[default]
    Empty,
    One(T),
    Few(Vec<T>),
    Many(BTreeSet<T>),
}

impl<T: Ord + Copy> SmallSet<T> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(_) => 1,
            Self::Few(few) => few.len(),
            Self::Many(many) => many.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn contains(&self, item: T) -> bool {
        match self {
            Self::Empty => false,
            Self::One(one) => *one == item,
            Self::Few(few) => few.binary_search(&item).is_ok(),
            Self::Many(many) => many.contains(&item),
        }
    }

    /// False if it was there.
    pub(super) fn insert(&mut self, item: T) -> bool {
        match self {
            Self::Empty => *self = Self::One(item),
            Self::One(one) if *one == item => return false,
            Self::One(one) => *self = Self::Few(vec![(*one).min(item), (*one).max(item)]),
            Self::Few(few) => {
                let Err(at) = few.binary_search(&item) else { return false };
                few.insert(at, item);
                if few.len() > MANY {
                    *self = Self::Many(few.iter().copied().collect());
                }
            }
            Self::Many(many) => return many.insert(item),
        }
        true
    }

    /// False if it was not there. A large set that has shrunk stays a tree until it is empty.
    pub(super) fn remove(&mut self, item: T) -> bool {
        let removed = match self {
            Self::Empty => false,
            Self::One(one) => *one == item,
            Self::Few(few) => few.binary_search(&item).map(|at| few.remove(at)).is_ok(),
            Self::Many(many) => many.remove(&item),
        };
        if removed && (matches!(self, Self::One(_)) || self.is_empty()) {
            *self = Self::Empty;
        }
        removed
    }

    /// In ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = T> {
        let (slice, tree): (&[T], _) = match self {
            Self::Empty => (&[], None),
            Self::One(one) => (std::slice::from_ref(one), None),
            Self::Few(few) => (few, None),
            Self::Many(many) => (&[], Some(many.iter())),
        };
        slice.iter().chain(tree.into_iter().flatten()).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_small_set_is_a_set(steps in prop::collection::vec((prop::bool::weighted(0.6), 0u32..60), 0..300)) {
            let (mut set, mut model) = (SmallSet::Empty, BTreeSet::new());
            for (add, item) in steps {
                if add {
                    prop_assert_eq!(set.insert(item), model.insert(item));
                } else {
                    prop_assert_eq!(set.remove(item), model.remove(&item));
                }
                prop_assert_eq!(set.len(), model.len());
                prop_assert_eq!(set.contains(item), model.contains(&item));
                prop_assert!(set.iter().eq(model.iter().copied()));
            }
        }
    }
}
