//! A backup on its way out of a node that serves.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use consensus::SnapshotExport;
use tokio::sync::OwnedSemaphorePermit;
use tree::Zxid;

use super::header::{FORMAT, Header, TRAILER_BYTES};
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
    snapshot: SnapshotExport,
    crc: u32,
    stage: Stage,
    _slot: OwnedSemaphorePermit,
}

#[derive(Clone, Copy)]
enum Stage {
    Head,
    Snapshot,
    End,
}

impl Backup {
    /// Takes one. It is whole, on this node's disk, when this completes.
    pub(crate) async fn take(parts: &Parts) -> Result<Self, TakeError> {
        let slot = Arc::clone(&parts.backup_slots).try_acquire_owned().map_err(|_| TakeError::Busy)?;
        let snapshot = parts.group.export_snapshot().await?;
        let zxid = zxid_of(&snapshot).await?;
        let last = snapshot.last();
        let header = Header {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cluster: parts.identity.cluster.to_string(),
            node: parts.identity.node.0,
            zxid: zxid.to_string(),
            taken_at_ms: parts.clock.wall_ms(),
            term: last.term,
            index: last.index,
            snapshot_bytes: snapshot.length(),
        };
        Ok(Self { zxid, head: header.head(), snapshot, crc: 0, stage: Stage::Head, _slot: slot })
    }

    /// How many bytes it has.
    pub(crate) fn length(&self) -> u64 {
        self.head.len() as u64 + self.snapshot.length() + TRAILER_BYTES
    }

    /// The next bytes; `None` at the end. Who gets an error has no backup.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let bytes = match self.stage {
            Stage::Head => {
                self.stage = Stage::Snapshot;
                self.head.clone()
            }
            Stage::Snapshot => match self.snapshot.next().await? {
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
}

async fn zxid_of(snapshot: &SnapshotExport) -> Result<Zxid, TakeError> {
    let mut restore = tree::Restore::new();
    if let Some(chunk) = snapshot.first_chunk().await? {
        restore.push(chunk)?;
    }
    restore.zxid().ok_or(TakeError::Tree(tree::RestoreError::Truncated { chunks: 0 }))
}
