//! A replica's state for those who write it to disk or to other nodes: the state machine in pieces, and the frames that it
//! refers to in files of their own.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use segments::{Frames, FrozenFrames, Live, Manifest};
use streams::{Frozen, Offset, PartitionId, Restore, Shard};
use thiserror::Error;
use tracing::warn;

use crate::replica::{BEGUN, Replica};

/// A snapshot can't be restored.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// It has no list of files.
    #[error("a snapshot ends before its list of files")]
    NoManifest,
    /// Its first piece is not a list of files.
    #[error(transparent)]
    Manifest(#[from] segments::ManifestError),
    /// Its pieces are not those of a shard.
    #[error(transparent)]
    State(#[from] streams::RestoreError),
    /// Its files can't be used.
    #[error(transparent)]
    Frames(#[from] segments::OpenError),
}

/// The most bytes of one piece of the state machine.
const CHUNK_BYTES: usize = 256 << 10;

/// A frozen view of a replica.
pub struct SnapshotSource {
    replica: Arc<Replica>,
    frames: Frames,
    generation: u64,
    frozen: Option<(FrozenFrames, Frozen)>,
    /// Once its frames are attached.
    manifest: Option<Manifest>,
    chunks: VecDeque<Bytes>,
}

struct LiveFrames<'a>(&'a Frozen);

impl Live for LiveFrames<'_> {
    fn live_within(&self, partition: u64, range: Range<u64>) -> Vec<Range<u64>> {
        let live = self.0.live_within(PartitionId(partition), Offset(range.start)..Offset(range.end));
        live.ranges().map(|range| range.start.0..range.end.0).collect()
    }
}

impl SnapshotSource {
    /// Writes the frames that are live and are in no file yet, and tells which files the snapshot needs. Once, first.
    ///
    /// # Errors
    /// When they can't be written.
    pub async fn attach(&mut self) -> Result<Manifest, segments::CheckpointError> {
        let (frozen_frames, frozen) = self.frozen.take().expect("frames are attached once");
        // Nobody else opens or writes files in the folder meanwhile.
        let _only = self.replica.writing.lock().await;
        let manifest = if self.replica.state.lock().generation == self.generation {
            frozen_frames.write(&LiveFrames(&frozen)).await?
        } else {
            // The state was replaced by a newer snapshot, in whose folder nothing may be written from here. Nobody will keep
            // this one.
            self.replica.frames().manifest()
        };
        self.chunks.push_back(Bytes::from(manifest.encode()));
        self.replica.look_at_crowd();
        // No bodies are in these: they are small, and partitions that change need not be copied once they are made.
        for chunk in frozen.chunks(CHUNK_BYTES) {
            self.chunks.push_back(chunk);
            tokio::task::yield_now().await;
        }
        self.manifest = Some(manifest.clone());
        Ok(manifest)
    }

    /// The next piece, or `None` at the end.
    pub fn next_chunk(&mut self) -> Option<Bytes> {
        self.chunks.pop_front()
    }

    /// The snapshot is durable: files that it does not need go.
    pub async fn kept(self) {
        if let Some(manifest) = self.manifest
            && let Err(error) = self.frames.keep_only(&manifest).await
        {
            // They are removed at the next start.
            warn!(shard = self.replica.shard(), %error, "files that are not needed any more stay on disk");
        }
    }
}

/// Makes a state machine of the pieces of a snapshot, without its frames.
#[derive(Default)]
pub struct StateReader {
    manifest: Option<Manifest>,
    restoring: Restore,
}

impl StateReader {
    /// The next piece.
    ///
    /// # Errors
    /// When it does not make sense.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), SnapshotError> {
        match self.manifest {
            None => self.manifest = Some(Manifest::decode(&chunk)?),
            Some(_) => self.restoring.chunk(chunk)?,
        }
        Ok(())
    }

    /// All pieces are there.
    ///
    /// # Errors
    /// When something is missing.
    pub fn finish(self) -> Result<Shard, SnapshotError> {
        self.finish_with_files().map(|(_, machine)| machine)
    }

    fn finish_with_files(self) -> Result<(Manifest, Shard), SnapshotError> {
        let manifest = self.manifest.ok_or(SnapshotError::NoManifest)?;
        Ok((manifest, self.restoring.finish()?))
    }
}

/// Takes the pieces of a snapshot.
pub struct SnapshotTarget {
    replica: Arc<Replica>,
    state: StateReader,
}

impl SnapshotTarget {
    /// The next piece.
    ///
    /// # Errors
    /// When it does not make sense.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), SnapshotError> {
        self.state.push(chunk)
    }

    /// All pieces are there, and all files: the replica's state becomes that of the snapshot.
    ///
    /// # Errors
    /// When something is missing or damaged; the state stays as it was.
    pub async fn finish(self) -> Result<(), SnapshotError> {
        let (manifest, machine) = self.state.finish_with_files()?;
        let _only = self.replica.writing.lock().await;
        let frames = self.replica.store.open(Some(&manifest)).await?;
        let mut state = self.replica.state.lock();
        state.machine = machine;
        state.frames = Some(frames);
        state.generation += 1;
        drop(state);
        self.replica.look_at_crowd();
        Ok(())
    }
}

impl Replica {
    /// Freezes the state as of the last applied entry.
    pub fn begin_snapshot(self: &Arc<Self>) -> SnapshotSource {
        // Nothing may be applied between the two.
        let state = self.state.lock();
        let frames = state.frames.clone().expect(BEGUN);
        SnapshotSource {
            replica: Arc::clone(self),
            frozen: Some((frames.freeze(), state.machine.freeze())),
            frames,
            generation: state.generation,
            manifest: None,
            chunks: VecDeque::new(),
        }
    }

    /// Starts to replace the state by that of a snapshot.
    pub fn begin_restore(self: &Arc<Self>) -> SnapshotTarget {
        SnapshotTarget { replica: Arc::clone(self), state: StateReader::default() }
    }
}
