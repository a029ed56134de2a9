//! Sizes of a journal.

use crate::segment::BLOCK_BYTES_MIN;

const SEGMENT_BYTES_MAX: u64 = 1 << 30;
const BATCH_BYTES_LIMIT: usize = 512 << 20;
const BLOCK_BYTES_LIMIT: u32 = 64 << 10;
/// Length of the first segment of a new journal.
const FIRST_SEGMENT_BYTES: u64 = 1 << 20;
/// How much longer the next one is, until the configured length is reached.
const GROWTH: u64 = 4;

/// Sizes and limits of a [`Journal`](crate::Journal). All may change from one start to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Length of a segment file in bytes: at least 8 blocks, at most 1 GiB. Default 64 MiB. A new journal starts with
    /// a small segment and lets them grow to this, so that a first start is quick. An entry that does not fit makes
    /// its segment longer.
    pub segment_bytes: u64,
    /// Batches start at multiples of this, so that a torn write of one cannot damage the one before: a power of two
    /// from 512 to 64 KiB. Default 4,096: the page of the kernel, which is thus never read before it is written, and
    /// the physical sector of most disks.
    pub block_bytes: u32,
    /// The writer stops collecting a batch at about this many bytes, at most 512 MiB; a larger entry makes a larger
    /// batch. Default 4 MiB.
    pub batch_bytes_max: usize,
    /// Bytes of entries that all groups together keep in memory for readers of their tails. Entries not yet durable
    /// are kept in addition. Default 32 MiB.
    pub cache_bytes: usize,
    /// [`GroupLog::room`](crate::GroupLog::room) waits while this many bytes or more wait to be written.
    /// Default 64 MiB.
    pub pending_bytes_max: usize,
    /// Files kept for reuse when segments become free; more than these are removed. A log is purged many segments at a
    /// time, and then grows as long again. Default 8.
    pub spares_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            block_bytes: 4096,
            batch_bytes_max: 4 << 20,
            cache_bytes: 32 << 20,
            pending_bytes_max: 64 << 20,
            spares_max: 8,
        }
    }
}

impl Config {
    /// What is wrong with it, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { segment_bytes, block_bytes, batch_bytes_max, .. } = *self;
        if !block_bytes.is_power_of_two() || !(BLOCK_BYTES_MIN..=BLOCK_BYTES_LIMIT).contains(&block_bytes) {
            return Err(format!(
                "block_bytes = {block_bytes}, give a power of two from 512 to {BLOCK_BYTES_LIMIT}"
            ));
        }
        let segment_bytes_min = 8 * u64::from(block_bytes);
        if !(segment_bytes_min..=SEGMENT_BYTES_MAX).contains(&segment_bytes) {
            return Err(format!(
                "segment_bytes = {segment_bytes}, give a number from {segment_bytes_min} to {SEGMENT_BYTES_MAX}"
            ));
        }
        if !(1..=BATCH_BYTES_LIMIT).contains(&batch_bytes_max) {
            return Err(format!(
                "batch_bytes_max = {batch_bytes_max}, give a number from 1 to {BATCH_BYTES_LIMIT}"
            ));
        }
        Ok(())
    }

    /// Length of the first segment of a new journal.
    pub(crate) fn first_segment_bytes(&self) -> u64 {
        FIRST_SEGMENT_BYTES.min(self.segment_bytes)
    }

    /// Length of the segment after one of `length`.
    pub(crate) fn next_segment_bytes(&self, length: u64) -> u64 {
        length.saturating_mul(GROWTH).clamp(self.first_segment_bytes(), self.segment_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_grow_to_the_configured_length() {
        let config = Config::default();
        let lengths: Vec<u64> = std::iter::successors(Some(config.first_segment_bytes()), |&length| {
            Some(config.next_segment_bytes(length))
        })
        .take(5)
        .collect();
        assert_eq!(lengths, [1 << 20, 4 << 20, 16 << 20, 64 << 20, 64 << 20]);
    }

    #[test]
    fn sizes_out_of_range_are_refused_by_name() {
        assert_eq!(Config::default().check(), Ok(()));
        let bad = [
            (Config { block_bytes: 1000, ..Config::default() }, "block_bytes = 1000"),
            (Config { segment_bytes: 4096, ..Config::default() }, "segment_bytes = 4096"),
            (Config { segment_bytes: 2 << 30, ..Config::default() }, "segment_bytes = 2147483648"),
            (Config { batch_bytes_max: 0, ..Config::default() }, "batch_bytes_max = 0"),
        ];
        for (config, expected) in bad {
            assert!(config.check().unwrap_err().contains(expected));
        }
    }
}
