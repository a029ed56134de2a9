//! Gossip membership: who is alive, settled by incarnation numbers.
//!
//! Every member holds a record of every other: an incarnation, which only its owner raises, and whether it is believed
//! alive, suspected or dead. A record with a higher incarnation wins; of two with the same the worse news does. Who does
//! not answer is suspected, and called dead when the suspicion has stood for long enough. Who hears that it is suspected
//! or dead raises its incarnation above the rumour's, which wins over it wherever it is.
//!
//! Detection is imperfect: live members are suspected too, a bounded number of times (else there is nothing to agree
//! on). Time is left out: a suspicion may be confirmed as soon as it exists. A gossip carries all of a member's records
//! at once; one that was held up for any length of time carries one record and may arrive, or not.

use crate::checker::{Fair, Property, Spec, Steps};
use crate::model::{Model, guards};

const MEMBERS_MAX: usize = 4;

guards! {
    HigherIncarnationWins = "a record with a higher incarnation wins, also over death",
    Refute = "who hears that it is suspected or dead says that it is not",
    AboveTheRumour = "a refutation has a higher incarnation than the rumour",
    WorseNewsWinsTies = "of two records with the same incarnation the worse news wins",
    OnlyTheOwnerRaises = "nobody raises the incarnation of another",
    TimerEndsWithItsSuspicion = "a refutation ends the timer of the suspicion",
    TellTheDead = "who is believed dead is gossiped with all the same",
}

/// The model, by its numbers.
pub struct Gossip {
    members: usize,
    crashes: u8,
    false_suspicions: u8,
    held_up: u8,
    dropped: Option<Guard>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
enum Belief {
    #[default]
    Alive,
    Suspected,
    Dead,
}

/// What is believed of a member. The order is that of precedence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Record {
    incarnation: u8,
    belief: Belief,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Member {
    crashed: bool,
    /// The record of itself holds its incarnation.
    records: [Record; MEMBERS_MAX],
    /// Of whom a suspicion will be confirmed.
    timers: [bool; MEMBERS_MAX],
    /// Not part of the design: at which incarnations it was suspected by a detector, as bits.
    suspected_at: u8,
}

/// All members, and what the environment may still do.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    members: [Member; MEMBERS_MAX],
    held_up: Option<(usize, usize, Record)>,
    crashes_left: u8,
    false_suspicions_left: u8,
    held_up_left: u8,
}

/// A step.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// A member ends without a word.
    Crash(usize),
    /// The first finds out that the second does not answer, which has crashed.
    Suspect(usize, usize),
    /// The first does not hear of the second, which is alive.
    SuspectFalsely(usize, usize),
    /// The first calls the second dead.
    Confirm(usize, usize),
    /// The first tells the second all that it believes.
    Gossip(usize, usize),
    /// The first tells the second what it believes of the third; that takes its time.
    HoldUp(usize, usize, usize),
    /// What was held up arrives.
    Arrive,
    /// What was held up is lost.
    Lose,
}

impl Gossip {
    fn has(&self, guard: Guard) -> bool {
        self.dropped != Some(guard)
    }

    fn wins(&self, new: Record, old: Record) -> bool {
        if !self.has(Guard::HigherIncarnationWins)
            && (new.belief == Belief::Dead || old.belief == Belief::Dead)
        {
            return new.belief > old.belief;
        }
        if !self.has(Guard::WorseNewsWinsTies) && new.incarnation == old.incarnation {
            return new.belief < old.belief;
        }
        new > old
    }

    /// `at` hears of `about`.
    fn merge(&self, state: &mut State, at: usize, about: usize, heard: Record) {
        let member = &mut state.members[at];
        if at == about {
            let own = &mut member.records[at];
            let is_rumour = heard.belief != Belief::Alive && heard.incarnation >= own.incarnation;
            if is_rumour && self.has(Guard::Refute) {
                own.incarnation = heard.incarnation + u8::from(self.has(Guard::AboveTheRumour));
            }
        } else if self.wins(heard, member.records[about]) {
            self.set(member, about, heard);
        }
    }

    fn set(&self, member: &mut Member, about: usize, record: Record) {
        member.records[about] = record;
        let suspected = record.belief == Belief::Suspected;
        let keeps = !self.has(Guard::TimerEndsWithItsSuspicion) && record.belief == Belief::Alive;
        member.timers[about] = suspected || (keeps && member.timers[about]);
    }

    fn suspect(&self, state: &State, at: usize, about: usize) -> Option<(Action, State)> {
        let record = state.members[at].records[about];
        let is_false = !state.members[about].crashed;
        if record.belief != Belief::Alive || (is_false && state.false_suspicions_left == 0) {
            return None;
        }
        let mut next = state.clone();
        next.false_suspicions_left -= u8::from(is_false);
        next.members[about].suspected_at |= 1 << record.incarnation;
        let raised = u8::from(!self.has(Guard::OnlyTheOwnerRaises));
        let suspicion = Record { incarnation: record.incarnation + raised, belief: Belief::Suspected };
        self.set(&mut next.members[at], about, suspicion);
        let action = if is_false { Action::SuspectFalsely(at, about) } else { Action::Suspect(at, about) };
        Some((action, next))
    }

    fn confirm(state: &State, at: usize, about: usize) -> Option<State> {
        if !state.members[at].timers[about] {
            return None;
        }
        let mut next = state.clone();
        next.members[at].records[about].belief = Belief::Dead;
        next.members[at].timers[about] = false;
        Some(next)
    }

    fn gossip(&self, state: &State, from: usize, to: usize) -> Option<State> {
        let records = state.members[from].records;
        if records[to].belief == Belief::Dead && !self.has(Guard::TellTheDead) {
            return None;
        }
        let mut next = state.clone();
        for (about, record) in records.iter().enumerate().take(self.members) {
            self.merge(&mut next, to, about, *record);
        }
        Some(next)
    }

    fn live<'a>(&'a self, state: &'a State) -> impl Iterator<Item = usize> + 'a {
        (0..self.members).filter(|member| !state.members[*member].crashed)
    }

    fn pairs<'a>(&'a self, state: &'a State) -> impl Iterator<Item = (usize, usize)> + 'a {
        self.live(state)
            .flat_map(|one| (0..self.members).map(move |other| (one, other)).filter(|(a, b)| a != b))
    }

    fn push_environment(&self, state: &State, steps: &mut Steps<Self>) {
        if state.crashes_left > 0 {
            for member in self.live(state) {
                let mut next = state.clone();
                next.crashes_left -= 1;
                let own = next.members[member].records[member];
                let suspected_at = next.members[member].suspected_at;
                // What it believed is of no more interest.
                next.members[member] = Member { crashed: true, suspected_at, ..Member::default() };
                next.members[member].records[member] = own;
                steps.push((Action::Crash(member), next));
            }
        }
        match state.held_up {
            Some((to, about, record)) => {
                let mut next = State { held_up: None, ..state.clone() };
                steps.push((Action::Lose, next.clone()));
                if !state.members[to].crashed {
                    self.merge(&mut next, to, about, record);
                    steps.push((Action::Arrive, next));
                }
            }
            None if state.held_up_left > 0 => {
                for (from, to) in self.pairs(state).filter(|(_, to)| !state.members[*to].crashed) {
                    for about in 0..self.members {
                        let record = state.members[from].records[about];
                        let held_up_left = state.held_up_left - 1;
                        let next =
                            State { held_up: Some((to, about, record)), held_up_left, ..state.clone() };
                        steps.push((Action::HoldUp(from, to, about), next));
                    }
                }
            }
            None => {}
        }
    }

    fn no_more_than_the_owner(&self, state: &State) -> bool {
        self.pairs(state).all(|(at, about)| {
            state.members[at].records[about].incarnation <= state.members[about].records[about].incarnation
        })
    }

    fn the_dead_were_suspected(&self, state: &State) -> bool {
        self.pairs(state).all(|(at, about)| {
            let Record { incarnation, belief } = state.members[at].records[about];
            belief != Belief::Dead || state.members[about].suspected_at & (1 << incarnation) != 0
        })
    }

    fn never_older(&self, before: &State, _: &Action, after: &State) -> bool {
        self.pairs(after).all(|(at, about)| {
            after.members[at].records[about].incarnation >= before.members[at].records[about].incarnation
        })
    }

    fn agree(&self, state: &State) -> bool {
        self.pairs(state).all(|(at, about)| {
            let (record, member) = (state.members[at].records[about], &state.members[about]);
            if member.crashed { record.belief == Belief::Dead } else { record == member.records[about] }
        })
    }

    fn somebody_crashed(&self, state: &State) -> bool {
        self.live(state).count() < self.members
    }

    fn the_crashed_are_dead(&self, state: &State) -> bool {
        self.pairs(state).all(|(at, about)| {
            !state.members[about].crashed || state.members[at].records[about].belief == Belief::Dead
        })
    }

    fn a_live_one_is_called_dead(&self, state: &State) -> bool {
        self.pairs(state).any(|(at, about)| {
            !state.members[about].crashed && state.members[at].records[about].belief == Belief::Dead
        })
    }

    fn a_death_was_refuted(&self, state: &State) -> bool {
        self.pairs(state).any(|(at, about)| {
            let record = state.members[at].records[about];
            record == Record { incarnation: 1, belief: Belief::Alive } && self.somebody_crashed(state)
        })
    }
}

impl Spec for Gossip {
    type State = State;
    type Action = Action;

    fn initial(&self) -> Vec<State> {
        vec![State {
            members: [Member::default(); MEMBERS_MAX],
            held_up: None,
            crashes_left: self.crashes,
            false_suspicions_left: self.false_suspicions,
            held_up_left: self.held_up,
        }]
    }

    fn steps(&self, state: &State, steps: &mut Steps<Self>) {
        for (one, other) in self.pairs(state) {
            steps.extend(self.suspect(state, one, other));
            steps.extend(Self::confirm(state, one, other).map(|next| (Action::Confirm(one, other), next)));
            if !state.members[other].crashed {
                steps.extend(self.gossip(state, one, other).map(|next| (Action::Gossip(one, other), next)));
            }
        }
        self.push_environment(state, steps);
    }

    /// A member that has crashed is suspected, suspicions stand for a limited time, and gossip gets through.
    fn fair(&self, action: &Action) -> Option<Fair> {
        let pair = |one: usize, other: usize| one * MEMBERS_MAX + other;
        match *action {
            Action::Suspect(one, other) => Fair::weak("suspect", pair(one, other)),
            Action::Confirm(one, other) => Fair::weak("confirm", pair(one, other)),
            Action::Gossip(one, other) => Fair::weak("gossip", pair(one, other)),
            Action::Crash(_) | Action::SuspectFalsely(..) => None,
            Action::HoldUp(..) | Action::Arrive | Action::Lose => None,
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::invariant("no incarnation is higher than its owner's", Self::no_more_than_the_owner),
            Property::invariant(
                "nobody is dead at an incarnation unsuspected",
                Self::the_dead_were_suspected,
            ),
            Property::step("nobody forgets a higher incarnation", Self::never_older),
            Property::sometimes("a live member is called dead", Self::a_live_one_is_called_dead),
            Property::sometimes("a rumour is refuted", Self::a_death_was_refuted),
            Property::leads_to("a crash is known to all", Self::somebody_crashed, Self::the_crashed_are_dead),
            Property::eventually_always("all live members agree", Self::agree),
        ]
    }

    fn show(&self, state: &State) -> String {
        let member = |(number, member): (usize, &Member)| {
            let records: Vec<_> = member.records[..self.members]
                .iter()
                .map(|record| format!("{:?}@{}", record.belief, record.incarnation))
                .collect();
            format!("{number}{}[{}]", if member.crashed { " crashed " } else { "" }, records.join(" "))
        };
        let members: Vec<_> = state.members[..self.members].iter().enumerate().map(member).collect();
        members.join("  ")
    }
}

impl Model for Gossip {
    const NAME: &'static str = "gossip";
    type Guard = Guard;

    fn small(dropped: Option<Guard>) -> Self {
        Self { members: 3, crashes: 1, false_suspicions: 1, held_up: 1, dropped }
    }

    fn large() -> Self {
        Self { members: 3, crashes: 1, false_suspicions: 2, held_up: 2, dropped: None }
    }
}
