//! Create unless it is there.

use bytes::Bytes;
use tree::{Acl, CreateMode, Ensure, ErrorCode, Extent, Operation, Outcome, Permissions, Reply};

use crate::fixture::{Fixture, events, open};

fn request(path: &str, parents: bool) -> Ensure {
    let data = Some(Bytes::from_static(b"first"));
    Ensure { path: path.into(), data, acl: open(), parents, limit: Extent::MAX }
}

fn ensure(f: &mut Fixture, path: &str, parents: bool) -> Outcome {
    f.apply(Operation::Ensure(request(path, parents)))
}

#[test]
fn what_is_missing_is_created_in_one_transaction_from_the_top() {
    let mut f = Fixture::new();
    let acl = vec![Acl::anyone(Permissions::READ)];
    let wanted = Ensure { acl: acl.clone(), ..request("/a/b/c", true) };
    let outcome = f.apply(Operation::Ensure(wanted));
    let Ok(Reply::Ensured { created: true, stat }) = outcome.result else { panic!("{outcome:?}") };
    assert_eq!((stat, stat.czxid, stat.data_length), (f.stat("/a/b/c"), outcome.zxid, 5));
    let expected = [(1, "/a"), (4, "/"), (1, "/a/b"), (4, "/a"), (1, "/a/b/c"), (4, "/a/b")];
    assert_eq!(events(&outcome), expected.map(|(kind, path)| (kind, path.to_owned())));
    assert_eq!((f.stat("/a").czxid, f.stat("/a").data_length), (outcome.zxid, 0));
    let admin = [tree::Identity::super_user()];
    assert_eq!(f.tree.acl("/a", &admin).unwrap().0, acl, "parents have the list of the znode");
}

#[test]
fn what_is_there_stays_as_it_is() {
    let mut f = Fixture::new();
    f.create("/a").unwrap();
    f.set("/a", "other").unwrap();
    let before = f.stat("/a");
    for parents in [false, true] {
        let outcome = ensure(&mut f, "/a", parents);
        assert_eq!(outcome.result, Ok(Reply::Ensured { created: false, stat: before }));
        assert_eq!(events(&outcome), []);
    }
    let root = f.stat("/");
    assert_eq!(ensure(&mut f, "/", false).result, Ok(Reply::Ensured { created: false, stat: root }));
}

#[test]
fn the_order_of_the_checks() {
    let mut f = Fixture::new();
    f.create_with_acl("/closed", &[Acl::anyone(Permissions(31 & !4))]).unwrap();
    f.create_with_acl("/hidden", &[Acl::anyone(Permissions(31 & !1))]).unwrap();
    f.create_mode("/e", CreateMode::Ephemeral).unwrap();
    for (path, parents, error) in [
        ("", true, ErrorCode::BadArguments),
        ("a", true, ErrorCode::BadArguments),
        ("/a/", true, ErrorCode::BadArguments),
        ("/a/../b", true, ErrorCode::BadArguments),
        ("/hidden", false, ErrorCode::NoAuth),
        ("/x/y", false, ErrorCode::NoNode),
        ("/closed/x/y", false, ErrorCode::NoNode),
        ("/closed/x", false, ErrorCode::NoAuth),
        ("/closed/x/y", true, ErrorCode::NoAuth),
        ("/e/x", false, ErrorCode::NoChildrenForEphemerals),
        ("/e/x/y", true, ErrorCode::NoChildrenForEphemerals),
    ] {
        let outcome = ensure(&mut f, path, parents);
        assert_eq!((outcome.result, outcome.triggers.len()), (Err(error), 0), "{path:?}");
    }
    let bad_acl = Ensure { acl: vec![], ..request("/closed", false) };
    assert_eq!(f.apply(Operation::Ensure(bad_acl)).result, Err(ErrorCode::InvalidAcl), "also if it is there");
}

#[test]
fn only_the_nearest_parent_must_permit_it() {
    let mut f = Fixture::new();
    let wanted = Ensure { acl: vec![Acl::anyone(Permissions::READ)], ..request("/a/b", true) };
    assert!(f.apply(Operation::Ensure(wanted)).result.is_ok());
    assert_eq!(ensure(&mut f, "/a/c", true).result, Err(ErrorCode::NoAuth));
}

#[test]
fn a_quota_in_the_way_of_the_last_leaves_none() {
    let mut f = Fixture::new();
    f.create("/q").unwrap();
    for (path, data) in [
        ("/zookeeper/quota/q", ""),
        ("/zookeeper/quota/q/zookeeper_limits", "countHardLimit=3"),
        ("/zookeeper/quota/q/zookeeper_stats", ""),
    ] {
        f.create(path).unwrap();
        f.set(path, data).unwrap();
    }
    f.delete("/zookeeper/quota/q/zookeeper_stats").unwrap();
    f.create("/zookeeper/quota/q/zookeeper_stats").unwrap();
    let outcome = ensure(&mut f, "/q/a/b/c", true);
    assert_eq!((outcome.result, outcome.triggers.len()), (Err(ErrorCode::QuotaExceeded), 0));
    assert!(outcome.is_over_quota);
    assert!(f.names("/q").is_empty());
    assert!(ensure(&mut f, "/q/a/b", true).result.is_ok());
}

#[test]
fn no_more_than_the_limit_is_created() {
    let mut f = Fixture::new();
    let limit = Extent { znodes: 2, ..Extent::MAX };
    let wanted = |path| Operation::Ensure(Ensure { limit, ..request(path, true) });
    assert_eq!(f.apply(wanted("/a/b/c")).result, Err(ErrorCode::TooManyZnodes));
    assert!(f.apply(wanted("/a/b")).result.is_ok());
    assert!(f.apply(wanted("/a/b/c/d")).result.is_ok(), "what is there does not count");
}
