//! An explicit-state model checker: every reachable state, breadth first, then every fair way to go on for ever.
//!
//! A [`Spec`] gives initial states, the steps out of a state, which steps are fair, and [`Property`]s. [`check`] explores
//! all of it and gives a [`Report`]: the property that fails first, with the shortest finite trace to a bad state or step,
//! or, for what must happen in the end, a lasso: a way into a cycle that is fair and in which it never happens.
//!
//! # What a behaviour is
//!
//! An infinite sequence of states from an initial one, in which each is followed by the target of one of its steps or by
//! itself: a system may always stand still unless fairness forbids it. A step that leads back to the same state is no
//! step at all. Weak fairness of a class of steps: if from some time on one of them is always possible, one of them is
//! taken. Strong fairness: if one of them is possible again and again, one of them is taken. This is TLA's meaning of
//! `WF_vars` and `SF_vars`, and unlike a search for "eventually" along acyclic paths it judges cycles.
//!
//! # Size
//!
//! States are kept whole and compared. With [`Options::fingerprints`] only a 64-bit hash of each is kept: two states that
//! share one are taken for the same, and with n states the chance that any do is about n²/2⁶⁵. With [`Options::symmetry`]
//! the canonical form of [`Spec::canonical`] stands for all states that differ from it in names only; classes of fair
//! steps are then no longer told apart, so it is refused for specs with temporal properties.

mod explore;
mod fair;
mod graph;
mod lasso;
mod report;
mod spec;

#[cfg(test)]
mod tests;

pub use explore::{Options, Progress, check};
pub use report::{Counterexample, Report, TraceStep, Verdict};
pub use spec::{Fair, Kind, Predicate, Property, Spec, StepPredicate, Steps, Strength};
