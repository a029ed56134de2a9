//! What is to be checked.

use std::fmt::Debug;
use std::hash::Hash;

/// The steps out of one state: what is done, and the state after it.
pub type Steps<S> = Vec<(<S as Spec>::Action, <S as Spec>::State)>;

/// A system, and what must be true of it.
pub trait Spec: Sized {
    /// All there is to know at one moment.
    type State: Clone + Eq + Hash + Debug;
    /// The name of a step, for traces and fairness.
    type Action: Clone + Debug;

    /// Where it may begin.
    fn initial(&self) -> Vec<Self::State>;

    /// Adds every step that is possible in `state`. The order decides which of two equally short traces is shown.
    fn steps(&self, state: &Self::State, steps: &mut Steps<Self>);

    /// The class of steps that must not be put off for ever, if this step belongs to one. At most 64 classes.
    fn fair(&self, _action: &Self::Action) -> Option<Fair> {
        None
    }

    /// What must be true.
    fn properties(&self) -> Vec<Property<Self>>;

    /// The state that stands for all those that differ from `state` in names only; see [`Options::symmetry`].
    ///
    /// [`Options::symmetry`]: super::Options::symmetry
    fn canonical(&self, state: Self::State) -> Self::State {
        state
    }

    /// A state as a trace shows it, on one line.
    fn show(&self, state: &Self::State) -> String {
        format!("{state:?}")
    }
}

/// A class of fair steps, by name and number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fair {
    /// What the class demands.
    pub strength: Strength,
    /// Name and number; steps with both equal are of one class.
    pub class: (&'static str, usize),
}

/// How strong a fairness is; see the module's page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Strength {
    /// Always possible from some time on: taken.
    Weak,
    /// Possible again and again: taken.
    Strong,
}

impl Fair {
    /// A weakly fair class.
    #[must_use]
    pub const fn weak(name: &'static str, number: usize) -> Option<Self> {
        Some(Self { strength: Strength::Weak, class: (name, number) })
    }

    /// A strongly fair class.
    #[must_use]
    pub const fn strong(name: &'static str, number: usize) -> Option<Self> {
        Some(Self { strength: Strength::Strong, class: (name, number) })
    }
}

/// Whether something is true of a state.
pub type Predicate<S> = fn(&S, &<S as Spec>::State) -> bool;
/// Whether a step is allowed: state before, what is done, state after.
pub type StepPredicate<S> = fn(&S, &<S as Spec>::State, &<S as Spec>::Action, &<S as Spec>::State) -> bool;

/// Something that must be true, by name.
pub struct Property<S: Spec> {
    /// A sentence without a verb of obligation: "no resource is used by two clients".
    pub name: &'static str,
    /// What it says.
    pub kind: Kind<S>,
}

/// The forms of properties.
pub enum Kind<S: Spec> {
    /// `[]P`: true of every reachable state.
    Invariant(Predicate<S>),
    /// `[][A]_vars`: true of every reachable step that changes the state.
    Step(StepPredicate<S>),
    /// `<>[]P`: from some time on true for ever.
    EventuallyAlways(Predicate<S>),
    /// `[]<>P`: true again and again.
    AlwaysEventually(Predicate<S>),
    /// `P ~> Q`: whenever P, then Q at that time or later.
    LeadsTo(Predicate<S>, Predicate<S>),
    /// True of some reachable state: a model in which nothing happens must not pass.
    Sometimes(Predicate<S>),
}

impl<S: Spec> Kind<S> {
    /// Whether it speaks of behaviours without end.
    pub(super) fn is_temporal(&self) -> bool {
        matches!(self, Self::EventuallyAlways(_) | Self::AlwaysEventually(_) | Self::LeadsTo(..))
    }
}

impl<S: Spec> Property<S> {
    /// `[]P`.
    pub fn invariant(name: &'static str, holds: Predicate<S>) -> Self {
        Self { name, kind: Kind::Invariant(holds) }
    }

    /// `[][A]_vars`.
    pub fn step(name: &'static str, allowed: StepPredicate<S>) -> Self {
        Self { name, kind: Kind::Step(allowed) }
    }

    /// `<>[]P`.
    pub fn eventually_always(name: &'static str, holds: Predicate<S>) -> Self {
        Self { name, kind: Kind::EventuallyAlways(holds) }
    }

    /// `[]<>P`.
    pub fn always_eventually(name: &'static str, holds: Predicate<S>) -> Self {
        Self { name, kind: Kind::AlwaysEventually(holds) }
    }

    /// `P ~> Q`.
    pub fn leads_to(name: &'static str, cause: Predicate<S>, effect: Predicate<S>) -> Self {
        Self { name, kind: Kind::LeadsTo(cause, effect) }
    }

    /// P in some reachable state.
    pub fn sometimes(name: &'static str, reached: Predicate<S>) -> Self {
        Self { name, kind: Kind::Sometimes(reached) }
    }
}
