//! Numbers that a parent gives its children, and those that it has itself.

use super::*;

const LISTS: [&str; 3] = ["/lists/1/a-0000000000", "/lists/1/b-0000000001", "/lists/1/a-0000000002"];

fn append(story: &mut Story, actor: Actor, place: &str, zxid: i64) {
    let (id, _) = story.begin_create(actor, &place[..place.len() - 10], Kind::Sequential);
    story.answer(id, zxid, created(place, zxid));
}

#[test]
fn children_of_one_parent_are_counted_together() {
    let (mut story, one, two) = Story::begin();
    append(&mut story, one, LISTS[0], 2);
    append(&mut story, two, LISTS[1], 3);
    append(&mut story, one, LISTS[2], 4);
    assert_eq!(story.broken(), Vec::<&str>::new());
}

#[test]
fn a_number_that_is_given_again_is_found() {
    let (mut story, one, two) = Story::begin();
    append(&mut story, one, LISTS[0], 2);
    story.delete(one, LISTS[0], 3);
    append(&mut story, two, "/lists/1/b-0000000000", 4);
    assert_eq!(story.broken(), ["sequence numbers ascend"]);
}

fn count(story: &mut Story, actor: Actor, pzxid: i64, cversion: i32) {
    let id = story.ask(actor, Op::Children { path: "/places".into(), watch: false });
    let seen = Seen { pzxid, cversion, ..Seen::default() };
    story.answer(id, 5, Answer::Names { names: Vec::new(), seen });
}

#[test]
fn replicas_that_count_differently_are_found() {
    let (mut story, one, two) = Story::begin();
    count(&mut story, one, 4, 2);
    count(&mut story, two, 4, 2);
    count(&mut story, two, 5, 3);
    assert_eq!(story.broken(), Vec::<&str>::new());
    count(&mut story, one, 5, 4);
    assert_eq!(story.broken(), ["replicas agree on a znode's numbers"]);
}
