//! The handle of a frame store.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use runtime::{Disk, File};

use crate::checkpoint::FrozenFrames;
use crate::manifest::Manifest;
use crate::memory::{Freed, Layer};
use crate::read::Reader;
use crate::store::{Segments, Shared};
use crate::{Config, OpenError, ReadError, RemoveError, open, remove};

/// Offsets that one read looks up at a time: so many that the lock is cheap, and so few that nobody waits for it.
const LOOKUPS: usize = 256;

/// The frames of one shard's replica; see the [crate]. Cheap to clone; every clone is the same store.
#[derive(Clone)]
pub struct Frames {
    pub(crate) shared: Arc<Shared>,
}

/// Sizes of now, and counters since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames in memory, and the bytes that they take there. An entry of the journal stays in memory as a whole while one
    /// frame of it does; that is not counted.
    pub memory_frames: u64,
    /// See [`Stats::memory_frames`].
    pub memory_bytes: u64,
    /// Files that frames are read from, their length in bytes, their frames (live or not), and the bytes that their indexes
    /// take in memory.
    pub files: usize,
    /// See [`Stats::files`].
    pub file_bytes: u64,
    /// See [`Stats::files`].
    pub file_frames: u64,
    /// See [`Stats::files`].
    pub index_bytes: usize,
    /// Files that wait for [`Frames::keep_only`].
    pub files_leaving: usize,
    /// Bytes of blocks in memory.
    pub cache_bytes: usize,
    /// Reads of files by [`Frames::read`], and bytes that they brought.
    pub reads: u64,
    /// See [`Stats::reads`].
    pub read_bytes: u64,
    /// Checkpoints written; bytes of new files; how many of these were in files before.
    pub checkpoints: u64,
    /// See [`Stats::checkpoints`].
    pub written_bytes: u64,
    /// See [`Stats::checkpoints`].
    pub rewritten_bytes: u64,
}

impl Frames {
    /// Opens the frames in folder `dir`, which is made if it is not there and is this store's alone. `manifest` is that of
    /// the newest durable checkpoint, none if there is none yet: segment files that it does not name are removed, whatever
    /// they hold. Of those that it names, everything but the frames themselves is read and checked.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        manifest: Option<&Manifest>,
        config: Config,
    ) -> Result<Self, OpenError> {
        let shared = open::open(disk, dir, manifest, config).await?;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Takes a frame. Offsets of a partition grow by one from append to append, starting anywhere (places left out cost
    /// memory). One of 4 GiB or more can't be written; a journal has no entry so long.
    ///
    /// The store keeps `frame` as it is: the memory that it is a part of stays until the next checkpoint has been written,
    /// even when all other frames in that memory are released.
    pub fn append(&self, partition: u64, offset: u64, frame: Bytes) {
        self.shared.state().current.append(partition, offset, frame);
    }

    /// Frames that nobody will ask for again. Memory is freed now (for frames that are being written at this moment: when
    /// they are), files lose them at later checkpoints, at which they must not be [`Live`](crate::Live). Until then reads
    /// may still give them.
    pub fn release(&self, partition: u64, range: Range<u64>) {
        let mut freed = Freed::default();
        let mut state = self.shared.state();
        for layer in state.layers_mut() {
            layer.release(partition, range.clone(), &mut freed);
        }
        // Memory is freed without the lock.
        drop(state);
    }

    /// As [`Frames::release`] of all frames of a partition.
    pub fn drop_partition(&self, partition: u64) {
        self.release(partition, 0..u64::MAX);
    }

    /// A frame, if it is in memory. Never waits for a disk.
    pub fn recent(&self, partition: u64, offset: u64) -> Option<Bytes> {
        self.shared.state().recent(partition, offset)
    }

    /// The frames of a partition with these offsets, in the order in which they are asked for, from memory or files. Stops
    /// after the frame with which they are `bytes_max` bytes or more; gives nothing for an offset that has no frame. Who
    /// reads a partition in order, in this call or from call to call, has blocks read ahead.
    ///
    /// A frame from a file is a part of the block that it was in: while it is held, up to [`Config::block_bytes`] are.
    ///
    /// # Errors
    /// A file can't be read or is damaged where one of the frames should be.
    pub async fn read(
        &self,
        partition: u64,
        offsets: &[u64],
        bytes_max: usize,
    ) -> Result<Vec<(u64, Bytes)>, ReadError> {
        // Frames in memory come without waiting: a caller in a loop must not keep its thread from others.
        tokio::task::coop::consume_budget().await;
        let mut reader = Reader::new(&self.shared, partition);
        let (mut frames, mut bytes) = (Vec::new(), 0);
        for offsets in offsets.chunks(LOOKUPS) {
            let (recent, segments) = self.look_up(partition, offsets);
            for (place, (&offset, recent)) in offsets.iter().zip(recent).enumerate() {
                let frame = match recent {
                    Some(frame) => Some(frame),
                    None => reader.frame(&segments, offset, &offsets[place + 1..]).await?,
                };
                let Some(frame) = frame else { continue };
                bytes += frame.len();
                frames.push((offset, frame));
                if bytes >= bytes_max {
                    return Ok(frames);
                }
            }
        }
        Ok(frames)
    }

    /// The frames that are in memory, and where the others are at the same moment.
    fn look_up(&self, partition: u64, offsets: &[u64]) -> (Vec<Option<Bytes>>, Segments) {
        let state = self.shared.state();
        let recent = offsets.iter().map(|&offset| state.recent(partition, offset)).collect();
        (recent, Arc::clone(&state.segments))
    }

    /// Begins a checkpoint: what was appended so far is set apart, without a look at it, to be written with
    /// [`FrozenFrames::write`]. Appends, releases and reads go on. To be called at the moment whose state the checkpoint is
    /// of. If nothing comes of the checkpoint, the frames stay where they are and are part of the next one.
    pub fn freeze(&self) -> FrozenFrames {
        let mut state = self.shared.state();
        let layers = state.freeze();
        FrozenFrames::new(Arc::clone(&self.shared), layers, state.freezes)
    }

    /// To be called when the checkpoint with this manifest is durable: removes the files that were needed by checkpoints
    /// before it only. Those of a checkpoint after it stay. Readers that are in one of them get what they asked for.
    ///
    /// # Errors
    /// A file could not be removed; the others are.
    pub async fn keep_only(&self, manifest: &Manifest) -> Result<(), RemoveError> {
        remove::keep_only(&self.shared, manifest).await
    }

    /// What the newest checkpoint that was written needs. Without any since it was opened, that of the manifest it was
    /// opened with.
    pub fn manifest(&self) -> Manifest {
        self.shared.state().manifest(self.shared.config.shard)
    }

    /// An open file, by a name that a manifest has told; readable for as long as it is held, even if it is removed. `None`
    /// if it is neither in use nor waiting for [`Frames::keep_only`].
    pub fn file(&self, name: &str) -> Option<Arc<dyn File>> {
        let state = self.shared.state();
        let mut segments = state.segments.iter().chain(&state.leaving);
        segments.find(|segment| segment.id.name() == name).map(|segment| Arc::clone(&segment.file))
    }

    /// Bytes of frames in memory, with what each takes there: what the next checkpoint frees at most.
    pub fn memory_bytes(&self) -> u64 {
        self.shared.state().layers().map(Layer::memory_bytes).sum()
    }

    /// Bytes that were taken in memory since the last freeze, while what was frozen is still being written; otherwise 0. Where the disk
    /// keeps up with those who append, it is little.
    pub fn behind_bytes(&self) -> u64 {
        let state = self.shared.state();
        if state.written < state.freezes { state.current.memory_bytes() } else { 0 }
    }

    /// Sizes and counters.
    pub fn stats(&self) -> Stats {
        let counters = &self.shared.counters;
        let cache_bytes = self.shared.cache.lock().bytes();
        let state = self.shared.state();
        Stats {
            memory_frames: state.layers().map(|layer| layer.held().frames).sum(),
            memory_bytes: state.layers().map(Layer::memory_bytes).sum(),
            files: state.segments.len(),
            file_bytes: state.segments.iter().map(|segment| segment.length).sum(),
            file_frames: state.segments.iter().map(|segment| segment.index.frames()).sum(),
            index_bytes: state.segments.iter().map(|segment| segment.index.memory_bytes()).sum(),
            files_leaving: state.leaving.len() + state.abandoned.len(),
            cache_bytes,
            reads: counters.reads.load(Ordering::Relaxed),
            read_bytes: counters.read_bytes.load(Ordering::Relaxed),
            checkpoints: counters.checkpoints.load(Ordering::Relaxed),
            written_bytes: counters.written_bytes.load(Ordering::Relaxed),
            rewritten_bytes: counters.rewritten_bytes.load(Ordering::Relaxed),
        }
    }
}
