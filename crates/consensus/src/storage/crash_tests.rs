//! A power loss at every step of what openraft asks of its storage, and what openraft relies on afterwards.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use journal::{GroupId, Journal};
use openraft::async_runtime::Oneshot;
use openraft::entry::RaftEntry;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{EntryPayload, RaftLogReader};
use runtime::disk::sim::{Crash, SimDisk};

use super::tests::test_runtime;
use super::{LogStore, SnapshotStore};
use crate::raft::{BatchBytes, Entry, LogId, Types, Vote, committed_leader};
use crate::wire;

const CRASHES: [Crash; 3] = [Crash::Random, Crash::LoseUnsynced, Crash::KeepUnsynced];

fn id(term: u64, index: u64) -> LogId {
    LogId::new(committed_leader(term), index)
}

fn entry(term: u64, index: u64) -> Entry {
    let payload = Bytes::from(format!("{term}/{index}").repeat(20));
    Entry::new(id(term, index), EntryPayload::Normal(BatchBytes(payload)))
}

async fn open(disk: &SimDisk) -> Option<LogStore> {
    let config = journal::Config { segment_bytes: 64 << 10, ..Default::default() };
    let runtime = test_runtime(Arc::new(disk.clone()));
    let journal = Journal::open(&runtime, Path::new("/journal"), config).await.ok()?;
    Some(LogStore::new(journal.group(GroupId(0))))
}

/// What the storage has promised so far.
#[derive(Default, Clone, Debug)]
struct Promised {
    vote: Option<Vote>,
    /// Terms of the entries on disk, from index 0; purged ones included.
    terms: Vec<u64>,
    purged: Option<LogId>,
}

/// One leader after another: each is voted for, removes what its predecessor left unfinished, and appends. Stops at
/// the first failure.
async fn live(store: &mut LogStore, promised: &mut Promised) -> std::io::Result<()> {
    for term in 1..=6 {
        let vote = Vote::new_committed(term, term % 3 + 1);
        store.save_vote(&vote).await?;
        promised.vote = Some(vote);
        let keep =
            promised.terms.len().saturating_sub(2).max(promised.purged.map_or(0, |id| id.index as usize + 1));
        promised.terms.truncate(keep);
        store.truncate_after((keep > 0).then(|| id(promised.terms[keep - 1], keep as u64 - 1))).await?;
        for _ in 0..3 {
            let next = promised.terms.len() as u64;
            append(store, [entry(term, next), entry(term, next + 1)]).await?;
            promised.terms.extend([term, term]);
        }
        // The last two may be removed by the next leader.
        store.save_committed(Some(id(term, promised.terms.len() as u64 - 3))).await?;
        if term % 2 == 0 {
            let upto = promised.terms.len() - 4;
            let purged = id(promised.terms[upto], upto as u64);
            promised.purged = Some(purged);
            store.purge(purged).await?;
        }
    }
    Ok(())
}

async fn append<const N: usize>(store: &mut LogStore, entries: [Entry; N]) -> std::io::Result<()> {
    use openraft::alias::OneshotOf;
    let (sender, flushed) = OneshotOf::<Types>::channel();
    let (first, last) = (entries[0].log_id.index, entries[N - 1].log_id.index);
    store.append(entries, IOFlushed::signal(sender)).await?;
    let read = store.try_get_log_entries(first..=last).await?;
    assert_eq!(read.len(), N, "what was appended must be readable before it is on disk");
    flushed.await.map_err(std::io::Error::other)?
}

/// What openraft needs to be true of a log that it opens.
async fn check(store: &mut LogStore, promised: &Promised, what: &str) {
    let vote = store.read_vote().await.unwrap();
    assert!(vote >= promised.vote, "{what}: vote {vote:?} is older than the promised {:?}", promised.vote);
    let state = store.get_log_state().await.unwrap();
    let first = state.last_purged_log_id.map_or(0, |id| id.index + 1);
    let entries = store.try_get_log_entries(first..).await.unwrap();
    for (entry, index) in entries.iter().zip(first..) {
        assert_eq!(entry.log_id.index, index, "{what}: a hole");
        let term = **entry.log_id.committed_leader_id();
        assert!(
            vote.is_some_and(|vote| vote.leader_id.term >= term),
            "{what}: an entry of term {term} is there, the vote for it is not"
        );
    }
    let last = entries.last().map(|entry| entry.log_id).max(state.last_purged_log_id);
    assert_eq!(state.last_log_id, last, "{what}");
    for (term, index) in promised.terms.iter().zip(0..).skip(first as usize) {
        let found = entries.get((index - first) as usize).map(|entry| entry.log_id);
        assert_eq!(found, Some(id(*term, index)), "{what}: an acknowledged entry is lost");
    }
    let committed = store.read_committed().await.unwrap();
    assert!(committed <= state.last_log_id, "{what}: committed beyond the log");
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_power_loss_at_any_step() {
    let whole = SimDisk::new(0);
    live(&mut open(&whole).await.unwrap(), &mut Promised::default()).await.unwrap();
    let steps = whole.steps();
    assert!(steps > 30, "the run must have steps to crash at: {steps}");
    for step in 0..steps {
        for crash in CRASHES {
            let disk = SimDisk::new(step);
            disk.stop_after(step);
            let mut promised = Promised::default();
            if let Some(mut store) = open(&disk).await {
                let _interrupted = live(&mut store, &mut promised).await;
            }
            let disk = disk.crash(crash);
            let mut store = open(&disk).await.expect("a torn tail is no damage");
            check(&mut store, &promised, &format!("{crash:?} after {step} steps")).await;
        }
    }
}

#[tokio::test]
async fn what_is_committed_is_never_removed() {
    let mut store = open(&SimDisk::new(0)).await.unwrap();
    store.save_vote(&Vote::new_committed(1, 1)).await.unwrap();
    append(&mut store, [entry(1, 0), entry(1, 1), entry(1, 2)]).await.unwrap();
    store.save_committed(Some(id(1, 1))).await.unwrap();
    let refused = store.truncate_after(Some(id(1, 0))).await.unwrap_err();
    assert!(refused.to_string().contains("committed"), "{refused}");
    store.truncate_after(Some(id(1, 1))).await.unwrap();
    assert_eq!(store.get_log_state().await.unwrap().last_log_id, Some(id(1, 1)));
}

fn header(index: u64) -> wire::SnapshotHeader {
    wire::SnapshotHeader {
        format: super::snapshot_file::SNAPSHOT_FORMAT,
        last: Some(wire::LogId { term: 1, index }),
        ..Default::default()
    }
}

async fn take_snapshot(disk: &SimDisk, index: u64) -> std::io::Result<()> {
    let store = SnapshotStore::open(Arc::new(disk.clone()), "/snapshots".into()).await?;
    let mut writer = store.create(header(index)).await?;
    for chunk in 0..40 {
        writer.push(&vec![chunk as u8; 50_000 + index as usize]).await?;
    }
    writer.finish().await.map(drop)
}

/// The index of the newest snapshot, read to its last byte.
async fn newest_snapshot(disk: &SimDisk) -> Option<u64> {
    let store = SnapshotStore::open(Arc::new(disk.clone()), "/snapshots".into()).await.unwrap();
    let mut reader = store.read_newest().await.unwrap()?;
    let mut chunks = 0;
    while let Some(chunk) = reader.next().await.unwrap() {
        assert!(chunk.iter().all(|byte| *byte == chunks));
        chunks += 1;
    }
    assert_eq!(chunks, 40);
    Some(reader.finish().unwrap().header.last.unwrap().index)
}

#[tokio::test]
async fn a_power_loss_while_a_snapshot_is_written_leaves_the_old_one_or_the_new_one() {
    let whole = SimDisk::new(0);
    take_snapshot(&whole, 10).await.unwrap();
    let before = whole.steps();
    take_snapshot(&whole, 20).await.unwrap();
    let steps = whole.steps() - before;
    let mut seen = std::collections::BTreeSet::new();
    for step in 0..=steps {
        for crash in CRASHES {
            let disk = SimDisk::new(step);
            take_snapshot(&disk, 10).await.unwrap();
            disk.stop_after(step);
            let finished = take_snapshot(&disk, 20).await.is_ok();
            let found = newest_snapshot(&disk.crash(crash)).await;
            assert!(!finished || found == Some(20), "{crash:?} after {step} steps: {found:?}");
            seen.insert(found.expect("one of them is always there"));
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [10, 20]);
}

#[tokio::test]
async fn a_damaged_snapshot_is_refused() {
    let disk = SimDisk::new(3);
    take_snapshot(&disk, 10).await.unwrap();
    let store = SnapshotStore::open(Arc::new(disk.clone()), "/snapshots".into()).await.unwrap();
    let path = store
        .read_newest()
        .await
        .unwrap()
        .map(|_| "/snapshots/00000000000000000010-00000000000000000001.snapshot");
    disk.corrupt(Path::new(path.unwrap()), 1_000_000, 3).unwrap();
    let mut reader = store.read_newest().await.unwrap().unwrap();
    let error = loop {
        match reader.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("damage was not noticed"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("snapshot") && error.contains("checksum"), "{error}");
}
