//! Blocks that were read, up to a number of bytes.

use std::collections::VecDeque;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use hashbrown::HashMap;
use rapidhash::fast::RapidHasher;

use crate::format::block::Block;
use crate::name::SegmentId;

/// A block of a file, by its place in the index.
pub(crate) type Key = (SegmentId, u32);

/// Gives up what was not used since the last time around (the CLOCK algorithm), so that many readers in order need one
/// read a run of blocks each while their blocks fit.
pub(crate) struct Cache {
    bytes_max: usize,
    bytes: usize,
    blocks: HashMap<Key, Cached, BuildHasherDefault<RapidHasher<'static>>>,
    /// Each key of `blocks` once.
    clock: VecDeque<Key>,
}

struct Cached {
    block: Arc<Block>,
    used: bool,
}

impl Cache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, blocks: HashMap::default(), clock: VecDeque::new() }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn has(&self, key: Key) -> bool {
        self.blocks.contains_key(&key)
    }

    pub(crate) fn get(&mut self, key: Key) -> Option<Arc<Block>> {
        let cached = self.blocks.get_mut(&key)?;
        cached.used = true;
        Some(Arc::clone(&cached.block))
    }

    /// Keeps a block, unless it alone would take half of the cache.
    pub(crate) fn put(&mut self, key: Key, block: Arc<Block>) {
        let bytes = block.memory_bytes();
        if bytes > self.bytes_max / 2 || self.has(key) {
            return;
        }
        self.bytes += bytes;
        self.make_room();
        self.blocks.insert(key, Cached { block, used: false });
        self.clock.push_back(key);
    }

    fn make_room(&mut self) {
        while self.bytes > self.bytes_max {
            let Some(key) = self.clock.pop_front() else { return };
            let Some(cached) = self.blocks.get_mut(&key) else { continue };
            if std::mem::take(&mut cached.used) {
                self.clock.push_back(key);
                continue;
            }
            self.bytes -= cached.block.memory_bytes();
            self.blocks.remove(&key);
        }
    }

    /// Forgets the blocks of files that nobody reads any more.
    pub(crate) fn retain(&mut self, wanted: impl Fn(SegmentId) -> bool) {
        let (blocks, bytes) = (&mut self.blocks, &mut self.bytes);
        self.clock.retain(|key| {
            let keep = wanted(key.0);
            if !keep && let Some(cached) = blocks.remove(key) {
                *bytes -= cached.block.memory_bytes();
            }
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::format::block::BlockBuilder;

    fn block(bytes: usize) -> Arc<Block> {
        let mut builder = BlockBuilder::default();
        builder.push(0, Bytes::from(vec![1; bytes]));
        let (entry, head, frames) = builder.finish(1, 40, 0);
        let bytes = [head, frames.concat()].concat();
        Arc::new(Block::decode(bytes.into(), 0, 1, &entry).unwrap())
    }

    fn key(number: u64) -> Key {
        (SegmentId { number, origin: 0 }, 0)
    }

    #[test]
    fn the_bytes_are_bounded_and_what_is_used_stays() {
        let mut cache = Cache::new(10_000);
        for number in 0..100 {
            cache.put(key(number), block(900));
            cache.put(key(number), block(900));
            assert!(cache.bytes() <= 10_000 && cache.bytes() >= 900 * (number as usize + 1).min(9));
            assert!(cache.get(key(0)).is_some(), "{number}");
            assert_eq!(cache.clock.len(), cache.blocks.len());
        }
        assert!(!cache.has(key(1)) && cache.has(key(99)));
        cache.put(key(1000), block(5001));
        assert!(!cache.has(key(1000)));
        cache.retain(|id| id.number == 99);
        assert_eq!((cache.blocks.len(), cache.clock.len()), (1, 1));
        assert!(cache.bytes() < 1000);
    }

    #[test]
    fn all_used_is_no_endless_loop() {
        let mut cache = Cache::new(4000);
        for number in 0..20 {
            cache.put(key(number), block(900));
            for number in 0..=number {
                let _used = cache.get(key(number));
            }
        }
        assert!(cache.bytes() <= 4000);
    }
}
