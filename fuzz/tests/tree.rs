//! Decoders of what the control plane keeps: commands in the log, chunks of a snapshot.
//!
//! Both come from this cluster's own disks and nodes, behind checksums; still no bytes may panic a node.

use bolero::check;
use bytes::{Bytes, BytesMut};
use tree::{ChunkLimits, Command, Restore, Tree};

#[test]
fn commands() {
    check!().for_each(|input: &[u8]| {
        let Ok(command) = Command::decode(Bytes::copy_from_slice(input)) else { return };
        let mut bytes = BytesMut::new();
        command.encode(&mut bytes);
        assert_eq!(Command::decode(bytes.freeze()).ok(), Some(command));
    });
}

/// A command that decodes can be applied, whatever it asks.
#[test]
fn commands_apply() {
    check!().for_each(|input: &[u8]| {
        let Ok(command) = Command::decode(Bytes::copy_from_slice(input)) else { return };
        let mut tree = Tree::new();
        let _ = tree.apply(&command, 0);
        let _ = tree.digest();
    });
}

#[test]
fn snapshot_chunks() {
    check!().for_each(|input: &[u8]| {
        let mut restore = Restore::new();
        if restore.push(Bytes::copy_from_slice(input)).is_ok() {
            let _ = restore.finish();
        }
    });
}

/// A real snapshot with one byte changed: an error, or a tree that works.
#[test]
fn damaged_snapshots() {
    let mut tree = Tree::new();
    tree.begin_snapshot(ChunkLimits::default()).expect("no other snapshot is being taken");
    let chunk = tree.next_snapshot_chunk().expect("a snapshot has a chunk").encode();
    check!().with_type::<(usize, u8)>().for_each(|(position, change)| {
        let mut bytes = chunk.to_vec();
        let position = position % bytes.len();
        bytes[position] ^= change;
        let mut restore = Restore::new();
        if restore.push(Bytes::from(bytes)).is_ok()
            && let Ok(restored) = restore.finish()
        {
            assert!(restored.stat_unchecked("/").is_some(), "every tree has a root");
            let _ = restored.digest();
        }
    });
}
