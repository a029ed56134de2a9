//! Where the frames of a file are: for each partition its blocks. Kept in memory while the file is open.

use bytes::{Buf, BufMut};

use super::header::HEADER_BYTES;

const PARTITION_BYTES: usize = 12;
const BLOCK_BYTES: usize = 24;

/// A block as the index knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BlockEntry {
    /// Offset of its first frame.
    pub(crate) first: u64,
    /// Offset of its last frame.
    pub(crate) last: u64,
    /// Where in the file.
    pub(crate) position: u64,
    /// Bytes of the block.
    pub(crate) length: u32,
    /// Frames in it: one each offset from first to last, or fewer.
    pub(crate) frames: u32,
}

impl BlockEntry {
    pub(crate) fn end(&self) -> u64 {
        self.position + u64::from(self.length)
    }

    pub(crate) fn covers(&self, offset: u64) -> bool {
        (self.first..=self.last).contains(&offset)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct PartitionEntry {
    id: u64,
    /// Its first block. Its last is before the first of the next partition.
    blocks: u32,
}

/// The index of a file: 32 bytes a block and 16 a partition.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Index {
    partitions: Vec<PartitionEntry>,
    blocks: Vec<BlockEntry>,
}

impl Index {
    /// Adds a block behind the others. Blocks come sorted by partition and offset, without gaps in the file.
    pub(crate) fn push(&mut self, partition: u64, block: BlockEntry) {
        if self.partitions.last().is_none_or(|last| last.id != partition) {
            let blocks = u32::try_from(self.blocks.len()).expect("a file has fewer than 2^32 blocks");
            self.partitions.push(PartitionEntry { id: partition, blocks });
        }
        self.blocks.push(block);
    }

    pub(crate) fn shrink(&mut self) {
        self.partitions.shrink_to_fit();
        self.blocks.shrink_to_fit();
    }

    pub(crate) fn partitions(&self) -> usize {
        self.partitions.len()
    }

    pub(crate) fn blocks(&self) -> &[BlockEntry] {
        &self.blocks
    }

    pub(crate) fn frames(&self) -> u64 {
        self.blocks.iter().map(|block| u64::from(block.frames)).sum()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.partitions.capacity() * size_of::<PartitionEntry>()
            + self.blocks.capacity() * size_of::<BlockEntry>()
    }

    /// A partition, by its place among the partitions, and the places of its blocks.
    pub(crate) fn partition(&self, place: usize) -> Option<(u64, std::ops::Range<usize>)> {
        let entry = self.partitions.get(place)?;
        let end = self.partitions.get(place + 1).map_or(self.blocks.len(), |next| next.blocks as usize);
        Some((entry.id, entry.blocks as usize..end))
    }

    /// The places of the blocks of a partition.
    pub(crate) fn blocks_of(&self, partition: u64) -> Option<std::ops::Range<usize>> {
        let place = self.partitions.binary_search_by_key(&partition, |entry| entry.id).ok()?;
        self.partition(place).map(|(_, blocks)| blocks)
    }

    /// The place of the block that has the frame, if the file has it, and the end of the partition's blocks.
    pub(crate) fn find(&self, partition: u64, offset: u64) -> Option<std::ops::Range<usize>> {
        let blocks = self.blocks_of(partition)?;
        let place = blocks.start + self.blocks[blocks.clone()].partition_point(|block| block.last < offset);
        let covers = place < blocks.end && self.blocks[place].covers(offset);
        covers.then_some(place..blocks.end)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes =
            Vec::with_capacity(self.partitions.len() * PARTITION_BYTES + self.blocks.len() * BLOCK_BYTES);
        for place in 0..self.partitions.len() {
            let Some((id, blocks)) = self.partition(place) else { break };
            bytes.put_u64_le(id);
            bytes.put_u32_le(blocks.len() as u32);
            for block in &self.blocks[blocks] {
                bytes.put_u64_le(block.first);
                bytes.put_u64_le(block.last);
                bytes.put_u32_le(block.length);
                bytes.put_u32_le(block.frames);
            }
        }
        bytes
    }

    /// How long the index of so many is.
    pub(crate) fn length(partitions: u32, blocks: u32) -> u64 {
        u64::from(partitions) * PARTITION_BYTES as u64 + u64::from(blocks) * BLOCK_BYTES as u64
    }

    /// The index in `bytes`, which are exactly as long as one of so many partitions and blocks; `None` if it can't be one.
    pub(crate) fn decode(mut bytes: &[u8], partitions: u32, blocks: u32) -> Option<Self> {
        if bytes.len() as u64 != Self::length(partitions, blocks) {
            return None;
        }
        let mut index = Self {
            partitions: Vec::with_capacity(partitions as usize),
            blocks: Vec::with_capacity(blocks as usize),
        };
        let mut position = HEADER_BYTES as u64;
        for _ in 0..partitions {
            if bytes.len() < PARTITION_BYTES {
                return None;
            }
            let (id, count) = (bytes.get_u64_le(), bytes.get_u32_le());
            let ascends = index.partitions.last().is_none_or(|last| last.id < id);
            if !ascends || count == 0 || bytes.len() < count as usize * BLOCK_BYTES {
                return None;
            }
            let mut next = 0;
            for _ in 0..count {
                let block = BlockEntry {
                    first: bytes.get_u64_le(),
                    last: bytes.get_u64_le(),
                    position,
                    length: bytes.get_u32_le(),
                    frames: bytes.get_u32_le(),
                };
                if block.first < next || !block.is_possible() {
                    return None;
                }
                next = block.last.checked_add(1)?;
                position = position.checked_add(u64::from(block.length))?;
                index.push(id, block);
            }
        }
        (index.blocks.len() == blocks as usize && bytes.is_empty()).then_some(index)
    }
}

impl BlockEntry {
    fn is_possible(&self) -> bool {
        self.frames > 0 && self.first <= self.last && self.last - self.first >= u64::from(self.frames) - 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Index {
        let mut index = Index::default();
        let mut position = HEADER_BYTES as u64;
        for (partition, first, last, length, frames) in
            [(1, 0, 9, 100, 10), (1, 12, 40, 90, 2), (5, 7, 7, 1000, 1), (9, 0, 0, 50, 1), (9, 1, 3, 60, 3)]
        {
            index.push(partition, BlockEntry { first, last, position, length, frames });
            position += u64::from(length);
        }
        index
    }

    #[test]
    fn blocks_are_found_by_partition_and_offset() {
        let index = sample();
        for (partition, offset, expected) in [
            (1, 0, Some(0..2)),
            (1, 9, Some(0..2)),
            (1, 10, None),
            (1, 12, Some(1..2)),
            (1, 41, None),
            (5, 7, Some(2..3)),
            (6, 7, None),
            (9, 2, Some(4..5)),
            (10, 2, None),
        ] {
            assert_eq!(index.find(partition, offset), expected, "{partition} {offset}");
        }
        assert_eq!((index.partitions(), index.frames()), (3, 17));
        assert_eq!(index.partition(1), Some((5, 2..3)));
        assert_eq!(index.partition(3), None);
    }

    #[test]
    fn an_index_comes_back() {
        let index = sample();
        let bytes = index.encode();
        assert_eq!(Index::decode(&bytes, 3, 5), Some(index.clone()));
        assert_eq!(Index::decode(&bytes, 3, 4), None);
        assert_eq!(Index::decode(&bytes[1..], 3, 5), None);
        assert_eq!(Index::decode(&[], 0, 0), Some(Index::default()));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_not_without_a_panic(partitions in 0..4_u32, blocks in 0..6_u32, seed: Vec<u8>) {
            let length = Index::length(partitions, blocks) as usize;
            let mut bytes = seed;
            bytes.resize(length, 0);
            if let Some(index) = Index::decode(&bytes, partitions, blocks) {
                prop_assert_eq!(index.encode(), bytes);
            }
        }

        #[test]
        fn a_changed_byte_is_refused_or_another_index(place in 0..156_usize, change in 1..=255_u8) {
            let mut bytes = sample().encode();
            prop_assert_eq!(bytes.len(), 156);
            bytes[place] ^= change;
            prop_assert_ne!(Index::decode(&bytes, 3, 5), Some(sample()));
        }
    }
}
