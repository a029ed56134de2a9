//! Histories that no right server can lead to, and one that it can.

use std::rc::Rc;

use super::*;
use crate::queues::history::{Copy, Death, SessionId};

const PREFETCH: u16 = 3;

fn layout() -> Layout {
    Layout::new(2, 2)
}

fn queue_of(place: Place) -> usize {
    layout().of(place).next().expect("each place has a queue")
}

fn copy(number: u64) -> Copy {
    Copy { publisher: 1, connection: 1, number }
}

fn first(number: u64) -> Delivery {
    Delivery { copy: copy(number), redelivered: false, acquired: 0, epoch: 1, failures: 0, death: None }
}

fn again(number: u64, acquired: i64) -> Delivery {
    Delivery { redelivered: true, acquired, failures: acquired, ..first(number) }
}

fn dead(number: u64, reason: &str) -> Delivery {
    let death = Death { queue: "mortal".into(), reason: reason.into(), count: 1 };
    Delivery { death: Some(death), ..first(number) }
}

/// Publishes `sent` messages, all confirmed.
fn published(place: Place, sent: u64) -> QueueHistory {
    let mut history = QueueHistory::default();
    for number in 1..=sent {
        history.note_sent(copy(number), place);
        history.note_confirmed(copy(number));
    }
    history
}

fn session(history: &mut QueueHistory, place: Place, name: &str, events: &[(Kind, Delivery)]) -> SessionId {
    let id = history.begin_session(name.into(), queue_of(place), 1, PREFETCH);
    for (kind, delivery) in events {
        history.note_event(id, *kind, &Rc::new(delivery.clone()));
    }
    id
}

/// Given and settled at once.
fn taken(delivery: Delivery) -> [(Kind, Delivery); 2] {
    [(Kind::Delivered, delivery.clone()), (Kind::Acked, delivery)]
}

fn rules(history: &QueueHistory) -> Vec<&'static str> {
    let mut rules: Vec<_> = check(history, &layout()).into_iter().map(|violation| violation.rule).collect();
    rules.dedup();
    rules
}

#[track_caller]
fn assert_breaks(history: &QueueHistory, rule: &str) {
    let found = rules(history);
    assert!(found.contains(&rule), "found {found:?}");
}

#[test]
fn what_a_right_server_does_is_accepted() {
    let mut history = published(Place::Single, 4);
    let given = [
        (Kind::Delivered, first(1)),
        (Kind::Delivered, first(2)),
        (Kind::Returned, first(1)),
        (Kind::Delivered, first(3)),
        (Kind::Delivered, again(1, 1)),
        (Kind::Acked, again(1, 1)),
    ];
    session(&mut history, Place::Single, "a", &given);
    let later = |delivery: Delivery| Delivery { epoch: 2, ..delivery };
    let rest = [taken(later(again(2, 1))), taken(later(again(3, 1))), taken(later(first(4)))].concat();
    session(&mut history, Place::Single, "b", &rest);
    for delivery in [first(1), first(2), first(3), first(4)] {
        assert!(history.work(&Rc::new(delivery)));
    }
    assert_eq!(check(&history, &layout()), []);
}

#[test]
fn a_confirmed_message_that_nobody_settled_is_found() {
    let mut history = published(Place::Plain, 2);
    session(&mut history, Place::Plain, "a", &taken(first(1)));
    assert_breaks(&history, "what was confirmed is settled in the end");
}

#[test]
fn a_message_from_nobody_is_found() {
    let mut history = published(Place::Plain, 1);
    session(&mut history, Place::Plain, "a", &[taken(first(1)), taken(first(2))].concat());
    assert_breaks(&history, "what is delivered was sent");
    let mut elsewhere = published(Place::Plain, 1);
    session(&mut elsewhere, Place::Mortal, "a", &taken(first(1)));
    assert_breaks(&elsewhere, "what is delivered was sent");
}

#[test]
fn a_settled_message_that_comes_back_is_found() {
    let mut history = published(Place::Plain, 5);
    let all: Vec<_> = (1..=5).flat_map(|number| taken(first(number))).collect();
    session(&mut history, Place::Plain, "a", &all);
    // The first two must have been heard: it was given five, and wants three.
    session(&mut history, Place::Plain, "b", &taken(again(3, 1)));
    assert_eq!(rules(&history), [""; 0]);
    session(&mut history, Place::Plain, "c", &taken(again(2, 1)));
    assert_eq!(rules(&history), ["what is settled does not come back"]);
}

#[test]
fn a_missing_flag_is_found() {
    let mut history = published(Place::Plain, 1);
    session(&mut history, Place::Plain, "a", &[(Kind::Delivered, first(1))]);
    session(&mut history, Place::Plain, "b", &taken(first(1)));
    let found = rules(&history);
    assert!(found.contains(&"a message comes once without the redelivered flag"), "{found:?}");
    assert!(found.contains(&"a message is in one hand at a time"), "{found:?}");
    let mut unflagged = published(Place::Plain, 1);
    session(&mut unflagged, Place::Plain, "a", &taken(Delivery { acquired: 1, ..first(1) }));
    assert_breaks(&unflagged, "a flag agrees with the count");
}

#[test]
fn two_hands_are_found() {
    let mut history = published(Place::Plain, 1);
    session(&mut history, Place::Plain, "a", &[(Kind::Delivered, again(1, 1))]);
    session(&mut history, Place::Plain, "b", &taken(again(1, 1)));
    assert_eq!(rules(&history), ["a message is in one hand at a time"]);
}

#[test]
fn more_than_was_wanted_is_found() {
    let mut history = published(Place::Plain, 4);
    let given: Vec<_> = (1..=4).map(|number| (Kind::Delivered, first(number))).collect();
    let settled: Vec<_> = (1..=4).map(|number| (Kind::Acked, first(number))).collect();
    session(&mut history, Place::Plain, "a", &[given, settled].concat());
    assert_eq!(rules(&history), ["prefetch holds"]);
}

#[test]
fn first_deliveries_out_of_order_are_found() {
    let mut history = published(Place::Plain, 2);
    session(&mut history, Place::Plain, "a", &[taken(first(2)), taken(first(1))].concat());
    assert_eq!(rules(&history), ["first deliveries come in order"]);
}

#[test]
fn a_key_in_two_queues_is_found() {
    let mut history = published(Place::Spread, 25);
    let mut queues = layout().of(Place::Spread).collect::<Vec<_>>().into_iter();
    let mut session = |numbers: std::ops::RangeInclusive<u64>| {
        let id = history.begin_session("a".into(), queues.next().expect("there are two"), 1, PREFETCH);
        for (kind, delivery) in numbers.flat_map(|number| taken(first(number))) {
            history.note_event(id, kind, &Rc::new(delivery));
        }
    };
    session(1..=24);
    session(25..=25);
    assert_eq!(rules(&history), ["a key has one queue"]);
}

#[test]
fn a_shared_epoch_is_found() {
    let mut history = published(Place::Single, 2);
    session(&mut history, Place::Single, "a", &taken(first(1)));
    session(&mut history, Place::Single, "b", &taken(first(2)));
    assert_eq!(rules(&history), ["one consumer is active in an epoch"]);
    let mut without = published(Place::Single, 1);
    session(&mut without, Place::Single, "a", &taken(Delivery { epoch: 0, ..first(1) }));
    assert_breaks(&without, "a delivery has an epoch");
}

#[test]
fn an_epoch_that_falls_is_found() {
    let mut history = published(Place::Single, 2);
    let later = |delivery: Delivery| Delivery { epoch: 2, ..delivery };
    session(&mut history, Place::Single, "a", &taken(later(first(1))));
    session(&mut history, Place::Single, "b", &taken(first(2)));
    assert_breaks(&history, "epochs rise");
}

#[test]
fn a_single_consumer_served_out_of_order_is_found() {
    let mut history = published(Place::Single, 2);
    session(&mut history, Place::Single, "a", &[taken(again(2, 1)), taken(again(1, 1))].concat());
    assert_breaks(&history, "a single active consumer is served in order");
}

#[test]
fn a_message_that_is_passed_over_is_found() {
    let mut history = published(Place::Single, 2);
    session(&mut history, Place::Single, "a", &taken(first(2)));
    session(&mut history, Place::Single, "b", &taken(Delivery { epoch: 2, ..again(1, 1) }));
    assert_eq!(rules(&history), ["nothing is passed over"]);
}

#[test]
fn a_return_to_the_tail_is_found() {
    let mut history = published(Place::Single, 5);
    let mut events = vec![(Kind::Delivered, first(1)), (Kind::Returned, first(1))];
    events.extend((2..=5).flat_map(|number| taken(first(number))));
    events.extend(taken(again(1, 1)));
    session(&mut history, Place::Single, "a", &events);
    assert_breaks(&history, "what is given back returns to its place");
}

#[test]
fn work_behind_a_gap_is_found() {
    let mut history = published(Place::Single, 3);
    session(
        &mut history,
        Place::Single,
        "a",
        &(1..=3).flat_map(|number| taken(first(number))).collect::<Vec<_>>(),
    );
    history.work(&Rc::new(first(1)));
    history.work(&Rc::new(first(3)));
    assert_eq!(rules(&history), ["work has no gaps"]);
}

#[test]
fn the_resource_keeps_out_who_is_late() {
    let mut history = QueueHistory::default();
    assert!(history.work(&Rc::new(Delivery { epoch: 2, ..first(1) })));
    assert!(!history.work(&Rc::new(first(2))));
    assert_eq!(history.fenced_off, 1);
}

#[test]
fn dead_letters_that_lie_are_found() {
    let mut right = published(Place::Mortal, 2);
    session(&mut right, Place::Mortal, "a", &[(Kind::Delivered, first(1)), (Kind::Rejected, first(1))]);
    session(
        &mut right,
        Place::Dead,
        "b",
        &[taken(dead(1, "rejected")), taken(dead(2, "delivery_limit"))].concat(),
    );
    // Carried twice is not wrong.
    session(&mut right, Place::Dead, "c", &taken(dead(1, "rejected")));
    assert_eq!(rules(&right), [""; 0]);
    for wrong in [first(1), dead(1, "rejected"), dead(1, "expired")] {
        let mut history = published(Place::Mortal, 1);
        session(&mut history, Place::Dead, "b", &taken(wrong));
        assert_eq!(rules(&history), ["a dead letter says how it died"]);
    }
}

#[test]
fn a_dead_letter_that_did_not_arrive_is_found() {
    let mut history = published(Place::Mortal, 1);
    session(&mut history, Place::Mortal, "a", &[(Kind::Delivered, first(1)), (Kind::Rejected, first(1))]);
    assert_eq!(rules(&history), ["what was confirmed is settled in the end"]);
}

#[test]
fn a_limit_that_does_not_hold_is_found() {
    let mut history = published(Place::Mortal, 1);
    session(&mut history, Place::Mortal, "a", &taken(again(1, 3)));
    assert_eq!(rules(&history), ["a delivery limit holds"]);
}
