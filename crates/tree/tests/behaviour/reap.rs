//! Containers and times to live.

use tree::{CreateMode, ErrorCode, Operation, Reply, Ttl};

use crate::fixture::Fixture;

fn reap(tree: &mut Fixture, path: &str) -> Result<Reply, ErrorCode> {
    tree.apply(Operation::Reap { path: path.into() }).result
}

fn ttl(ms: u64) -> CreateMode {
    CreateMode::PersistentTtl(Ttl::from_ms(ms).unwrap())
}

#[test]
fn a_container_is_reaped_when_its_last_child_has_gone_and_not_before_its_first_has_come() {
    let mut tree = Fixture::new();
    tree.create_mode("/c", CreateMode::Container).unwrap();
    assert_eq!(reap(&mut tree, "/c"), Err(ErrorCode::NotEmpty), "it waits for its first child");
    tree.create("/c/a").unwrap();
    assert_eq!(reap(&mut tree, "/c"), Err(ErrorCode::NotEmpty));
    tree.delete("/c/a").unwrap();
    let before = tree.last_zxid().0;
    assert_eq!(reap(&mut tree, "/c"), Ok(Reply::Deleted));
    assert_eq!(tree.last_zxid().0, before + 1);
    assert!(!tree.exists("/c"));
    assert_eq!(reap(&mut tree, "/c"), Err(ErrorCode::NoNode));
    assert_eq!(tree.last_zxid().0, before + 1, "what comes too late burns nothing");
}

#[test]
fn a_znode_is_reaped_when_its_data_was_not_set_for_its_time() {
    let mut tree = Fixture::new();
    tree.create_mode("/t", ttl(500)).unwrap();
    tree.now_ms += 500;
    assert_eq!(reap(&mut tree, "/t"), Err(ErrorCode::NotEmpty));
    tree.set("/t", "new").unwrap();
    tree.now_ms += 500;
    assert_eq!(reap(&mut tree, "/t"), Err(ErrorCode::NotEmpty), "setting it began its time anew");
    tree.now_ms += 1;
    tree.create("/t/child").unwrap();
    assert_eq!(reap(&mut tree, "/t"), Err(ErrorCode::NotEmpty), "children keep it");
    tree.delete("/t/child").unwrap();
    assert_eq!(reap(&mut tree, "/t"), Ok(Reply::Deleted));
}

#[test]
fn others_are_never_reaped_and_clients_see_no_owner() {
    let mut tree = Fixture::new();
    for (path, mode) in [
        ("/p", CreateMode::Persistent),
        ("/e", CreateMode::Ephemeral),
        ("/c", CreateMode::Container),
        ("/t", ttl(1)),
    ] {
        tree.create_mode(path, mode).unwrap();
    }
    let session = tree.session.0;
    assert_eq!(["/p", "/e", "/c", "/t"].map(|path| tree.stat(path).ephemeral_owner), [0, session, 0, 0]);
    tree.now_ms += 1_000_000;
    assert_eq!(reap(&mut tree, "/p"), Err(ErrorCode::NotEmpty));
    assert_eq!(reap(&mut tree, "/e"), Err(ErrorCode::NotEmpty));
    assert_eq!(reap(&mut tree, "/"), Err(ErrorCode::NotEmpty));
    assert_eq!(tree.tree.reapable(tree.now_ms, None, 100).0, ["/t"]);
}

#[test]
fn candidates_can_be_walked_in_steps() {
    let mut tree = Fixture::new();
    for number in 0..25 {
        tree.create_mode(&format!("/t{number:02}"), ttl(1)).unwrap();
    }
    tree.now_ms += 10;
    let (mut found, mut cursor, mut steps) = (Vec::new(), None, 0);
    loop {
        let (paths, next) = tree.tree.reapable(tree.now_ms, cursor, 10);
        found.extend(paths.iter().map(|path| path.as_str().to_owned()));
        cursor = next;
        if cursor.is_none() {
            break;
        }
        steps += 1;
    }
    assert_eq!((found.len(), steps), (25, 3));
}

#[test]
fn times_to_live_have_bounds() {
    assert_eq!(Ttl::from_ms(0), None);
    assert_eq!(Ttl::from_ms(1).map(Ttl::ms), Some(1));
    assert_eq!(Ttl::from_ms((1 << 40) - 1).map(Ttl::ms), Some((1 << 40) - 1));
    assert_eq!(Ttl::from_ms(1 << 40), None);
}
