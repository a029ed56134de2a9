//! Create: order of checks, stat, sequence numbers.

use bytes::Bytes;
use tree::{
    Acl, Create, CreateMode, DATA_BYTES_MAX, ErrorCode, Identity, Operation, Permissions, Reply, SessionId,
    Stat,
};

use crate::fixture::{Fixture, create, created, events};

#[test]
fn a_fresh_tree_has_the_system_nodes_of_a_real_server() {
    let tree = tree::Tree::new();
    let root = tree.exists("/", &[]).unwrap();
    assert_eq!(root, Stat { cversion: -1, num_children: 1, ..Stat::default() });
    let system = tree.exists("/zookeeper", &[]).unwrap();
    assert_eq!(system, Stat { cversion: -2, num_children: 2, ..Stat::default() });
    assert_eq!(tree.exists("/zookeeper/quota", &[]).unwrap(), Stat::default());
    let config = tree.exists("/zookeeper/config", &[]).unwrap();
    assert_eq!(config, Stat { version: -1, aversion: -1, ..Stat::default() });
    assert_eq!(tree.acl("/", &[]).unwrap().0, [Acl::anyone(Permissions::ALL)]);
    assert_eq!(tree.acl("/zookeeper/config", &[]).unwrap().0, [Acl::anyone(Permissions::READ)]);
    assert_eq!(tree.data("/", &[]).unwrap().data.map(|data| data.len()), Some(0), "empty, not null");
    assert_eq!((tree.counters().nodes, tree.counters().data_bytes), (4, 44));
}

#[test]
fn a_created_node_carries_its_transaction() {
    let mut f = Fixture::new();
    let outcome = f.apply(Operation::Create(Create { want_stat: true, ..create("/a") }));
    let expected = Stat {
        czxid: outcome.zxid,
        mzxid: outcome.zxid,
        pzxid: outcome.zxid,
        ctime: 1_000,
        mtime: 1_000,
        data_length: 4,
        ..Stat::default()
    };
    assert_eq!(outcome.result, Ok(Reply::Created { path: "/a".into(), stat: Some(expected) }));
    assert_eq!(f.stat("/a"), expected);
    assert_eq!(outcome.zxid.0, 1 << 32 | 2);
    assert_eq!(f.stat("/").pzxid, outcome.zxid);
    assert_eq!(f.stat("/").cversion, 0);
}

#[test]
fn a_create_fires_created_then_children_changed() {
    let mut f = Fixture::new();
    let outcome = f.apply(Operation::Create(create("/a")));
    assert_eq!(events(&outcome), [(1, "/a".into()), (4, "/".into())]);
    let outcome = f.apply(Operation::Create(create("/a/b")));
    assert_eq!(events(&outcome), [(1, "/a/b".into()), (4, "/a".into())]);
}

#[test]
fn a_failed_create_fires_nothing_but_burns_a_zxid() {
    let mut f = Fixture::new();
    let before = f.last_zxid();
    let outcome = f.apply(Operation::Create(create("/a/b")));
    assert_eq!(outcome.result, Err(ErrorCode::NoNode));
    assert_eq!((outcome.zxid.0, outcome.triggers.len()), (before.0 + 1, 0));
}

#[test]
fn paths_are_refused_in_the_order_of_the_checks() {
    let mut f = Fixture::new();
    f.create("/p").unwrap();
    f.create_mode("/e", CreateMode::Ephemeral).unwrap();
    for (path, error) in [
        ("", ErrorCode::BadArguments),
        ("p", ErrorCode::BadArguments),
        ("/p\0", ErrorCode::BadArguments),
        ("p/x", ErrorCode::NoNode),
        ("/q/./a", ErrorCode::NoNode),
        ("/p/./a", ErrorCode::NoNode),
        ("/p//a", ErrorCode::NoNode),
        ("/q/", ErrorCode::NoNode),
        ("/p/", ErrorCode::BadArguments),
        ("/p/..", ErrorCode::BadArguments),
        ("/p/.", ErrorCode::BadArguments),
        ("//p", ErrorCode::BadArguments),
        ("//", ErrorCode::BadArguments),
        ("/p/\u{1}", ErrorCode::BadArguments),
        ("/p/\u{1f600}", ErrorCode::BadArguments),
        ("/", ErrorCode::NodeExists),
        ("/p", ErrorCode::NodeExists),
        ("/zookeeper", ErrorCode::NodeExists),
        ("/e/x", ErrorCode::NoChildrenForEphemerals),
        ("/e/..", ErrorCode::BadArguments),
    ] {
        assert_eq!(f.create(path), Err(error), "{path:?}");
    }
}

#[test]
fn a_bad_acl_is_told_before_a_missing_parent() {
    let mut f = Fixture::new();
    assert_eq!(f.create_with_acl("/q/x", &[]), Err(ErrorCode::InvalidAcl));
    assert_eq!(f.create_with_acl("nope", &[]), Err(ErrorCode::BadArguments));
}

#[test]
fn a_missing_permission_is_told_before_a_bad_name() {
    let mut f = Fixture::new();
    f.create_with_acl("/closed", &[Acl::anyone(Permissions::READ)]).unwrap();
    assert_eq!(f.create("/closed/.."), Err(ErrorCode::NoAuth));
    f.identities.push(Identity::super_user());
    assert_eq!(f.create("/closed/.."), Err(ErrorCode::BadArguments));
}

#[test]
fn nodes_may_be_made_under_the_system_nodes() {
    let mut f = Fixture::new();
    f.create("/zookeeper/x").unwrap();
    f.delete("/zookeeper/x").unwrap();
}

#[test]
fn data_is_limited_to_a_mebibyte() {
    let mut f = Fixture::new();
    let with = |size: usize| Create { data: Some(Bytes::from(vec![0; size])), ..create("/big") };
    let too_big = f.apply(Operation::Create(with(DATA_BYTES_MAX + 1)));
    assert_eq!(too_big.result, Err(ErrorCode::BadArguments));
    assert_eq!(created(f.apply(Operation::Create(with(DATA_BYTES_MAX))).result), Ok("/big".into()));
}

#[test]
fn null_data_is_distinct_from_empty_data() {
    let mut f = Fixture::new();
    f.apply(Operation::Create(Create { data: None, ..create("/null") })).result.unwrap();
    f.apply(Operation::Create(Create { data: Some(Bytes::new()), ..create("/empty") })).result.unwrap();
    assert_eq!(f.tree.data("/null", &[]).unwrap().data, None);
    assert_eq!(f.tree.data("/empty", &[]).unwrap().data.map(|data| data.len()), Some(0));
    assert_eq!((f.stat("/null").data_length, f.stat("/empty").data_length), (0, 0));
}

#[test]
fn sequence_numbers_count_the_children_ever_created() {
    let mut f = Fixture::new();
    f.create("/q").unwrap();
    let mut next = || f.create_mode("/q/a-", CreateMode::PersistentSequential).unwrap();
    assert_eq!([next(), next()], ["/q/a-0000000000", "/q/a-0000000001"]);
    f.delete("/q/a-0000000000").unwrap();
    let name = f.create_mode("/q/b-", CreateMode::EphemeralSequential).unwrap();
    assert_eq!(name, "/q/b-0000000002", "a delete does not count");
    f.create("/q/plain").unwrap();
    f.create("/q/plain").unwrap_err();
    let name = f.create_mode("/q/a-", CreateMode::PersistentSequential).unwrap();
    assert_eq!(name, "/q/a-0000000004", "a plain create counts, a failed one does not");
}

#[test]
fn the_final_name_of_a_sequential_node_is_checked() {
    let mut f = Fixture::new();
    f.create("/s").unwrap();
    let name = f.create_mode("/s/", CreateMode::PersistentSequential).unwrap();
    assert_eq!(name, "/s/0000000000");
    let name = f.create_mode("/s/..", CreateMode::PersistentSequential).unwrap();
    assert_eq!(name, "/s/..0000000001");
    assert_eq!(f.create_mode("/", CreateMode::PersistentSequential).unwrap(), "/0000000001");
    assert_eq!(f.create_mode("/s/\u{1}", CreateMode::PersistentSequential), Err(ErrorCode::BadArguments));
}

#[test]
fn visible_cversion_rises_on_create_and_delete_alike() {
    let mut f = Fixture::new();
    f.create("/p").unwrap();
    let mut seen = vec![f.stat("/p").cversion];
    for step in ["+a", "+b", "-a", "+a", "-b", "-a"] {
        let path = format!("/p/{}", &step[1..]);
        if step.starts_with('+') {
            f.create(&path).unwrap();
        } else {
            f.delete(&path).unwrap();
        }
        seen.push(f.stat("/p").cversion);
    }
    assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_grandchild_changes_nothing() {
    let mut f = Fixture::new();
    f.create("/p").unwrap();
    f.create("/p/c").unwrap();
    let before = f.stat("/p");
    f.create("/p/c/g").unwrap();
    f.delete("/p/c/g").unwrap();
    assert_eq!(f.stat("/p"), before);
}

#[test]
fn an_ephemeral_shows_its_session_and_needs_one() {
    let mut f = Fixture::new();
    f.create_mode("/e", CreateMode::Ephemeral).unwrap();
    assert_eq!(f.stat("/e").ephemeral_owner, f.session.0);
    f.session = SessionId::NONE;
    assert_eq!(f.create_mode("/f", CreateMode::Ephemeral), Err(ErrorCode::SessionExpired));
    assert_eq!(f.create("/f"), Ok("/f".into()));
}

#[test]
fn time_never_goes_back() {
    let mut f = Fixture::new();
    f.now_ms = 5_000;
    f.create("/a").unwrap();
    f.now_ms = 3_000;
    f.create("/b").unwrap();
    assert_eq!(f.stat("/b").ctime, 5_000);
    assert_eq!(f.tree.time_ms(), 5_000);
}

#[test]
fn an_epoch_begins_with_the_first_transaction() {
    let mut f = Fixture::new();
    f.tree.begin_epoch();
    f.create("/a").unwrap();
    let zxid = f.last_zxid();
    assert_eq!((zxid.epoch(), zxid.counter(), zxid.to_string()), (2, 1, "0x200000001".to_owned()));
}
