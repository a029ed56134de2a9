//! What the handles of a frame store share.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use runtime::Disk;

use crate::Config;
use crate::format::block::Block;
use crate::manifest::Manifest;
use crate::memory::Layer;
use crate::name::SegmentId;
use crate::read::Cache;
use crate::segment::Segment;

/// The segments that reads are served from, ascending by name. Replaced as a whole.
pub(crate) type Segments = Arc<Vec<Arc<Segment>>>;

pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) config: Config,
    state: Mutex<State>,
    pub(crate) cache: Mutex<Cache>,
    /// Held while a checkpoint is written: one at a time.
    pub(crate) writing: tokio::sync::Mutex<()>,
    pub(crate) counters: Counters,
}

/// Where frames are. Each live frame is in exactly one place, except for moments in which it is in two.
pub(crate) struct State {
    /// Appended since the last freeze.
    pub(crate) current: Layer,
    /// Frozen and not yet in a file, oldest first. One that a checkpoint is writing is shared with it, and not changed.
    pub(crate) frozen: Vec<Arc<Layer>>,
    pub(crate) segments: Segments,
    /// Files that the newest checkpoint does not name, but perhaps one before it.
    pub(crate) leaving: Vec<Arc<Segment>>,
    /// Files of checkpoints that failed.
    pub(crate) abandoned: Vec<PathBuf>,
    /// Number of the next file.
    pub(crate) next: u64,
    /// How often there was a freeze, and the last one that was written.
    pub(crate) freezes: u64,
    pub(crate) written: u64,
}

impl State {
    pub(crate) fn layers(&self) -> impl Iterator<Item = &Layer> {
        std::iter::once(&self.current).chain(self.frozen.iter().rev().map(|layer| &**layer))
    }

    /// The layers that may be changed.
    pub(crate) fn layers_mut(&mut self) -> impl Iterator<Item = &mut Layer> {
        std::iter::once(&mut self.current).chain(self.frozen.iter_mut().filter_map(Arc::get_mut))
    }

    /// Sets apart what was appended since the last time.
    pub(crate) fn freeze(&mut self) -> Vec<Arc<Layer>> {
        self.frozen.retain(|layer| layer.held().frames > 0);
        let mut layer = std::mem::take(&mut self.current);
        // Layers that no checkpoint is writing were left by one that failed. Small ones are put together, so that there
        // are few even if checkpoints fail for hours.
        while let Some(older) = self.frozen.pop_if(|older| is_small_beside(older, &layer)) {
            let mut older = Arc::into_inner(older).expect("nobody else has it, or it would not be small");
            older.absorb(layer);
            layer = older;
        }
        if layer.held().frames > 0 {
            self.frozen.push(Arc::new(layer));
        }
        self.freezes += 1;
        self.frozen.clone()
    }

    pub(crate) fn recent(&self, partition: u64, offset: u64) -> Option<bytes::Bytes> {
        self.layers().find_map(|layer| layer.get(partition, offset))
    }

    /// A name that no file has or had.
    pub(crate) fn new_id(&mut self, origin: u64) -> SegmentId {
        let number = self.next;
        self.next += 1;
        SegmentId { number, origin }
    }

    pub(crate) fn manifest(&self, shard: u64) -> Manifest {
        Manifest {
            shard,
            next: self.next,
            files: self.segments.iter().map(|segment| segment.entry()).collect(),
        }
    }
}

/// True if the older layer is nobody else's, and not much larger.
fn is_small_beside(older: &mut Arc<Layer>, newer: &Layer) -> bool {
    Arc::get_mut(older).is_some_and(|older| older.held().frames <= 2 * newer.held().frames)
}

impl Shared {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        config: Config,
        segments: Vec<Arc<Segment>>,
        next: u64,
    ) -> Self {
        let state = State {
            current: Layer::default(),
            frozen: Vec::new(),
            segments: Arc::new(segments),
            leaving: Vec::new(),
            abandoned: Vec::new(),
            next,
            freezes: 0,
            written: 0,
        };
        let cache = Mutex::new(Cache::new(config.cache_bytes));
        Self {
            disk,
            dir,
            config,
            state: Mutex::new(state),
            cache,
            writing: tokio::sync::Mutex::default(),
            counters: Counters::default(),
        }
    }

    /// Held for moments only.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// What was done since the store was opened.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) reads: AtomicU64,
    pub(crate) read_bytes: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) written_bytes: AtomicU64,
    pub(crate) rewritten_bytes: AtomicU64,
}

impl Counters {
    pub(crate) fn count_checkpoint(&self, written_bytes: u64, rewritten_bytes: u64) {
        self.checkpoints.fetch_add(1, Ordering::Relaxed);
        self.written_bytes.fetch_add(written_bytes, Ordering::Relaxed);
        self.rewritten_bytes.fetch_add(rewritten_bytes, Ordering::Relaxed);
    }

    pub(crate) fn count_read(&self, blocks: &[Block]) {
        let bytes: usize = blocks.iter().map(Block::memory_bytes).sum();
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.read_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
