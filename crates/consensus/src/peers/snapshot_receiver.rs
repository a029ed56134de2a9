//! Receives a snapshot file in pieces; what has arrived survives the connection.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use openraft::async_runtime::watch::WatchReceiver;
use runtime::File;

use crate::raft::{Raft, Snapshot, Vote, required_vote, snapshot_meta_from_wire, vote_to_wire};
use crate::storage::{SnapshotFile, SnapshotStore};
use crate::wire::{self, frame::Body};

/// The snapshot that one group is receiving, if any.
pub(crate) struct SnapshotReceiver {
    store: SnapshotStore,
    incoming: tokio::sync::Mutex<Option<Incoming>>,
}

struct Incoming {
    offer: wire::SnapshotOffer,
    vote: Vote,
    path: PathBuf,
    file: Arc<dyn File>,
    received: u64,
    checksum: u32,
}

impl SnapshotReceiver {
    pub(crate) fn new(store: SnapshotStore) -> Self {
        Self { store, incoming: tokio::sync::Mutex::new(None) }
    }

    /// A leader offers a snapshot: tells it from where it is wanted.
    pub(crate) async fn offer(&self, raft: &Raft, offer: wire::SnapshotOffer) -> Result<Body, String> {
        let vote = required_vote(offer.vote).map_err(|error| error.to_string())?;
        let promised = raft.server_metrics().borrow_watched().vote;
        if promised > vote {
            // A leader of the past: it learns of the newer vote from the answer.
            return Ok(installed(&promised));
        }
        let mut incoming = self.incoming.lock().await;
        if let Some(known) = incoming.as_mut()
            && known.offer.header == offer.header
            && (known.offer.length, known.offer.checksum) == (offer.length, offer.checksum)
        {
            known.vote = vote;
            return Ok(wanted(known.received));
        }
        let header = offer.header.clone().ok_or("snapshot offer without a header")?;
        let (path, file) = self.store.create_incoming(&header).await.map_err(|error| error.to_string())?;
        *incoming = Some(Incoming { offer, vote, path, file, received: 0, checksum: 0 });
        Ok(wanted(0))
    }

    /// The next piece; after the last one the snapshot is installed.
    pub(crate) async fn chunk(&self, raft: &Raft, chunk: wire::SnapshotChunk) -> Result<Body, String> {
        let mut incoming = self.incoming.lock().await;
        let current = incoming.as_mut().ok_or("no snapshot was offered before this piece")?;
        if chunk.offset != current.received {
            return Ok(wanted(current.received));
        }
        let length = chunk.data.len() as u64;
        let checksum = crc32c::crc32c_append(current.checksum, &chunk.data);
        current.file.write_at(chunk.offset, vec![chunk.data]).await.map_err(|error| error.to_string())?;
        current.received += length;
        current.checksum = checksum;
        if current.received < current.offer.length {
            return Ok(wanted(current.received));
        }
        let complete = incoming.take().expect("it was there a moment ago");
        drop(incoming);
        self.install(raft, complete).await
    }

    async fn install(&self, raft: &Raft, incoming: Incoming) -> Result<Body, String> {
        if incoming.checksum != incoming.offer.checksum || incoming.received != incoming.offer.length {
            self.store.discard(&incoming.path).await.map_err(|error| error.to_string())?;
            return Err("the snapshot arrived damaged".into());
        }
        let (vote, snapshot) = self.adopt(incoming).await.map_err(|error| error.to_string())?;
        let response = raft.install_full_snapshot(vote, snapshot).await.map_err(|error| error.to_string())?;
        Ok(installed(&response.vote))
    }

    async fn adopt(&self, incoming: Incoming) -> io::Result<(Vote, Snapshot)> {
        let header = incoming.offer.header.expect("an offer without a header is refused");
        let meta = snapshot_meta_from_wire(&header).map_err(io::Error::other)?;
        let file = SnapshotFile {
            path: incoming.path,
            length: incoming.received,
            checksum: incoming.checksum,
            header,
        };
        let snapshot = self.store.adopt(file, &*incoming.file).await?;
        Ok((incoming.vote, Snapshot { meta, snapshot }))
    }
}

fn wanted(offset: u64) -> Body {
    Body::SnapshotWanted(wire::SnapshotWanted { offset })
}

fn installed(vote: &Vote) -> Body {
    Body::SnapshotInstalled(wire::SnapshotInstalled { vote: Some(vote_to_wire(vote)) })
}
