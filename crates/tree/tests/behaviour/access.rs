//! What checks which permission.

use tree::{Acl, ErrorCode, Identity, Permissions, SubOperation};

use crate::fixture::{Fixture, check};

fn digest(user: &str) -> Identity {
    Identity::new("digest", format!("{user}:hash"))
}

/// A node on which only bob has `permissions`, seen by bob.
fn as_bob(permissions: Permissions) -> Fixture {
    let mut f = Fixture::new();
    f.create_with_acl("/n", &[Acl::new(permissions, digest("bob"))]).unwrap();
    f.identities.push(Identity::super_user());
    f.create("/n/child").unwrap();
    f.identities.pop();
    f.identities.push(digest("bob"));
    f
}

#[test]
fn each_operation_needs_its_permission() {
    type Attempt = fn(&mut Fixture) -> bool;
    let attempts: [(&str, i32, Attempt); 8] = [
        ("exists", 1, |f| f.tree.exists("/n", &f.identities).is_ok()),
        ("data", 1, |f| f.tree.data("/n", &f.identities).is_ok()),
        ("children", 1, |f| f.tree.children("/n", &f.identities).is_ok()),
        ("descendants", 1, |f| f.tree.descendants("/n", &f.identities).is_ok()),
        ("set data", 2, |f| f.set("/n", "x").is_ok()),
        ("create", 4, |f| f.create("/n/new").is_ok()),
        ("delete", 8, |f| f.delete("/n/child").is_ok()),
        ("set ACL", 16, |f| f.set_acl("/n", &[Acl::anyone(Permissions::ALL)], -1).is_ok()),
    ];
    for (name, needed, attempt) in attempts {
        for bit in [1, 2, 4, 8, 16] {
            assert_eq!(attempt(&mut as_bob(Permissions(bit))), bit == needed, "{name} with {bit}");
        }
    }
}

#[test]
fn a_check_needs_read() {
    let failed = |f: &mut Fixture| {
        let result = f.multi(vec![SubOperation::Check(check("/n", -1))]).result;
        matches!(result, Ok(tree::Reply::Multi(Err(failure))) if failure.error == ErrorCode::NoAuth)
    };
    assert!(!failed(&mut as_bob(Permissions::READ)));
    assert!(failed(&mut as_bob(Permissions(30))));
}

#[test]
fn existence_is_told_before_permission() {
    let f = as_bob(Permissions(0));
    assert_eq!(f.tree.exists("/n", &[]), Err(ErrorCode::NoAuth));
    assert_eq!(f.tree.exists("/n/missing", &[]), Err(ErrorCode::NoNode));
}

#[test]
fn the_acl_is_shown_to_readers_without_password_hashes() {
    let shown = |bit| {
        as_bob(Permissions(bit)).tree.acl("/n", &[digest("bob")]).map(|(acl, _)| acl[0].identity.clone())
    };
    assert_eq!(shown(1), Ok(Identity::new("digest", "bob:x")));
    assert_eq!(shown(16), Ok(digest("bob")));
    assert_eq!(shown(2), Err(ErrorCode::NoAuth));
}

#[test]
fn an_acl_is_not_inherited() {
    let f = as_bob(Permissions(0));
    assert!(f.tree.data("/n/child", &[]).is_ok());
}

#[test]
fn auth_stands_for_the_identities_of_the_creator() {
    let mut f = Fixture::new();
    let auth = [Acl::new(Permissions::ALL, Identity::new("auth", ""))];
    assert_eq!(f.create_with_acl("/n", &auth), Err(ErrorCode::InvalidAcl));
    f.identities.push(digest("bob"));
    f.create_with_acl("/n", &auth).unwrap();
    assert!(f.tree.data("/n", &[digest("bob")]).is_ok());
    assert_eq!(f.tree.data("/n", &[digest("eve")]).map(|_| ()), Err(ErrorCode::NoAuth));
}

#[test]
fn the_super_user_may_everything() {
    let mut f = as_bob(Permissions(0));
    f.identities = vec![Identity::super_user()];
    assert!(f.create("/n/x").is_ok() && f.set("/n", "x").is_ok() && f.set("/zookeeper/config", "x").is_ok());
}

#[test]
fn an_acl_keeps_no_buffer_of_its_command_alive() {
    let mut f = Fixture::new();
    let buffer = bytes::Bytes::from("digest bob:hash and a long tail of an entry".to_owned());
    let slice = |range| tree::Text::from_utf8(buffer.slice(range)).unwrap();
    let identity = Identity { scheme: slice(0..6), id: slice(7..15) };
    f.create_with_acl("/n", &[Acl::new(Permissions::ALL, identity)]).unwrap();
    assert!(buffer.is_unique());
}
