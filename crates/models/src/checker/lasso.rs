//! What never happens in the end: a way into a fair cycle that shows it.

use std::collections::{BTreeMap, VecDeque};

use super::fair::FairComponents;
use super::graph::{Classes, Graph, StateId, mask};

/// A way, with the class that a step must be of where that matters, and the place its end leads back to.
pub(super) struct Lasso {
    pub(super) way: Vec<(StateId, Option<u8>)>,
    pub(super) back_to: usize,
}

/// `<>[]P` fails if a fair cycle visits a state without P. P is the mark at `place`.
pub(super) fn eventually_always(graph: &Graph, classes: &Classes, place: u32) -> Option<Lasso> {
    let components = FairComponents::find(graph, classes, |_| true);
    let bad = |state: &StateId| !has(graph, *state, place) && components.contains(*state);
    let entry = all(graph).find(bad)?;
    Some(close(graph, classes, &components, graph.path_to(entry)))
}

/// `[]<>P` fails if a fair cycle visits only states without P.
pub(super) fn always_eventually(graph: &Graph, classes: &Classes, place: u32) -> Option<Lasso> {
    let components = FairComponents::find(graph, classes, |state| !has(graph, state, place));
    let entry = all(graph).find(|state| components.contains(*state))?;
    Some(close(graph, classes, &components, graph.path_to(entry)))
}

/// `P ~> Q` fails if from a state with P a fair cycle can be reached and run through without Q. P is the mark at `place`,
/// Q the next.
pub(super) fn leads_to(graph: &Graph, classes: &Classes, place: u32) -> Option<Lasso> {
    let without = |state: StateId| !has(graph, state, place + 1);
    let components = FairComponents::find(graph, classes, without);
    let causes: Vec<_> = all(graph).filter(|state| has(graph, *state, place) && without(*state)).collect();
    let tail = nearest(graph, &causes, without, |state| components.contains(state))?;
    let mut way = graph.path_to(tail[0]);
    way.extend_from_slice(&tail[1..]);
    Some(close(graph, classes, &components, way))
}

fn all(graph: &Graph) -> std::ops::Range<StateId> {
    0..graph.len() as StateId
}

fn has(graph: &Graph, state: StateId, place: u32) -> bool {
    graph.marks[state as usize] & (1 << place) != 0
}

/// The shortest way from one of `starts`, through states to `keep`, to a state that is a `goal`.
fn nearest(
    graph: &Graph,
    starts: &[StateId],
    keep: impl Fn(StateId) -> bool,
    goal: impl Fn(StateId) -> bool,
) -> Option<Vec<StateId>> {
    let mut from: BTreeMap<StateId, StateId> = starts.iter().map(|state| (*state, *state)).collect();
    let mut queue: VecDeque<StateId> = starts.iter().copied().collect();
    while let Some(state) = queue.pop_front() {
        if goal(state) {
            let mut way = vec![state];
            let mut at = state;
            while from[&at] != at {
                at = from[&at];
                way.push(at);
            }
            way.reverse();
            return Some(way);
        }
        for (target, _) in graph.steps(state) {
            if keep(target) && !from.contains_key(&target) {
                from.insert(target, state);
                queue.push_back(target);
            }
        }
    }
    None
}

/// Goes on from the end of a way, inside its component, until every fairness is satisfied, and back to that end.
fn close(graph: &Graph, classes: &Classes, components: &FairComponents, way: Vec<StateId>) -> Lasso {
    let entry = *way.last().expect("a way has a state");
    let back_to = way.len() - 1;
    let inside = |state: StateId| components.same(entry, state);
    let mut lasso = Lasso { way: way.into_iter().map(|state| (state, None)).collect(), back_to };
    for class in 0..64 {
        let bit = 1 << class;
        if (classes.weak | classes.strong) & bit == 0 || lasso.satisfies(graph, classes, class) {
            continue;
        }
        let at = lasso.last();
        let takes = |state: StateId| graph.steps(state).find(|(target, of)| *of == class && inside(*target));
        if let Some(way) = nearest(graph, &[at], inside, |state| takes(state).is_some()) {
            lasso.go(&way);
            let (target, _) = takes(lasso.last()).expect("it was sought for this step");
            lasso.way.push((target, Some(class)));
        } else if classes.weak & bit != 0 {
            let idle = |state: StateId| graph.enabled[state as usize] & bit == 0;
            lasso.go(&nearest(graph, &[at], inside, idle).expect("a fair component satisfies the class"));
        }
    }
    let at = lasso.last();
    // A trace ends with the entry once more, so that the last step can be seen.
    if at != entry {
        lasso.go(&nearest(graph, &[at], inside, |state| state == entry).expect("components are connected"));
    }
    lasso
}

impl Lasso {
    fn last(&self) -> StateId {
        self.way.last().expect("a way has a state").0
    }

    fn go(&mut self, way: &[StateId]) {
        self.way.extend(way.iter().skip(1).map(|state| (*state, None)));
    }

    /// Whether the cycle so far does what a class demands.
    fn satisfies(&self, graph: &Graph, classes: &Classes, class: u8) -> bool {
        let mut cycle = self.way[self.back_to..].iter();
        let taken = self.way[self.back_to + 1..].iter().any(|(_, of)| *of == Some(class));
        let idle = cycle.any(|(state, _)| graph.enabled[*state as usize] & mask(class) == 0);
        taken || (classes.weak & mask(class) != 0 && idle)
    }
}
