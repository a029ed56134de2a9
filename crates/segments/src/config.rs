//! Sizes of a frame store, and whose it is.

const BLOCK_BYTES: std::ops::RangeInclusive<usize> = 512..=(16 << 20);

/// Whose frames a [`Frames`](crate::Frames) keeps, and its sizes and limits. The sizes may change from one start to the
/// next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The shard. Written into every file, and checked: files of another shard are refused.
    pub shard: u64,
    /// Part of the names of the files that are written here. Different for every time that any replica of the shard is
    /// opened (its node and the node's incarnation, say), so that no two files of a shard ever have one name: then a file
    /// that came from another replica can lie beside one's own, and need not be copied again when that replica's next
    /// manifest names it too. Where files never leave their folder it may always be 0.
    pub origin: u64,
    /// A block of a file is ended at about this many bytes: what is read for one frame. From 512 bytes to 16 MiB.
    /// Default 64 KiB. A frame that is longer has a block of its own.
    pub block_bytes: usize,
    /// Most bytes that are read at once for somebody who reads a partition in order. Default 256 KiB.
    pub readahead_bytes: usize,
    /// Most bytes of blocks that are kept in memory after they were read. Default 8 MiB.
    pub cache_bytes: usize,
    /// A file of whose bytes less than this many percent are live is rewritten at a checkpoint. At most 100. Default 50.
    pub live_percent_min: u8,
    /// Most live bytes of old files that one checkpoint writes again, besides one file that may be larger. Default 256 MiB.
    pub rewrite_bytes_max: u64,
    /// As many files of similar size (see [`tier`](crate#what-a-checkpoint-does)) are merged into one. At least 2. Default
    /// 8.
    pub tier_files: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            shard: 0,
            origin: 0,
            block_bytes: 64 << 10,
            readahead_bytes: 256 << 10,
            cache_bytes: 8 << 20,
            live_percent_min: 50,
            rewrite_bytes_max: 256 << 20,
            tier_files: 8,
        }
    }
}

impl Config {
    /// What is wrong with it, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { block_bytes, live_percent_min, tier_files, .. } = *self;
        if !BLOCK_BYTES.contains(&block_bytes) {
            let (least, most) = (BLOCK_BYTES.start(), BLOCK_BYTES.end());
            return Err(format!("block_bytes = {block_bytes}, give a number from {least} to {most}"));
        }
        if live_percent_min > 100 {
            return Err(format!("live_percent_min = {live_percent_min}, give a number from 0 to 100"));
        }
        if tier_files < 2 {
            return Err(format!("tier_files = {tier_files}, give 2 or more"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_out_of_range_are_refused_by_name() {
        assert_eq!(Config::default().check(), Ok(()));
        let bad = [
            (Config { block_bytes: 100, ..Config::default() }, "block_bytes = 100"),
            (Config { live_percent_min: 101, ..Config::default() }, "live_percent_min = 101"),
            (Config { tier_files: 1, ..Config::default() }, "tier_files = 1"),
        ];
        for (config, expected) in bad {
            assert!(config.check().unwrap_err().contains(expected));
        }
    }
}
