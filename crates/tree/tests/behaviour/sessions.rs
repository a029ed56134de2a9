//! Sessions: made, moved, closed, expired.

use tree::{CreateMode, ErrorCode, Operation, Owner, Password, Reply, SessionId};

use crate::fixture::{Fixture, HERE, PASSWORD, THERE, events};

/// An expiry by the leader of epoch 1, the fixture's.
fn expire(session: SessionId, generation: u64) -> Operation {
    Operation::ExpireSession { session, generation, epoch: 1 }
}

#[test]
fn an_expiry_of_an_earlier_leader_changes_nothing() {
    let mut f = Fixture::new();
    f.tree.begin_epoch();
    let before = f.last_zxid();
    let outcome = f.apply(expire(f.session, 0));
    assert_eq!((outcome.result, outcome.zxid), (Err(ErrorCode::SessionMoved), before));
    assert!(f.tree.session(f.session).is_some());
}

#[test]
fn a_session_is_numbered_by_node_and_counter() {
    let mut f = Fixture::new();
    assert_eq!(f.session.0, 1 << 56 | 1);
    f.origin = THERE;
    assert_eq!(f.create_session().0, 2 << 56 | 2);
    let info = f.tree.session(f.session).unwrap();
    assert_eq!((info.owner, info.generation, info.timeout_ms), (HERE, 0, 4_000));
    assert_eq!(f.tree.sessions().map(|session| session.owner).collect::<Vec<_>>(), [HERE, THERE]);
}

#[test]
fn attaching_moves_the_session_and_burns_no_zxid() {
    let mut f = Fixture::new();
    f.create_mode("/e", CreateMode::Ephemeral).unwrap();
    let before = f.last_zxid();
    f.origin = THERE;
    let outcome = f.attach(f.session, PASSWORD);
    let attached =
        Reply::SessionAttached { session: f.session, generation: 1, timeout_ms: 6_000, previous: HERE };
    assert_eq!((outcome.result, outcome.zxid), (Ok(attached), before));
    assert!(f.create("/from-there").is_ok());
    assert!(f.exists("/e"), "ephemerals survive the move");
    f.origin = HERE;
    assert_eq!(f.create("/from-here"), Err(ErrorCode::SessionMoved));
    assert_eq!(f.tree.session(f.session).unwrap().timeout_ms, 6_000);
}

#[test]
fn a_wrong_password_changes_nothing() {
    let mut f = Fixture::new();
    let before = f.tree.session(f.session);
    f.origin = THERE;
    let outcome = f.attach(f.session, Password([8; 16]));
    assert_eq!(outcome.result, Err(ErrorCode::SessionExpired));
    assert_eq!(f.tree.session(f.session), before);
}

#[test]
fn an_unknown_session_can_not_be_attached_or_write() {
    let mut f = Fixture::new();
    assert_eq!(f.attach(SessionId(99), PASSWORD).result, Err(ErrorCode::SessionExpired));
    f.session = SessionId(99);
    let before = f.last_zxid();
    assert_eq!(f.create("/a"), Err(ErrorCode::SessionExpired));
    assert_eq!(f.last_zxid().0, before.0 + 1, "a refused write burns a zxid");
}

#[test]
fn another_connection_of_the_same_node_is_another_owner() {
    let mut f = Fixture::new();
    f.origin = Owner { connection: HERE.connection + 1, ..HERE };
    assert_eq!(f.create("/a"), Err(ErrorCode::SessionMoved));
}

#[test]
fn closing_deletes_the_ephemerals_with_one_zxid_in_the_order_of_their_paths() {
    let mut f = Fixture::new();
    f.create("/p").unwrap();
    for path in ["/z", "/p/b", "/p/a"] {
        f.create_mode(path, CreateMode::Ephemeral).unwrap();
    }
    let before = f.last_zxid();
    let outcome = f.apply(Operation::CloseSession);
    assert_eq!(outcome.result, Ok(Reply::SessionClosed));
    assert_eq!(outcome.ended_session, Some(f.session));
    assert_eq!(outcome.zxid.0, before.0 + 1);
    let fired = events(&outcome);
    let fired: Vec<_> = fired.iter().map(|(kind, path)| (*kind, path.as_str())).collect();
    assert_eq!(fired, [(2, "/p/a"), (4, "/p"), (2, "/p/b"), (4, "/p"), (2, "/z"), (4, "/")]);
    assert_eq!(f.stat("/p").pzxid, outcome.zxid);
    assert_eq!((f.names("/p").len(), f.tree.counters().ephemerals, f.tree.counters().sessions), (0, 0, 0));
    assert_eq!(f.create("/a"), Err(ErrorCode::SessionExpired));
    assert_eq!(f.apply(Operation::CloseSession).result, Err(ErrorCode::SessionExpired));
}

#[test]
fn only_the_owner_closes() {
    let mut f = Fixture::new();
    f.origin = THERE;
    assert_eq!(f.apply(Operation::CloseSession).result, Err(ErrorCode::SessionMoved));
    assert!(f.tree.session(f.session).is_some());
    f.session = SessionId::NONE;
    assert_eq!(f.apply(Operation::CloseSession).result, Err(ErrorCode::SessionExpired));
}

#[test]
fn an_expiry_ends_the_generation_that_it_names() {
    let mut f = Fixture::new();
    f.create_mode("/e", CreateMode::Ephemeral).unwrap();
    f.attach(f.session, PASSWORD).result.unwrap();
    let before = f.last_zxid();
    let late = f.apply(expire(f.session, 0));
    assert_eq!((late.result, late.zxid), (Err(ErrorCode::SessionMoved), before));
    assert!(f.exists("/e"));
    let outcome = f.apply(expire(f.session, 1));
    assert_eq!((outcome.result, outcome.zxid.0), (Ok(Reply::SessionExpired), before.0 + 1));
    assert_eq!(outcome.ended_session, Some(f.session));
    assert!(!f.exists("/e"));
    let again = f.apply(expire(f.session, 1));
    assert_eq!((again.result, again.zxid.0), (Err(ErrorCode::SessionExpired), before.0 + 1));
}

#[test]
fn the_ephemerals_of_a_session_are_listed_by_plain_prefix() {
    let mut f = Fixture::new();
    f.create("/p").unwrap();
    for path in ["/pq", "/p/b", "/p/a"] {
        f.create_mode(path, CreateMode::Ephemeral).unwrap();
    }
    assert_eq!(f.tree.ephemerals(f.session, ""), ["/p/a", "/p/b", "/pq"]);
    assert_eq!(f.tree.ephemerals(f.session, "/p/"), ["/p/a", "/p/b"]);
    assert_eq!(f.tree.ephemerals(SessionId(99), ""), Vec::<String>::new());
}
