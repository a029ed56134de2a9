//! Where the generator's znodes are, and which one comes next.

/// Under this znode is all that the generator makes.
pub(crate) const ROOT: &str = "/bench";

/// Znodes under one parent: real trees are wide, but hardly a million children wide.
pub(crate) const SIBLINGS: usize = 1_000;

const PARENT_DIGITS: usize = 5;
const CHILD_DIGITS: usize = 3;

/// The path of the parent with number `index`.
pub(crate) fn parent(index: usize) -> String {
    format!("{ROOT}/{index:0PARENT_DIGITS$}")
}

/// How many parents `znodes` znodes need.
pub(crate) fn parents(znodes: usize) -> usize {
    znodes.div_ceil(SIBLINGS)
}

/// The path of one znode at a time, in a buffer that is used again.
#[derive(Debug)]
pub(crate) struct Key {
    text: String,
}

impl Key {
    /// A key; which one does not matter before `set`.
    pub(crate) fn new() -> Self {
        Self { text: String::with_capacity(ROOT.len() + PARENT_DIGITS + CHILD_DIGITS + 2) }
    }

    /// The path of znode `index`.
    pub(crate) fn set(&mut self, index: usize) -> &str {
        self.text.clear();
        self.text.push_str(ROOT);
        self.text.push('/');
        push_digits(&mut self.text, index / SIBLINGS, PARENT_DIGITS);
        self.text.push('/');
        push_digits(&mut self.text, index % SIBLINGS, CHILD_DIGITS);
        &self.text
    }
}

/// Appends the last `count` decimal digits of `number`, without the formatting machinery: this runs for each request.
fn push_digits(text: &mut String, number: usize, count: usize) {
    let mut power = 10_usize.pow(count as u32 - 1);
    while power > 0 {
        text.push((b'0' + (number / power % 10) as u8) as char);
        power /= 10;
    }
}

/// A small, fast source of even spread, seeded with its connection's number (SplitMix64).
#[derive(Debug)]
pub(crate) struct Spread(u64);

impl Spread {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xa076_1d64_78bd_642f))
    }

    /// A number below `bound`, which is at least 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // The high half of the product: no division.
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lies_under_its_parent() {
        let mut key = Key::new();
        for index in [0, 7, 999, 1_000, 123_456, 999_999] {
            let path = key.set(index).to_owned();
            assert_eq!(path, format!("{}/{:03}", parent(index / SIBLINGS), index % SIBLINGS));
        }
        assert_eq!([parents(0), parents(1), parents(1_000), parents(1_001)], [0, 1, 1, 2]);
    }

    #[test]
    fn every_key_gets_its_share() {
        let mut spread = Spread::new(3);
        let mut counts = [0_u32; 10];
        for _ in 0..10_000 {
            counts[spread.below(10)] += 1;
        }
        assert!(counts.iter().all(|&count| (800..1_200).contains(&count)), "{counts:?}");
    }
}
