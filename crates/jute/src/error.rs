//! What can be wrong with bytes that claim to be records.

use thiserror::Error;

/// Bytes that are not the record they were read as. The connection's state is untouched; the bytes read so far are
/// not given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The record ends before its last field.
    #[error("record ends {missing} bytes early; send whole records in one frame")]
    Truncated {
        /// Bytes that the field needs and the record does not have.
        missing: usize,
    },
    /// A length or count below -1.
    #[error("length {0} is negative; only -1 has a meaning, null")]
    NegativeLength(i32),
    /// A string that is not UTF-8.
    #[error("string is not UTF-8")]
    NotUtf8,
    /// Null where the protocol needs a string.
    #[error("string is null; this field needs a value")]
    NullString,
    /// A number that its field does not know.
    #[error("{field} has no meaning for {value}")]
    UnknownValue {
        /// The field.
        field: &'static str,
        /// What it held.
        value: i32,
    },
    /// An operation inside a multi that this kind of multi can not hold.
    #[error("operation {op} does not belong in this kind of multi")]
    NotInMulti {
        /// The number of the operation.
        op: i32,
    },
}

/// A frame whose length no peer may send. The stream can not be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("frame of {length} bytes is outside 0..={max}; raise jute.maxbuffer or send smaller requests")]
pub struct FrameError {
    /// The length that the peer claimed.
    pub length: i32,
    /// The largest length that is accepted.
    pub max: usize,
}
