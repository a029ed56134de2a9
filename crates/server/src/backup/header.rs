//! What a backup says of itself.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// The newest layout that this version reads, and the one of a backup with shards. Without, it is 1, which older versions read.
pub(super) const FORMAT: u32 = 2;
/// What every backup begins with.
pub(super) const MAGIC: &[u8] = b"quorate backup\n";
/// Length and checksum of the header.
pub(super) const RECORD_HEAD: usize = 8;
/// The checksum of the whole.
pub(super) const TRAILER_BYTES: u64 = 4;

/// The header of a backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// The layout of the file.
    pub format: u32,
    /// The version of the node that it was taken from.
    pub version: String,
    /// The cluster.
    pub cluster: String,
    /// The node that it was taken from.
    pub node: u64,
    /// The last transaction that it includes, as `0x...`.
    pub zxid: String,
    /// When it was taken, in milliseconds since the Unix epoch, by the node's clock.
    pub taken_at_ms: i64,
    /// The term of the last entry of the log that it includes.
    pub term: u64,
    /// The place of that entry in the log.
    pub index: u64,
    /// How many bytes the snapshot behind the header has.
    pub snapshot_bytes: u64,
    /// What lies behind that snapshot: the shards, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<ShardHeader>,
}

/// A shard in a backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShardHeader {
    /// Its number.
    pub shard: u32,
    /// The term of the last entry of its log that is included.
    pub term: u64,
    /// The place of that entry in the log.
    pub index: u64,
    /// How many bytes it has: the files with its messages, one behind the other, then its snapshot.
    pub bytes: u64,
    /// How many of these, the last, are the snapshot.
    pub snapshot_bytes: u64,
}

impl Header {
    /// All bytes between the header and the checksum at the end.
    pub(super) fn body_bytes(&self) -> u64 {
        self.shards.iter().fold(self.snapshot_bytes, |sum, shard| sum.saturating_add(shard.bytes))
    }

    /// All that comes before the snapshot.
    pub(super) fn head(&self) -> Bytes {
        let json = serde_json::to_vec(self).expect("a header has string keys, and memory can be written to");
        let mut head = BytesMut::with_capacity(MAGIC.len() + RECORD_HEAD + json.len());
        head.put_slice(MAGIC);
        head.put_u32(json.len() as u32);
        head.put_u32(crc32c::crc32c(&json));
        head.put_slice(&json);
        head.freeze()
    }
}
