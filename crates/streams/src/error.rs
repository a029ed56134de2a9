//! What can be wrong with bytes of the log and of snapshots.

use thiserror::Error;

/// A command in the log that this version can not read. The node must stop: skipping it would fork the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// It ends too early.
    #[error("command ends in the middle of a {field}; the log entry is damaged or foreign")]
    Truncated {
        /// What was being read.
        field: &'static str,
    },
    /// Written by a newer version.
    #[error("command has format {found}, this version reads up to {newest}; upgrade this node")]
    Format {
        /// The format of the command.
        found: u32,
        /// The newest format that this version reads.
        newest: u32,
    },
    /// No operation of this format.
    #[error("command has an operation of unknown kind {kind}; the log entry is damaged")]
    Op {
        /// Its number.
        kind: u8,
    },
    /// A field is out of its range.
    #[error("command has a bad {field}; the log entry is damaged or written by a newer version")]
    Field {
        /// Which field.
        field: &'static str,
    },
    /// It goes on after its last operation.
    #[error("command has {bytes} bytes after its last operation; the log entry is damaged")]
    Trailing {
        /// How many.
        bytes: usize,
    },
}

/// A snapshot that can not be restored. The shard under construction is dropped; nothing else was touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RestoreError {
    /// The bytes are not those that were written.
    #[error("snapshot chunk {number} does not match its checksum; fetch the snapshot again")]
    Damaged {
        /// The chunk, counted from 0.
        number: u64,
    },
    /// Written by a newer version.
    #[error("snapshot has format {found}, this version reads up to {newest}; upgrade this node")]
    Format {
        /// The format of the chunk.
        found: u32,
        /// The newest format that this version reads.
        newest: u32,
    },
    /// A chunk is lost, repeated or out of order.
    #[error("snapshot chunk {found} arrived where {expected} was due; fetch the snapshot again")]
    Order {
        /// The number of the chunk.
        found: u64,
        /// The number that was due.
        expected: u64,
    },
    /// A record ends too early.
    #[error("snapshot chunk {number} ends in the middle of a {what}; fetch the snapshot again")]
    Short {
        /// The chunk, counted from 0.
        number: u64,
        /// What was being read.
        what: &'static str,
    },
    /// The contents contradict themselves.
    #[error("snapshot chunk {number} is inconsistent: {what}; fetch the snapshot again")]
    Inconsistent {
        /// The chunk, counted from 0.
        number: u64,
        /// The broken rule, or the field that is out of its range.
        what: &'static str,
    },
    /// The end is missing.
    #[error("snapshot ends after {chunks} chunks without its end record; fetch the snapshot again")]
    Truncated {
        /// How many chunks had arrived.
        chunks: u64,
    },
}
