//! Fair cycles: strongly connected components in which a behaviour can stay for ever without breaking a fairness.

use super::graph::{Classes, Graph, StateId, mask};

/// Which component each state belongs to, and which components are fair.
pub(super) struct FairComponents {
    labels: Vec<u32>,
    /// Labels of the fair ones, ascending.
    fair: Vec<u32>,
}

/// The label of states that are left out.
const OUT: u32 = 0;
const UNSEEN: u32 = u32::MAX;

impl FairComponents {
    /// Finds the largest sets of states, among those to `keep`, that a fair behaviour can visit all of again and again.
    pub(super) fn find(graph: &Graph, classes: &Classes, keep: impl Fn(StateId) -> bool) -> Self {
        let kept: Vec<StateId> = (0..graph.len() as StateId).filter(|state| keep(*state)).collect();
        let mut search = Search {
            graph,
            labels: vec![OUT; graph.len()],
            index: vec![UNSEEN; graph.len()],
            low: vec![UNSEEN; graph.len()],
            labels_used: 1,
        };
        for state in &kept {
            search.labels[*state as usize] = 1;
        }
        let mut fair = Vec::new();
        let mut sets = vec![(1, kept)];
        while let Some((label, set)) = sets.pop() {
            for (label, component) in search.components(label, &set) {
                match search.judge(label, &component, classes) {
                    Judgement::Fair => fair.push(label),
                    Judgement::Unfair => {}
                    Judgement::FairWithout(starving) => {
                        // What is possible here again and again is never done inside: only a part in which it is
                        // never possible can be fair.
                        let (out, rest): (Vec<_>, Vec<_>) = component
                            .into_iter()
                            .partition(|state| graph.enabled[*state as usize] & starving != 0);
                        out.iter().for_each(|state| search.labels[*state as usize] = OUT);
                        if !rest.is_empty() {
                            sets.push((label, rest));
                        }
                    }
                }
            }
        }
        fair.sort_unstable();
        Self { labels: search.labels, fair }
    }

    /// Whether a state is in a fair component.
    pub(super) fn contains(&self, state: StateId) -> bool {
        self.fair.binary_search(&self.labels[state as usize]).is_ok()
    }

    /// Whether two states are in the same component.
    pub(super) fn same(&self, one: StateId, other: StateId) -> bool {
        self.labels[one as usize] == self.labels[other as usize]
    }
}

enum Judgement {
    Fair,
    Unfair,
    /// Not fair as a whole, because of these strong classes.
    FairWithout(u64),
}

struct Search<'a> {
    graph: &'a Graph,
    labels: Vec<u32>,
    index: Vec<u32>,
    low: Vec<u32>,
    labels_used: u32,
}

impl Search<'_> {
    fn judge(&self, label: u32, component: &[StateId], classes: &Classes) -> Judgement {
        let (mut taken, mut always, mut sometimes) = (0, u64::MAX, 0);
        for state in component {
            always &= self.graph.enabled[*state as usize];
            sometimes |= self.graph.enabled[*state as usize];
            for (target, class) in self.graph.steps(*state) {
                if self.labels[target as usize] == label {
                    taken |= mask(class);
                }
            }
        }
        let starving = classes.strong & sometimes & !taken;
        if classes.weak & always & !taken != 0 {
            Judgement::Unfair
        } else if starving != 0 {
            Judgement::FairWithout(starving)
        } else {
            Judgement::Fair
        }
    }

    /// Tarjan's algorithm, without recursion, on the states of `set`, which are those with `label`. Each component gets a
    /// label of its own.
    fn components(&mut self, label: u32, set: &[StateId]) -> Vec<(u32, Vec<StateId>)> {
        for state in set {
            self.index[*state as usize] = UNSEEN;
        }
        let mut found = Vec::new();
        let mut next_index = 0;
        let mut open: Vec<StateId> = Vec::new();
        let mut calls: Vec<(StateId, usize)> = Vec::new();
        for root in set {
            if self.index[*root as usize] != UNSEEN {
                continue;
            }
            calls.push((*root, 0));
            while let Some((state, place)) = calls.last_mut() {
                let at = *state as usize;
                if *place == 0 {
                    self.index[at] = next_index;
                    self.low[at] = next_index;
                    next_index += 1;
                    open.push(*state);
                }
                let target = self.graph.step_at(*state, *place);
                *place += 1;
                if let Some(target) = target {
                    let to = target as usize;
                    // A state whose component is complete has another label by now.
                    if self.labels[to] == label {
                        if self.index[to] == UNSEEN {
                            calls.push((target, 0));
                        } else {
                            self.low[at] = self.low[at].min(self.index[to]);
                        }
                    }
                    continue;
                }
                let state = *state;
                calls.pop();
                if let Some((caller, _)) = calls.last() {
                    self.low[*caller as usize] = self.low[*caller as usize].min(self.low[at]);
                }
                if self.low[at] == self.index[at] {
                    found.push(self.close(state, &mut open));
                }
            }
        }
        found
    }

    fn close(&mut self, root: StateId, open: &mut Vec<StateId>) -> (u32, Vec<StateId>) {
        self.labels_used += 1;
        let from = open.iter().rposition(|state| *state == root).expect("the root of a component is open");
        let component = open.split_off(from);
        for state in &component {
            self.labels[*state as usize] = self.labels_used;
        }
        (self.labels_used, component)
    }
}
