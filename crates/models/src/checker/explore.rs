//! Every reachable state, breadth first.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use hashbrown::HashTable;
use rapidhash::quality::RapidHasher;

use super::graph::{Classes, Graph, StateId, mask};
use super::lasso::{self, Lasso};
use super::report::{Counterexample, Report, TraceStep, Verdict};
use super::spec::{Kind, Property, Spec};

/// How to check.
#[derive(Clone, Debug)]
pub struct Options {
    /// More states than this are given up on.
    pub states_max: usize,
    /// Keeps a 64-bit hash of each state instead of the state; see the module's page for the risk.
    pub fingerprints: bool,
    /// Takes states that differ in names only for the same, by [`Spec::canonical`].
    pub symmetry: bool,
    /// Checks this property alone.
    pub only: Option<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self { states_max: 20_000_000, fingerprints: false, symmetry: false, only: None }
    }
}

/// How far a check has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// States found.
    pub states: u64,
    /// States whose steps were taken.
    pub expanded: u64,
    /// Steps found.
    pub transitions: u64,
}

/// States are so many apart between two reports of progress.
const PROGRESS_EVERY: u64 = 1 << 16;

/// Checks all properties of a spec. `on_progress` is called now and then.
///
/// Finite violations come first, the shortest of them; then what never happens in the end; then what is
/// never reached.
///
/// # Panics
/// If [`Options::symmetry`] is asked for with temporal properties, or the spec has more than 64 predicates in temporal
/// properties or more than 64 classes of fair steps.
pub fn check<S: Spec>(spec: &S, options: &Options, on_progress: &mut dyn FnMut(Progress)) -> Report {
    let properties: Vec<_> = spec
        .properties()
        .into_iter()
        .filter(|property| options.only.is_none_or(|only| only == property.name))
        .collect();
    assert!(!properties.is_empty(), "there is no property of that name");
    let temporal = properties.iter().any(|property| property.kind.is_temporal());
    assert!(!(temporal && options.symmetry), "fairness does not survive symmetry; check safety apart");
    let mut explorer = Explorer {
        spec,
        options,
        reached: vec![false; properties.len()],
        properties,
        temporal,
        seen: Seen::new(options.fingerprints),
        graph: Graph::default(),
        classes: Classes::default(),
        transitions: 0,
        depth: 0,
    };
    let verdict = match explorer.explore(on_progress) {
        Err(stopped) => stopped,
        Ok(()) => explorer.conclude(),
    };
    let (states, transitions) = (explorer.seen.len() as u64, explorer.transitions);
    Report { states, transitions, depth: explorer.depth, verdict }
}

struct Explorer<'a, S: Spec> {
    spec: &'a S,
    options: &'a Options,
    properties: Vec<Property<S>>,
    /// Which of the [`Kind::Sometimes`] were met.
    reached: Vec<bool>,
    temporal: bool,
    seen: Seen<S::State>,
    graph: Graph,
    classes: Classes,
    transitions: u64,
    depth: u32,
}

/// Where a state was found.
#[derive(Clone, Copy)]
enum Found {
    Before(StateId),
    Now(StateId),
}

impl<S: Spec> Explorer<'_, S> {
    fn explore(&mut self, on_progress: &mut dyn FnMut(Progress)) -> Result<(), Verdict> {
        let mut frontier = VecDeque::new();
        for state in self.spec.initial() {
            let state = self.canonical(state);
            if let Found::Now(id) = self.note(&state, None)? {
                frontier.push_back((id, state));
            }
        }
        let (mut steps, mut edges) = (Vec::new(), Vec::new());
        let mut level_ends = frontier.len();
        let mut expanded = 0;
        while let Some((id, state)) = frontier.pop_front() {
            self.spec.steps(&state, &mut steps);
            let mut enabled = 0;
            for (action, next) in steps.drain(..) {
                let next = self.canonical(next);
                if next == state {
                    continue;
                }
                self.transitions += 1;
                self.check_step(id, &state, &action, &next)?;
                let target = match self.note(&next, Some(id))? {
                    Found::Before(target) => target,
                    Found::Now(target) => {
                        frontier.push_back((target, next));
                        target
                    }
                };
                if self.temporal {
                    let class = self.classes.number(self.spec.fair(&action));
                    enabled |= mask(class);
                    edges.push((target, class));
                }
            }
            self.graph.add_steps(enabled, edges.drain(..));
            expanded += 1;
            if expanded % PROGRESS_EVERY == 0 {
                let states = self.seen.len() as u64;
                on_progress(Progress { states, expanded, transitions: self.transitions });
            }
            level_ends -= 1;
            if level_ends == 0 && !frontier.is_empty() {
                level_ends = frontier.len();
                self.depth += 1;
            }
        }
        Ok(())
    }

    fn canonical(&self, state: S::State) -> S::State {
        if self.options.symmetry { self.spec.canonical(state) } else { state }
    }

    /// Gives a state its number, and looks at it if it is new.
    fn note(&mut self, state: &S::State, parent: Option<StateId>) -> Result<Found, Verdict> {
        let found = self.seen.note(state);
        let Found::Now(id) = found else { return Ok(found) };
        if self.seen.len() > self.options.states_max {
            return Err(Verdict::Unfinished);
        }
        let mut marks = 0;
        let mut place = 0;
        let mut mark = |is_so: bool| {
            marks |= u64::from(is_so) << place;
            place += 1;
            assert!(place <= 64, "temporal properties have at most 64 predicates");
        };
        let mut violated = None;
        for (property, reached) in self.properties.iter().zip(&mut self.reached) {
            match property.kind {
                Kind::Invariant(holds) if !holds(self.spec, state) => {
                    violated = violated.or(Some(property.name))
                }
                Kind::Sometimes(is_met) => *reached = *reached || is_met(self.spec, state),
                Kind::EventuallyAlways(holds) | Kind::AlwaysEventually(holds) => {
                    mark(holds(self.spec, state))
                }
                Kind::LeadsTo(cause, effect) => {
                    mark(cause(self.spec, state));
                    mark(effect(self.spec, state));
                }
                Kind::Invariant(_) | Kind::Step(_) => {}
            }
        }
        self.graph.add_state(parent.unwrap_or(id), marks);
        match violated {
            None => Ok(found),
            Some(property) => Err(self.finite(property, id, None)),
        }
    }

    fn check_step(
        &self,
        from: StateId,
        state: &S::State,
        action: &S::Action,
        next: &S::State,
    ) -> Result<(), Verdict> {
        for property in &self.properties {
            if let Kind::Step(allowed) = property.kind
                && !allowed(self.spec, state, action, next)
            {
                return Err(self.finite(property.name, from, Some((action, next))));
            }
        }
        Ok(())
    }

    /// The violation at the end of the shortest way to a state, and perhaps one more step.
    fn finite(
        &self,
        property: &'static str,
        last: StateId,
        step: Option<(&S::Action, &S::State)>,
    ) -> Verdict {
        let way = self.graph.path_to(last).into_iter().map(|state| (state, None)).collect::<Vec<_>>();
        let mut trace = self.replay(&way);
        if let Some((action, next)) = step {
            trace.push(TraceStep { action: Some(format!("{action:?}")), state: self.spec.show(next) });
        }
        Verdict::Violated(Counterexample { property, trace, back_to: None })
    }

    /// All was explored: what does not happen in the end, and what was never reached?
    fn conclude(&self) -> Verdict {
        let mut place = 0;
        for property in &self.properties {
            let lasso = match property.kind {
                Kind::EventuallyAlways(_) => lasso::eventually_always(&self.graph, &self.classes, place),
                Kind::AlwaysEventually(_) => lasso::always_eventually(&self.graph, &self.classes, place),
                Kind::LeadsTo(..) => lasso::leads_to(&self.graph, &self.classes, place),
                Kind::Invariant(_) | Kind::Step(_) | Kind::Sometimes(_) => continue,
            };
            if let Some(Lasso { way, back_to }) = lasso {
                let trace = self.replay(&way);
                let property = property.name;
                return Verdict::Violated(Counterexample { property, trace, back_to: Some(back_to) });
            }
            place += if matches!(property.kind, Kind::LeadsTo(..)) { 2 } else { 1 };
        }
        for (property, reached) in self.properties.iter().zip(&self.reached) {
            if matches!(property.kind, Kind::Sometimes(_)) && !reached {
                let property = property.name;
                return Verdict::Violated(Counterexample { property, trace: Vec::new(), back_to: None });
            }
        }
        Verdict::Holds
    }

    /// Goes a way again, to see its states: they are not kept with fingerprints, and actions never are.
    fn replay(&self, way: &[(StateId, Option<u8>)]) -> Vec<TraceStep> {
        let Some((first, _)) = way.first() else { return Vec::new() };
        let mut states = self.spec.initial().into_iter().map(|state| self.canonical(state));
        let mut state =
            states.find(|state| self.seen.find(state) == Some(*first)).expect("ways begin at a start");
        let mut trace = vec![TraceStep { action: None, state: self.spec.show(&state) }];
        let mut steps = Vec::new();
        for (id, class) in &way[1..] {
            self.spec.steps(&state, &mut steps);
            let (action, next) = steps
                .drain(..)
                .map(|(action, next)| (action, self.canonical(next)))
                .find(|(action, next)| {
                    let of_class = class.is_none() || self.classes.find(self.spec.fair(action)) == *class;
                    of_class && *next != state && self.seen.find(next) == Some(*id)
                })
                .expect("equal states have equal steps");
            trace.push(TraceStep { action: Some(format!("{action:?}")), state: self.spec.show(&next) });
            state = next;
        }
        trace
    }
}

/// The states that were found.
enum Seen<T> {
    Whole { table: HashTable<StateId>, states: Vec<T> },
    Fingerprints(HashTable<(u64, StateId)>),
}

impl<T: Clone + Eq + Hash> Seen<T> {
    fn new(fingerprints: bool) -> Self {
        if fingerprints {
            Self::Fingerprints(HashTable::new())
        } else {
            Self::Whole { table: HashTable::new(), states: Vec::new() }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Whole { states, .. } => states.len(),
            Self::Fingerprints(table) => table.len(),
        }
    }

    fn find(&self, state: &T) -> Option<StateId> {
        let hash = fingerprint(state);
        match self {
            Self::Whole { table, states } => table.find(hash, |id| states[*id as usize] == *state).copied(),
            Self::Fingerprints(table) => table.find(hash, |(known, _)| *known == hash).map(|(_, id)| *id),
        }
    }

    fn note(&mut self, state: &T) -> Found {
        if let Some(id) = self.find(state) {
            return Found::Before(id);
        }
        let id = StateId::try_from(self.len()).expect("memory ends before numbers do");
        let hash = fingerprint(state);
        match self {
            Self::Whole { table, states } => {
                states.push(state.clone());
                table.insert_unique(hash, id, |id| fingerprint(&states[*id as usize]));
            }
            Self::Fingerprints(table) => {
                table.insert_unique(hash, (hash, id), |(known, _)| *known);
            }
        }
        Found::Now(id)
    }
}

fn fingerprint(state: &impl Hash) -> u64 {
    let mut hasher = RapidHasher::default_const();
    state.hash(&mut hasher);
    hasher.finish()
}
