//! One direction between two hosts: what it does to frames.

use std::time::Duration;

use rand::Rng;
use serde::{Deserialize, Serialize};

/// What a link is like. The default passes everything at once.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Quality {
    /// Nothing passes.
    pub cut: bool,
    /// Each frame takes so long at least.
    pub delay: Duration,
    /// And up to so much longer, evenly spread. Order is kept.
    pub jitter: Duration,
    /// The share of frames that is lost, from 0 to 1.
    pub loss: f64,
    /// The share of frames that comes twice.
    pub duplicate: f64,
    /// The share of frames that is held back by [`HELD_BACK`], so that later ones overtake them.
    pub reorder: f64,
    /// The share of frames with data in which one bit of the data is flipped.
    pub corrupt: f64,
    /// Bytes a second; more waits, up to [`QUEUE_MAX`], and is lost beyond.
    pub bytes_per_second: Option<u64>,
}

/// How long a reordered frame is held back.
const HELD_BACK: Duration = Duration::from_millis(3);
/// How long a frame waits at most for a narrow link.
const QUEUE_MAX: Duration = Duration::from_millis(500);

impl Quality {
    /// A link that is cut.
    pub fn cut() -> Self {
        Self { cut: true, ..Self::default() }
    }

    /// A link that is as bad as both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let narrower = |one: Option<u64>, other: Option<u64>| one.into_iter().chain(other).min();
        Self {
            cut: self.cut || other.cut,
            delay: self.delay.max(other.delay),
            jitter: self.jitter.max(other.jitter),
            loss: self.loss.max(other.loss),
            duplicate: self.duplicate.max(other.duplicate),
            reorder: self.reorder.max(other.reorder),
            corrupt: self.corrupt.max(other.corrupt),
            bytes_per_second: narrower(self.bytes_per_second, other.bytes_per_second),
        }
    }
}

/// What became of frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Passed on, each once.
    pub passed: u64,
    /// Eaten by a cut.
    pub cut: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Passed on late.
    pub delayed: u64,
    /// Passed on twice.
    pub duplicated: u64,
    /// Held back.
    pub reordered: u64,
    /// Passed on with a bit of their data flipped.
    #[serde(default)]
    pub corrupted: u64,
    /// Lost because the link was too narrow.
    pub overflowed: u64,
}

impl Counts {
    /// Counts something for each.
    fn each(self, other: Self, count: fn(u64, u64) -> u64) -> Self {
        Self {
            passed: count(self.passed, other.passed),
            cut: count(self.cut, other.cut),
            lost: count(self.lost, other.lost),
            delayed: count(self.delayed, other.delayed),
            duplicated: count(self.duplicated, other.duplicated),
            reordered: count(self.reordered, other.reordered),
            corrupted: count(self.corrupted, other.corrupted),
            overflowed: count(self.overflowed, other.overflowed),
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.each(other, |one, other| one + other)
    }

    /// What came since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        self.each(earlier, u64::saturating_sub)
    }

    /// Frames that did not pass as on a good link.
    pub fn harmed(&self) -> u64 {
        self.cut
            + self.lost
            + self.delayed
            + self.duplicated
            + self.reordered
            + self.corrupted
            + self.overflowed
    }
}

/// A link and its past.
#[derive(Clone, Debug, Default)]
pub(super) struct Link {
    pub(super) quality: Quality,
    pub(super) counts: Counts,
    /// When the last frame in order arrives.
    newest_due: Duration,
    /// When a narrow link has sent all that it took.
    free_at: Duration,
}

impl Link {
    /// When a frame that is sent now arrives; twice if it is duplicated, never if it is lost. It may be damaged.
    pub(super) fn carry(
        &mut self,
        now: Duration,
        frame: &mut [u8],
        rng: &mut impl Rng,
    ) -> [Option<Duration>; 2] {
        let Quality { cut, delay, jitter, loss, duplicate, reorder, bytes_per_second, .. } = self.quality;
        if cut {
            self.counts.cut += 1;
            return [None; 2];
        }
        if loss > 0.0 && rng.random_bool(loss) {
            self.counts.lost += 1;
            return [None; 2];
        }
        let mut due = now + delay;
        if let Some(rate) = bytes_per_second {
            let sent_at = self.free_at.max(now) + Duration::from_secs_f64(frame.len() as f64 / rate as f64);
            if sent_at > now + QUEUE_MAX {
                self.counts.overflowed += 1;
                return [None; 2];
            }
            self.free_at = sent_at;
            due = sent_at + delay;
        }
        if !jitter.is_zero() {
            due += jitter.mul_f64(rng.random());
        }
        if reorder > 0.0 && rng.random_bool(reorder) {
            self.counts.reordered += 1;
            due += HELD_BACK;
        } else {
            due = due.max(self.newest_due);
            self.newest_due = due;
        }
        self.corrupt(frame, rng);
        self.counts.passed += 1;
        self.counts.delayed += u64::from(due > now);
        let twice = duplicate > 0.0 && rng.random_bool(duplicate);
        self.counts.duplicated += u64::from(twice);
        [Some(due), twice.then_some(due)]
    }

    /// Flips a bit of the data in a frame, if it is that frame's turn and it has any: what is only of the network is left
    /// alone, so that what is damaged is what a program sent.
    fn corrupt(&mut self, frame: &mut [u8], rng: &mut impl Rng) {
        let share = self.quality.corrupt;
        if share <= 0.0 || !rng.random_bool(share) {
            return;
        }
        if let Some(data) =
            tcp_data(frame).and_then(|from| frame.get_mut(from..)).filter(|data| !data.is_empty())
        {
            data[rng.random_range(0..data.len())] ^= 1 << rng.random_range(0..8);
            self.counts.corrupted += 1;
        }
    }
}

/// Where a frame has what TCP carries: behind the headers of Ethernet, IPv4 (RFC 791) and TCP (RFC 9293), if it has those.
fn tcp_data(frame: &[u8]) -> Option<usize> {
    const ETHERNET: usize = 14;
    const TCP: u8 = 6;
    let words = |byte: u8| usize::from(byte) * 4;
    let [8, 0] = frame.get(12..ETHERNET)? else { return None };
    let internet = frame.get(ETHERNET..)?;
    if *internet.get(9)? != TCP {
        return None;
    }
    let tcp = ETHERNET + words(internet.first()? & 15);
    Some(tcp + words(frame.get(tcp + 12)? >> 4))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    const NOW: Duration = Duration::from_secs(1);
    const FRAME: [u8; 1000] = [0; 1000];

    fn link(quality: Quality) -> (Link, StdRng) {
        (Link { quality, ..Link::default() }, StdRng::seed_from_u64(7))
    }

    #[test]
    fn a_good_link_passes_at_once() {
        let (mut link, mut rng) = link(Quality::default());
        assert_eq!(link.carry(NOW, &mut FRAME.clone(), &mut rng), [Some(NOW), None]);
        assert_eq!(link.counts, Counts { passed: 1, ..Counts::default() });
        assert_eq!(link.counts.harmed(), 0);
    }

    #[test]
    fn a_cut_link_passes_nothing() {
        let (mut link, mut rng) = link(Quality::cut());
        assert_eq!(link.carry(NOW, &mut FRAME.clone(), &mut rng), [None, None]);
        assert_eq!((link.counts.cut, link.counts.passed), (1, 0));
    }

    #[test]
    fn shares_of_loss_and_duplication_are_as_asked() {
        let (mut link, mut rng) = link(Quality { loss: 0.2, duplicate: 0.1, ..Quality::default() });
        for _ in 0..10_000 {
            link.carry(NOW, &mut FRAME.clone(), &mut rng);
        }
        assert!((1800..2200).contains(&link.counts.lost), "{:?}", link.counts);
        assert!((680..920).contains(&link.counts.duplicated), "{:?}", link.counts);
        assert_eq!(link.counts.passed + link.counts.lost, 10_000);
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_breaks_it() {
        let jitter = Duration::from_millis(5);
        let arrivals = |reorder| {
            let (mut link, mut rng) = link(Quality { jitter, reorder, ..Quality::default() });
            let sent = (0..1000).map(|micros| NOW + Duration::from_micros(micros));
            sent.map(|now| link.carry(now, &mut FRAME.clone(), &mut rng)[0].unwrap()).collect::<Vec<_>>()
        };
        assert!(arrivals(0.0).is_sorted());
        assert!(!arrivals(0.1).is_sorted());
    }

    #[test]
    fn a_narrow_link_queues_and_then_loses() {
        let (mut link, mut rng) = link(Quality { bytes_per_second: Some(100_000), ..Quality::default() });
        let due: Vec<_> = (0..60).map(|_| link.carry(NOW, &mut FRAME.clone(), &mut rng)[0]).collect();
        assert_eq!(due[0], Some(NOW + Duration::from_millis(10)));
        assert_eq!(due[49], Some(NOW + QUEUE_MAX));
        assert_eq!(due[50], None);
        assert_eq!(link.counts.overflowed, 10);
    }

    /// Ethernet, IPv4 and TCP headers without options, and so many bytes of data.
    fn segment(data: usize) -> Vec<u8> {
        let mut frame = vec![0; 54 + data];
        (frame[12], frame[14], frame[23], frame[46]) = (8, 0x45, 6, 0x50);
        frame
    }

    #[test]
    fn one_bit_of_the_data_is_flipped_and_nothing_of_the_headers() {
        let (mut link, mut rng) = link(Quality { corrupt: 1.0, ..Quality::default() });
        let good = segment(20);
        for _ in 0..500 {
            let mut frame = good.clone();
            link.corrupt(&mut frame, &mut rng);
            let flipped: Vec<u32> =
                frame.iter().zip(&good).map(|(is, was)| (is ^ was).count_ones()).collect();
            assert_eq!(flipped.iter().sum::<u32>(), 1);
            assert_eq!(flipped[..54].iter().sum::<u32>(), 0);
        }
        assert_eq!(link.counts.corrupted, 500);
    }

    #[test]
    fn frames_without_data_or_of_another_kind_are_left_alone() {
        let (mut link, mut rng) = link(Quality { corrupt: 1.0, ..Quality::default() });
        let mut other = segment(20);
        other[23] = 17;
        for good in [segment(0), other, vec![0; 5], Vec::new()] {
            let mut frame = good.clone();
            link.corrupt(&mut frame, &mut rng);
            assert_eq!(frame, good);
        }
        assert_eq!(link.counts.corrupted, 0);
    }

    #[test]
    fn of_two_faults_a_link_has_the_worse_of_each_kind() {
        let slow = Quality { delay: Duration::from_millis(9), loss: 0.1, ..Quality::default() };
        let lossy = Quality { loss: 0.3, bytes_per_second: Some(5), ..Quality::default() };
        let both = slow.and(lossy);
        assert_eq!((both.delay, both.loss, both.bytes_per_second), (slow.delay, 0.3, Some(5)));
        assert!(both.and(Quality::cut()).cut);
    }

    #[test]
    fn one_seed_is_one_fate() {
        let run = || {
            let (mut link, mut rng) =
                link(Quality { loss: 0.3, jitter: Duration::from_millis(2), ..Quality::default() });
            (0..200).map(|_| link.carry(NOW, &mut FRAME.clone(), &mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
    }
}
