//! Specs whose answers are known.

use super::*;

/// Numbers and steps between them.
struct Table {
    steps: &'static [(u8, u8, Option<Fair>)],
    property: fn() -> Property<Table>,
}

impl Spec for Table {
    type State = u8;
    type Action = (u8, u8);

    fn initial(&self) -> Vec<u8> {
        vec![0]
    }

    fn steps(&self, state: &u8, steps: &mut Steps<Self>) {
        let out = self.steps.iter().filter(|(from, ..)| from == state);
        steps.extend(out.map(|(from, to, _)| ((*from, *to), *to)));
    }

    fn fair(&self, action: &(u8, u8)) -> Option<Fair> {
        self.steps.iter().find(|(from, to, _)| (*from, *to) == *action).and_then(|(.., fair)| *fair)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![(self.property)()]
    }
}

const A: Option<Fair> = Fair::weak("a", 0);
const B: Option<Fair> = Fair::weak("b", 0);
const LEAVE: Option<Fair> = Fair::weak("leave", 0);
const STRONG: Option<Fair> = Fair::strong("s", 0);
const T: Option<Fair> = Fair::strong("t", 0);

fn run(steps: &'static [(u8, u8, Option<Fair>)], property: fn() -> Property<Table>) -> Report {
    let spec = Table { steps, property };
    let whole = check(&spec, &Options::default(), &mut |_| {});
    let hashed = check(&spec, &Options { fingerprints: true, ..Options::default() }, &mut |_| {});
    assert_eq!(format!("{whole:?}"), format!("{hashed:?}"), "fingerprints change nothing");
    whole
}

/// The places that a counterexample visits, and the place it returns to.
fn lasso(report: &Report) -> (Vec<u8>, Option<usize>) {
    let Verdict::Violated(counterexample) = &report.verdict else { panic!("{report:?}") };
    let places = counterexample.trace.iter().map(|step| step.state.parse().unwrap()).collect();
    (places, counterexample.back_to)
}

fn eventually_2() -> Property<Table> {
    Property::always_eventually("2 is reached", |_, state| *state == 2)
}

fn settles_at_2() -> Property<Table> {
    Property::eventually_always("2 is reached and kept", |_, state| *state == 2)
}

#[test]
fn a_cycle_that_never_gets_there_is_found() {
    let report = run(&[(0, 1, A), (1, 0, B)], eventually_2);
    assert_eq!((report.states, report.transitions), (2, 2));
    // It need not move at all: each class is impossible somewhere on the cycle.
    assert_eq!(lasso(&report).1, Some(0));
}

#[test]
fn what_is_always_possible_is_done_only_if_fair() {
    let unfair = run(&[(0, 1, A), (1, 0, B), (0, 2, None), (1, 2, None)], eventually_2);
    assert_eq!(lasso(&unfair).0[0], 0);
    let fair = run(&[(0, 1, A), (1, 0, B), (0, 2, LEAVE), (1, 2, LEAVE)], eventually_2);
    assert!(fair.holds(), "{fair:?}");
}

#[test]
fn what_is_possible_again_and_again_is_done_only_if_strongly_fair() {
    let weak = run(&[(0, 1, A), (1, 0, B), (1, 2, LEAVE)], eventually_2);
    assert_eq!(weak.violated(), Some("2 is reached"));
    let strong = run(&[(0, 1, A), (1, 0, B), (1, 2, STRONG)], eventually_2);
    assert!(strong.holds(), "{strong:?}");
}

#[test]
fn standing_still_is_a_behaviour_unless_fairness_forbids_it() {
    assert_eq!(lasso(&run(&[(0, 2, None)], eventually_2)), (vec![0], Some(0)));
    assert!(run(&[(0, 2, A)], eventually_2).holds());
}

#[test]
fn a_strong_class_leaves_a_part_of_a_component_in_which_it_starves_not() {
    // In 0 <-> 1 the strong step is never possible, in 0 <-> 1 <-> 3 it is, and leads to 2.
    let report = run(&[(0, 1, A), (1, 0, B), (1, 3, None), (3, 1, None), (3, 2, STRONG)], eventually_2);
    let (places, back_to) = lasso(&report);
    assert!(places.iter().all(|place| *place < 2) && back_to.is_some(), "{report:?}");
}

#[test]
fn a_lasso_satisfies_every_fairness_on_its_cycle() {
    let report = run(&[(0, 1, STRONG), (1, 0, T), (1, 2, None), (2, 0, None)], settles_at_2);
    assert_eq!(lasso(&report), (vec![0, 1, 0], Some(0)));
    let Verdict::Violated(counterexample) = &report.verdict else { unreachable!() };
    assert!(counterexample.to_string().ends_with("-- which is 0 again\n"), "{counterexample}");
}

#[test]
fn to_get_there_is_not_to_stay_there() {
    assert!(run(&[(0, 2, A), (2, 0, B)], eventually_2).holds());
    assert_eq!(run(&[(0, 2, A), (2, 0, B)], settles_at_2).violated(), Some("2 is reached and kept"));
    assert!(run(&[(0, 2, A)], settles_at_2).holds());
    assert!(run(&[(0, 1, None), (1, 0, None), (0, 2, A), (1, 2, A)], settles_at_2).holds());
}

#[test]
fn an_effect_follows_its_cause() {
    let leads =
        || Property::<Table>::leads_to("1 leads to 2", |_, state| *state == 1, |_, state| *state == 2);
    assert!(run(&[(0, 1, None), (1, 2, A), (2, 0, None)], leads).holds(), "no cause, no effect needed");
    assert_eq!(
        lasso(&run(&[(0, 1, None), (1, 3, None), (1, 2, None), (3, 4, None)], leads)),
        (vec![0, 1], Some(1))
    );
    // The cause is not on the cycle.
    let (places, back_to) =
        lasso(&run(&[(0, 1, None), (1, 3, A), (3, 4, A), (4, 3, B), (1, 2, None)], leads));
    assert_eq!((places, back_to), (vec![0, 1, 3, 4, 3], Some(2)));
}

#[test]
fn finite_violations_have_the_shortest_trace() {
    let steps = &[(0, 1, None), (1, 2, None), (2, 3, None), (0, 4, None), (4, 3, None), (3, 3, None)];
    let report = run(steps, || Property::invariant("never 3", |_, state| *state != 3));
    assert_eq!(lasso(&report), (vec![0, 4, 3], None));
    let report = run(steps, || Property::step("by ones", |_, from, _, to| *to == from + 1));
    assert_eq!(lasso(&report), (vec![0, 4], None));
}

#[test]
fn a_state_that_must_be_reachable_is_sought() {
    assert!(run(&[(0, 1, None)], || Property::sometimes("1", |_, state| *state == 1)).holds());
    let report = run(&[(0, 1, None)], || Property::sometimes("2", |_, state| *state == 2));
    assert_eq!(report.violated(), Some("2"));
    assert!(lasso(&report).0.is_empty());
}

#[test]
fn too_many_states_are_no_verdict() {
    let spec = Table { steps: &[(0, 1, None), (1, 2, None)], property: eventually_2 };
    let report = check(&spec, &Options { states_max: 2, ..Options::default() }, &mut |_| {});
    assert!(matches!(report.verdict, Verdict::Unfinished) && !report.holds());
}

/// Peterson's algorithm for two, or, without the turn, a wrong one.
struct Mutex {
    with_turn: bool,
}

/// Per process where it is: 0 idle, 1 wants, 2 has offered the turn, 3 inside; and whose turn it is.
type MutexState = ([u8; 2], usize);

impl Spec for Mutex {
    type State = MutexState;
    type Action = (&'static str, usize);

    fn initial(&self) -> Vec<MutexState> {
        vec![([0, 0], 0)]
    }

    fn steps(&self, (at, turn): &MutexState, steps: &mut Steps<Self>) {
        for me in 0..2 {
            let other = 1 - me;
            let may_enter = at[other] == 0 || (self.with_turn && *turn == me);
            let (name, place, turn) = match at[me] {
                0 => ("want", 1, *turn),
                1 => ("offer", 2, other),
                2 if may_enter => ("enter", 3, *turn),
                3 => ("leave", 0, *turn),
                _ => continue,
            };
            let mut next = *at;
            next[me] = place;
            steps.push(((name, me), (next, turn)));
        }
    }

    fn fair(&self, (name, me): &(&'static str, usize)) -> Option<Fair> {
        if *name == "want" { None } else { Fair::weak("go on", *me) }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::invariant("one inside", |_, state: &MutexState| state.0 != [3, 3]),
            Property::leads_to(
                "who wants gets in",
                |_, state: &MutexState| state.0[0] == 1,
                |_, state| state.0[0] == 3,
            ),
            Property::always_eventually("nobody need want", |_, state: &MutexState| state.0[0] == 3),
        ]
    }

    fn canonical(&self, (at, turn): MutexState) -> MutexState {
        ([at[1], at[0]], 1 - turn).min((at, turn))
    }
}

fn mutex(with_turn: bool, only: &'static str, symmetry: bool) -> Report {
    check(&Mutex { with_turn }, &Options { only: Some(only), symmetry, ..Options::default() }, &mut |_| {})
}

#[test]
fn petersons_algorithm_is_safe_and_live() {
    assert!(mutex(true, "one inside", false).holds());
    assert!(mutex(true, "who wants gets in", false).holds());
    assert_eq!(mutex(true, "nobody need want", false).violated(), Some("nobody need want"));
    assert_eq!(mutex(false, "who wants gets in", false).violated(), Some("who wants gets in"));
}

#[test]
fn symmetry_leaves_about_half_of_the_states() {
    let (whole, half) = (mutex(true, "one inside", false), mutex(true, "one inside", true));
    assert!(half.holds() && half.states * 2 <= whole.states + 2, "{} of {}", half.states, whole.states);
}

/// Four odometers: everything about it can be counted by hand.
struct Counter;

impl Spec for Counter {
    type State = [u8; 4];
    type Action = usize;

    fn initial(&self) -> Vec<[u8; 4]> {
        vec![[0; 4]]
    }

    fn steps(&self, state: &[u8; 4], steps: &mut Steps<Self>) {
        for place in 0..4 {
            let mut next = *state;
            next[place] = (next[place] + 1) % 10;
            steps.push((place, next));
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::sometimes("all nines", |_, state| *state == [9; 4])]
    }

    fn canonical(&self, mut state: [u8; 4]) -> [u8; 4] {
        state.sort_unstable();
        state
    }
}

#[test]
fn states_and_steps_are_counted_right() {
    let report = check(&Counter, &Options::default(), &mut |_| {});
    assert_eq!((report.states, report.transitions, report.depth), (10_000, 40_000, 36));
    // Multisets of 4 out of 10: 13 over 4.
    let report = check(&Counter, &Options { symmetry: true, ..Options::default() }, &mut |_| {});
    assert_eq!(report.states, 715);
}
