//! Which slots are used: 1 bit a slot, with counts that let searches skip what is full or empty.

const WORDS: usize = 64;
const BLOCK: u32 = WORDS as u32 * 64;

/// 4,096 bits and how many of them are set.
#[derive(Clone, Debug)]
struct Block {
    words: [u64; WORDS],
    ones: u32,
}

impl Default for Block {
    fn default() -> Self {
        Self { words: [0; WORDS], ones: 0 }
    }
}

/// A growing set of small numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Bitmap {
    blocks: Vec<Block>,
    /// Every block before this one is full.
    full_before: usize,
    len: usize,
}

impl Bitmap {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn contains(&self, bit: u32) -> bool {
        let (block, word, mask) = split(bit);
        self.blocks.get(block).is_some_and(|block| block.words[word] & mask != 0)
    }

    pub(super) fn set(&mut self, bit: u32) {
        let (at, word, mask) = split(bit);
        if self.blocks.len() <= at {
            self.blocks.resize_with(at + 1, Block::default);
        }
        let block = &mut self.blocks[at];
        if block.words[word] & mask == 0 {
            block.words[word] |= mask;
            block.ones += 1;
            self.len += 1;
        }
        while self.blocks.get(self.full_before).is_some_and(|block| block.ones == BLOCK) {
            self.full_before += 1;
        }
    }

    pub(super) fn clear(&mut self, bit: u32) {
        let (at, word, mask) = split(bit);
        let Some(block) = self.blocks.get_mut(at) else { return };
        if block.words[word] & mask != 0 {
            block.words[word] &= !mask;
            block.ones -= 1;
            self.len -= 1;
            self.full_before = self.full_before.min(at);
        }
    }

    pub(super) fn lowest_clear(&self) -> u32 {
        let base = self.full_before as u32 * BLOCK;
        let Some(block) = self.blocks.get(self.full_before) else { return base };
        let words = block.words.iter().enumerate();
        let open = words
            .filter(|(_, word)| **word != u64::MAX)
            .map(|(at, word)| at as u32 * 64 + word.trailing_ones());
        base + open.min().unwrap_or(BLOCK)
    }

    /// The lowest set bit that is at least `from`.
    pub(super) fn next_set(&self, from: u32) -> Option<u32> {
        let (first, word, _) = split(from);
        let block = self.blocks.get(first)?;
        let rest = block.words[word] & (u64::MAX << (from % 64));
        if rest != 0 {
            return Some(from - from % 64 + rest.trailing_zeros());
        }
        if let Some(bit) = first_set(&block.words[word + 1..]) {
            return Some(first as u32 * BLOCK + (word as u32 + 1) * 64 + bit);
        }
        let mut later = self.blocks.iter().enumerate().skip(first + 1).filter(|(_, block)| block.ones > 0);
        let (at, block) = later.next()?;
        first_set(&block.words).map(|bit| at as u32 * BLOCK + bit)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let bit = self.next_set(next)?;
            next = bit + 1;
            Some(bit)
        })
    }
}

fn split(bit: u32) -> (usize, usize, u64) {
    ((bit / BLOCK) as usize, (bit % BLOCK / 64) as usize, 1 << (bit % 64))
}

fn first_set(words: &[u64]) -> Option<u32> {
    let at = words.iter().position(|word| *word != 0)?;
    Some(at as u32 * 64 + words[at].trailing_zeros())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bitmap_is_a_set(steps in prop::collection::vec((any::<bool>(), 0u32..20_000), 0..400)) {
            let (mut bitmap, mut model) = (Bitmap::default(), BTreeSet::new());
            for (set, bit) in steps {
                if set {
                    bitmap.set(bit);
                    model.insert(bit);
                } else {
                    bitmap.clear(bit);
                    model.remove(&bit);
                }
                prop_assert_eq!(bitmap.len(), model.len());
                prop_assert_eq!(bitmap.contains(bit), set);
                prop_assert_eq!(Some(bitmap.lowest_clear()), (0..).find(|bit| !model.contains(bit)));
            }
            prop_assert!(bitmap.iter().eq(model.iter().copied()));
        }
    }

    #[test]
    fn full_blocks_are_skipped() {
        let mut bitmap = Bitmap::default();
        for bit in 0..2 * BLOCK {
            assert_eq!(bitmap.lowest_clear(), bit);
            bitmap.set(bit);
        }
        bitmap.clear(BLOCK - 1);
        assert_eq!(bitmap.lowest_clear(), BLOCK - 1);
        bitmap.set(BLOCK - 1);
        assert_eq!(bitmap.lowest_clear(), 2 * BLOCK);
    }
}
