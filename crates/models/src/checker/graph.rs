//! The states reached and the steps between them, without the states themselves.

use super::spec::{Fair, Strength};

/// The number of a state, in the order of discovery: a smaller one is never deeper.
pub(super) type StateId = u32;

/// No class of fair steps.
pub(super) const NO_CLASS: u8 = u8::MAX;

/// What is known of each state, by number, and the steps between states.
#[derive(Default)]
pub(super) struct Graph {
    /// From which state it was first reached; itself for an initial one.
    pub(super) parents: Vec<StateId>,
    /// Which predicates of temporal properties are true of it.
    pub(super) marks: Vec<u64>,
    /// Which classes of fair steps are possible in it.
    pub(super) enabled: Vec<u64>,
    /// Where its steps begin in `targets` and `classes`; they end where the next state's begin.
    first: Vec<usize>,
    targets: Vec<StateId>,
    classes: Vec<u8>,
}

impl Graph {
    pub(super) fn add_state(&mut self, parent: StateId, marks: u64) {
        self.parents.push(parent);
        self.marks.push(marks);
    }

    /// Adds the steps of the next state in order.
    pub(super) fn add_steps(&mut self, enabled: u64, steps: impl Iterator<Item = (StateId, u8)>) {
        self.enabled.push(enabled);
        self.first.push(self.targets.len());
        for (target, class) in steps {
            self.targets.push(target);
            self.classes.push(class);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.parents.len()
    }

    /// The steps out of a state: target and class.
    pub(super) fn steps(&self, state: StateId) -> impl Iterator<Item = (StateId, u8)> {
        let range = self.range(state);
        self.targets[range.clone()].iter().copied().zip(self.classes[range].iter().copied())
    }

    /// The step at a place among those of a state.
    pub(super) fn step_at(&self, state: StateId, place: usize) -> Option<StateId> {
        self.targets[self.range(state)].get(place).copied()
    }

    fn range(&self, state: StateId) -> std::ops::Range<usize> {
        let from = self.first[state as usize];
        from..self.first.get(state as usize + 1).copied().unwrap_or(self.targets.len())
    }

    /// The way by which a state was first reached, from an initial one.
    pub(super) fn path_to(&self, state: StateId) -> Vec<StateId> {
        let mut path = vec![state];
        let mut at = state;
        while self.parents[at as usize] != at {
            at = self.parents[at as usize];
            path.push(at);
        }
        path.reverse();
        path
    }
}

/// The classes of fair steps, numbered as they are met.
#[derive(Default)]
pub(super) struct Classes {
    known: Vec<Fair>,
    /// Those that are strong, as a mask.
    pub(super) strong: u64,
    /// Those that are weak, as a mask.
    pub(super) weak: u64,
}

impl Classes {
    /// # Panics
    /// With more than 64 classes: the spec is at fault.
    pub(super) fn number(&mut self, fair: Option<Fair>) -> u8 {
        let Some(fair) = fair else { return NO_CLASS };
        let number = self.known.iter().position(|known| *known == fair).unwrap_or_else(|| {
            self.known.push(fair);
            self.known.len() - 1
        });
        assert!(number < 64, "a spec has at most 64 classes of fair steps");
        match fair.strength {
            Strength::Weak => self.weak |= 1 << number,
            Strength::Strong => self.strong |= 1 << number,
        }
        number as u8
    }

    /// The number of a class that was met before.
    pub(super) fn find(&self, fair: Option<Fair>) -> Option<u8> {
        let fair = fair?;
        self.known.iter().position(|known| *known == fair).map(|number| number as u8)
    }
}

/// The mask of one class; empty for none.
pub(super) fn mask(class: u8) -> u64 {
    if class == NO_CLASS { 0 } else { 1 << class }
}
