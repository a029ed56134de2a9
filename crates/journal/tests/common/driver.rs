//! Runs calls on a journal and on the model, and remembers what was reported durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use journal::{GroupId, Journal, JournalError, StateKey};
use proptest::prelude::*;

use super::entry;
use super::model::Model;

/// A call. Numbers that depend on the state are relative, so that any list of calls makes sense.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Append {
        group: u32,
        lens: Vec<usize>,
    },
    /// Removes the last entries.
    Truncate {
        group: u32,
        count: u64,
    },
    /// Purges up to this far behind the first index.
    Purge {
        group: u32,
        count: u64,
    },
    Put {
        group: u32,
        key: u8,
        len: usize,
    },
    PutLazy {
        group: u32,
        key: u8,
    },
    /// Lets other tasks run.
    Yield {
        times: usize,
    },
    /// Waits until everything is durable.
    Flush,
    /// Reads a group and compares.
    Read {
        group: u32,
        bytes_max: usize,
    },
}

pub(crate) fn calls(count: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<Call>> {
    let group = 0..3_u32;
    let call = prop_oneof![
        6 => (group.clone(), proptest::collection::vec(10..600_usize, 1..5))
            .prop_map(|(group, lens)| Call::Append { group, lens }),
        1 => (group.clone(), 10..6000_usize).prop_map(|(group, len)| Call::Append { group, lens: vec![len] }),
        2 => (group.clone(), 0..4_u64).prop_map(|(group, count)| Call::Truncate { group, count }),
        3 => (group.clone(), 0..12_u64).prop_map(|(group, count)| Call::Purge { group, count }),
        2 => (group.clone(), 0..2_u8, 9..40_usize).prop_map(|(group, key, len)| Call::Put { group, key, len }),
        1 => (group.clone(), 0..2_u8).prop_map(|(group, key)| Call::PutLazy { group, key }),
        5 => (1..8_usize).prop_map(|times| Call::Yield { times }),
        1 => Just(Call::Flush),
        1 => (group, 0..2000_usize).prop_map(|(group, bytes_max)| Call::Read { group, bytes_max }),
    ];
    proptest::collection::vec(call, count)
}

/// What was reported durable.
#[derive(Default)]
struct Reports {
    /// Frames up to the last that was.
    durable: AtomicUsize,
    failed: AtomicBool,
    /// A read failed: the disk has stopped. What was synced before may still be reported.
    unreadable: AtomicBool,
}

pub(crate) struct Driver {
    pub(crate) journal: Journal,
    pub(crate) model: Model,
    reports: Arc<Reports>,
    entries: u64,
}

impl Driver {
    pub(crate) fn new(journal: Journal, model: Model) -> Self {
        Self { journal, model, reports: Arc::default(), entries: 0 }
    }

    /// Frames that were reported durable, with all before them.
    pub(crate) fn durable(&self) -> usize {
        self.reports.durable.load(Ordering::Relaxed)
    }

    pub(crate) fn failed(&self) -> bool {
        self.reports.failed.load(Ordering::Relaxed) || self.reports.unreadable.load(Ordering::Relaxed)
    }

    /// A completion for what the model has just been told.
    fn done(&self) -> impl FnOnce(Result<(), JournalError>) + Send + 'static {
        let (reports, frames) = (Arc::clone(&self.reports), self.model.frames());
        move |result| match result {
            Ok(()) => {
                assert!(!reports.failed.load(Ordering::Relaxed), "durable after a failure");
                let before = reports.durable.swap(frames, Ordering::Relaxed);
                assert!(before <= frames, "reported out of order: {before} before {frames}");
            }
            Err(_) => reports.failed.store(true, Ordering::Relaxed),
        }
    }

    /// Makes all calls, or those before the journal fails.
    pub(crate) async fn run(&mut self, calls: &[Call]) {
        for call in calls {
            if self.failed() {
                return;
            }
            self.call(call).await;
        }
        self.flush().await;
    }

    async fn call(&mut self, call: &Call) {
        match call {
            Call::Append { group, lens } => self.append(GroupId(*group), lens),
            Call::Truncate { group, count } => self.truncate(GroupId(*group), *count),
            Call::Purge { group, count } => self.purge(GroupId(*group), *count),
            Call::Put { group, key, len } => self.put(GroupId(*group), StateKey(*key), *len),
            Call::PutLazy { group, key } => {
                let (id, key) = (GroupId(*group), StateKey(*key));
                let value = self.entry(12);
                self.model.put(id, key, value.clone(), true);
                self.journal.group(id).put_lazy(key, value);
            }
            Call::Yield { times } => {
                for _ in 0..*times {
                    tokio::task::yield_now().await;
                }
            }
            Call::Flush => self.flush().await,
            Call::Read { group, bytes_max } => self.read(GroupId(*group), *bytes_max).await,
        }
    }

    fn entry(&mut self, len: usize) -> Bytes {
        self.entries += 1;
        entry(self.entries, len)
    }

    fn append(&mut self, id: GroupId, lens: &[usize]) {
        let first_index = self.model.group(id).next();
        let entries: Vec<Bytes> = lens.iter().map(|&len| self.entry(len)).collect();
        entries.iter().for_each(|entry| self.model.append(id, entry.clone()));
        self.journal.group(id).append(first_index, entries, self.done()).unwrap();
    }

    fn truncate(&mut self, id: GroupId, count: u64) {
        let group = self.model.group(id);
        let from = group.next().saturating_sub(count).max(group.first);
        self.model.truncate(id, from);
        self.journal.group(id).truncate(from, self.done());
    }

    fn purge(&mut self, id: GroupId, count: u64) {
        let Some(through) = (self.model.group(id).first + count).checked_sub(1) else { return };
        let marker = self.entry(20);
        self.model.purge(id, through, marker.clone());
        self.journal.group(id).purge(through, marker, self.done());
    }

    fn put(&mut self, id: GroupId, key: StateKey, len: usize) {
        let value = self.entry(len);
        self.model.put(id, key, value.clone(), false);
        self.journal.group(id).put(key, value, self.done());
    }

    /// Waits until everything is durable or has failed.
    pub(crate) async fn flush(&mut self) {
        let (done, durable) = super::done();
        let log = self.journal.group(GroupId(0));
        log.append(log.bounds().next, Vec::new(), done).unwrap();
        if durable.wait().await.is_err() {
            self.reports.failed.store(true, Ordering::Relaxed);
        }
    }

    /// Reads see every change at once, durable or not.
    async fn read(&mut self, id: GroupId, bytes_max: usize) {
        let (group, log) = (self.model.group(id), self.journal.group(id));
        assert_eq!(log.bounds(), group.bounds());
        assert_eq!(log.purge_marker(), group.marker);
        for key in [StateKey(0), StateKey(1)] {
            assert_eq!(log.get(key), self.model.value(id, key));
        }
        for (start, index) in (group.first..group.next()).enumerate().step_by(3) {
            let read = match log.read(index..group.next(), bytes_max).await {
                Ok(read) => read,
                // The disk may have stopped.
                Err(error) => {
                    assert!(matches!(error, journal::ReadError::Io { .. }), "{error}");
                    self.reports.unreadable.store(true, Ordering::Relaxed);
                    return;
                }
            };
            let expected = &group.entries[start..];
            assert_eq!(read, expected[..read.len()]);
            let bytes = |count: usize| expected[..count].iter().map(Bytes::len).sum::<usize>();
            assert!(read.len() == 1 || bytes(read.len()) <= bytes_max);
            assert!(!read.is_empty() && (read.len() == expected.len() || bytes(read.len() + 1) > bytes_max));
        }
    }
}
