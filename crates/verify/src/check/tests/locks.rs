//! Locks.

use super::{Actor, Story};
use crate::history::{Answer, Kind, Op, PartAnswer, Seen};

const LINE: &str = "/locks/0";

fn place(actor: Actor, number: u32) -> String {
    format!("{}.1-lock-{number:010}", actor.client.0)
}

/// Stands in line; the server gives this number.
fn enter(story: &mut Story, actor: Actor, number: u32, zxid: i64) {
    let prefix = format!("{LINE}/{}.1-lock-", actor.client.0);
    let (id, _) = story.begin_create(actor, &prefix, Kind::EphemeralSequential);
    let stat = Seen { owner: actor.session.0, ..super::seen(zxid, zxid, 0) };
    let path = format!("{LINE}/{}", place(actor, number)).into();
    story.answer(id, zxid, Answer::Part(PartAnswer::Created(path, stat)));
}

fn look(story: &mut Story, actor: Actor, line: &[String], zxid: i64) {
    let names: Vec<&str> = line.iter().map(String::as_str).collect();
    story.list(actor, LINE, &names, zxid);
}

fn leave(story: &mut Story, actor: Actor, number: u32, zxid: i64) {
    story.delete(actor, &format!("{LINE}/{}", place(actor, number)), zxid);
}

#[test]
fn a_lock_that_is_handed_on_is_good() {
    let (mut story, one, two) = Story::begin();
    enter(&mut story, one, 0, 2);
    enter(&mut story, two, 1, 3);
    look(&mut story, one, &[place(one, 0), place(two, 1)], 3);
    story.set(one, 4, 1);
    leave(&mut story, one, 0, 5);
    look(&mut story, two, &[place(two, 1)], 5);
    story.set(two, 6, 2);
    leave(&mut story, two, 1, 7);
    assert_eq!(story.broken(), Vec::<&str>::new());
}

#[test]
fn a_lock_of_a_session_that_is_over_is_free() {
    let (mut story, one, two) = Story::begin();
    enter(&mut story, one, 0, 2);
    enter(&mut story, two, 1, 3);
    look(&mut story, one, &[place(one, 0), place(two, 1)], 3);
    let id = story.ask(one, Op::Close);
    story.answer(id, 4, Answer::Done);
    look(&mut story, two, &[place(two, 1)], 4);
    assert_eq!(story.broken(), Vec::<&str>::new());
}

#[test]
fn a_lock_that_two_hold_is_found() {
    let (mut story, one, two) = Story::begin();
    enter(&mut story, one, 0, 2);
    enter(&mut story, two, 1, 3);
    look(&mut story, one, &[place(one, 0), place(two, 1)], 3);
    look(&mut story, two, &[place(two, 1)], 4);
    // The first one has not let go, and still writes what the lock guards.
    story.set(one, 5, 1);
    assert!(story.broken().contains(&"a lock is held once"));
}

#[test]
fn a_token_that_is_not_greater_is_found() {
    let (mut story, one, two) = Story::begin();
    enter(&mut story, one, 5, 2);
    look(&mut story, one, &[place(one, 5)], 2);
    leave(&mut story, one, 5, 3);
    enter(&mut story, two, 4, 4);
    look(&mut story, two, &[place(two, 4)], 4);
    assert_eq!(story.broken(), ["sequence numbers ascend", "fencing tokens ascend"]);
}
