//! Backups: all that a node's group 0 holds, in one file, and a new cluster from it.
//!
//! A file is `quorate backup\n`; a record `length u32 | crc32c u32 | header`, big-endian, whose header is a JSON object
//! ([`Header`]), so that people can read it; `snapshot_bytes` bytes of a snapshot as nodes keep them, every record of which has
//! a checksum of its own; and the CRC-32C of all that, 4 bytes. Nothing follows. Keys of the header are only ever added; a
//! change that older readers must not ignore raises `format`.

mod file;
mod header;
mod restore;
mod take;
#[cfg(test)]
mod tests;

pub use file::{BackupError, BackupFile, Contents};
pub use header::Header;
pub use restore::{RestoreError, Restored, Target, restore};
pub(crate) use take::{Backup, TakeError};
