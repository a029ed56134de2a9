//! Which numbers share a bucket: below 16 none do, above that those whose first five binary digits are the same. So a
//! bucket is at most a sixteenth as wide as the numbers in it are large.

const SPLIT_BITS: u32 = 4;
const SPLIT: usize = 1 << SPLIT_BITS;
/// Larger numbers count as this one: in microseconds it is twelve days.
pub(crate) const VALUE_MAX: u64 = (1 << 40) - 1;
pub(crate) const BUCKETS: usize = index(VALUE_MAX) + 1;

/// The bucket of a number up to [`VALUE_MAX`].
pub(crate) const fn index(value: u64) -> usize {
    if value < SPLIT as u64 {
        return value as usize;
    }
    let shift = value.ilog2() - SPLIT_BITS;
    ((shift as usize + 1) << SPLIT_BITS) + ((value >> shift) as usize - SPLIT)
}

/// The largest number in a bucket.
pub(crate) const fn largest(index: usize) -> u64 {
    if index < SPLIT {
        return index as u64;
    }
    let shift = (index >> SPLIT_BITS) - 1;
    let first_digits = (SPLIT + (index & (SPLIT - 1))) as u64;
    ((first_digits + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let mut next = 0;
        for bucket in 0..BUCKETS {
            assert_eq!(index(next), bucket);
            assert_eq!(index(largest(bucket)), bucket);
            next = largest(bucket) + 1;
        }
        assert_eq!(next, VALUE_MAX + 1);
    }

    proptest! {
        #[test]
        fn a_bucket_is_narrow(value in 0..=VALUE_MAX) {
            let largest = largest(index(value));
            prop_assert!(value <= largest && largest - value <= value / 16);
        }
    }
}
