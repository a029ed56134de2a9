//! Backups on a simulated disk: what is whole is read, and nothing else is.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use consensus::recovery::{self, Founder};
use consensus::{EntryId, NodeId};
use journal::Journal;
use runtime::disk::sim::{Crash, SimDisk};
use runtime::{Disk, OpenMode, Runtime, SeededEntropy, SystemClock, SystemNetwork, TokioPools};
use tree::{
    Acl, Command, Create, CreateMode, Operation, Owner, Password, Permissions, Reply, SessionId, Text, Tree,
};

use super::header::FORMAT;
use super::restore::Walked;
use super::*;
use crate::data_dir::DataDir;
use crate::node::CONTROL;

const HERE: Owner = Owner { node: 1, connection: 1 };
const LAST: EntryId = EntryId { term: 3, index: 70 };
const FILE: &str = "/backups/one";

/// Each draws other numbers: no two clusters have the same id.
fn runtime(disk: &SimDisk) -> Runtime {
    static SEED: AtomicU64 = AtomicU64::new(1);
    let handle = tokio::runtime::Handle::current();
    Runtime {
        network: Arc::new(SystemNetwork),
        disk: Arc::new(disk.clone()),
        clock: SystemClock::clock(),
        entropy: Arc::new(SeededEntropy::new(SEED.fetch_add(1, Ordering::Relaxed))),
        pools: Arc::new(TokioPools::new(handle.clone(), handle)),
    }
}

fn apply(tree: &mut Tree, session: SessionId, operation: Operation) -> Reply {
    let command = Command { session, origin: HERE, identities: Vec::new(), enforce_quotas: false, operation };
    tree.apply(&command, 1_000).result.unwrap()
}

/// Some znodes, the last of them an ephemeral.
fn planted(znodes: usize) -> Tree {
    let mut tree = Tree::new();
    tree.begin_epoch();
    let operation = Operation::CreateSession { timeout_ms: 4_000, password: Password([7; 16]) };
    let Reply::SessionCreated { session, .. } = apply(&mut tree, SessionId::NONE, operation) else {
        panic!("a session is created")
    };
    for number in 0..znodes {
        let is_last = number + 1 == znodes;
        let create = Create {
            path: Text::from(format!("/{number}")),
            data: Some(Bytes::from(number.to_string())),
            acl: vec![Acl::anyone(Permissions::ALL)],
            mode: if is_last { CreateMode::Ephemeral } else { CreateMode::Persistent },
            want_stat: false,
        };
        apply(&mut tree, session, Operation::Create(create));
    }
    tree
}

async fn write(disk: &SimDisk, path: &str, bytes: &[u8]) {
    let path = Path::new(path);
    disk.create_dir_all(path.parent().unwrap()).await.unwrap();
    if disk.open(path, OpenMode::Read).await.is_ok() {
        disk.remove(path).await.unwrap();
    }
    let file = disk.open(path, OpenMode::CreateNew).await.unwrap();
    file.write_at(0, vec![Bytes::copy_from_slice(bytes)]).await.unwrap();
}

async fn read(disk: &SimDisk, path: &Path) -> Vec<u8> {
    let file = disk.open(path, OpenMode::Read).await.unwrap();
    let length = file.len().await.unwrap();
    file.read_at(0, length as usize).await.unwrap().to_vec()
}

/// The bytes of a backup of a tree, and the tree's digest.
async fn backup_of(disk: &SimDisk, tree: Tree) -> (Vec<u8>, u64) {
    let runtime = runtime(disk);
    let digest = tree.digest();
    let zxid = tree.zxid();
    let journal =
        Journal::open(&runtime, Path::new("/old/journal"), journal::Config::default()).await.unwrap();
    let founder = Founder { node: NodeId(2), address: "old:1" };
    let snapshots = Path::new("/old/snapshots");
    let mut source = Walked::new(tree);
    let found = recovery::found_with(&runtime, &journal, snapshots, CONTROL, founder, LAST, &mut source);
    let cluster = found.await.unwrap();
    journal.close().await.unwrap();
    let kept = disk.list(&snapshots.join("group-0")).await.unwrap();
    let snapshot = read(disk, kept.last().unwrap()).await;
    let header = Header {
        format: FORMAT,
        version: "0".into(),
        cluster: cluster.to_string(),
        node: 2,
        zxid: zxid.to_string(),
        taken_at_ms: 5,
        term: LAST.term,
        index: LAST.index,
        snapshot_bytes: snapshot.len() as u64,
        shards: Vec::new(),
    };
    let mut bytes = [&header.head()[..], &snapshot].concat();
    bytes.extend(crc32c::crc32c(&bytes).to_be_bytes());
    (bytes, digest)
}

async fn open(disk: &SimDisk) -> Result<BackupFile, BackupError> {
    BackupFile::open(disk, Path::new(FILE)).await
}

fn target(data_dir: &str) -> Target<'_> {
    Target { data_dir: Path::new(data_dir), node: NodeId(5), peer: "new:1", epochs_skipped: 100 }
}

#[tokio::test]
async fn what_was_saved_is_read() {
    let disk = SimDisk::new(1);
    let (bytes, digest) = backup_of(&disk, planted(2_000)).await;
    write(&disk, FILE, &bytes).await;
    let backup = open(&disk).await.unwrap();
    let (tree, last) = backup.tree().await.unwrap();
    assert_eq!((tree.digest(), last), (digest, LAST));
    let contents = backup.contents().await.unwrap();
    assert_eq!(
        (contents.counters.nodes, contents.counters.ephemerals, contents.counters.sessions),
        (2_004, 1, 1)
    );
    assert_eq!(contents.members.iter().map(|member| member.node.0).collect::<Vec<_>>(), [2]);
    assert_eq!((backup.header().node, &backup.header().zxid), (2, &tree.zxid().to_string()));
}

#[tokio::test]
async fn a_cut_backup_is_refused_wherever_it_was_cut() {
    let disk = SimDisk::new(2);
    let (bytes, _) = backup_of(&disk, planted(3)).await;
    for length in 0..bytes.len() {
        write(&disk, FILE, &bytes[..length]).await;
        let error = open(&disk).await.err().unwrap_or_else(|| panic!("{length} bytes passed for all"));
        let text = error.to_string();
        assert!(
            text.contains("cut") || text.contains("ends in its header") || text.contains("begin"),
            "{text}"
        );
    }
    write(&disk, FILE, &[&bytes[..], b"x"].concat()).await;
    assert!(matches!(open(&disk).await, Err(BackupError::Length { .. })));
}

#[tokio::test]
async fn a_backup_with_another_bit_is_refused_whichever_it_is() {
    let disk = SimDisk::new(3);
    let (mut bytes, _) = backup_of(&disk, planted(3)).await;
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        write(&disk, FILE, &bytes).await;
        assert!(open(&disk).await.is_err(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    write(&disk, FILE, &bytes).await;
    assert!(open(&disk).await.is_ok());
}

#[tokio::test]
async fn newer_formats_and_other_files_are_named() {
    let disk = SimDisk::new(4);
    let (bytes, _) = backup_of(&disk, planted(1)).await;
    write(&disk, FILE, &bytes).await;
    let header = open(&disk).await.unwrap().header().clone();
    let newer = Header { format: FORMAT + 1, ..header }.head();
    write(&disk, FILE, &newer).await;
    assert!(matches!(open(&disk).await, Err(BackupError::TooNew { found: 3, .. })));
    write(&disk, FILE, b"{\"format\":\"quorate-tree\"}").await;
    assert!(matches!(open(&disk).await, Err(BackupError::Foreign { .. })));
}

#[tokio::test]
async fn a_restore_founds_another_cluster_once() {
    let disk = SimDisk::new(5);
    let (bytes, _) = backup_of(&disk, planted(10)).await;
    write(&disk, FILE, &bytes).await;
    let backup = open(&disk).await.unwrap();
    let runtime = runtime(&disk);
    let restored = restore(&runtime, &backup, target("/new")).await.unwrap();
    assert_ne!(restored.cluster.to_string(), backup.header().cluster);
    assert_eq!((restored.sessions_ended, restored.counters.nodes), (1, 13));
    assert!(restored.zxid.epoch() == 101);
    let remains = crate::recover::look(&runtime, Path::new("/new")).await.unwrap().control;
    assert_eq!((remains.node, remains.cluster), (NodeId(5), restored.cluster));
    assert!(remains.last > Some(LAST));
    let members = remains.members.unwrap();
    assert_eq!(
        members.iter().map(|member| (member.node, &*member.address)).collect::<Vec<_>>(),
        [(NodeId(5), "new:1")]
    );
    let again = restore(&runtime, &backup, target("/new")).await.unwrap_err().to_string();
    assert!(again.contains("used it already"), "{again}");
}

#[tokio::test]
async fn a_directory_that_was_restored_in_part_is_never_used() {
    let disk = SimDisk::new(6);
    let (bytes, _) = backup_of(&disk, planted(10)).await;
    write(&disk, FILE, &bytes).await;
    let before = disk.steps();
    let backup = open(&disk).await.unwrap();
    restore(&runtime(&disk), &backup, target("/new")).await.unwrap();
    let steps = disk.steps() - before;
    let (mut refused, mut done) = (0, 0);
    for step in 0..=steps {
        for crash in [Crash::Random, Crash::LoseUnsynced, Crash::KeepUnsynced] {
            match crashed_restore(&bytes, step, crash).await {
                true => done += 1,
                false => refused += 1,
            }
        }
    }
    assert!(refused > 5 && done > 0, "{refused} {done}");
}

/// Loses power after so many steps of a restore. Whether the directory is one of a node then, which must be whole.
async fn crashed_restore(bytes: &[u8], step: u64, crash: Crash) -> bool {
    let disk = SimDisk::new(step);
    write(&disk, FILE, bytes).await;
    let backup = open(&disk).await.unwrap();
    disk.stop_after(step);
    let is_restored = restore(&runtime(&disk), &backup, target("/new")).await.is_ok();
    let disk = disk.crash(crash);
    if DataDir::open_existing(&disk, Path::new("/new")).await.is_err() {
        assert!(!is_restored, "it was done, and is refused");
        return false;
    }
    let remains = crate::recover::look(&runtime(&disk), Path::new("/new")).await.unwrap().control;
    assert!(remains.last > Some(LAST) && remains.members.is_some());
    true
}
