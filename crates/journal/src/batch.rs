//! The unit of writing: frames that became durable together.
//!
//! ```text
//!  0  u32  magic
//!  4  u32  CRC-32C of the bytes from 8 to 48
//!  8  u64  salt of the segment
//! 16  u64  number of the batch in the journal
//! 24  u64  head: the oldest segment that is still needed
//! 32  u32  bytes of all frames
//! 36  u32  CRC-32C of the checksums of all frames, in order
//! 40  u8   1 if the journal was closed after this batch
//! 41  u8   1 if this is a mark
//! 42       0 up to 48
//! 48       the frames, then zeros up to a multiple of the block
//! ```
//! All numbers are little-endian; the checksum starts from `frame::seed`. A batch is written only
//! after the one before it was synced, so a header with a later number proves that everything before it was durable.
//! Behind the last batch stands a mark that says so for it: a header without a batch, written after the sync and not synced
//! itself, over which the next batch is written. Without it damage of the last batch could not be told from a write that
//! was cut off.
//! The salt keeps bytes that a client chose from being taken for such a header; the checksum over checksums keeps the
//! frames of a torn batch from completing another that was later torn at the same place.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::GroupId;
use crate::frame::{self, Kind};

/// Bytes before the frames.
pub(crate) const HEADER_BYTES: usize = 48;
const MAGIC: u32 = u32::from_le_bytes(*b"Qbch");
/// Payloads up to this size are copied next to their header rather than written from where they are.
const COPY_BYTES_MAX: usize = 1024;

/// What a batch says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) salt: u64,
    pub(crate) number: u64,
    pub(crate) head: u64,
    pub(crate) frames_bytes: u32,
    pub(crate) frames_crc: u32,
    pub(crate) closed: bool,
    /// No batch: it says that the one before it is durable.
    pub(crate) is_mark: bool,
}

impl Header {
    pub(crate) fn encode(&self, segment: u64, offset: u64) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut rest = &mut bytes[8..];
        rest.put_u64_le(self.salt);
        rest.put_u64_le(self.number);
        rest.put_u64_le(self.head);
        rest.put_u32_le(self.frames_bytes);
        rest.put_u32_le(self.frames_crc);
        rest.put_u8(u8::from(self.closed));
        rest.put_u8(u8::from(self.is_mark));
        let crc = checksum(&bytes, segment, offset);
        (&mut bytes[..8]).put_u32_le(MAGIC);
        (&mut bytes[4..8]).put_u32_le(crc);
        bytes
    }

    /// The header at `offset` of segment `segment`, if a valid one is there.
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES], segment: u64, offset: u64, salt: u64) -> Option<Self> {
        let mut rest = &bytes[..];
        if rest.get_u32_le() != MAGIC || rest.get_u32_le() != checksum(bytes, segment, offset) {
            return None;
        }
        let header = Header {
            salt: rest.get_u64_le(),
            number: rest.get_u64_le(),
            head: rest.get_u64_le(),
            frames_bytes: rest.get_u32_le(),
            frames_crc: rest.get_u32_le(),
            closed: rest.get_u8() == 1,
            is_mark: rest.get_u8() == 1,
        };
        (header.salt == salt).then_some(header)
    }
}

fn checksum(bytes: &[u8; HEADER_BYTES], segment: u64, offset: u64) -> u32 {
    crc32c::crc32c_append(frame::seed(segment, offset), &bytes[8..])
}

/// Where a batch is to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) salt: u64,
}

/// Puts a batch together.
pub(crate) struct Builder {
    place: Place,
    /// What is finished, without the batch's header.
    parts: Vec<Bytes>,
    /// Frames not yet in `parts`.
    buffer: BytesMut,
    frames_bytes: u64,
    frames_crc: u32,
}

impl Builder {
    pub(crate) fn new(place: Place) -> Self {
        // The place of the first part is the header's.
        Self { place, parts: vec![Bytes::new()], buffer: BytesMut::new(), frames_bytes: 0, frames_crc: 0 }
    }

    /// Adds a frame; returns its offset in the segment.
    pub(crate) fn push(&mut self, group: GroupId, kind: Kind, payload: &Bytes) -> u64 {
        let offset = self.place.offset + HEADER_BYTES as u64 + self.frames_bytes;
        let header = frame::Header::new(group, kind, payload, self.place.segment, offset);
        self.frames_crc = chain(self.frames_crc, header.crc);
        self.buffer.put_slice(&header.encode());
        if payload.len() <= COPY_BYTES_MAX {
            self.buffer.put_slice(payload);
        } else {
            self.parts.push(self.buffer.split().freeze());
            self.parts.push(payload.clone());
        }
        self.frames_bytes += (frame::HEADER_BYTES + payload.len()) as u64;
        offset
    }

    /// The bytes to write, a multiple of `block_bytes` together, and how many they are.
    pub(crate) fn finish(
        mut self,
        number: u64,
        head: u64,
        closed: bool,
        block_bytes: u32,
    ) -> (Vec<Bytes>, u64) {
        let header = Header {
            salt: self.place.salt,
            number,
            head,
            frames_bytes: u32::try_from(self.frames_bytes)
                .expect("the configuration limits batches to 1 GiB"),
            frames_crc: self.frames_crc,
            closed,
            is_mark: false,
        };
        let header = header.encode(self.place.segment, self.place.offset);
        self.parts[0] = Bytes::copy_from_slice(&header);
        let used = HEADER_BYTES as u64 + self.frames_bytes;
        let total = used.next_multiple_of(u64::from(block_bytes));
        self.buffer.put_bytes(0, (total - used) as usize);
        self.parts.push(self.buffer.freeze());
        (self.parts, total)
    }
}

/// A block to be written behind a batch that is durable, where batch `number` will be.
pub(crate) fn mark(place: Place, number: u64, head: u64, block_bytes: u32) -> Bytes {
    let header = Header {
        salt: place.salt,
        number,
        head,
        frames_bytes: 0,
        frames_crc: 0,
        closed: false,
        is_mark: true,
    };
    let mut block = BytesMut::zeroed(block_bytes as usize);
    block[..HEADER_BYTES].copy_from_slice(&header.encode(place.segment, place.offset));
    block.freeze()
}

/// Adds the checksum of one more frame to that of a batch.
pub(crate) fn chain(frames_crc: u32, crc: u32) -> u32 {
    crc32c::crc32c_append(frames_crc, &crc.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_header_is_valid_only_as_written(
            salt: u64, number: u64, head: u64, frames_bytes: u32, frames_crc: u32, closed: bool, is_mark: bool, bit in 0..48 * 8_usize,
        ) {
            let header = Header { salt, number, head, frames_bytes, frames_crc, closed, is_mark };
            let mut bytes = header.encode(7, 8192);
            prop_assert_eq!(Header::decode(&bytes, 7, 8192, salt), Some(header));
            prop_assert_eq!(Header::decode(&bytes, 8, 8192, salt), None);
            prop_assert_eq!(Header::decode(&bytes, 7, 4096, salt), None);
            prop_assert_eq!(Header::decode(&bytes, 7, 8192, !salt), None);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Header::decode(&bytes, 7, 8192, salt), None);
        }
    }

    #[test]
    fn frames_are_where_push_says_and_the_end_is_padded() {
        let place = Place { segment: 3, offset: 1024, salt: 5 };
        let mut builder = Builder::new(place);
        let payloads =
            [Bytes::from(vec![1; 10]), Bytes::from(vec![2; COPY_BYTES_MAX + 1]), Bytes::from(vec![3; 700])];
        let offsets: Vec<u64> = (0..)
            .zip(&payloads)
            .map(|(index, payload)| builder.push(GroupId(1), Kind::Entry { index }, payload))
            .collect();
        let (parts, total) = builder.finish(9, 1, false, 512);
        let bytes = parts.concat();
        assert_eq!((bytes.len() as u64, total % 512), (total, 0));
        for (offset, payload) in offsets.iter().zip(&payloads) {
            let start = (offset - place.offset) as usize + frame::HEADER_BYTES;
            let header = bytes[start - frame::HEADER_BYTES..start].try_into().unwrap();
            assert!(frame::Header::decode(header).unwrap().verify(
                &bytes[start..start + payload.len()],
                3,
                *offset
            ));
        }
    }
}
