//! Rules about counters that no test could reach by counting.

use crate::command::{Command, Create, CreateMode, Operation, SetData};
use crate::session::{Owner, SessionId};
use crate::store::ROOT;
use crate::{Acl, Permissions, Reply, Tree};

fn apply(tree: &mut Tree, operation: Operation) -> Reply {
    let command = Command {
        session: SessionId::NONE,
        origin: Owner::default(),
        identities: vec![],
        enforce_quotas: false,
        operation,
    };
    tree.apply(&command, 0).result.unwrap()
}

fn create_sequential(tree: &mut Tree) -> String {
    let create = Create {
        path: "/n".into(),
        data: None,
        acl: vec![Acl::anyone(Permissions::ALL)],
        mode: CreateMode::PersistentSequential,
        want_stat: false,
    };
    match apply(tree, Operation::Create(create)) {
        Reply::Created { path, .. } => path.to_string(),
        other => panic!("a create was answered with {other:?}"),
    }
}

#[test]
fn sequence_numbers_wrap_as_signed_numbers_of_ten_characters() {
    let mut tree = Tree::new();
    tree.store.node_mut(ROOT).children_created = i32::MAX;
    assert_eq!(create_sequential(&mut tree), "/n2147483647");
    assert_eq!(create_sequential(&mut tree), "/n-2147483648");
    tree.store.node_mut(ROOT).children_created = -5;
    assert_eq!(create_sequential(&mut tree), "/n-000000005");
}

#[test]
fn visible_cversion_wraps() {
    let mut tree = Tree::new();
    tree.store.node_mut(ROOT).children_created = 1 << 30;
    assert_eq!(tree.exists("/", &[]).unwrap().cversion, i32::MAX, "2^31 wraps to -2^31, less one child");
}

#[test]
fn a_version_may_wrap_and_even_become_the_one_that_matches_any() {
    let mut tree = Tree::new();
    let set = |version| Operation::SetData(SetData { path: "/".into(), data: None, version });
    for (before, after) in [(i32::MAX, i32::MIN), (-2, -1), (-1, 0)] {
        tree.store.node_mut(ROOT).version = before;
        let Reply::DataSet(stat) = apply(&mut tree, set(before)) else { panic!("not a set") };
        assert_eq!(stat.version, after);
    }
}
