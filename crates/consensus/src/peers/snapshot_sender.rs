//! Sends a snapshot, its attached files and then its own, in pieces, from where the receiver's earlier pieces end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use runtime::File;
use tokio::sync::mpsc;

use super::CallError;
use super::link::{Link, OpenCall};
use super::network::GroupNetworks;
use crate::raft::{Vote, required_vote, vote_to_wire};
use crate::storage::{Parts, SnapshotFile, SnapshotStore};
use crate::wire::{self, frame::Body};

const CHUNK_BYTES: u64 = 512 << 10;
/// Pieces sent ahead of the receiver's answers.
const CHUNKS_OPEN_MAX: u64 = 4;
/// The receiver writes or installs for at most so long before it is taken for lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends `snapshot` and waits until it is installed; gives the receiver's vote.
pub(super) async fn send_snapshot(
    networks: &GroupNetworks,
    link: &Link,
    vote: &Vote,
    snapshot: &SnapshotFile,
) -> Result<Vote, CallError> {
    let outgoing = Outgoing::open(&networks.snapshots, snapshot).await?;
    let (call, mut answers) = link.open_call(networks.group)?;
    call.send(Body::SnapshotOffer(wire::SnapshotOffer {
        vote: Some(vote_to_wire(vote)),
        header: Some(snapshot.header.clone()),
        length: snapshot.length,
        checksum: snapshot.checksum,
    }))
    .await?;
    let mut wanted = match answer(networks, &mut answers).await? {
        Answer::Wanted(offset) => offset,
        Answer::Installed(vote) => return Ok(vote),
    };
    let mut sent = wanted;
    loop {
        while sent - wanted < CHUNKS_OPEN_MAX * CHUNK_BYTES
            && let Some(data) = outgoing.piece(sent).await?
        {
            let length = data.len() as u64;
            send_chunk(&call, sent, data).await?;
            sent += length;
        }
        match answer(networks, &mut answers).await? {
            Answer::Wanted(offset) => wanted = offset,
            Answer::Installed(vote) => return Ok(vote),
        }
    }
}

/// The files of a snapshot, held open: they can be read to their end also when a newer snapshot has taken its place.
struct Outgoing {
    parts: Parts,
    files: Vec<Arc<dyn File>>,
}

impl Outgoing {
    async fn open(snapshots: &SnapshotStore, snapshot: &SnapshotFile) -> Result<Self, CallError> {
        let parts = Parts::new(&snapshot.header, snapshot.length).map_err(CallError::Failed)?;
        let attachments = snapshots.attachments();
        let mut files = Vec::with_capacity(parts.attached().len() + 1);
        for file in parts.attached() {
            files.push(attachments.open(file).await.map_err(failed)?);
        }
        files.push(snapshots.open_raw(snapshot).await.map_err(failed)?);
        Ok(Self { parts, files })
    }

    /// The bytes from `position` on, as many as one message carries; `None` at the end.
    async fn piece(&self, position: u64) -> Result<Option<Bytes>, CallError> {
        let Some(place) = self.parts.at(position) else { return Ok(None) };
        let length = CHUNK_BYTES.min(place.left) as usize;
        let data = self.files[place.part].read_at(place.offset, length).await.map_err(failed)?;
        if data.len() < length {
            return Err(CallError::Failed("a file of the snapshot has become shorter".into()));
        }
        Ok(Some(data))
    }
}

fn failed(error: std::io::Error) -> CallError {
    CallError::Failed(format!("read the snapshot: {error}"))
}

async fn send_chunk(call: &OpenCall, offset: u64, data: Bytes) -> Result<(), CallError> {
    call.send(Body::SnapshotChunk(wire::SnapshotChunk { offset, data })).await
}

enum Answer {
    Wanted(u64),
    Installed(Vote),
}

async fn answer(
    networks: &GroupNetworks,
    answers: &mut mpsc::UnboundedReceiver<Body>,
) -> Result<Answer, CallError> {
    let body = networks.clock.timeout(PATIENCE, answers.recv()).await.map_err(|_| CallError::TimedOut)?;
    match body.ok_or(CallError::Lost)? {
        Body::SnapshotWanted(wanted) => Ok(Answer::Wanted(wanted.offset)),
        Body::SnapshotInstalled(installed) => {
            let vote = required_vote(installed.vote).map_err(|error| CallError::Failed(error.to_string()))?;
            Ok(Answer::Installed(vote))
        }
        Body::Failure(failure) => Err(CallError::Failed(failure.reason)),
        _ => Err(CallError::Failed("the peer answered something else than was asked".into())),
    }
}
