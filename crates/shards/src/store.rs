//! Where a replica's frames are kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use runtime::Disk;
use segments::{Config, Frames, Manifest, OpenError};

/// The folder of a replica's frames, and how they are kept there.
pub struct FrameStore {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    config: Config,
    life: u64,
    opened: AtomicU64,
}

impl FrameStore {
    /// Frames in `dir`, a folder of this replica alone. `life` is a number that no other life of any replica of the shard has,
    /// nor one of the 65,536 numbers behind it: by it, files get names that no others have.
    pub fn new(disk: Arc<dyn Disk>, dir: PathBuf, config: Config, life: u64) -> Self {
        Self { disk, dir, config, life, opened: AtomicU64::new(0) }
    }

    /// Opens the frames that a checkpoint named, or none.
    pub(crate) async fn open(&self, manifest: Option<&Manifest>) -> Result<Frames, OpenError> {
        let origin = self.life.wrapping_add(self.opened.fetch_add(1, Ordering::Relaxed));
        let config = Config { origin, ..self.config.clone() };
        Frames::open(Arc::clone(&self.disk), self.dir.clone(), manifest, config).await
    }
}
