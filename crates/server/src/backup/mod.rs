//! Backups: all that a node's groups hold, in one file, and a new cluster from it.
//!
//! A file is `quorate backup\n`; a record `length u32 | crc32c u32 | header`, big-endian, whose header is a JSON object
//! ([`Header`]), so that people can read it; `snapshot_bytes` bytes of group 0's snapshot as nodes keep them, every record of which
//! has a checksum of its own; for each of the header's `shards`, the files that its snapshot needs and then the snapshot; and
//! the CRC-32C of all that, 4 bytes. Nothing follows. Keys of the header are only ever added; a change that older readers must
//! not ignore raises `format`.

mod file;
mod header;
mod restore;
mod take;
#[cfg(test)]
mod tests;

pub use file::{BackupError, BackupFile, Contents, Queues};
pub use header::{Header, ShardHeader};
pub use restore::{RestoreError, Restored, Target, restore};
pub(crate) use take::{Backup, TakeError};
