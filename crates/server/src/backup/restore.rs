//! From a backup to the data directory of the first node of a new cluster.

use std::path::Path;

use bytes::Bytes;
use consensus::recovery::{self, Founder};
use consensus::{ClusterId, ConsensusError, GroupId, NodeId, SnapshotSource};
use journal::Journal;
use runtime::Runtime;
use tree::{ChunkLimits, Counters, Tree, Zxid};

use super::file::{BackupError, BackupFile};
use crate::StartError;
use crate::data_dir::DataDir;
use crate::node::CONTROL;

/// What becomes of a backup.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// A directory that no node has used; made if it is missing.
    pub data_dir: &'a Path,
    /// The number of the node.
    pub node: NodeId,
    /// Where others will reach it, `HOST:PORT`.
    pub peer: &'a str,
    /// How many epochs of zxids are left out, so that clients which have seen newer ones than the backup's are not ahead.
    pub epochs_skipped: u32,
}

/// A directory that was made of a backup.
#[derive(Clone, Copy, Debug)]
pub struct Restored {
    /// The new cluster.
    pub cluster: ClusterId,
    /// The last transaction; those of clients have greater ids.
    pub zxid: Zxid,
    /// Sessions of the old cluster that ended.
    pub sessions_ended: usize,
    /// What the new cluster begins with.
    pub counters: Counters,
    /// Shards that were restored with their messages.
    pub shards: usize,
}

/// A backup was not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup can't be used. Nothing was written.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The zxids do not go that far. Nothing was written.
    #[error(transparent)]
    Epochs(#[from] tree::EpochsUsedUp),
    /// The directory can't be used or written.
    #[error(transparent)]
    Directory(#[from] StartError),
}

/// Makes the directory of a node that is the only member of a new cluster with the backup's tree and its messages. The sessions
/// of the old one are over: clients that come back learn so and begin anew, and nothing is left of what they held.
///
/// # Errors
/// [`RestoreError`]. A directory that was written in part is refused by every start until it is emptied.
pub async fn restore(
    runtime: &Runtime,
    backup: &BackupFile,
    target: Target<'_>,
) -> Result<Restored, RestoreError> {
    let (mut tree, last) = backup.tree().await?;
    let shards = backup.shards().await?;
    let shard_count = shards.len();
    let sessions_ended = tree.found_anew(target.epochs_skipped)?;
    let (zxid, counters) = (tree.zxid(), tree.counters());
    let failed = |source| StartError::DataDir { dir: target.data_dir.display().to_string(), source };
    let data_dir = DataDir::begin_restore(&*runtime.disk, target.data_dir).await.map_err(failed)?;
    let journal = Journal::open(runtime, &data_dir.journal(), journal::Config::default()).await;
    let journal = journal.map_err(StartError::from)?;
    let founder = Founder { node: target.node, address: target.peer };
    let mut source = Walked::new(tree);
    let snapshots = data_dir.snapshots();
    let writing = async {
        let cluster =
            recovery::found_with(runtime, &journal, &snapshots, CONTROL, founder, last, &mut source).await?;
        for (shard, copy) in shards {
            let group = GroupId(shard);
            recovery::found_with_copy(runtime, &journal, &snapshots, group, founder, copy).await?;
        }
        Ok::<_, ConsensusError>(cluster)
    };
    let founded = writing.await;
    let closed = journal.close().await;
    let cluster = founded.map_err(StartError::from)?;
    closed.map_err(|error| StartError::Consensus(error.into()))?;
    data_dir.finish_restore(&*runtime.disk).await.map_err(failed)?;
    Ok(Restored { cluster, zxid, sessions_ended, counters, shards: shard_count })
}

/// A tree that nobody changes any more, in pieces.
pub(super) struct Walked(Tree);

impl Walked {
    pub(super) fn new(mut tree: Tree) -> Self {
        tree.begin_snapshot(ChunkLimits::default())
            .expect("a tree that was just restored is not being walked");
        Self(tree)
    }
}

impl SnapshotSource for Walked {
    fn next_chunk(&mut self) -> Option<Bytes> {
        self.0.next_snapshot_chunk().map(|chunk| chunk.encode())
    }
}
