//! openraft's own conformance suite over the real journal and snapshot files, on a simulated disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use journal::{GroupId, Journal};
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use runtime::disk::sim::SimDisk;
use runtime::{BoxFuture, Runtime, SeededEntropy, SystemClock, SystemNetwork, TokioPools};
use tokio::sync::watch;

use super::*;
use crate::identity::{ClusterId, Identity, NodeId};
use crate::level::{Gate, Level};
use crate::proposer::Outbox;
use crate::raft::Types;
use crate::state_machine::{
    CannotApply, CommittedEntry, SnapshotError, SnapshotSink, SnapshotSource, StateMachine,
};

struct Counting;

impl StateMachine for Counting {
    fn apply(&self, _entry: CommittedEntry) -> Result<(), CannotApply> {
        Ok(())
    }
    fn begin_snapshot(&self) -> Box<dyn SnapshotSource> {
        Box::new(Nothing)
    }
    fn begin_restore(&self) -> Box<dyn SnapshotSink> {
        Box::new(Nothing)
    }
    fn restored(&self, _own_through: u64) {}
}

struct Nothing;

impl SnapshotSource for Nothing {
    fn next_chunk(&mut self) -> Option<Bytes> {
        None
    }
}

impl SnapshotSink for Nothing {
    fn push(&mut self, _chunk: Bytes) -> Result<(), SnapshotError> {
        Ok(())
    }
    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<(), SnapshotError>> {
        Box::pin(async { Ok(()) })
    }
}

pub(crate) fn test_runtime(disk: Arc<dyn runtime::Disk>) -> Runtime {
    let handle = tokio::runtime::Handle::current();
    Runtime {
        network: Arc::new(SystemNetwork),
        disk,
        clock: SystemClock::clock(),
        entropy: Arc::new(SeededEntropy::new(1)),
        pools: Arc::new(TokioPools::new(handle.clone(), handle)),
    }
}

fn identity() -> Identity {
    Identity {
        cluster: ClusterId([1; 16]),
        node: NodeId(1),
        store: 1,
        incarnation: 1,
        boot: 1,
        joined: false,
    }
}

/// Each store has a folder of its own on one disk: snapshots move between nodes as files, before openraft sees them.
struct Builder {
    disk: SimDisk,
    built: AtomicU64,
}

impl StoreBuilder<Types, LogStore, StateMachineAdapter> for Builder {
    async fn build(&self) -> Result<((), LogStore, StateMachineAdapter), StorageError<Types>> {
        let runtime = test_runtime(Arc::new(self.disk.clone()));
        let root = PathBuf::from(format!("/{}", self.built.fetch_add(1, Ordering::Relaxed)));
        let config = journal::Config { segment_bytes: 1 << 20, ..Default::default() };
        let journal = Journal::open(&runtime, &root.join("journal"), config).await.unwrap();
        let snapshots = SnapshotStore::open(runtime.disk.clone(), root.join("snapshots")).await.unwrap();
        let outbox = Arc::new(Outbox::new(&identity(), 1 << 20));
        let progress = watch::channel(Progress::default()).0;
        let machine = StateMachineAdapter::open(
            Replica { group: 0, identity: identity(), gate: Arc::new(Gate::new(Level::default())) },
            Arc::new(Counting),
            outbox,
            Arc::default(),
            snapshots,
            progress,
        );
        Ok(((), LogStore::new(journal.group(GroupId(0))), machine.await.unwrap()))
    }
}

#[test]
fn passes_the_conformance_suite_of_openraft() {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
        .block_on(Suite::test_all(Builder { disk: SimDisk::new(7), built: AtomicU64::new(0) }))
        .unwrap();
}
