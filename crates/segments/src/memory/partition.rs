//! Frames of one partition.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

/// Room for so many frames is kept; more is given back when they have gone.
const IDLE_CAPACITY: usize = 1024;

/// Frames by offset. A place without a frame costs as much as one with an empty frame, so offsets should be dense.
#[derive(Default)]
pub(crate) struct Partition {
    base: u64,
    frames: VecDeque<Option<Bytes>>,
    held: Held,
}

/// What is in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) frames: u64,
    /// Of the frames, without what each takes besides.
    pub(crate) bytes: u64,
}

impl Held {
    pub(crate) fn add(&mut self, other: Held) {
        self.frames += other.frames;
        self.bytes += other.bytes;
    }

    pub(crate) fn subtract(&mut self, other: Held) {
        self.frames -= other.frames;
        self.bytes -= other.bytes;
    }

    fn of(frame: &Bytes) -> Self {
        Self { frames: 1, bytes: frame.len() as u64 }
    }
}

impl Partition {
    /// The offsets that frames may have.
    pub(crate) fn range(&self) -> Range<u64> {
        self.base..self.base + self.frames.len() as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// True if it is better freed as a whole than frame by frame.
    pub(crate) fn is_large(&self) -> bool {
        self.frames.len() > IDLE_CAPACITY
    }

    /// True if all its frames are within `range`.
    pub(crate) fn is_within(&self, range: &Range<u64>) -> bool {
        let held = self.range();
        range.start <= held.start && held.end <= range.end
    }

    pub(crate) fn held(&self) -> Held {
        self.held
    }

    /// Puts a frame at an offset, in place of one that is there.
    pub(crate) fn put(&mut self, offset: u64, frame: Bytes) {
        if self.frames.is_empty() {
            self.base = offset;
        }
        while offset < self.base {
            self.frames.push_front(None);
            self.base -= 1;
        }
        self.held.add(Held::of(&frame));
        let place = (offset - self.base) as usize;
        if place >= self.frames.len() {
            self.frames.resize(place, None);
            self.frames.push_back(Some(frame));
        } else if let Some(replaced) = self.frames[place].replace(frame) {
            self.held.subtract(Held::of(&replaced));
        }
    }

    pub(crate) fn get(&self, offset: u64) -> Option<&Bytes> {
        let place = usize::try_from(offset.checked_sub(self.base)?).ok()?;
        self.frames.get(place)?.as_ref()
    }

    /// Takes the frames of `range` out, into `taken`.
    pub(crate) fn take(&mut self, range: Range<u64>, taken: &mut Vec<Bytes>) {
        let held = self.range();
        let (start, end) = (range.start.max(held.start), range.end.min(held.end));
        if start >= end {
            return;
        }
        let places = (start - self.base) as usize..(end - self.base) as usize;
        for frame in self.frames.range_mut(places).filter_map(Option::take) {
            self.held.subtract(Held::of(&frame));
            taken.push(frame);
        }
        while let Some(None) = self.frames.front() {
            self.frames.pop_front();
            self.base += 1;
        }
        let few = self.frames.len().saturating_mul(4).max(IDLE_CAPACITY);
        if self.frames.capacity() > 2 * few {
            self.frames.shrink_to(few);
        }
    }

    /// Puts the frames of `newer` among its own.
    pub(crate) fn absorb(&mut self, newer: Self) {
        for (offset, frame) in (newer.base..).zip(newer.frames) {
            if let Some(frame) = frame {
                self.put(offset, frame);
            }
        }
    }

    /// The frames of `range`, ascending.
    pub(crate) fn within(&self, range: Range<u64>) -> impl Iterator<Item = (u64, &Bytes)> {
        let held = self.range();
        let start = range.start.clamp(held.start, held.end);
        let end = range.end.clamp(start, held.end);
        let places = (start - self.base) as usize..(end - self.base) as usize;
        let frames = self.frames.range(places).enumerate();
        frames.filter_map(move |(place, frame)| Some((start + place as u64, frame.as_ref()?)))
    }

    /// Takes up to `count` places off the front.
    pub(crate) fn drop_front(&mut self, count: usize) -> usize {
        let count = count.min(self.frames.len());
        for frame in self.frames.drain(..count).flatten() {
            self.held.subtract(Held::of(&frame));
        }
        self.base += count as u64;
        count
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(calls in prop::collection::vec((0..3_u8, 0..40_u64, 0..20_u64), 0..60)) {
            let (mut partition, mut model) = (Partition::default(), BTreeMap::new());
            for (number, (call, offset, count)) in calls.into_iter().enumerate() {
                let frame = Bytes::from(number.to_string());
                if call < 2 {
                    partition.put(1000 + offset, frame.clone());
                    model.insert(1000 + offset, frame);
                } else {
                    let range = 1000 + offset..1000 + offset + count;
                    let mut taken = Vec::new();
                    partition.take(range.clone(), &mut taken);
                    let gone: Vec<Bytes> = range.filter_map(|offset| model.remove(&offset)).collect();
                    prop_assert_eq!(taken, gone);
                }
                prop_assert_eq!(partition.is_empty(), model.is_empty());
                let bytes = model.values().map(|frame| frame.len() as u64).sum();
                prop_assert_eq!(partition.held(), Held { frames: model.len() as u64, bytes });
                for offset in 990..1070 {
                    prop_assert_eq!(partition.get(offset), model.get(&offset));
                }
                for range in [990..1100, 1010..1020, 1020..1020, 0..5] {
                    let found: Vec<_> = partition.within(range.clone()).collect();
                    let expected: Vec<_> = model.range(range).map(|(offset, frame)| (*offset, frame)).collect();
                    prop_assert_eq!(found, expected);
                }
            }
        }
    }

    #[test]
    fn room_is_given_back() {
        let mut partition = Partition::default();
        for offset in 0..100_000 {
            partition.put(offset, Bytes::new());
        }
        partition.take(0..99_990, &mut Vec::new());
        assert!(partition.frames.capacity() <= 4 * IDLE_CAPACITY);
        assert_eq!(partition.range(), 99_990..100_000);
        assert_eq!(partition.drop_front(4), 4);
        assert_eq!(partition.range(), 99_994..100_000);
        assert_eq!(partition.held().frames, 6);
    }

    #[test]
    fn newer_frames_are_put_behind() {
        let (mut older, mut newer) = (Partition::default(), Partition::default());
        for offset in 5..8 {
            older.put(offset, Bytes::from_static(b"old"));
            newer.put(offset + 3, Bytes::from_static(b"newer"));
        }
        older.take(6..7, &mut Vec::new());
        newer.take(9..10, &mut Vec::new());
        older.absorb(newer);
        let offsets: Vec<u64> = older.within(0..u64::MAX).map(|(offset, _)| offset).collect();
        assert_eq!((offsets, older.held()), (vec![5, 7, 8, 10], Held { frames: 4, bytes: 16 }));
    }
}
