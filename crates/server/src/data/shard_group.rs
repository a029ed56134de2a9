//! Joins a shard's replica to its group: `shards` sees a log, `consensus` a state machine.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use consensus::{
    AttachedFile, CannotApply, CommittedEntry, Group, SnapshotError, SnapshotSink, SnapshotSource,
    StateMachine,
};
use runtime::BoxFuture;
use shards::{AppliedCommand, AppliedEntry, Replica, ReplicatedLog, SnapshotTarget};
use tokio::sync::watch;

/// A shard's replica as consensus drives it.
pub(super) struct ShardMachine(pub(super) Arc<Replica>);

impl StateMachine for ShardMachine {
    fn apply(&self, entry: CommittedEntry) -> Result<(), CannotApply> {
        let commands = entry.commands.into_iter();
        let commands = commands.map(|it| AppliedCommand { own: it.own_sequence, bytes: it.bytes });
        let entry = AppliedEntry { time_ms: entry.time_ms, level: entry.level, commands };
        self.0.apply(entry).map_err(|error| CannotApply(error.to_string()))
    }

    fn begin_snapshot(&self) -> Box<dyn SnapshotSource> {
        Box::new(Source(self.0.begin_snapshot()))
    }

    fn begin_empty(&self) -> BoxFuture<'_, Result<(), SnapshotError>> {
        Box::pin(async { self.0.begin_empty().await.map_err(|error| SnapshotError(error.to_string())) })
    }

    fn begin_restore(&self) -> Box<dyn SnapshotSink> {
        Box::new(Sink(self.0.begin_restore()))
    }

    fn restored(&self, own_through: u64) {
        self.0.lost_through(own_through);
    }
}

struct Source(shards::SnapshotSource);

impl SnapshotSource for Source {
    fn attach(&mut self) -> BoxFuture<'_, io::Result<Vec<AttachedFile>>> {
        Box::pin(async {
            let manifest = self.0.attach().await.map_err(io::Error::other)?;
            let files = manifest.files();
            let attached = files.map(|file| AttachedFile {
                name: file.name,
                length: file.length,
                checksum: file.checksum,
            });
            Ok(attached.collect())
        })
    }

    fn next_chunk(&mut self) -> Option<Bytes> {
        self.0.next_chunk()
    }

    fn kept(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(self.0.kept())
    }
}

struct Sink(SnapshotTarget);

impl SnapshotSink for Sink {
    fn push(&mut self, chunk: Bytes) -> Result<(), SnapshotError> {
        self.0.push(chunk).map_err(|error| SnapshotError(error.to_string()))
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<(), SnapshotError>> {
        Box::pin(async { self.0.finish().await.map_err(|error| SnapshotError(error.to_string())) })
    }
}

/// The group as a replica sees it.
pub(super) struct ShardLog {
    group: Group,
    leads: watch::Receiver<bool>,
}

impl ShardLog {
    /// The log, and the work that tells it whether this node leads.
    pub(super) fn new(group: Group) -> (Self, impl Future<Output = ()>) {
        let (sender, leads) = watch::channel(false);
        let mut leadership = group.leadership();
        let following = async move {
            loop {
                let is_self = leadership.borrow_and_update().is_self;
                sender.send_if_modified(|known| std::mem::replace(known, is_self) != is_self);
                if leadership.changed().await.is_err() {
                    return;
                }
            }
        };
        (Self { group, leads }, following)
    }
}

impl ReplicatedLog for ShardLog {
    fn propose(&self, command: Bytes) -> u64 {
        self.group.propose(command)
    }

    fn level(&self) -> u32 {
        self.group.level()
    }

    fn is_full(&self) -> bool {
        self.group.is_full()
    }

    fn room(&self) -> BoxFuture<'static, ()> {
        let group = self.group.clone();
        Box::pin(async move { group.has_room().await })
    }

    fn leads(&self) -> watch::Receiver<bool> {
        self.leads.clone()
    }
}
