//! Registers, as the independent checker sees them. What it finds, the other rules find too: here only it is asked.

use super::{Actor, Story, X};
use crate::check::{Findings, linear};
use crate::history::{Answer, Op, Tag};
use zookeeper::codec::ErrorCode;

fn broken(story: &Story) -> usize {
    let mut findings = Findings::default();
    linear::check(&story.history, &mut findings);
    findings.0.len()
}

/// A read right behind a sync.
fn read(story: &mut Story, actor: Actor, tag: Tag, version: i32) {
    story.sync(actor, 0);
    let id = story.ask(actor, Op::Get { path: X.into(), watch: false });
    story.answer(id, 0, Answer::Data { tag: Some(tag), seen: super::seen(1, 1, version) });
}

#[test]
fn a_register_that_follows_its_writes_is_linearizable() {
    let (mut story, one, two) = Story::begin();
    let first = story.set(one, 2, 1);
    read(&mut story, two, first, 1);
    let (open, second) = story.begin_set(one, Some(1));
    // Under way: it may be seen or not.
    read(&mut story, two, first, 1);
    story.answer(open, 3, Answer::Part(crate::history::PartAnswer::Set(super::seen(1, 3, 2))));
    read(&mut story, two, second, 2);
    let (refused, _) = story.begin_set(two, Some(1));
    story.refuse(refused, 4, ErrorCode::BAD_VERSION);
    assert_eq!(broken(&story), 0);
}

#[test]
fn a_synced_read_of_what_was_overwritten_is_found() {
    let (mut story, one, two) = Story::begin();
    let first = story.set(one, 2, 1);
    story.set(one, 3, 2);
    read(&mut story, two, first, 1);
    assert_eq!(broken(&story), 1);
}

#[test]
fn a_stale_read_without_a_sync_is_not_asked_about() {
    let (mut story, one, two) = Story::begin();
    let first = story.set(one, 2, 1);
    story.set(one, 3, 2);
    story.get(two, 2, first, 2, 1);
    assert_eq!(broken(&story), 0);
}

#[test]
fn a_lost_update_is_found() {
    let (mut story, one, two) = Story::begin();
    story.set(one, 2, 1);
    story.set(two, 3, 1);
    assert_eq!(broken(&story), 1);
}

#[test]
fn a_version_that_nobody_made_is_found() {
    let (mut story, one, two) = Story::begin();
    story.set(one, 2, 1);
    story.set(two, 3, 3);
    assert_eq!(broken(&story), 1);
}

#[test]
fn a_refusal_without_a_reason_is_found() {
    let (mut story, one, two) = Story::begin();
    story.set(one, 2, 1);
    let (id, _) = story.begin_set(two, Some(1));
    story.refuse(id, 3, ErrorCode::BAD_VERSION);
    assert_eq!(broken(&story), 1);
}

#[test]
fn an_unanswered_write_explains_a_version_once() {
    for (unanswered, problems) in [(0, 1), (1, 0), (3, 0)] {
        let (mut story, one, two) = Story::begin();
        for _ in 0..unanswered {
            story.unknown_set(one);
        }
        story.set(one, 5, 2);
        let (id, _) = story.begin_set(two, Some(7));
        story.refuse(id, 6, ErrorCode::BAD_VERSION);
        assert_eq!(broken(&story), problems, "{unanswered}");
    }
}

#[test]
fn an_unanswered_write_that_is_seen_and_undone_is_found() {
    let (mut story, one, two) = Story::begin();
    let first = story.set(one, 2, 1);
    let second = story.unknown_set(one);
    read(&mut story, two, second, 2);
    assert_eq!(broken(&story), 0);
    read(&mut story, two, first, 1);
    assert_eq!(broken(&story), 1);
}

#[test]
fn long_histories_are_cut_and_errors_in_them_found() {
    for wrong in [false, true] {
        let (mut story, one, two) = Story::begin();
        let mut tag = None;
        for version in 1..3000 {
            if version % 100 == 7 {
                story.unknown_set(two);
            }
            tag = Some(story.set(one, i64::from(version) + 1, version));
        }
        let tag = tag.expect("some were set");
        read(&mut story, two, tag, if wrong { 2998 } else { 2999 });
        assert_eq!(broken(&story) > 0, wrong);
    }
}
