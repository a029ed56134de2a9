//! A backup on its way out of a node that serves.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use consensus::{EntryId, Group, SnapshotExport};
use futures::future::try_join_all;
use tokio::sync::OwnedSemaphorePermit;
use tree::Zxid;

use super::header::{FORMAT, Header, ShardHeader, TRAILER_BYTES};
use crate::node::Parts;

/// A backup is not given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeError {
    /// As many as there may be are under way.
    #[error(
        "as many backups as may be are being taken from this node already; wait for them, or ask another node"
    )]
    Busy,
    /// Nothing can be said of what was committed before.
    #[error(transparent)]
    Unavailable(#[from] consensus::Unavailable),
    /// The snapshot can't be read.
    #[error("the snapshot can't be read: {0}")]
    Snapshot(#[from] io::Error),
    /// The snapshot makes no sense.
    #[error(transparent)]
    Tree(#[from] tree::RestoreError),
}

/// A backup that includes all that was acknowledged anywhere before it was asked for.
pub(crate) struct Backup {
    pub(crate) zxid: Zxid,
    head: Bytes,
    length: u64,
    /// What is left of the control plane's snapshot and then those of the shards.
    snapshots: VecDeque<SnapshotExport>,
    crc: u32,
    stage: Stage,
    _slot: OwnedSemaphorePermit,
}

#[derive(Clone, Copy)]
enum Stage {
    Head,
    Snapshots,
    End,
}

impl Backup {
    /// Takes one. It is whole, on this node's disk, when this completes.
    pub(crate) async fn take(parts: &Parts) -> Result<Self, TakeError> {
        let slot = Arc::clone(&parts.backup_slots).try_acquire_owned().map_err(|_| TakeError::Busy)?;
        // The shards first: whatever queue they know of, the catalog in group 0 has given its id away then.
        let shards = parts.data.as_ref().map(|data| data.groups()).unwrap_or_default();
        let shards = try_join_all(shards.iter().map(shard_of)).await?;
        let snapshot = parts.group.export_snapshot().await?;
        let zxid = zxid_of(&snapshot).await?;
        let last = snapshot.last();
        let (shards, shard_snapshots): (Vec<_>, Vec<_>) = shards.into_iter().unzip();
        let header = Header {
            format: if shards.is_empty() { 1 } else { FORMAT },
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cluster: parts.identity.cluster.to_string(),
            node: parts.identity.node.0,
            zxid: zxid.to_string(),
            taken_at_ms: parts.clock.wall_ms(),
            term: last.term,
            index: last.index,
            snapshot_bytes: snapshot.length(),
            shards,
        };
        let head = header.head();
        let length = head.len() as u64 + header.body_bytes() + TRAILER_BYTES;
        let snapshots = std::iter::once(snapshot).chain(shard_snapshots).collect();
        Ok(Self { zxid, head, length, snapshots, crc: 0, stage: Stage::Head, _slot: slot })
    }

    /// How many bytes it has.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The next bytes; `None` at the end. Who gets an error has no backup.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let bytes = match self.stage {
            Stage::Head => {
                self.stage = Stage::Snapshots;
                self.head.clone()
            }
            Stage::Snapshots => match self.next_of_snapshots().await? {
                Some(bytes) => bytes,
                None => {
                    self.stage = Stage::End;
                    return Ok(Some(Bytes::copy_from_slice(&self.crc.to_be_bytes())));
                }
            },
            Stage::End => return Ok(None),
        };
        self.crc = crc32c::crc32c_append(self.crc, &bytes);
        Ok(Some(bytes))
    }

    async fn next_of_snapshots(&mut self) -> io::Result<Option<Bytes>> {
        while let Some(snapshot) = self.snapshots.front_mut() {
            match snapshot.next().await? {
                Some(bytes) => return Ok(Some(bytes)),
                None => drop(self.snapshots.pop_front()),
            }
        }
        Ok(None)
    }
}

async fn shard_of(group: &Group) -> Result<(ShardHeader, SnapshotExport), TakeError> {
    let shard = group.status().group;
    let snapshot = group.export_snapshot().await?;
    let EntryId { term, index } = snapshot.last();
    let (bytes, snapshot_bytes) = (snapshot.length(), snapshot.own_length());
    Ok((ShardHeader { shard, term, index, bytes, snapshot_bytes }, snapshot))
}

async fn zxid_of(snapshot: &SnapshotExport) -> Result<Zxid, TakeError> {
    let mut restore = tree::Restore::new();
    if let Some(chunk) = snapshot.first_chunk().await? {
        restore.push(chunk)?;
    }
    restore.zxid().ok_or(TakeError::Tree(tree::RestoreError::Truncated { chunks: 0 }))
}
