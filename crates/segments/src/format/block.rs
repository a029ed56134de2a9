//! A block of frames; the layout is told in [`format`](super).

use bytes::{Buf, BufMut, Bytes};

use super::index::BlockEntry;
use super::varint;

pub(crate) const HEAD_BYTES: usize = 32;

/// Frames of one partition that are to become a block.
#[derive(Default)]
pub(crate) struct BlockBuilder {
    first: u64,
    last: u64,
    table: Vec<u8>,
    frames: Vec<Bytes>,
    frames_bytes: usize,
}

impl BlockBuilder {
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Offset of the last frame, if there is any.
    pub(crate) fn last(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.last)
    }

    /// Bytes of the block so far.
    pub(crate) fn length(&self) -> usize {
        HEAD_BYTES + self.table.len() + self.frames_bytes
    }

    /// Adds a frame with an offset after that of the last.
    pub(crate) fn push(&mut self, offset: u64, frame: Bytes) {
        let more = if self.is_empty() {
            self.first = offset;
            0
        } else {
            offset - self.last - 1
        };
        self.last = offset;
        varint::put(&mut self.table, more);
        varint::put(&mut self.table, frame.len() as u64);
        self.frames_bytes += frame.len();
        self.frames.push(frame);
    }

    /// Ends the block of `partition`, which starts at `position` of a file with checksums that start with `seed`; leaves an
    /// empty one. Gives its entry in the index, its head and table, and its frames.
    pub(crate) fn finish(
        &mut self,
        partition: u64,
        position: u64,
        seed: u32,
    ) -> (BlockEntry, Vec<u8>, Vec<Bytes>) {
        let length = u32::try_from(self.length())
            .expect("frames are parts of entries of a journal, which are shorter");
        let frames = std::mem::take(&mut self.frames);
        let entry =
            BlockEntry { first: self.first, last: self.last, position, length, frames: frames.len() as u32 };
        let mut head = Vec::with_capacity(HEAD_BYTES + self.table.len());
        head.put_u32_le(0);
        head.put_u32_le(length);
        head.put_u64_le(partition);
        head.put_u64_le(entry.first);
        head.put_u32_le(entry.frames);
        head.put_u32_le(self.table.len() as u32);
        head.append(&mut self.table);
        let crc = frames
            .iter()
            .fold(crc32c::crc32c_append(seed, &head[4..]), |crc, frame| crc32c::crc32c_append(crc, frame));
        head[..4].copy_from_slice(&crc.to_le_bytes());
        self.frames_bytes = 0;
        (entry, head, frames)
    }
}

/// A block that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Block {
    first: u64,
    last: u64,
    /// `None` if every offset from first to last is there.
    offsets: Option<Box<[u64]>>,
    /// Where each frame ends in `bytes`.
    ends: Box<[u32]>,
    bytes: Bytes,
}

impl Block {
    /// The block in `bytes`, which must be the one that `entry` is of.
    pub(crate) fn decode(
        mut bytes: Bytes,
        seed: u32,
        partition: u64,
        entry: &BlockEntry,
    ) -> Result<Self, &'static str> {
        if bytes.len() != entry.length as usize || bytes.len() < HEAD_BYTES {
            return Err("the file ends inside of a block");
        }
        let crc = bytes.get_u32_le();
        if crc != crc32c::crc32c_append(seed, &bytes) {
            return Err("the checksum of a block is wrong");
        }
        let (length, id, first) = (bytes.get_u32_le(), bytes.get_u64_le(), bytes.get_u64_le());
        let (count, table) = (bytes.get_u32_le(), bytes.get_u32_le());
        if (length, id, first, count) != (entry.length, partition, entry.first, entry.frames) {
            return Err("another block is where the index says this one is");
        }
        Self::frames(bytes, table, entry).ok_or("a block has an impossible table")
    }

    fn frames(mut bytes: Bytes, table: u32, entry: &BlockEntry) -> Option<Self> {
        if bytes.len() < table as usize || (table as usize) / 2 < entry.frames as usize {
            return None;
        }
        let table = bytes.split_to(table as usize);
        let mut table = &table[..];
        let is_dense = entry.last - entry.first == u64::from(entry.frames) - 1;
        let mut offsets = Vec::with_capacity(if is_dense { 0 } else { entry.frames as usize });
        let mut ends = Vec::with_capacity(entry.frames as usize);
        let (mut next, mut end) = (entry.first, 0_u64);
        for _ in 0..entry.frames {
            let offset = next.checked_add(varint::take(&mut table)?)?;
            next = offset.checked_add(1)?;
            end = end.checked_add(varint::take(&mut table)?)?;
            ends.push(u32::try_from(end).ok()?);
            if !is_dense {
                offsets.push(offset);
            }
        }
        let is_whole = table.is_empty() && next - 1 == entry.last && end == bytes.len() as u64;
        is_whole.then(|| Self {
            first: entry.first,
            last: entry.last,
            offsets: (!is_dense).then(|| offsets.into()),
            ends: ends.into(),
            bytes,
        })
    }

    /// Bytes that it takes in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let offsets = self.offsets.as_ref().map_or(0, |offsets| offsets.len() * 8);
        HEAD_BYTES + self.bytes.len() + self.ends.len() * 4 + offsets
    }

    pub(crate) fn covers(&self, offset: u64) -> bool {
        (self.first..=self.last).contains(&offset)
    }

    /// The frame with this offset. It keeps the bytes of the block in memory.
    pub(crate) fn get(&self, offset: u64) -> Option<Bytes> {
        let place = match &self.offsets {
            None => self.covers(offset).then(|| (offset - self.first) as usize)?,
            Some(offsets) => offsets.binary_search(&offset).ok()?,
        };
        Some(self.frame(place))
    }

    fn frame(&self, place: usize) -> Bytes {
        let start = if place == 0 { 0 } else { self.ends[place - 1] as usize };
        self.bytes.slice(start..self.ends[place] as usize)
    }

    /// All frames with their offsets, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Bytes)> + '_ {
        (0..self.ends.len()).map(|place| {
            let offset = self.offsets.as_ref().map_or(self.first + place as u64, |offsets| offsets[place]);
            (offset, self.frame(place))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn build(partition: u64, frames: &BTreeMap<u64, Vec<u8>>) -> (BlockEntry, Bytes) {
        let mut builder = BlockBuilder::default();
        for (&offset, frame) in frames {
            builder.push(offset, frame.clone().into());
        }
        let length = builder.length();
        let (entry, head, frames) = builder.finish(partition, 1000, 5);
        let bytes = [head, frames.concat()].concat();
        assert_eq!((entry.length as usize, bytes.len()), (length, length));
        assert!(builder.is_empty() && builder.length() == HEAD_BYTES);
        (entry, bytes.into())
    }

    fn frames() -> impl Strategy<Value = BTreeMap<u64, Vec<u8>>> {
        let frame = || prop::collection::vec(any::<u8>(), 0..300);
        let dense = (any::<u32>(), prop::collection::vec(frame(), 1..20)).prop_map(|(first, frames)| {
            frames.into_iter().enumerate().map(|(i, frame)| (u64::from(first) + i as u64, frame)).collect()
        });
        let sparse = prop::collection::btree_map(0..u64::MAX, frame(), 1..20);
        let near = prop::collection::btree_map(0..40_u64, frame(), 1..20);
        prop_oneof![dense, sparse, near]
    }

    proptest! {
        #[test]
        fn a_block_is_valid_only_as_written(frames in frames(), partition: u64, flip: prop::sample::Index) {
            let (entry, bytes) = build(partition, &frames);
            let block = Block::decode(bytes.clone(), 5, partition, &entry).unwrap();
            let read: BTreeMap<u64, Vec<u8>> = block.iter().map(|(offset, frame)| (offset, frame.to_vec())).collect();
            prop_assert_eq!(&read, &frames);
            for (&offset, frame) in &frames {
                prop_assert_eq!(block.get(offset), Some(Bytes::from(frame.clone())));
                for other in [offset.wrapping_sub(1), offset.wrapping_add(1)] {
                    prop_assert_eq!(block.get(other).is_some(), frames.contains_key(&other));
                }
            }
            prop_assert!(Block::decode(bytes.clone(), 6, partition, &entry).is_err());
            prop_assert!(Block::decode(bytes.clone(), 5, partition ^ 1, &entry).is_err());

            let mut damaged = bytes.to_vec();
            let bit = flip.index(damaged.len() * 8);
            damaged[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Block::decode(damaged.into(), 5, partition, &entry).is_err());
            prop_assert!(Block::decode(bytes.slice(1..), 5, partition, &entry).is_err());
        }

        /// Bytes with a right checksum, as only a broken program writes them.
        #[test]
        fn any_table_decodes_or_not_without_a_panic(
            count in 1..6_u32, span in 0..9_u64, first: u64, table in 0..20_u32, rest: Vec<u8>,
        ) {
            let last = first.saturating_add(span + u64::from(count) - 1);
            let length = (HEAD_BYTES + rest.len()) as u32;
            let entry = BlockEntry { first, last, position: 0, length, frames: count };
            prop_assume!(last - first >= u64::from(count) - 1);
            let mut head = Vec::new();
            head.put_u32_le(length);
            head.put_u64_le(3);
            head.put_u64_le(first);
            head.put_u32_le(count);
            head.put_u32_le(table);
            head.extend(rest);
            let bytes = [&crc32c::crc32c_append(1, &head).to_le_bytes()[..], &head].concat();
            if let Ok(block) = Block::decode(bytes.into(), 1, 3, &entry) {
                prop_assert_eq!(block.iter().count(), count as usize);
            }
        }
    }
}
