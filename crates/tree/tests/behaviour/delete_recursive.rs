//! Delete with all that is below.

use tree::{
    Acl, CreateMode, DeleteRecursive, ErrorCode, Extent, Operation, Outcome, Permissions, Reply, Ttl,
};

use crate::fixture::{Fixture, events};

fn delete(f: &mut Fixture, path: &str, version: i32) -> Outcome {
    delete_within(f, path, version, Extent::MAX)
}

fn delete_within(f: &mut Fixture, path: &str, version: i32, limit: Extent) -> Outcome {
    f.apply(Operation::DeleteRecursive(DeleteRecursive { path: path.into(), version, limit }))
}

fn plant(f: &mut Fixture) {
    let ttl = CreateMode::PersistentTtl(Ttl::from_ms(5).unwrap());
    f.create("/a").unwrap();
    f.create_mode("/a/c", CreateMode::Container).unwrap();
    f.create_mode("/a/c/e", CreateMode::Ephemeral).unwrap();
    f.create_mode("/a/c/t", ttl).unwrap();
    f.create("/a/b").unwrap();
    f.create("/ab").unwrap();
}

#[test]
fn all_goes_in_one_transaction_leaves_first_with_every_event() {
    let mut f = Fixture::new();
    plant(&mut f);
    let before = f.last_zxid();
    let outcome = delete(&mut f, "/a", 0);
    assert_eq!(outcome.result, Ok(Reply::DeletedAll { znodes: 5 }));
    assert_eq!(outcome.zxid.0, before.0 + 1);
    let expected = [
        (2, "/a/b"),
        (4, "/a"),
        (2, "/a/c/e"),
        (4, "/a/c"),
        (2, "/a/c/t"),
        (4, "/a/c"),
        (2, "/a/c"),
        (4, "/a"),
        (2, "/a"),
        (4, "/"),
    ];
    assert_eq!(events(&outcome), expected.map(|(kind, path)| (kind, path.to_owned())));
    assert_eq!(f.names("/"), ["ab", "zookeeper"]);
    assert_eq!(f.stat("/").pzxid, outcome.zxid);
    assert!(f.tree.ephemerals(f.session, "").is_empty());
    assert!(f.tree.reapable(i64::MAX, None, 10).0.is_empty());
    assert_eq!((f.tree.counters().nodes, f.tree.counters().ephemerals), (5, 0));
}

#[test]
fn the_order_of_the_checks() {
    let mut f = Fixture::new();
    plant(&mut f);
    f.create_with_acl("/closed", &[Acl::anyone(Permissions(31 & !8))]).unwrap();
    f.create("/closed/c").unwrap();
    f.create("/open").unwrap();
    f.create_with_acl("/open/closed", &[Acl::anyone(Permissions(31 & !8))]).unwrap();
    f.create("/open/closed/x").unwrap();
    f.create("/open/a").unwrap();
    let before = f.tree.counters();
    for (path, version, znodes, error) in [
        ("", -1, 9, ErrorCode::BadArguments),
        ("a", -1, 9, ErrorCode::BadArguments),
        ("/", -1, 9, ErrorCode::BadArguments),
        ("/zookeeper", -1, 9, ErrorCode::BadArguments),
        ("/zookeeper/quota/any", -1, 9, ErrorCode::BadArguments),
        ("/q/x", -1, 9, ErrorCode::NoNode),
        ("/closed/missing", -1, 9, ErrorCode::NoAuth),
        ("/a/", -1, 9, ErrorCode::NoNode),
        ("//a", -1, 9, ErrorCode::NoNode),
        ("/a", 7, 0, ErrorCode::BadVersion),
        ("/open", 0, 3, ErrorCode::TooManyZnodes),
        ("/open", 0, 4, ErrorCode::NoAuth),
    ] {
        let outcome = delete_within(&mut f, path, version, Extent { znodes, ..Extent::MAX });
        assert_eq!((outcome.result, outcome.triggers.len()), (Err(error), 0), "{path:?}");
    }
    assert_eq!(f.tree.counters(), before, "nothing was deleted");
}

#[test]
fn a_childless_znode_needs_no_permission_of_its_own() {
    let mut f = Fixture::new();
    f.create("/p").unwrap();
    f.create_with_acl("/p/locked", &[Acl::anyone(Permissions(0))]).unwrap();
    assert_eq!(delete(&mut f, "/p", -1).result, Ok(Reply::DeletedAll { znodes: 2 }));
}

#[test]
fn both_limits_include_what_they_name() {
    let mut f = Fixture::new();
    plant(&mut f);
    // "/a", "/a/b", "/a/c", "/a/c/e", "/a/c/t"
    let (znodes, path_bytes) = (5, 2 + 4 + 4 + 6 + 6);
    for limit in [Extent { znodes: 4, path_bytes }, Extent { znodes, path_bytes: path_bytes - 1 }] {
        assert_eq!(delete_within(&mut f, "/a", -1, limit).result, Err(ErrorCode::TooManyZnodes));
    }
    let exact = delete_within(&mut f, "/a", -1, Extent { znodes, path_bytes });
    assert_eq!(exact.result, Ok(Reply::DeletedAll { znodes }));
}
