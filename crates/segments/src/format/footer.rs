//! What a file ends with; the layout is told in [`format`](super).

use bytes::{Buf, BufMut};

use super::header::HEADER_BYTES;
use super::index::Index;

pub(crate) const FOOTER_BYTES: usize = 40;

/// Where the index is and how large, with its checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Footer {
    pub(crate) index_position: u64,
    pub(crate) partitions: u32,
    pub(crate) blocks: u32,
    pub(crate) frames: u64,
    pub(crate) index_crc: u32,
}

impl Footer {
    /// The footer behind `encoded`, the bytes of `index`, in the file with checksums that start with `seed`.
    pub(crate) fn of(seed: u32, index: &Index, encoded: &[u8]) -> Self {
        Self {
            index_position: index.blocks().last().map_or(HEADER_BYTES as u64, |block| block.end()),
            partitions: index.partitions() as u32,
            blocks: index.blocks().len() as u32,
            frames: index.frames(),
            index_crc: crc32c::crc32c_append(seed, encoded),
        }
    }

    pub(crate) fn encode(&self, seed: u32) -> [u8; FOOTER_BYTES] {
        let mut bytes = [0; FOOTER_BYTES];
        let mut rest = &mut bytes[..];
        rest.put_u64_le(self.index_position);
        rest.put_u32_le(self.partitions);
        rest.put_u32_le(self.blocks);
        rest.put_u64_le(self.frames);
        rest.put_u64_le(0);
        rest.put_u32_le(self.index_crc);
        let crc = crc32c::crc32c_append(seed, &bytes[..FOOTER_BYTES - 4]);
        bytes[FOOTER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The footer of a file of `length` bytes; `None` if the bytes can't be it.
    pub(crate) fn decode(bytes: &[u8; FOOTER_BYTES], seed: u32, length: u64) -> Option<Self> {
        let mut rest = &bytes[..];
        let footer = Self {
            index_position: rest.get_u64_le(),
            partitions: rest.get_u32_le(),
            blocks: rest.get_u32_le(),
            frames: rest.get_u64_le(),
            index_crc: {
                rest.advance(8);
                rest.get_u32_le()
            },
        };
        let end =
            footer.index_position.checked_add(footer.index_length())?.checked_add(FOOTER_BYTES as u64)?;
        (footer.encode(seed) == *bytes && end == length).then_some(footer)
    }

    pub(crate) fn index_length(&self) -> u64 {
        Index::length(self.partitions, self.blocks)
    }

    /// The index that the footer is of, from its bytes; `None` if they are not what was written.
    pub(crate) fn index(&self, bytes: &[u8], seed: u32) -> Option<Index> {
        if crc32c::crc32c_append(seed, bytes) != self.index_crc {
            return None;
        }
        let index = Index::decode(bytes, self.partitions, self.blocks)?;
        let end = index.blocks().last().map_or(HEADER_BYTES as u64, |block| block.end());
        (end == self.index_position && index.frames() == self.frames).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::super::index::BlockEntry;
    use super::*;

    #[test]
    fn a_footer_is_valid_only_as_written_and_where() {
        let mut index = Index::default();
        index.push(3, BlockEntry { first: 1, last: 2, position: HEADER_BYTES as u64, length: 60, frames: 2 });
        let encoded = index.encode();
        let footer = Footer::of(7, &index, &encoded);
        let length = 100 + encoded.len() as u64 + FOOTER_BYTES as u64;
        let bytes = footer.encode(7);
        assert_eq!(Footer::decode(&bytes, 7, length), Some(footer));
        assert_eq!(Footer::decode(&bytes, 8, length), None);
        assert_eq!(Footer::decode(&bytes, 7, length + 1), None);
        for bit in 0..FOOTER_BYTES * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Footer::decode(&damaged, 7, length), None, "bit {bit}");
        }
        assert_eq!(footer.index(&encoded, 7), Some(index));
        assert_eq!(footer.index(&encoded, 8), None);
    }
}
