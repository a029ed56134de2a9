//! Receives a snapshot from a leader: its attached files, then its own.

use std::io;

use openraft::async_runtime::watch::WatchReceiver;

use crate::raft::{Raft, Snapshot, Vote, required_vote, snapshot_meta_from_wire, vote_to_wire};
use crate::storage::{Attachments, IncomingFile, Parts, SnapshotFile, SnapshotStore};
use crate::wire::{self, frame::Body};

/// The snapshot that one group is receiving, if any.
pub(crate) struct SnapshotReceiver {
    store: SnapshotStore,
    incoming: tokio::sync::Mutex<Option<Incoming>>,
}

struct Incoming {
    offer: wire::SnapshotOffer,
    header: wire::SnapshotHeader,
    vote: Vote,
    attachments: Attachments,
    parts: Parts,
    /// Bytes of all parts that are here.
    received: u64,
    /// The part that is arriving.
    file: IncomingFile,
    part: usize,
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
        // What was half received goes before it is begun anew.
        *incoming = None;
        let begun = Incoming::begin(&self.store, offer, vote).await.map_err(|error| error.to_string())?;
        let received = begun.received;
        *incoming = Some(begun);
        Ok(wanted(received))
    }

    /// The next piece; after the last one the snapshot is installed.
    pub(crate) async fn chunk(&self, raft: &Raft, chunk: wire::SnapshotChunk) -> Result<Body, String> {
        let mut slot = self.incoming.lock().await;
        let mut incoming = slot.take().ok_or("no snapshot was offered before this piece")?;
        if chunk.offset != incoming.received {
            let received = incoming.received;
            *slot = Some(incoming);
            return Ok(wanted(received));
        }
        // After a failure the snapshot is offered again, and what is whole by then is kept.
        incoming.push(&self.store, chunk).await.map_err(|error| error.to_string())?;
        if incoming.received < incoming.parts.total() {
            let received = incoming.received;
            *slot = Some(incoming);
            return Ok(wanted(received));
        }
        drop(slot);
        let (vote, snapshot) = incoming.adopt(&self.store).await.map_err(|error| error.to_string())?;
        let response = raft.install_full_snapshot(vote, snapshot).await.map_err(|error| error.to_string())?;
        Ok(installed(&response.vote))
    }
}

impl Incoming {
    async fn begin(store: &SnapshotStore, offer: wire::SnapshotOffer, vote: Vote) -> io::Result<Self> {
        let header =
            offer.header.clone().ok_or_else(|| io::Error::other("snapshot offer without a header"))?;
        let parts = Parts::new(&header, offer.length).map_err(io::Error::other)?;
        let attachments = store.attachments();
        let part = attachments.prepare(parts.attached()).await?;
        let received = parts.start_of(part);
        let file = begin_part(store, &header, &parts, part).await?;
        let mut begun = Self { offer, header, vote, attachments, parts, received, file, part };
        begun.finish_whole_parts(store).await?;
        Ok(begun)
    }

    async fn push(&mut self, store: &SnapshotStore, chunk: wire::SnapshotChunk) -> io::Result<()> {
        let fits = self.parts.at(self.received).filter(|place| chunk.data.len() as u64 <= place.left);
        if fits.is_none() {
            return Err(io::Error::other("a piece of a snapshot goes past the end of its file"));
        }
        self.received += chunk.data.len() as u64;
        self.file.push(chunk.data).await?;
        self.finish_whole_parts(store).await
    }

    /// Goes on behind attached files that are whole; empty ones are as soon as they are begun.
    async fn finish_whole_parts(&mut self, store: &SnapshotStore) -> io::Result<()> {
        while let Some(attached) = self.parts.attached().get(self.part)
            && self.file.received == attached.length
        {
            let next = begin_part(store, &self.header, &self.parts, self.part + 1).await?;
            let done = std::mem::replace(&mut self.file, next);
            self.attachments.finish(attached, done).await?;
            self.part += 1;
        }
        Ok(())
    }

    async fn adopt(self, store: &SnapshotStore) -> io::Result<(Vote, Snapshot)> {
        let own = self.file;
        if own.checksum != self.offer.checksum || own.received != self.offer.length {
            store.discard(&own.path).await?;
            return Err(io::Error::other("the snapshot arrived damaged"));
        }
        if !self.parts.attached().is_empty() {
            self.attachments.sync().await?;
        }
        let meta = snapshot_meta_from_wire(&self.header).map_err(io::Error::other)?;
        let file = SnapshotFile {
            path: own.path,
            length: own.received,
            checksum: own.checksum,
            header: self.header,
        };
        let snapshot = store.adopt(file, &*own.file).await?;
        Ok((self.vote, Snapshot { meta, snapshot }))
    }
}

async fn begin_part(
    store: &SnapshotStore,
    header: &wire::SnapshotHeader,
    parts: &Parts,
    part: usize,
) -> io::Result<IncomingFile> {
    match parts.attached().get(part) {
        Some(attached) => store.attachments().begin(attached).await,
        None => {
            let (path, file) = store.create_incoming(header).await?;
            Ok(IncomingFile { path, file, received: 0, checksum: 0 })
        }
    }
}

fn wanted(offset: u64) -> Body {
    Body::SnapshotWanted(wire::SnapshotWanted { offset })
}

fn installed(vote: &Vote) -> Body {
    Body::SnapshotInstalled(wire::SnapshotInstalled { vote: Some(vote_to_wire(vote)) })
}
