//! Set data and set ACL.

use bytes::Bytes;
use tree::{Acl, DATA_BYTES_MAX, ErrorCode, Operation, Permissions, Reply, SetAcl, SetData, Stat};

use crate::fixture::{Fixture, events, open, set};

#[test]
fn setting_data_changes_version_mzxid_and_mtime_only() {
    let mut f = Fixture::new();
    f.create("/a").unwrap();
    let before = f.stat("/a");
    f.now_ms = 2_000;
    let outcome = f.apply(Operation::SetData(set("/a", "longer", 0)));
    let expected = Stat { version: 1, mzxid: outcome.zxid, mtime: 2_000, data_length: 6, ..before };
    assert_eq!(outcome.result, Ok(Reply::DataSet(expected)));
    assert_eq!(f.stat("/a"), expected);
    assert_eq!(events(&outcome), [(3, "/a".into())]);
}

#[test]
fn data_can_be_set_to_null() {
    let mut f = Fixture::new();
    f.create("/a").unwrap();
    f.apply(Operation::SetData(SetData { data: None, ..set("/a", "", -1) })).result.unwrap();
    assert_eq!(f.tree.data("/a", &[]).unwrap().data, None);
}

#[test]
fn the_order_of_the_checks_of_set_data() {
    let mut f = Fixture::new();
    f.create_with_acl("/closed", &[Acl::anyone(Permissions::READ)]).unwrap();
    f.create("/a").unwrap();
    for (path, version, error) in [
        ("", 0, ErrorCode::BadArguments),
        ("a", 0, ErrorCode::BadArguments),
        ("/a/", 0, ErrorCode::BadArguments),
        ("/missing", 0, ErrorCode::NoNode),
        ("/closed", 7, ErrorCode::NoAuth),
        ("/zookeeper/config", -1, ErrorCode::NoAuth),
        ("/a", 7, ErrorCode::BadVersion),
    ] {
        assert_eq!(f.apply(Operation::SetData(set(path, "x", version))).result, Err(error), "{path:?}");
    }
    let big = SetData { data: Some(Bytes::from(vec![0; DATA_BYTES_MAX + 1])), ..set("/a", "", -1) };
    assert_eq!(f.apply(Operation::SetData(big)).result, Err(ErrorCode::BadArguments));
    assert!(f.set("/", "root has data too").is_ok());
}

#[test]
fn setting_an_acl_changes_aversion_only_and_fires_nothing() {
    let mut f = Fixture::new();
    f.create("/a").unwrap();
    let before = f.stat("/a");
    f.now_ms = 2_000;
    let acl = vec![Acl::anyone(Permissions(17))];
    let outcome = f.apply(Operation::SetAcl(SetAcl { path: "/a".into(), acl: acl.clone(), version: 0 }));
    let expected = Stat { aversion: 1, ..before };
    assert_eq!(outcome.result, Ok(Reply::AclSet(expected)));
    assert_eq!((f.stat("/a"), events(&outcome)), (expected, vec![]));
    assert_eq!(f.tree.acl("/a", &[]).unwrap().0, acl);
}

#[test]
fn the_order_of_the_checks_of_set_acl() {
    let mut f = Fixture::new();
    f.create_with_acl("/closed", &[Acl::anyone(Permissions(31 & !16))]).unwrap();
    f.create("/a").unwrap();
    f.set("/a", "x").unwrap();
    for (path, acl, version, error) in [
        ("a", vec![], 0, ErrorCode::BadArguments),
        ("/missing", vec![], 0, ErrorCode::InvalidAcl),
        ("/missing", open(), 0, ErrorCode::NoNode),
        ("/closed", open(), 7, ErrorCode::NoAuth),
        ("/a", open(), 1, ErrorCode::BadVersion),
    ] {
        assert_eq!(f.set_acl(path, &acl, version), Err(error), "{path:?}");
    }
    assert!(f.set_acl("/a", &open(), 0).is_ok(), "compared with the ACL's version, not the data's");
}
