//! How much of what clients may have.

use control::MemoryLimits;
use zookeeper::codec::DEFAULT_FRAME_BYTES_MAX;

use super::{ConfigError, FileSettings, wrong};

/// Of the memory that this process may have, the tree may take one part in so many, unless the setting says otherwise. The
/// rest is for the allocator's losses, what a snapshot holds back, the journal's and the peers' buffers, connections, and
/// what is under way: each has a bound, and together they stay below the other half from 1 GiB on.
const TREE_SHARE: u64 = 2;
/// Likewise the watches.
const WATCH_SHARE: u64 = 8;
/// Likewise what queues keep in memory.
const QUEUE_SHARE: u64 = 4;

/// A checkpoint of every shard fits into it, and the journal beside.
const DISK_FREE_MIN: u64 = 256 << 20;

/// What a node must have; where it has not, those who publish are held up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlarmLimits {
    /// The most bytes of memory that what queues keep there may take; `None`: any.
    pub queue_bytes: Option<u64>,
    /// The least bytes that must be free where the data are. Default 256 MiB.
    pub disk_free_bytes: u64,
}

impl AlarmLimits {
    pub(super) fn of(settings: &FileSettings) -> Self {
        Self {
            queue_bytes: settings.queue_bytes_max.filter(|bytes| *bytes > 0),
            disk_free_bytes: settings.disk_free_min.unwrap_or(DISK_FREE_MIN),
        }
    }
}

/// The least that `request-bytes-max` can be: a request to open a session takes about 50.
const REQUEST_BYTES_MIN: usize = 1 << 10;
/// The most that it can be. Data of that length must fit into a znode ...
const REQUEST_BYTES_LIMIT: usize = tree::DATA_BYTES_MAX;
/// ... and a request, as the command it becomes, between two nodes and into the journal. A command takes at most twice the
/// bytes of the request and of the identities of its client: where there are many tiny parts, most of it is lengths.
const COMMAND_BYTES: usize = 2 * (REQUEST_BYTES_LIMIT + zookeeper::IDENTITY_BYTES_MAX) + 4096;
const _: () = assert!(COMMAND_BYTES <= consensus::COMMAND_BYTES_MAX);

/// How many connections clients may have. 0: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In all. Default 0.
    pub all: usize,
    /// From one address. Default 60, as ZooKeeper's `maxClientCnxns`.
    pub of_an_address: usize,
}

impl ConnectionLimits {
    pub(super) fn of(settings: &FileSettings) -> Self {
        Self {
            all: settings.connections_max.unwrap_or(0),
            of_an_address: settings.connections_per_address_max.unwrap_or(60),
        }
    }
}

impl FileSettings {
    /// Fills in the limits on memory that were not set, for a process that may have so much of it. Without that they are
    /// off.
    #[must_use]
    pub fn with_memory(mut self, bytes: Option<u64>) -> Self {
        if let Some(bytes) = bytes {
            self.tree_bytes_max.get_or_insert(bytes / TREE_SHARE);
            self.watch_bytes_max.get_or_insert(bytes / WATCH_SHARE);
            self.queue_bytes_max.get_or_insert(bytes / QUEUE_SHARE);
        }
        self
    }
}

/// 0 and nothing are no limit.
pub(super) fn memory(settings: &FileSettings) -> MemoryLimits {
    let limit = |bytes: Option<u64>| {
        bytes.filter(|bytes| *bytes > 0).map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
    };
    MemoryLimits { tree_bytes: limit(settings.tree_bytes_max), watch_bytes: limit(settings.watch_bytes_max) }
}

/// The most shards that there can be.
const SHARDS_MAX: u32 = 256;

pub(super) fn shards(number: Option<u32>) -> Result<u32, ConfigError> {
    let number = number.unwrap_or(4);
    if (1..=SHARDS_MAX).contains(&number) {
        return Ok(number);
    }
    Err(wrong("shards", number.to_string(), "out of range", format!("give 1 to {SHARDS_MAX}")))
}

pub(super) fn replication_factor(number: Option<u32>) -> Result<u32, ConfigError> {
    let number = number.unwrap_or(3);
    if (1..=catalog::REPLICATION_FACTOR_MAX).contains(&number) {
        return Ok(number);
    }
    let fix = format!("give 1 to {}", catalog::REPLICATION_FACTOR_MAX);
    Err(wrong("replication-factor", number.to_string(), "out of range", fix))
}

pub(super) fn request_bytes_max(settings: &FileSettings) -> Result<usize, ConfigError> {
    let bytes = settings.request_bytes_max.unwrap_or(DEFAULT_FRAME_BYTES_MAX);
    if (REQUEST_BYTES_MIN..=REQUEST_BYTES_LIMIT).contains(&bytes) {
        return Ok(bytes);
    }
    Err(wrong(
        "request-bytes-max",
        bytes.to_string(),
        "out of range",
        format!(
            "give {REQUEST_BYTES_MIN} to {REQUEST_BYTES_LIMIT}, or leave it out for {DEFAULT_FRAME_BYTES_MAX}"
        ),
    ))
}
