//! Histories that are known to be good or bad. Each bad one is a good one with one thing changed.

mod linear;
mod locks;
mod numbers;

use std::rc::Rc;
use std::time::Duration;

use zookeeper::codec::{ErrorCode, EventType};

use super::check;
use crate::history::{
    Answer, Attached, ClientId, ConnectionId, Event, Failure, Fired, History, Kind, Op, OpId, Outcome,
    PartAnswer, Seen, SessionKey, Tag, Write,
};

/// Writes a history, one client and session per connection.
#[derive(Default)]
struct Story {
    history: History,
    tags: u32,
}

const X: &str = "/registers/x";

impl Story {
    /// Two clients, and a register that the first has created in transaction 1.
    fn begin() -> (Self, Actor, Actor) {
        let mut story = Self::default();
        let (one, two) = (story.actor(1), story.actor(2));
        story.create(one, X, Kind::Persistent, 1);
        (story, one, two)
    }

    fn actor(&mut self, number: u32) -> Actor {
        let connection = self.history.next_connection();
        let session = SessionKey(i64::from(number));
        let actor = Actor { client: ClientId(number), session, connection, is_linearizable: false };
        self.attach(actor, true);
        actor
    }

    fn attach(&mut self, actor: Actor, is_new: bool) {
        let Actor { client, session, connection, is_linearizable } = actor;
        let timeout = Duration::from_secs(4);
        self.history.push(Event::Attached(Attached {
            client,
            session,
            connection,
            node: 1,
            is_new,
            timeout,
            is_linearizable,
        }));
    }

    fn tag(&mut self, actor: Actor) -> Tag {
        self.tags += 1;
        Tag { client: actor.client, count: self.tags }
    }

    fn ask(&mut self, actor: Actor, op: Op) -> OpId {
        self.history.invoke(actor.client, actor.session, actor.connection, op)
    }

    fn answer(&mut self, id: OpId, zxid: i64, answer: Answer) {
        self.history.complete(id, Outcome::Ok { zxid, answer });
    }

    fn refuse(&mut self, id: OpId, zxid: i64, code: ErrorCode) {
        self.history.complete(id, Outcome::Failed { zxid, failure: Failure::Code(code) });
    }

    fn begin_create(&mut self, actor: Actor, path: &str, kind: Kind) -> (OpId, Tag) {
        let tag = self.tag(actor);
        (self.ask(actor, Op::Write(Write::Create { path: path.into(), tag, kind })), tag)
    }

    fn create(&mut self, actor: Actor, path: &str, kind: Kind, zxid: i64) -> Tag {
        let (id, tag) = self.begin_create(actor, path, kind);
        self.answer(id, zxid, created(path, zxid));
        tag
    }

    fn begin_set(&mut self, actor: Actor, version: Option<i32>) -> (OpId, Tag) {
        let tag = self.tag(actor);
        (self.ask(actor, Op::Write(Write::Set { path: X.into(), tag, version })), tag)
    }

    fn set(&mut self, actor: Actor, zxid: i64, version: i32) -> Tag {
        let (id, tag) = self.begin_set(actor, None);
        self.answer(id, zxid, Answer::Part(PartAnswer::Set(seen(1, zxid, version))));
        tag
    }

    fn unknown_set(&mut self, actor: Actor) -> Tag {
        let (id, tag) = self.begin_set(actor, None);
        self.history.complete(id, Outcome::Unknown);
        tag
    }

    fn delete(&mut self, actor: Actor, path: &str, zxid: i64) {
        let id = self.ask(actor, Op::Write(Write::Delete { path: path.into(), version: None }));
        self.answer(id, zxid, Answer::Part(PartAnswer::Deleted));
    }

    fn begin_get(&mut self, actor: Actor, watch: bool) -> OpId {
        self.ask(actor, Op::Get { path: X.into(), watch })
    }

    fn get(&mut self, actor: Actor, zxid: i64, tag: Tag, mzxid: i64, version: i32) {
        let id = self.begin_get(actor, false);
        self.answer(id, zxid, Answer::Data { tag: Some(tag), seen: seen(1, mzxid, version) });
    }

    fn watch(&mut self, actor: Actor, zxid: i64, tag: Tag, mzxid: i64, version: i32) {
        let id = self.begin_get(actor, true);
        self.answer(id, zxid, Answer::Data { tag: Some(tag), seen: seen(1, mzxid, version) });
    }

    fn fire(&mut self, actor: Actor, kind: EventType, zxid: i64) {
        let Actor { client, connection, .. } = actor;
        self.history.push(Event::Fired(Fired { client, connection, zxid, kind, path: X.into() }));
    }

    fn sync(&mut self, actor: Actor, zxid: i64) {
        let id = self.ask(actor, Op::Sync);
        self.answer(id, zxid, Answer::Done);
    }

    fn list(&mut self, actor: Actor, path: &str, names: &[&str], zxid: i64) {
        let id = self.ask(actor, Op::Children { path: path.into(), watch: false });
        let names = names.iter().map(|name| Rc::from(*name)).collect();
        self.answer(id, zxid, Answer::Names { names, seen: Seen::default() });
    }

    /// The rules that are broken; not what the independent checker says of registers, which has tests of its own.
    fn broken(&self) -> Vec<&'static str> {
        let mut rules: Vec<_> = check(&self.history).into_iter().map(|violation| violation.rule).collect();
        rules.retain(|rule| *rule != super::linear::RULE);
        rules.dedup();
        rules
    }
}

#[derive(Clone, Copy)]
struct Actor {
    client: ClientId,
    session: SessionKey,
    connection: ConnectionId,
    is_linearizable: bool,
}

fn seen(czxid: i64, mzxid: i64, version: i32) -> Seen {
    Seen { czxid, mzxid, version, owner: 0, pzxid: czxid, cversion: 0 }
}

fn created(path: &str, zxid: i64) -> Answer {
    Answer::Part(PartAnswer::Created(path.into(), seen(zxid, zxid, 0)))
}

#[test]
fn a_plain_history_is_good() {
    let (mut story, one, two) = Story::begin();
    let first = story.set(one, 2, 1);
    story.watch(two, 2, first, 2, 1);
    let second = story.set(one, 3, 2);
    story.fire(two, EventType::NodeDataChanged, 3);
    story.sync(two, 3);
    story.get(two, 3, second, 3, 2);
    story.create(one, "/places/p", Kind::Persistent, 4);
    story.list(two, "/places", &["p"], 4);
    story.delete(two, "/places/p", 5);
    story.list(one, "/places", &[], 5);
    assert_eq!(story.broken(), Vec::<&str>::new());
}

#[test]
fn an_acknowledged_write_that_is_gone_is_found() {
    let (mut story, one, two) = Story::begin();
    let first = story.set(one, 2, 1);
    story.set(one, 3, 2);
    story.get(two, 4, first, 2, 1);
    assert_eq!(story.broken(), ["a read shows the state that its reply names"]);
}

#[test]
fn an_acknowledged_create_that_is_gone_is_found() {
    let (mut story, one, two) = Story::begin();
    story.create(one, "/places/p", Kind::Persistent, 2);
    let id = story.ask(two, Op::Exists { path: "/places/p".into(), watch: false });
    story.refuse(id, 3, ErrorCode::NO_NODE);
    assert_eq!(story.broken(), ["a read shows the state that its reply names"]);
}

#[test]
fn a_create_that_is_missing_from_its_list_is_found() {
    let (mut story, one, two) = Story::begin();
    story.create(one, "/places/p", Kind::Persistent, 2);
    story.list(two, "/places", &[], 3);
    assert_eq!(story.broken(), ["a list of children shows the state that its reply names"]);
}

#[test]
fn a_child_that_nobody_made_is_found() {
    let (mut story, _, two) = Story::begin();
    story.list(two, "/places", &["ghost"], 3);
    assert_eq!(story.broken(), ["a list of children shows the state that its reply names"]);
}

#[test]
fn a_write_applied_twice_is_found() {
    let (mut story, one, two) = Story::begin();
    let tag = story.set(one, 2, 1);
    story.get(two, 3, tag, 3, 2);
    assert!(story.broken().contains(&"a write takes effect at most once"));
}

#[test]
fn a_sequential_create_applied_twice_is_found() {
    let (mut story, one, two) = Story::begin();
    let (id, tag) = story.begin_create(one, "/lists/1/entry-", Kind::Sequential);
    story.answer(id, 2, created("/lists/1/entry-0000000000", 2));
    let id = story.ask(two, Op::Get { path: "/lists/1/entry-0000000001".into(), watch: false });
    story.answer(id, 3, Answer::Data { tag: Some(tag), seen: seen(3, 3, 0) });
    assert!(story.broken().contains(&"a write takes effect at most once"));
}

#[test]
fn an_unanswered_write_may_be_there_or_not() {
    for applied in [true, false] {
        let (mut story, one, two) = Story::begin();
        let first = story.set(one, 2, 1);
        let second = story.unknown_set(one);
        if applied {
            story.get(two, 3, second, 3, 2);
        } else {
            story.get(two, 3, first, 2, 1);
        }
        assert_eq!(story.broken(), Vec::<&str>::new(), "applied: {applied}");
    }
}

#[test]
fn an_unanswered_write_that_comes_and_goes_is_found() {
    let (mut story, one, two) = Story::begin();
    let first = story.set(one, 2, 1);
    let second = story.unknown_set(one);
    story.get(two, 3, second, 3, 2);
    story.get(two, 4, first, 2, 1);
    assert_eq!(story.broken(), ["a read shows the state that its reply names"]);
}

#[test]
fn a_refused_write_that_is_there_is_found() {
    let (mut story, one, two) = Story::begin();
    story.set(one, 2, 1);
    let (id, tag) = story.begin_set(one, Some(0));
    story.refuse(id, 3, ErrorCode::BAD_VERSION);
    story.get(two, 4, tag, 3, 2);
    assert!(story.broken().contains(&"a refused write has no effect"));
}

#[test]
fn data_that_nobody_wrote_is_found() {
    let (mut story, _, two) = Story::begin();
    story.get(two, 2, Tag { client: ClientId(77), count: 1 }, 2, 1);
    assert!(story.broken().contains(&"data was written by somebody"));
}

#[test]
fn a_refusal_without_a_reason_is_found() {
    let (mut story, one, two) = Story::begin();
    story.set(one, 2, 1);
    let (id, _) = story.begin_set(two, Some(1));
    story.refuse(id, 3, ErrorCode::BAD_VERSION);
    assert_eq!(story.broken(), ["a refusal has its reason"]);
    let (mut story, _, two) = Story::begin();
    let (id, _) = story.begin_create(two, "/places/p", Kind::Persistent);
    story.refuse(id, 2, ErrorCode::NODE_EXISTS);
    assert_eq!(story.broken(), ["a refusal has its reason"]);
}

#[test]
fn a_conditional_write_in_the_wrong_place_is_found() {
    let (mut story, one, two) = Story::begin();
    story.set(one, 2, 1);
    let (id, _) = story.begin_set(two, Some(0));
    story.answer(id, 3, Answer::Part(PartAnswer::Set(seen(1, 3, 2))));
    assert_eq!(story.broken(), ["a conditional write wants the version before it"]);
}

#[test]
fn versions_that_skip_or_repeat_are_found() {
    for version in [1, 3] {
        let (mut story, one, two) = Story::begin();
        story.set(one, 2, 1);
        story.set(two, 3, version);
        assert_eq!(story.broken(), ["versions count writes"], "{version}");
    }
}

#[test]
fn two_requests_in_one_transaction_are_found() {
    let (mut story, one, two) = Story::begin();
    story.set(one, 2, 1);
    let (id, _) = story.begin_create(two, "/places/p", Kind::Persistent);
    story.answer(id, 2, created("/places/p", 2));
    assert!(story.broken().contains(&"a transaction is one request's"));
}

#[test]
fn a_write_behind_one_that_it_should_precede_is_found() {
    let (mut story, one, two) = Story::begin();
    story.create(one, "/places/p", Kind::Persistent, 5);
    story.create(two, "/places/q", Kind::Persistent, 4);
    assert_eq!(story.broken(), ["writes follow real time"]);
}

#[test]
fn a_session_that_sees_time_go_back_is_found() {
    let (mut story, one, two) = Story::begin();
    let first = story.set(one, 2, 1);
    let second = story.set(one, 3, 2);
    story.get(two, 3, second, 3, 2);
    story.get(two, 2, first, 2, 1);
    assert_eq!(story.broken(), ["a session never sees time go back"]);
}

#[test]
fn writes_of_a_session_out_of_its_order_are_found() {
    let (mut story, one, _) = Story::begin();
    let (first, _) = story.begin_create(one, "/places/p", Kind::Persistent);
    let (second, _) = story.begin_create(one, "/places/q", Kind::Persistent);
    story.answer(first, 3, created("/places/p", 3));
    story.answer(second, 2, created("/places/q", 2));
    assert!(story.broken().contains(&"a session's writes take effect in its order"));
}

#[test]
fn a_request_that_was_skipped_is_found() {
    let (mut story, one, two) = Story::begin();
    let (lost, _) = story.begin_create(one, "/lists/1/entry-", Kind::Sequential);
    let (kept, tag) = story.begin_create(one, "/lists/1/entry-", Kind::Sequential);
    story.history.complete(lost, Outcome::Unknown);
    story.history.complete(kept, Outcome::Unknown);
    story.list(two, "/lists/1", &["entry-0000000000"], 2);
    let id = story.ask(two, Op::Get { path: "/lists/1/entry-0000000000".into(), watch: false });
    story.answer(id, 2, Answer::Data { tag: Some(tag), seen: seen(2, 2, 0) });
    assert_eq!(story.broken(), ["nothing that a connection sent is skipped"]);
}

#[test]
fn a_sync_that_does_not_is_found() {
    let (mut story, one, two) = Story::begin();
    let first = story.set(one, 2, 1);
    story.set(one, 3, 2);
    story.sync(two, 2);
    story.get(two, 2, first, 2, 1);
    assert_eq!(story.broken(), ["a sync shows what was answered before"]);
}

#[test]
fn a_stale_read_without_a_sync_is_allowed() {
    let (mut story, one, two) = Story::begin();
    let first = story.set(one, 2, 1);
    story.set(one, 3, 2);
    story.get(two, 2, first, 2, 1);
    assert_eq!(story.broken(), Vec::<&str>::new());
}

#[test]
fn a_stale_read_on_a_connection_that_was_promised_linearizable_ones_is_found() {
    for (is_linearizable, broken) in
        [(true, &["a linearizable read shows what was answered before"][..]), (false, &[])]
    {
        let (mut story, one, two) = Story::begin();
        let two = Actor { connection: story.history.next_connection(), is_linearizable, ..two };
        story.attach(two, false);
        let first = story.set(one, 2, 1);
        story.get(two, 2, first, 2, 1);
        story.set(one, 3, 2);
        story.get(two, 2, first, 2, 1);
        assert_eq!(story.broken(), broken);
    }
}

#[test]
fn an_event_behind_its_data_is_found() {
    let (mut story, one, two) = Story::begin();
    let first = story.set(one, 2, 1);
    story.watch(two, 2, first, 2, 1);
    let second = story.set(one, 3, 2);
    story.get(two, 3, second, 3, 2);
    story.fire(two, EventType::NodeDataChanged, 3);
    assert_eq!(story.broken(), ["an event comes before what it announces"]);
}

#[test]
fn an_event_that_never_comes_is_found() {
    let (mut story, one, two) = Story::begin();
    let first = story.set(one, 2, 1);
    story.watch(two, 2, first, 2, 1);
    story.set(one, 3, 2);
    assert_eq!(story.broken(), ["a watch fires"]);
}

#[test]
fn an_event_of_a_later_change_is_found() {
    let (mut story, one, two) = Story::begin();
    let first = story.set(one, 2, 1);
    story.watch(two, 2, first, 2, 1);
    story.set(one, 3, 2);
    story.set(one, 4, 3);
    story.fire(two, EventType::NodeDataChanged, 4);
    assert_eq!(story.broken(), ["a watch tells of the first change"]);
}

#[test]
fn an_event_of_the_wrong_kind_is_found() {
    let (mut story, one, two) = Story::begin();
    let first = story.set(one, 2, 1);
    story.watch(two, 2, first, 2, 1);
    story.set(one, 3, 2);
    story.fire(two, EventType::NodeDeleted, 3);
    assert_eq!(story.broken(), ["an event says what happened"]);
}

#[test]
fn a_watch_missed_across_a_reconnect_is_found() {
    for told in [true, false] {
        let (mut story, one, mut two) = Story::begin();
        let first = story.set(one, 2, 1);
        story.watch(two, 2, first, 2, 1);
        story.history.push(Event::Detached(two.connection));
        story.set(one, 3, 2);
        two.connection = story.history.next_connection();
        story.attach(two, false);
        let id = story.ask(two, Op::SetWatches { since: 2 });
        if told {
            story.fire(two, EventType::NodeDataChanged, 3);
        }
        story.answer(id, 3, Answer::Done);
        assert_eq!(story.broken().is_empty(), told);
    }
}

fn ephemeral(story: &mut Story, actor: Actor, path: &str, zxid: i64) -> Tag {
    let (id, tag) = story.begin_create(actor, path, Kind::Ephemeral);
    let stat = Seen { owner: actor.session.0, ..seen(zxid, zxid, 0) };
    story.answer(id, zxid, Answer::Part(PartAnswer::Created(path.into(), stat)));
    tag
}

#[test]
fn an_ephemeral_that_outlives_its_session_is_found() {
    let (mut story, one, two) = Story::begin();
    let tag = ephemeral(&mut story, one, "/ephemerals/e", 2);
    let id = story.ask(one, Op::Close);
    story.answer(id, 3, Answer::Done);
    let id = story.ask(two, Op::Get { path: "/ephemerals/e".into(), watch: false });
    story.answer(
        id,
        4,
        Answer::Data { tag: Some(tag), seen: Seen { owner: one.session.0, ..seen(2, 2, 0) } },
    );
    assert!(story.broken().contains(&"ephemerals go when their session is closed"));
}

#[test]
fn an_ephemeral_that_goes_before_its_session_is_found() {
    let (mut story, one, two) = Story::begin();
    ephemeral(&mut story, one, "/ephemerals/e", 2);
    let id = story.ask(two, Op::Exists { path: "/ephemerals/e".into(), watch: false });
    story.refuse(id, 3, ErrorCode::NO_NODE);
    // It wrote after that, so it lived.
    story.set(one, 4, 1);
    assert_eq!(story.broken(), ["a read shows the state that its reply names"]);
}

#[test]
fn an_ephemeral_of_a_session_that_may_be_over_is_allowed_to_be_gone() {
    let (mut story, one, two) = Story::begin();
    ephemeral(&mut story, one, "/ephemerals/e", 2);
    let id = story.ask(two, Op::Exists { path: "/ephemerals/e".into(), watch: false });
    story.refuse(id, 3, ErrorCode::NO_NODE);
    assert_eq!(story.broken(), Vec::<&str>::new());
}

#[test]
fn a_session_that_expires_while_it_is_heard_is_found() {
    for (silent_ms, good) in [(5000, true), (200, false)] {
        let (mut story, one, _) = Story::begin();
        let silent_for = Duration::from_millis(silent_ms);
        let timeout = Duration::from_secs(4);
        story.history.push(Event::Expired { client: one.client, session: one.session, silent_for, timeout });
        assert_eq!(story.broken().is_empty(), good);
    }
}

#[test]
fn half_a_multi_is_found() {
    let (mut story, one, two) = Story::begin();
    story.create(one, "/registers/y", Kind::Persistent, 2);
    let tag = story.tag(one);
    let set = |path: &str| Write::Set { path: path.into(), tag, version: None };
    let id = story.ask(one, Op::Multi(vec![set(X), set("/registers/y")]));
    story.history.complete(id, Outcome::Unknown);
    // One half was seen, so the other must be there too.
    story.get(two, 3, tag, 3, 1);
    let id = story.ask(two, Op::Get { path: "/registers/y".into(), watch: false });
    let first = Tag { client: one.client, count: 2 };
    story.answer(id, 3, Answer::Data { tag: Some(first), seen: seen(2, 2, 0) });
    assert_eq!(story.broken(), ["a read shows the state that its reply names"]);
}

#[test]
fn a_member_that_outlives_its_family_is_found() {
    let (root, member) = ("/families/0", "/families/0/a");
    for outlives in [false, true] {
        let (mut story, one, two) = Story::begin();
        story.create(one, root, Kind::Persistent, 2);
        let tag = story.create(one, member, Kind::Persistent, 3);
        let delete = |path: &str| Write::Delete { path: path.into(), version: None };
        let id = story.ask(one, Op::DeleteFamily(vec![delete(member), delete(root)]));
        story.answer(id, 4, Answer::Parts(vec![PartAnswer::Deleted; 2]));
        let id = story.ask(two, Op::Get { path: member.into(), watch: false });
        if outlives {
            story.answer(id, 4, Answer::Data { tag: Some(tag), seen: seen(3, 3, 0) });
        } else {
            story.refuse(id, 4, ErrorCode::NO_NODE);
        }
        assert_eq!(story.broken().is_empty(), !outlives);
    }
}

#[test]
fn a_family_that_was_there_and_is_said_not_to_be_is_found() {
    let (mut story, one, two) = Story::begin();
    story.create(one, "/families/0", Kind::Persistent, 2);
    let delete = Write::Delete { path: "/families/0".into(), version: None };
    let id = story.ask(two, Op::DeleteFamily(vec![delete]));
    story.refuse(id, 3, ErrorCode::NO_NODE);
    assert_eq!(story.broken(), ["a refusal has its reason"]);
}
