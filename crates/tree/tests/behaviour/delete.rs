//! Delete.

use tree::{Acl, CreateMode, ErrorCode, Operation, Permissions};

use crate::fixture::{Fixture, delete, events};

#[test]
fn a_delete_moves_pzxid_of_the_parent_and_fires_deleted_then_children_changed() {
    let mut f = Fixture::new();
    f.create("/p").unwrap();
    f.create("/p/c").unwrap();
    let outcome = f.apply(Operation::Delete(delete("/p/c", 0)));
    assert_eq!(events(&outcome), [(2, "/p/c".into()), (4, "/p".into())]);
    assert_eq!(f.stat("/p").pzxid, outcome.zxid);
    assert!(f.stat("/p").mzxid < outcome.zxid);
    assert!(!f.exists("/p/c"));
}

#[test]
fn the_order_of_the_checks() {
    let mut f = Fixture::new();
    f.create("/p").unwrap();
    f.create("/p/c").unwrap();
    f.create_with_acl("/closed", &[Acl::anyone(Permissions(31 & !8))]).unwrap();
    f.create("/closed/c").unwrap();
    for (path, version, error) in [
        ("", -1, ErrorCode::BadArguments),
        ("p", -1, ErrorCode::BadArguments),
        ("/p\0", -1, ErrorCode::BadArguments),
        ("/", -1, ErrorCode::BadArguments),
        ("/zookeeper", -1, ErrorCode::BadArguments),
        ("/zookeeper/quota", -1, ErrorCode::BadArguments),
        ("/zookeeper/config", -1, ErrorCode::BadArguments),
        ("/q/x", -1, ErrorCode::NoNode),
        ("x/y", -1, ErrorCode::NoNode),
        ("/closed/missing", -1, ErrorCode::NoAuth),
        ("/closed/c", 7, ErrorCode::NoAuth),
        ("/p/", -1, ErrorCode::NoNode),
        ("//p", -1, ErrorCode::NoNode),
        ("/p/..", -1, ErrorCode::NoNode),
        ("/p", 7, ErrorCode::BadVersion),
        ("/p", 0, ErrorCode::NotEmpty),
    ] {
        let outcome = f.apply(Operation::Delete(delete(path, version)));
        assert_eq!(outcome.result, Err(error), "{path:?}");
        assert_eq!(events(&outcome), []);
    }
}

#[test]
fn the_acl_of_the_node_itself_does_not_matter() {
    let mut f = Fixture::new();
    f.create_with_acl("/locked", &[Acl::anyone(Permissions(0))]).unwrap();
    f.delete("/locked").unwrap();
}

#[test]
fn the_trigger_carries_the_acl_of_the_deleted_node_and_of_the_parent() {
    let mut f = Fixture::new();
    f.create_with_acl("/p", &[Acl::anyone(Permissions(12))]).unwrap();
    f.create_with_acl("/p/c", &[Acl::anyone(Permissions(1))]).unwrap();
    let outcome = f.apply(Operation::Delete(delete("/p/c", -1)));
    let permissions: Vec<_> = outcome.triggers.iter().map(|t| t.acl.entries()[0].permissions.0).collect();
    assert_eq!(permissions, [1, 12]);
}

#[test]
fn a_deleted_ephemeral_leaves_its_session() {
    let mut f = Fixture::new();
    f.create_mode("/e", CreateMode::Ephemeral).unwrap();
    f.delete("/e").unwrap();
    assert_eq!(f.tree.ephemerals(f.session, ""), Vec::<String>::new());
    assert_eq!(f.tree.counters().ephemerals, 0);
}

#[test]
fn a_path_can_be_used_again() {
    let mut f = Fixture::new();
    f.create("/a").unwrap();
    f.set("/a", "x").unwrap();
    f.delete("/a").unwrap();
    f.create("/a").unwrap();
    assert_eq!(f.stat("/a").version, 0);
}
