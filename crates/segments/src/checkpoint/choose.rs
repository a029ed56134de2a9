//! Which old files a checkpoint writes again.

use crate::Config;

/// Files up to this many live bytes are of the lowest tier.
const TIER_BYTES: u64 = 64 << 10;
/// Most files that are rewritten at once: each has a buffer meanwhile.
const FILES_MAX: usize = 64;

/// What of a file is live, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Share {
    pub(super) live_bytes: u64,
    pub(super) file_bytes: u64,
}

/// What becomes of the files, by their places.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Choice {
    /// With nothing live: left out.
    pub(super) empty: Vec<usize>,
    /// Their live frames are written into the new file.
    pub(super) rewritten: Vec<usize>,
}

impl Choice {
    /// The files that are not needed any more.
    pub(super) fn gone(&self) -> impl Iterator<Item = usize> {
        self.empty.iter().chain(&self.rewritten).copied()
    }
}

/// Chooses among files with these shares, oldest first, for a checkpoint with `fresh` bytes of frames from memory.
pub(super) fn choose(shares: &[Share], fresh: u64, config: &Config) -> Choice {
    let (empty, kept): (Vec<usize>, Vec<usize>) =
        (0..shares.len()).partition(|&place| shares[place].live_bytes == 0);
    let mut chooser = Chooser { shares, config, kept, rewritten: Vec::new(), bytes: 0 };
    chooser.take_sparse();
    chooser.take_tiers(fresh);
    let mut rewritten = chooser.rewritten;
    rewritten.sort_unstable();
    Choice { empty, rewritten }
}

struct Chooser<'a> {
    shares: &'a [Share],
    config: &'a Config,
    kept: Vec<usize>,
    rewritten: Vec<usize>,
    /// Live bytes of those.
    bytes: u64,
}

impl Chooser<'_> {
    fn live_bytes(&self, place: usize) -> u64 {
        self.shares[place].live_bytes
    }

    fn tier(&self, bytes: u64) -> u32 {
        tier(bytes, self.config.tier_files as u64)
    }

    /// Takes one more, if that is not too much work. The first never is: else it would stay for ever.
    fn take(&mut self, place: usize) -> bool {
        let bytes = self.bytes + self.live_bytes(place);
        let fits = self.rewritten.is_empty() || bytes <= self.config.rewrite_bytes_max;
        if !fits || self.rewritten.len() == FILES_MAX {
            return false;
        }
        self.bytes = bytes;
        self.rewritten.push(place);
        self.kept.retain(|&kept| kept != place);
        true
    }

    /// The files with too little live data, the emptiest first.
    fn take_sparse(&mut self) {
        let percent = |place: usize| {
            let Share { live_bytes, file_bytes } = self.shares[place];
            (u128::from(live_bytes) * 10_000 / u128::from(file_bytes.max(1))) as u64
        };
        let limit = u64::from(self.config.live_percent_min) * 100;
        let mut sparse: Vec<(u64, usize)> = self.kept.iter().map(|&place| (percent(place), place)).collect();
        sparse.retain(|(percent, _)| *percent < limit);
        sparse.sort_unstable();
        for (_, place) in sparse {
            self.take(place);
        }
    }

    /// The files of each tier that has become full, smallest first. The new file counts as one of its tier, and what is
    /// taken into it may make it one of the next.
    fn take_tiers(&mut self, fresh: u64) {
        let most = self.kept.iter().map(|&place| self.tier(self.live_bytes(place))).max().unwrap_or(0);
        for of in 0..=most {
            let in_tier = |place: &&usize| self.tier(self.live_bytes(**place)) == of;
            let mut members: Vec<usize> = self.kept.iter().filter(in_tier).copied().collect();
            let new = fresh + self.bytes;
            let counts_itself = usize::from(new > 0 && self.tier(new) == of);
            if members.len() + counts_itself < self.config.tier_files {
                continue;
            }
            members.sort_by_key(|&place| (self.live_bytes(place), place));
            if !self.is_worth_it(&members, new, of) {
                continue;
            }
            for place in members {
                if !self.take(place) {
                    break;
                }
            }
        }
    }

    /// False if only one file could be taken, and it would just be copied.
    fn is_worth_it(&self, members: &[usize], new: u64, of: u32) -> bool {
        let joins_new = new > 0 && self.tier(new) >= of;
        let two: u64 = members.iter().take(2).map(|&place| self.live_bytes(place)).sum();
        let fits = self.bytes + two <= self.config.rewrite_bytes_max;
        fits || (joins_new && self.bytes + self.live_bytes(members[0]) <= self.config.rewrite_bytes_max)
    }
}

/// Files of about one size have one tier: those of the next are `growth` times larger. So as many of one tier, merged, are
/// one of the next.
fn tier(bytes: u64, growth: u64) -> u32 {
    let limits = std::iter::successors(Some(TIER_BYTES), |limit| limit.checked_mul(growth));
    limits.take_while(|limit| bytes > *limit).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn full(mib: u64) -> Share {
        Share { live_bytes: mib * MIB, file_bytes: mib * MIB }
    }

    fn config(rewrite_mib: u64) -> Config {
        Config { rewrite_bytes_max: rewrite_mib * MIB, tier_files: 4, ..Config::default() }
    }

    fn rewritten(shares: &[Share], fresh: u64, config: &Config) -> Vec<usize> {
        choose(shares, fresh, config).rewritten
    }

    #[test]
    fn tiers_grow() {
        const KIB: u64 = 1 << 10;
        let sizes = [0, 1, 64 * KIB, 64 * KIB + 1, 512 * KIB, 512 * KIB + 1, 32 * MIB, 256 * MIB, u64::MAX];
        assert_eq!(sizes.map(|bytes| tier(bytes, 8)), [0, 0, 0, 1, 1, 2, 3, 4, 16]);
        assert_eq!(sizes.map(|bytes| tier(bytes, 2)), [0, 0, 0, 1, 3, 4, 9, 12, 48]);
    }

    #[test]
    fn files_with_nothing_live_are_left_out_and_never_read() {
        let shares =
            [Share { live_bytes: 0, file_bytes: 9 }, full(5), Share { live_bytes: 0, file_bytes: 7 }];
        assert_eq!(choose(&shares, 0, &config(100)), Choice { empty: vec![0, 2], rewritten: vec![] });
    }

    #[test]
    fn the_emptiest_go_first_as_far_as_the_work_is_bounded() {
        let share = |live: u64| Share { live_bytes: live * MIB, file_bytes: 100 * MIB };
        let shares = [share(49), share(10), share(50), share(40), share(99)];
        assert_eq!(rewritten(&shares, 0, &config(1000)), [0, 1, 3]);
        assert_eq!(rewritten(&shares, 0, &config(60)), [1, 3]);
        assert_eq!(rewritten(&shares, 0, &config(49)), [1]);
        assert_eq!(rewritten(&shares, 0, &config(5)), [1], "one is always taken");
        let none = Config { live_percent_min: 0, ..config(1000) };
        assert_eq!(rewritten(&shares, 0, &none), []);
    }

    #[test]
    fn a_full_tier_is_merged_and_may_fill_the_next() {
        let small = [full(1); 3];
        assert_eq!(rewritten(&small, 0, &config(1000)), []);
        assert_eq!(rewritten(&small, MIB, &config(1000)), [0, 1, 2], "the new file is the fourth");
        assert_eq!(rewritten(&small, 100 * MIB, &config(1000)), [], "the new file is of another tier");
        let cascade = [full(4), full(4), full(4), full(1), full(1), full(1)];
        assert_eq!(rewritten(&cascade, MIB, &config(1000)), [0, 1, 2, 3, 4, 5]);
        assert_eq!(rewritten(&cascade, MIB, &config(8)), [0, 3, 4, 5]);
    }

    #[test]
    fn large_files_are_not_copied_alone() {
        let large = [full(200); 9];
        assert_eq!(rewritten(&large, 0, &config(256)), []);
        assert_eq!(rewritten(&large, 0, &config(400)), [0, 1]);
    }

    #[test]
    fn merged_until_nothing_is_full_files_are_few() {
        let config = Config { rewrite_bytes_max: 256 * MIB, ..Config::default() };
        let (mut files, mut written, mut most) = (Vec::<Share>::new(), 0, 0);
        const CHECKPOINTS: u64 = 20_000;
        for _ in 0..CHECKPOINTS {
            let choice = choose(&files, MIB / 2, &config);
            let merged: u64 =
                choice.rewritten.iter().map(|&place| files[place].live_bytes).sum::<u64>() + MIB / 2;
            written += merged;
            for &place in choice.rewritten.iter().rev() {
                files.remove(place);
            }
            files.push(Share { live_bytes: merged, file_bytes: merged });
            most = most.max(files.len());
        }
        let total = CHECKPOINTS * MIB / 2;
        let amplification = written as f64 / total as f64;
        assert!(amplification < 5.0, "{amplification}");
        assert!((most as u64) < 7 * 5 + total / (128 * MIB), "{most} files of {} MiB", total / MIB);
    }
}
