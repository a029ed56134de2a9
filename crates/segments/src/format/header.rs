//! What a file begins with; the layout is told in [`format`](super).

use bytes::{Buf, BufMut};

use crate::name::SegmentId;

pub(crate) const HEADER_BYTES: usize = 40;
/// The format this program writes, and the newest that it reads.
pub(crate) const VERSION: u32 = 1;
const MAGIC: &[u8; 8] = b"quorfram";

/// What a file says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) shard: u64,
    pub(crate) id: SegmentId,
}

/// Why bytes are not the header expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadHeader {
    /// Not a segment, or damaged.
    Damaged(&'static str),
    /// Written by a later version.
    Version(u32),
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut rest = &mut bytes[..];
        rest.put_slice(MAGIC);
        rest.put_u32_le(VERSION);
        rest.put_u32_le(self.seed());
        rest.put_slice(&self.fields());
        bytes
    }

    fn fields(&self) -> [u8; HEADER_BYTES - 16] {
        let mut bytes = [0; HEADER_BYTES - 16];
        let mut rest = &mut bytes[..];
        rest.put_u64_le(self.shard);
        rest.put_u64_le(self.id.number);
        rest.put_u64_le(self.id.origin);
        bytes
    }

    /// What the checksums of the file start with.
    pub(crate) fn seed(&self) -> u32 {
        crc32c::crc32c(&self.fields())
    }

    /// Checks that `bytes` begin the file that this is the header of.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<(), BadHeader> {
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(BadHeader::Damaged("it is shorter than a header"));
        };
        let mut rest = &bytes[8..];
        let (version, crc) = (rest.get_u32_le(), rest.get_u32_le());
        if bytes[..8] != *MAGIC || crc != crc32c::crc32c(rest) {
            return Err(BadHeader::Damaged("the header is wrong"));
        }
        if version > VERSION {
            return Err(BadHeader::Version(version));
        }
        if version == 0 || *bytes != self.encode() {
            return Err(BadHeader::Damaged("the header is of another file"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { shard: 3, id: SegmentId { number: 7, origin: 9 } };

    #[test]
    fn a_header_is_valid_only_as_written() {
        let bytes = HEADER.encode();
        assert_eq!(HEADER.check(&bytes), Ok(()));
        for bit in (0..64).chain(96..HEADER_BYTES * 8) {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(HEADER.check(&damaged), Err(BadHeader::Damaged(_))), "bit {bit}");
        }
        let other = Header { shard: 4, ..HEADER };
        assert_eq!(other.check(&bytes), Err(BadHeader::Damaged("the header is of another file")));
        assert_eq!(HEADER.check(&bytes[..30]), Err(BadHeader::Damaged("it is shorter than a header")));
    }

    #[test]
    fn a_later_version_is_told_apart_from_damage() {
        let mut bytes = HEADER.encode();
        bytes[8] = 2;
        assert_eq!(HEADER.check(&bytes), Err(BadHeader::Version(2)));
    }
}
