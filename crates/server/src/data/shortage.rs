//! What this node is short of: those who publish are held up then. And what else nodes tell each other every second.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use amqp::Resource;
use runtime::Runtime;
use shards::Shards;
use tracing::{info, warn};

use crate::config::AlarmLimits;

/// How often the disk and the memory are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What there was when it was looked at last.
pub(crate) struct Shortage {
    pub(crate) limits: AlarmLimits,
    data_dir: PathBuf,
    disk_free_bytes: AtomicU64,
}

impl Shortage {
    pub(super) fn new(limits: AlarmLimits, data_dir: PathBuf) -> Self {
        Self { limits, data_dir, disk_free_bytes: AtomicU64::new(u64::MAX) }
    }

    /// Bytes that are free where the data are; `None` if they were not looked at yet.
    pub(crate) fn disk_free_bytes(&self) -> Option<u64> {
        Some(self.disk_free_bytes.load(Ordering::Relaxed)).filter(|bytes| *bytes < u64::MAX)
    }

    /// Looks, sets alarms, and has other nodes hear of them. Runs for as long as the node does.
    pub(super) async fn watch(
        self: Arc<Self>,
        runtime: Runtime,
        shards: Arc<Shards>,
        amqp: Arc<amqp::Server>,
    ) {
        loop {
            match runtime.disk.free_bytes(&self.data_dir).await {
                Ok(bytes) => {
                    self.disk_free_bytes.store(bytes, Ordering::Relaxed);
                    let is_low = bytes < self.limits.disk_free_bytes;
                    set(&amqp, Resource::Disk, is_low, bytes, self.limits.disk_free_bytes);
                }
                // A disk that fails here fails the next write too, and that ends the node.
                Err(error) => warn!(%error, "can't tell how much of the disk is free"),
            }
            if let Some(limit) = self.limits.queue_bytes {
                let bytes = queue_bytes(&shards);
                set(&amqp, Resource::Memory, bytes > limit, bytes, limit);
            }
            amqp.share_alarms();
            amqp.share_usage();
            runtime.clock.sleep(LOOK).await;
        }
    }
}

fn set(amqp: &amqp::Server, resource: Resource, is_low: bool, bytes: u64, limit: u64) {
    let was_low = amqp.alarms().own().contains(&resource);
    amqp.alarms().set(resource, is_low);
    let resource = resource.name();
    match (was_low, is_low) {
        (false, true) => warn!(resource, bytes, limit, "this node is short of it: publishers are held up"),
        (true, false) => info!(resource, bytes, limit, "this node is no longer short of it"),
        _ => {}
    }
}

/// What queues keep in memory: frames since the last checkpoints, and what is needed to find and to read those on disk.
pub(crate) fn queue_bytes(shards: &Shards) -> u64 {
    let replicas = (1..=shards.shard_count()).filter_map(|shard| shards.replica(shard));
    let stats = replicas.map(|replica| replica.frames().stats());
    stats.map(|it| it.memory_bytes + it.index_bytes as u64 + it.cache_bytes as u64).sum()
}
