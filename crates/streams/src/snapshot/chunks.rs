//! From records to chunks.

use bytes::{BufMut, Bytes, BytesMut};

use super::FORMAT;
use crate::wire::put_number;

/// The chunks of a snapshot, made one at a time as they are asked for.
pub struct Chunks<'a> {
    records: Box<dyn Iterator<Item = Bytes> + Send + 'a>,
    /// Did not fit into the chunk before.
    carried: Option<Bytes>,
    bytes_max: usize,
    number: u64,
}

/// The checksum.
const TRAILER_BYTES: usize = 4;

impl<'a> Chunks<'a> {
    pub(super) fn new(records: impl Iterator<Item = Bytes> + Send + 'a, bytes_max: usize) -> Self {
        Self { records: Box::new(records), carried: None, bytes_max, number: 0 }
    }
}

impl std::fmt::Debug for Chunks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunks").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Iterator for Chunks<'_> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut record = self.carried.take().or_else(|| self.records.next())?;
        let mut chunk = BytesMut::new();
        chunk.put_u8(FORMAT);
        put_number(&mut chunk, self.number);
        self.number += 1;
        loop {
            chunk.put_slice(&record);
            let Some(next) = self.records.next() else { break };
            if chunk.len() + next.len() + TRAILER_BYTES > self.bytes_max {
                self.carried = Some(next);
                break;
            }
            record = next;
        }
        chunk.put_u32_le(crc32c::crc32c(&chunk));
        Some(chunk.freeze())
    }
}
