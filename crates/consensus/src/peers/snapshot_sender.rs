//! Sends a snapshot file in pieces, from where the receiver's earlier pieces end.

use std::time::Duration;

use tokio::sync::mpsc;

use super::CallError;
use super::link::{Link, OpenCall};
use super::network::GroupNetworks;
use crate::raft::{Vote, required_vote, vote_to_wire};
use crate::storage::SnapshotFile;
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
    let failed = |error: std::io::Error| CallError::Failed(format!("read the snapshot: {error}"));
    let file = networks.snapshots.open_raw(snapshot).await.map_err(failed)?;
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
        while sent < snapshot.length && sent - wanted < CHUNKS_OPEN_MAX * CHUNK_BYTES {
            let length = CHUNK_BYTES.min(snapshot.length - sent) as usize;
            let data = file.read_at(sent, length).await.map_err(failed)?;
            if data.len() < length {
                return Err(CallError::Failed("the snapshot file has become shorter".into()));
            }
            send_chunk(&call, sent, data).await?;
            sent += length as u64;
        }
        match answer(networks, &mut answers).await? {
            Answer::Wanted(offset) => wanted = offset,
            Answer::Installed(vote) => return Ok(vote),
        }
    }
}

async fn send_chunk(call: &OpenCall, offset: u64, data: bytes::Bytes) -> Result<(), CallError> {
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
