//! The steps of recovery, and what must be true.

use super::{Entry, Guard, Leading, Left, MACHINES, Machine, Payload, Set, State, Voters};
use crate::checker::{Fair, Property, Spec, Steps};
use crate::model::Model;

/// The model, by its numbers.
pub struct Recovery {
    left: Left,
    dropped: Option<Guard>,
}

/// A step; the first number is the machine.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// It wins an election with the votes of these machines.
    Elect(usize, Set),
    /// The leader takes a value.
    Write(usize),
    /// The leader makes the second's log equal to its own.
    Replicate(usize, usize),
    /// The leader commits, and acknowledges, all that a quorum has.
    Commit(usize),
    /// It stops as it should.
    StopCleanly(usize),
    /// It loses its memory, and all of its log but so many entries that were on disk.
    Crash(usize, usize),
    /// It starts.
    Start(usize),
    /// The leader begins to put a new identity in the place of a former one: that of the second.
    Replace(usize, usize),
    /// The leader ends a change of voters.
    Settle(usize),
    /// It finds that a majority is gone, and says so.
    Refuse(usize),
}

impl Recovery {
    fn has(&self, guard: Guard) -> bool {
        self.dropped != Some(guard)
    }

    /// Whether these identities and machines are a quorum, as a node sees it.
    fn is_quorum(&self, state: &State, voters: Voters, present: impl Iterator<Item = (u8, u8)>) -> bool {
        let mut set: Set = 0;
        for (identity, machine) in present {
            set |= 1 << identity;
            if !self.has(Guard::LearnersDoNotCount) {
                set |= state.machines[usize::from(machine)].former;
            }
        }
        if self.has(Guard::CountTheGone) {
            return voters.is_quorum(set);
        }
        let there =
            state.machines.iter().filter(|machine| machine.up).fold(0, |set, one| set | 1 << one.identity);
        Voters { old: voters.old & there, new: voters.new & there }.is_quorum(set)
    }

    fn push_elections(&self, state: &State, me: usize, steps: &mut Steps<Self>) {
        let candidate = &state.machines[me];
        let newest = state.machines.iter().filter(|machine| machine.up).map(|machine| machine.term).max();
        let is_led = state
            .machines
            .iter()
            .any(|machine| machine.up && machine.leading.is_some() && Some(machine.term) == newest);
        let voters = candidate.voters();
        let votes = (voters.old | voters.new) & 1 << candidate.identity != 0;
        let leads = candidate.leading.is_some() && Some(candidate.term) == newest;
        if !candidate.up || !votes || leads || (is_led && state.left.troubles == 0) {
            return;
        }
        let grants = |machine: &Machine| machine.up && machine.position() <= candidate.position();
        let granting: Vec<usize> =
            (0..MACHINES).filter(|other| *other == me || grants(&state.machines[*other])).collect();
        for chosen in 1..1u8 << MACHINES {
            let voting = || (0..MACHINES).filter(|machine| chosen & 1 << machine != 0);
            if chosen & 1 << me == 0 || !voting().all(|machine| granting.contains(&machine)) {
                continue;
            }
            let present = voting().map(|machine| (state.machines[machine].identity, machine as u8));
            if !self.is_quorum(state, voters, present) {
                continue;
            }
            let mut next = state.clone();
            next.left.troubles -= u8::from(is_led);
            let term = voting().map(|machine| state.machines[machine].term).max().unwrap_or(0) + 1;
            for machine in voting() {
                next.machines[machine].term = term;
                next.machines[machine].leading = None;
            }
            next.machines[me].log.push(Entry { term, payload: Payload::Blank });
            let copies = vec![(candidate.identity, me as u8, next.machines[me].log.len() as u8)];
            next.machines[me].leading = Some(Leading { copies, committed: 0 });
            steps.push((Action::Elect(me, chosen), next));
        }
    }

    fn push_leader(&self, state: &State, me: usize, steps: &mut Steps<Self>) {
        let machine = &state.machines[me];
        let Some(leading) = machine.leading.as_ref().filter(|_| machine.up) else { return };
        let append = |payload| {
            let mut next = state.clone();
            let machine = &mut next.machines[me];
            machine.log.push(Entry { term: machine.term, payload });
            let (identity, length) = (machine.identity, machine.log.len() as u8);
            note_copy(machine, identity, me, length);
            next
        };
        if state.left.writes > 0 {
            let mut next = append(Payload::Value);
            next.left.writes -= 1;
            steps.push((Action::Write(me), next));
        }
        for other in (0..MACHINES).filter(|other| *other != me) {
            let follower = &state.machines[other];
            if follower.up && follower.term <= machine.term {
                let mut next = state.clone();
                let (identity, length) = (follower.identity, machine.log.len() as u8);
                note_copy(&mut next.machines[me], identity, other, length);
                let follower = &mut next.machines[other];
                follower.term = machine.term;
                follower.log.clone_from(&machine.log);
                follower.leading = None;
                let voters = follower.voters();
                if voters.is_settled() && voters.new & 1 << follower.identity != 0 {
                    follower.former = 0;
                }
                steps.push((Action::Replicate(me, other), next));
            }
        }
        if let Some(through) = self.committable(state, machine, leading) {
            let mut next = state.clone();
            if let Some(leading) = &mut next.machines[me].leading {
                leading.committed = through;
            }
            let committed = &machine.log[..usize::from(through)];
            if next.committed.len() < committed.len() {
                next.committed = committed.to_vec();
            }
            steps.push((Action::Commit(me), next));
        }
        let voters = machine.voters();
        let is_committed = usize::from(leading.committed) == machine.log.len();
        if is_committed && !voters.is_settled() {
            let settled = Voters { old: voters.new, new: voters.new };
            steps.push((Action::Settle(me), append(Payload::Voters(settled))));
        }
        for (other, candidate) in state.machines.iter().enumerate() {
            let former = candidate.former & voters.new;
            let follows = candidate.up && candidate.log == machine.log && voters.is_settled();
            if is_committed && follows && former != 0 {
                let new = voters.new & !former | 1 << candidate.identity;
                let change = Payload::Voters(Voters { old: voters.old, new });
                steps.push((Action::Replace(me, other), append(change)));
            }
        }
    }

    /// Through which entry a leader may commit, if that is further than it has.
    fn committable(&self, state: &State, machine: &Machine, leading: &Leading) -> Option<u8> {
        let length = machine.log.len() as u8;
        (leading.committed + 1..=length).rev().find(|through| {
            let entry = machine.log[usize::from(*through) - 1];
            let has = leading.copies.iter().filter(|(.., copies)| copies >= through);
            let present = has.map(|(identity, machine, _)| (*identity, *machine));
            entry.term == machine.term && self.is_quorum(state, machine.voters(), present)
        })
    }

    fn push_machine(&self, state: &State, me: usize, steps: &mut Steps<Self>) {
        let machine = &state.machines[me];
        let mut next = state.clone();
        let after = &mut next.machines[me];
        if !machine.up {
            after.up = true;
            after.marked &= !self.has(Guard::RemoveTheMark);
            if !machine.marked && self.has(Guard::NewIdentity) {
                let former = match machine.former {
                    // Which of several identities lost in a row is a voter by now, it can not know.
                    former if former == 0 || self.has(Guard::NameAllFormer) => former | 1 << machine.identity,
                    former => former,
                };
                let identity = state.next_identity;
                *after = Machine { former, up: true, ..Machine::empty(identity) };
                next.next_identity += 1;
            }
            return steps.push((Action::Start(me), next));
        }
        if state.left.troubles > 0 {
            let synced = machine.log.len();
            for survive in if self.has(Guard::SyncBeforeTheMark) { synced } else { 0 }..=synced {
                let mut next = state.clone();
                next.left.troubles -= 1;
                let after = &mut next.machines[me];
                (after.up, after.marked, after.leading) = (false, true, None);
                after.log.truncate(survive);
                steps.push((Action::StopCleanly(me), next));
            }
        }
        if state.left.troubles > 0 {
            // What survives without a mark is never looked at.
            let is_kept = machine.marked || !self.has(Guard::NewIdentity);
            for survive in 0..=if is_kept { machine.log.len() } else { 0 } {
                let mut next = state.clone();
                next.left.troubles -= 1;
                let after = &mut next.machines[me];
                (after.up, after.leading) = (false, None);
                after.log.truncate(survive);
                next.majority_lost |= !quorum_is_left(&next, newest(&next));
                steps.push((Action::Crash(me, survive), next));
            }
        }
    }

    fn push_refusal(state: &State, me: usize, steps: &mut Steps<Self>) {
        let all_answer = state.machines.iter().all(|machine| machine.up);
        let is_lost = state.machines.iter().all(|machine| !quorum_is_left(state, machine.voters()));
        if state.machines[me].former != 0 && all_answer && is_lost && !state.refused {
            steps.push((Action::Refuse(me), State { refused: true, ..state.clone() }));
        }
    }

    fn leaders_have_all_committed(&self, before: &State, action: &Action, after: &State) -> bool {
        let Action::Elect(me, _) = *action else { return true };
        after.machines[me].log.starts_with(&before.committed)
    }

    fn one_history(&self, state: &State) -> bool {
        state.machines.iter().all(|machine| {
            machine.leading.as_ref().is_none_or(|leading| {
                let known = &machine.log[..usize::from(leading.committed)];
                state.committed.starts_with(known)
            })
        })
    }

    fn refused_for_a_reason(&self, state: &State) -> bool {
        !state.refused || state.majority_lost
    }

    fn one_leader_a_term(&self, state: &State) -> bool {
        let leaders = || state.machines.iter().filter(|machine| machine.up && machine.leading.is_some());
        leaders().all(|one| leaders().filter(|other| other.term == one.term).count() == 1)
    }

    fn is_settled(&self, state: &State) -> bool {
        let all =
            state.machines.iter().filter(|machine| machine.up).fold(0, |set, one| set | 1 << one.identity);
        let leads_all = state.machines.iter().any(|machine| {
            let voters = machine.voters();
            let committed = machine.leading.as_ref().map_or(0, |leading| leading.committed);
            voters == Voters { old: all, new: all } && usize::from(committed) == machine.log.len()
        });
        state.refused || (all.count_ones() as usize == MACHINES && leads_all)
    }

    fn a_majority_was_replaced(&self, state: &State) -> bool {
        !state.refused
            && state.machines.iter().filter(|one| one.identity >= MACHINES as u8 && one.former == 0).count()
                > 1
    }

    fn a_value_is_committed(&self, state: &State) -> bool {
        state.committed.iter().any(|entry| entry.payload == Payload::Value)
    }

    fn is_refused(&self, state: &State) -> bool {
        state.refused
    }
}

fn note_copy(leader: &mut Machine, identity: u8, machine: usize, length: u8) {
    let Some(leading) = &mut leader.leading else { return };
    leading.copies.retain(|(known, ..)| *known != identity);
    leading.copies.push((identity, machine as u8, length));
    leading.copies.sort_unstable();
}

/// The voters in the newest log there is.
fn newest(state: &State) -> Voters {
    let machines = state.machines.iter();
    machines.max_by_key(|machine| machine.position()).map(Machine::voters).expect("there are machines")
}

/// Whether the identities that are not gone could make a quorum.
fn quorum_is_left(state: &State, voters: Voters) -> bool {
    let there = state.machines.iter().filter(|machine| machine.up || machine.marked);
    voters.is_quorum(there.fold(0, |set, machine| set | 1 << machine.identity))
}

impl Machine {
    pub(super) fn empty(identity: u8) -> Self {
        let (former, leading, log) = (0, None, Vec::new());
        Self { identity, former, up: true, marked: false, term: 0, log, leading }
    }
}

impl Spec for Recovery {
    type State = State;
    type Action = Action;

    fn initial(&self) -> Vec<State> {
        vec![State {
            machines: (0..MACHINES as u8).map(Machine::empty).collect(),
            next_identity: MACHINES as u8,
            committed: Vec::new(),
            majority_lost: false,
            refused: false,
            left: self.left,
        }]
    }

    fn steps(&self, state: &State, steps: &mut Steps<Self>) {
        for me in 0..MACHINES {
            self.push_machine(state, me, steps);
            self.push_elections(state, me, steps);
            self.push_leader(state, me, steps);
            Self::push_refusal(state, me, steps);
        }
    }

    /// Machines start again, logs are replicated, elections succeed in the end.
    fn fair(&self, action: &Action) -> Option<Fair> {
        match *action {
            Action::Elect(..) => Fair::weak("elect", 0),
            Action::Replicate(me, other) => Fair::weak("replicate", me * MACHINES + other),
            Action::Commit(me) => Fair::weak("commit", me),
            Action::Start(me) => Fair::weak("start", me),
            Action::Replace(me, _) => Fair::weak("replace", me),
            Action::Settle(me) => Fair::weak("settle", me),
            Action::Refuse(_) => Fair::weak("refuse", 0),
            Action::Write(_) | Action::StopCleanly(_) | Action::Crash(..) => None,
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::step("a new leader has all that was acknowledged", Self::leaders_have_all_committed),
            Property::invariant("what is acknowledged is one history", Self::one_history),
            Property::invariant("one leader a term", Self::one_leader_a_term),
            Property::invariant("service is refused only if a majority was lost", Self::refused_for_a_reason),
            Property::eventually_always("all vote again, or service is refused", Self::is_settled),
            Property::sometimes("a value is acknowledged", Self::a_value_is_committed),
            Property::sometimes("a majority was replaced, one by one", Self::a_majority_was_replaced),
            Property::sometimes("service is refused", Self::is_refused),
        ]
    }

    fn show(&self, state: &State) -> String {
        let entry = |entry: &Entry| match entry.payload {
            Payload::Blank => format!("{}", entry.term),
            Payload::Value => format!("{}v", entry.term),
            Payload::Voters(Voters { old, new }) => format!("{}({old:b}>{new:b})", entry.term),
        };
        let show = |log: &[Entry]| log.iter().map(entry).collect::<Vec<_>>().join(" ");
        let machine = |machine: &Machine| {
            let up = if machine.up { "" } else { " down" };
            let former =
                if machine.former == 0 { String::new() } else { format!(" for {:b}", machine.former) };
            let leads = machine.leading.as_ref().map(|one| format!(" leads, {} committed", one.committed));
            let Machine { identity, term, log, .. } = machine;
            let leads = leads.unwrap_or_default();
            format!("#{identity}{former}{up} term {term} [{}]{leads}", show(log))
        };
        let machines = state.machines.iter().map(machine).collect::<Vec<_>>().join("  ");
        let refused = if state.refused { " REFUSED" } else { "" };
        format!("{machines} | acknowledged [{}]{refused}", show(&state.committed))
    }
}

impl Model for Recovery {
    const NAME: &'static str = "recovery";
    type Guard = Guard;

    fn small(dropped: Option<Guard>) -> Self {
        Self { left: Left { writes: 1, troubles: 2 }, dropped }
    }

    fn large() -> Self {
        Self { left: Left { writes: 1, troubles: 3 }, dropped: None }
    }
}
