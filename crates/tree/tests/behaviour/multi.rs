//! Multi.

use tree::{Create, CreateMode, ErrorCode, MultiFailure, Reply, SubOperation as Sub};

use crate::fixture::{Fixture, check, create, delete, events, set};

fn sequential(path: &str) -> Sub {
    Sub::Create(Create { mode: CreateMode::PersistentSequential, ..create(path) })
}

#[test]
fn operations_see_what_those_before_them_did() {
    let mut f = Fixture::new();
    let outcome =
        f.multi(vec![Sub::Create(create("/u")), Sub::Create(create("/u/v")), sequential("/u/v/w-")]);
    let created = |path: &str| Reply::Created { path: path.into(), stat: None };
    let replies = vec![created("/u"), created("/u/v"), created("/u/v/w-0000000000")];
    assert_eq!(outcome.result, Ok(Reply::Multi(Ok(replies))));
}

#[test]
fn one_path_can_be_created_deleted_and_created() {
    let mut f = Fixture::new();
    let operations = vec![Sub::Create(create("/x")), Sub::Delete(delete("/x", 0)), Sub::Create(create("/x"))];
    assert!(matches!(f.multi(operations).result, Ok(Reply::Multi(Ok(replies))) if replies.len() == 3));
    assert!(f.exists("/x"));
}

#[test]
fn all_share_one_zxid_and_fire_in_order() {
    let mut f = Fixture::new();
    let before = f.last_zxid();
    let operations = vec![
        Sub::Create(create("/a")),
        Sub::SetData(set("/a", "x", 0)),
        Sub::Check(check("/a", 1)),
        Sub::Create(create("/a/b")),
        Sub::Delete(delete("/a/b", -1)),
    ];
    let outcome = f.multi(operations);
    assert_eq!(outcome.zxid.0, before.0 + 1);
    let stat = f.stat("/a");
    assert_eq!([stat.czxid, stat.mzxid, stat.pzxid], [outcome.zxid; 3]);
    let fired = events(&outcome);
    let fired: Vec<_> = fired.iter().map(|(kind, path)| (*kind, path.as_str())).collect();
    let expected = [(1, "/a"), (4, "/"), (3, "/a"), (1, "/a/b"), (4, "/a"), (2, "/a/b"), (4, "/a")];
    assert_eq!(fired, expected);
}

#[test]
fn a_failure_restores_everything() {
    let mut f = Fixture::new();
    f.create("/p").unwrap();
    f.create("/p/old").unwrap();
    f.create_mode("/p/mine", CreateMode::Ephemeral).unwrap();
    let (before, stats) = (f.tree.digest(), [f.stat("/p"), f.stat("/p/old")]);
    let zxid = f.last_zxid();
    let operations = vec![
        sequential("/p/s-"),
        Sub::SetData(set("/p/old", "other", 0)),
        Sub::SetData(set("/p/old", "another", 1)),
        Sub::Delete(delete("/p/old", 2)),
        Sub::Delete(delete("/p/mine", -1)),
        Sub::Create(Create { mode: CreateMode::Ephemeral, ..create("/p/other") }),
        Sub::Create(create("/p/old")),
        Sub::Check(check("/missing", 0)),
        Sub::Create(create("/p/never")),
    ];
    let outcome = f.multi(operations);
    let failure = MultiFailure { at: 7, of: 9, error: ErrorCode::NoNode };
    assert_eq!(outcome.result, Ok(Reply::Multi(Err(failure))));
    assert_eq!((events(&outcome), outcome.zxid.0), (vec![], zxid.0 + 1));
    assert_eq!([f.stat("/p"), f.stat("/p/old")], stats);
    assert_eq!(f.tree.ephemerals(f.session, ""), ["/p/mine"]);
    assert_eq!(f.names("/p"), ["mine", "old"]);
    assert_ne!(f.tree.digest(), before, "the zxid moved");
    let name = f.create_mode("/p/s-", CreateMode::PersistentSequential).unwrap();
    assert_eq!(name, "/p/s-0000000002", "the sequence counter is restored");
}

#[test]
fn an_empty_multi_is_fine_and_burns_a_zxid() {
    let mut f = Fixture::new();
    let before = f.last_zxid();
    let outcome = f.multi(vec![]);
    assert_eq!(outcome.result, Ok(Reply::Multi(Ok(vec![]))));
    assert_eq!(outcome.zxid.0, before.0 + 1);
}

#[test]
fn a_check_compares_the_version() {
    let mut f = Fixture::new();
    f.create("/a").unwrap();
    for (path, version, error) in [
        ("a", 0, Some(ErrorCode::BadArguments)),
        ("/missing", 0, Some(ErrorCode::NoNode)),
        ("/a", 1, Some(ErrorCode::BadVersion)),
        ("/a", 0, None),
        ("/a", -1, None),
    ] {
        let expected = match error {
            Some(error) => Err(MultiFailure { at: 0, of: 1, error }),
            None => Ok(vec![Reply::Checked]),
        };
        let outcome = f.multi(vec![Sub::Check(check(path, version))]);
        assert_eq!(outcome.result, Ok(Reply::Multi(expected)), "{path} {version}");
    }
}

#[test]
fn a_moved_session_fails_the_whole_multi() {
    let mut f = Fixture::new();
    f.origin = crate::fixture::THERE;
    assert_eq!(f.multi(vec![Sub::Create(create("/a"))]).result, Err(ErrorCode::SessionMoved));
}
