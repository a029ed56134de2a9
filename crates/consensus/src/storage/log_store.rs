//! openraft's log over one group of the journal.
//!
//! Vote and entries go through the one journal, in the order openraft writes them: an entry is never durable without the
//! vote under which it was accepted (a crash between the two could otherwise undo a committed entry).

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};

use bytes::Bytes;
use futures::stream::{self, Stream, TryStreamExt};
use journal::{GroupLog, JournalError, StateKey};
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};
use prost::Message;
use tokio::sync::oneshot;

use crate::raft::{
    Entry, LogId, Types, Vote, entry_from_wire, entry_to_wire, log_id_from_wire, log_id_to_wire,
    vote_from_wire, vote_to_wire,
};
use crate::wire;

const VOTE: StateKey = StateKey(1);
const COMMITTED: StateKey = StateKey(2);

/// How many bytes of entries one read for replication takes; a single larger entry is read whole.
pub(crate) const READ_BYTES_MAX: usize = 1 << 20;

/// The log of one group.
#[derive(Clone)]
pub(crate) struct LogStore {
    log: GroupLog,
}

impl LogStore {
    pub(crate) fn new(log: GroupLog) -> Self {
        Self { log }
    }

    async fn read(&self, start: u64, end: u64, max_bytes: usize) -> io::Result<Vec<Entry>> {
        let bounds = self.log.bounds();
        let range = start.max(bounds.first)..end.min(bounds.next);
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let entries = self.log.read(range, max_bytes).await.map_err(io::Error::other)?;
        entries.into_iter().map(decode_entry).collect()
    }

    async fn last_log_id(&self) -> io::Result<Option<LogId>> {
        let bounds = self.log.bounds();
        if bounds.first == bounds.next {
            return self.purged();
        }
        let last = self.read(bounds.next - 1, bounds.next, READ_BYTES_MAX).await?;
        Ok(last.last().map(|entry| entry.log_id))
    }

    /// A log that was never written may begin anywhere, as in openraft's suite: what is before counts as purged, and
    /// of a term before all others.
    fn begin_at(&self, first: u64) {
        if first > 0 && self.log.bounds().next == 0 {
            self.begin_behind(&log_id_from_wire(wire::LogId { term: 0, index: first - 1 }));
        }
    }

    /// For a log that was never written: what is up to `last` counts as purged. On disk with whatever is appended next.
    pub(crate) fn begin_behind(&self, last: &LogId) {
        let marker = Bytes::from(log_id_to_wire(last).encode_to_vec());
        self.log.purge(last.index, marker, |_| {});
    }

    /// Appends an entry; it is on disk when this completes.
    pub(crate) async fn append_durably(&self, entry: Entry) -> io::Result<()> {
        let (sender, receiver) = oneshot::channel();
        let done = move |result| {
            // The caller is gone when it was cancelled.
            let _ = sender.send(result);
        };
        self.log.append(entry.log_id.index, vec![encode_entry(&entry)], done).map_err(io::Error::other)?;
        flushed(receiver.await.map_err(|_| io::Error::other("the journal was closed"))?)
    }

    fn purged(&self) -> io::Result<Option<LogId>> {
        let marker = self.log.purge_marker();
        marker.map(|bytes| wire::LogId::decode(bytes).map(log_id_from_wire).map_err(damaged)).transpose()
    }

    fn vote(&self) -> io::Result<Option<Vote>> {
        let kept = self.log.get(VOTE);
        kept.map(|bytes| wire::Vote::decode(bytes).map(vote_from_wire).map_err(damaged)).transpose()
    }
}

/// First index of a range, and one past its last.
fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before + 1,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last + 1,
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    (start, end)
}

fn damaged(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the journal holds what this version can't read: {error}"),
    )
}

fn decode_entry(bytes: Bytes) -> io::Result<Entry> {
    entry_from_wire(wire::Entry::decode(bytes).map_err(damaged)?).map_err(damaged)
}

fn encode_entry(entry: &Entry) -> Bytes {
    Bytes::from(entry_to_wire(entry).encode_to_vec())
}

fn flushed(result: Result<(), JournalError>) -> io::Result<()> {
    result.map_err(io::Error::other)
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<Entry>> {
        let (mut next, end) = bounds(&range);
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let more = self.read(next, end, READ_BYTES_MAX).await?;
            let Some(last) = more.last() else { return Ok(entries) };
            next = last.log_id.index + 1;
            entries.extend(more);
        }
    }

    /// For applying: a range may be as long as a replica is behind, so it is read piece by piece.
    async fn entries_stream<RB>(&mut self, range: RB) -> impl Stream<Item = io::Result<Entry>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (start, end) = bounds(&range);
        let pieces = stream::try_unfold((self.clone(), start), move |(store, next)| async move {
            let entries = store.read(next, end, READ_BYTES_MAX).await?;
            let next = entries.last().map(|entry| entry.log_id.index + 1);
            Ok::<_, io::Error>(next.map(|next| (stream::iter(entries.into_iter().map(Ok)), (store, next))))
        });
        Box::pin(pieces.try_flatten())
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start, end, READ_BYTES_MAX).await
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        self.vote()
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = LogStore;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        Ok(LogState { last_purged_log_id: self.purged()?, last_log_id: self.last_log_id().await? })
    }

    async fn get_log_reader(&mut self) -> LogStore {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let (sender, receiver) = oneshot::channel();
        let bytes = Bytes::from(vote_to_wire(vote).encode_to_vec());
        self.log.put(VOTE, bytes, move |result| {
            // The caller is gone only when the group is being dropped.
            let _ = sender.send(result);
        });
        flushed(receiver.await.map_err(|_| io::Error::other("the journal was closed"))?)
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        if let Some(committed) = committed {
            // Only a head start for recovery, so it waits for a write that must be flushed anyway.
            self.log.put_lazy(COMMITTED, Bytes::from(log_id_to_wire(&committed).encode_to_vec()));
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        let kept = self.log.get(COMMITTED);
        let committed = kept
            .map(|bytes| wire::LogId::decode(bytes).map(log_id_from_wire).map_err(damaged))
            .transpose()?;
        // The note can be newer than the log if the log lost its end to a crash; then it says nothing.
        Ok(committed.filter(|id| id.index < self.log.bounds().next))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut first = None;
        let mut encoded = Vec::new();
        for entry in entries {
            first.get_or_insert(entry.log_id.index);
            encoded.push(encode_entry(&entry));
        }
        let Some(first) = first else {
            callback.io_completed(Ok(()));
            return Ok(());
        };
        self.begin_at(first);
        self.log
            .append(first, encoded, move |result| callback.io_completed(flushed(result)))
            .map_err(io::Error::other)
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        let from = last_log_id.map_or(0, |id| id.index + 1);
        if let Some(committed) = self.read_committed().await?.filter(|committed| committed.index >= from) {
            // Some node has forgotten what it promised. Here it can be kept from spreading.
            return Err(io::Error::other(format!(
                "the leader's log lacks entry {committed}, which is committed; this node stops rather than drop it: \
                 look for a node whose disk was replaced or restored under its old number"
            )));
        }
        // Whatever is appended next is written after the truncation, so its completion implies this one's.
        self.log.truncate(from, |_| {});
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        let marker = Bytes::from(log_id_to_wire(&log_id).encode_to_vec());
        // Not waited for: a crash before it is on disk leaves entries that the snapshot covers anyway.
        self.log.purge(log_id.index, marker, |_| {});
        Ok(())
    }
}
