//! Snapshots: bounded chunks, a frozen view, restores that trust nothing.

use bytes::Bytes;
use proptest::prelude::*;
use tree::{
    ChunkLimits, Create, CreateMode, DATA_BYTES_MAX, Operation, RestoreError, SnapshotInProgress, Tree,
};

use crate::fixture::{Fixture, create, finish_snapshot, restore, snapshot};

const SMALL: ChunkLimits = ChunkLimits { records: 3, bytes: 64 };

/// A tree with holes in its slots, sessions, ephemerals, several ACLs, null, empty and large data.
fn varied() -> Fixture {
    let mut f = Fixture::new();
    f.create("/p").unwrap();
    for n in 0..20 {
        f.create_with_acl(&format!("/p/n{n}"), &[tree::Acl::anyone(tree::Permissions(1 + n % 7))]).unwrap();
    }
    for n in (0..20).step_by(3) {
        f.delete(&format!("/p/n{n}")).unwrap();
    }
    f.create_mode("/p/e", CreateMode::Ephemeral).unwrap();
    f.create_session();
    f.apply(Operation::Create(Create { data: None, ..create("/null") })).result.unwrap();
    f.apply(Operation::Create(Create { data: Some(Bytes::new()), ..create("/empty") })).result.unwrap();
    f.apply(Operation::Create(Create { data: Some(vec![7; 1_000].into()), ..create("/large") }))
        .result
        .unwrap();
    f
}

#[test]
fn a_restored_tree_equals_the_original() {
    let mut f = varied();
    for limits in [ChunkLimits::default(), SMALL] {
        let chunks = snapshot(&mut f.tree, limits);
        let mut restored = restore(&chunks).unwrap();
        assert_eq!(restored.digest(), f.tree.digest());
        assert_eq!(restored.counters(), f.tree.counters());
        assert_eq!(restored.zxid(), f.tree.zxid());
        assert_eq!(snapshot(&mut restored, limits), chunks);
    }
}

#[test]
fn a_snapshot_shows_the_tree_as_it_was_when_it_began() {
    let mut f = varied();
    f.identities.push(tree::Identity::super_user());
    let frozen = f.tree.digest();
    f.tree.begin_snapshot(SMALL).unwrap();
    let mut chunks = vec![f.tree.next_snapshot_chunk().unwrap().encode()];
    f.set("/p/n1", "changed").unwrap();
    f.delete("/p/n2").unwrap();
    f.create("/p/n0").unwrap();
    f.set_acl("/p/n4", &crate::fixture::open(), -1).unwrap();
    f.apply(Operation::CloseSession).result.unwrap();
    chunks.extend(finish_snapshot(&mut f.tree));
    assert_eq!(restore(&chunks).unwrap().digest(), frozen);
    assert_ne!(f.tree.digest(), frozen);
}

#[test]
fn one_snapshot_at_a_time() {
    let mut f = varied();
    f.tree.begin_snapshot(SMALL).unwrap();
    assert_eq!(f.tree.begin_snapshot(SMALL), Err(SnapshotInProgress));
    drop(f.tree.cancel_snapshot());
    assert!(f.tree.next_snapshot_chunk().is_none());
    let chunks = snapshot(&mut f.tree, SMALL);
    assert!(f.tree.next_snapshot_chunk().is_none());
    assert_eq!(restore(&chunks).unwrap().digest(), f.tree.digest());
}

#[test]
fn chunks_are_bounded_whatever_the_tree_holds() {
    let mut f = Fixture::new();
    f.create("/p").unwrap();
    for n in 0..5_000 {
        f.create(&format!("/p/{n}")).unwrap();
    }
    let big = Some(Bytes::from(vec![1; DATA_BYTES_MAX]));
    f.apply(Operation::Create(Create { data: big, ..create("/big") })).result.unwrap();
    let chunks = snapshot(&mut f.tree, ChunkLimits::default());
    let largest = chunks.iter().map(Bytes::len).max().unwrap();
    assert!(chunks.len() >= 5_000 / 512 + 4, "{} chunks", chunks.len());
    assert!(largest <= 260 << 10, "{largest} bytes");
    assert_eq!(restore(&chunks).unwrap().digest(), f.tree.digest());
}

#[test]
fn a_restore_refuses_missing_repeated_and_reordered_chunks() {
    let chunks = snapshot(&mut varied().tree, SMALL);
    let last = chunks.len() - 1;
    assert!(matches!(restore(&chunks[1..]), Err(RestoreError::Order { found: 1, expected: 0 })));
    assert!(matches!(restore(&chunks[..last]), Err(RestoreError::Truncated { .. })));
    assert!(matches!(restore(&[]), Err(RestoreError::Truncated { chunks: 0 })));
    let mut repeated = chunks.clone();
    repeated.insert(2, chunks[1].clone());
    assert!(matches!(restore(&repeated), Err(RestoreError::Order { found: 1, expected: 2 })));
    let mut longer = chunks.clone();
    longer.push(chunks[last].clone());
    assert!(restore(&longer).is_err());
}

#[test]
fn a_newer_format_is_refused_by_name() {
    assert!(matches!(
        restore(&[Bytes::from_static(&[8, 2])]),
        Err(RestoreError::Format { found: 2, newest: 1 })
    ));
}

/// The same tree one chunk at a time, to damage.
fn damaged(f: &mut Fixture, at: prop::sample::Index, with: u8) -> (Vec<Bytes>, bool) {
    let mut chunks = snapshot(&mut f.tree, ChunkLimits { records: 10, bytes: 300 });
    let mut at = at.index(chunks.iter().map(Bytes::len).sum());
    for chunk in &mut chunks {
        if at < chunk.len() {
            let mut bytes = chunk.to_vec();
            let changed = bytes[at] != with;
            bytes[at] = with;
            *chunk = bytes.into();
            return (chunks, changed);
        }
        at -= chunk.len();
    }
    (chunks, false)
}

/// Walks everything that a reader or a command could reach.
fn exercise(tree: &mut Tree) {
    let again = snapshot(tree, SMALL);
    let restored = restore(&again).expect("a tree that was restored can be restored again");
    assert_eq!(restored.digest(), tree.digest());
    assert_eq!(restored.counters(), tree.counters());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn damage_gives_an_error_or_a_whole_tree(at in any::<prop::sample::Index>(), with: u8) {
        let (chunks, _) = damaged(&mut varied(), at, with);
        if let Ok(mut tree) = restore(&chunks) {
            exercise(&mut tree);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = restore(&[bytes.into()]);
    }
}
