//! Which frames are ready, in the order in which they are delivered.
//!
//! Frames of the lowest level that were never delivered are not listed: they are what lies between the cursor and the tail,
//! less the holes. Listed are those of higher levels, and those of the lowest level that came back from behind the cursor.
//! So a plain queue costs nothing, however long.

use std::collections::BTreeMap;
use std::ops::Range;

use roaring::RoaringTreemap;

/// The ready frames of a partition: higher levels first, lower offsets first within one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ready {
    /// Never a hole. Below it a frame is ready only if a lane has it.
    cursor: u64,
    /// The offset of the next frame.
    tail: u64,
    /// Offsets between cursor and tail that are not ready on the lowest level.
    holes: RoaringTreemap,
    /// By level, without empty ones.
    lanes: BTreeMap<u8, RoaringTreemap>,
    len: u64,
}

impl Ready {
    /// Of a snapshot; more lanes and holes come with [`Ready::restore_lane`] and [`Ready::restore_holes`].
    pub(crate) fn restored(cursor: u64, tail: u64) -> Self {
        Self { cursor, tail, len: tail - cursor, ..Self::default() }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn cursor(&self) -> u64 {
        self.cursor
    }

    pub(crate) fn tail(&self) -> u64 {
        self.tail
    }

    pub(crate) fn holes(&self) -> &RoaringTreemap {
        &self.holes
    }

    pub(crate) fn lanes(&self) -> impl Iterator<Item = (u8, &RoaringTreemap)> {
        self.lanes.iter().map(|(level, lane)| (*level, lane))
    }

    /// Adds a frame that is ready, and gives its offset.
    pub(crate) fn append(&mut self, level: u8) -> u64 {
        if level > 0 {
            let offset = self.append_hole();
            self.lanes.entry(level).or_default().insert(offset);
            self.len += 1;
            return offset;
        }
        self.len += 1;
        self.tail += 1;
        self.tail - 1
    }

    /// Adds a frame that is not ready, and gives its offset.
    pub(crate) fn append_hole(&mut self) -> u64 {
        let offset = self.tail;
        self.tail += 1;
        if self.cursor == offset {
            self.cursor = self.tail;
        } else {
            self.holes.insert(offset);
        }
        offset
    }

    /// The frame that comes next, with its level.
    pub(crate) fn head(&self) -> Option<(u8, u64)> {
        match self.lanes.last_key_value() {
            Some((level, lane)) => lane.min().map(|offset| (*level, offset)),
            None => (self.cursor < self.tail).then_some((0, self.cursor)),
        }
    }

    /// The frame that comes next on each level that has one.
    pub(crate) fn heads(&self) -> impl Iterator<Item = (u8, u64)> + '_ {
        let waits = self.cursor < self.tail && !self.lanes.contains_key(&0);
        let lanes = self.lanes.iter().filter_map(|(level, lane)| lane.min().map(|offset| (*level, offset)));
        waits.then_some((0, self.cursor)).into_iter().chain(lanes)
    }

    /// The frame that comes next on this level.
    pub(crate) fn head_of(&self, level: u8) -> Option<u64> {
        match self.lanes.get(&level) {
            Some(lane) => lane.min(),
            None => (level == 0 && self.cursor < self.tail).then_some(self.cursor),
        }
    }

    /// Takes the frame that comes next on a level away; it must be `offset`.
    pub(crate) fn take_head(&mut self, level: u8, offset: u64) {
        self.len -= 1;
        match self.lanes.get_mut(&level) {
            Some(lane) => {
                lane.remove(offset);
                if lane.is_empty() {
                    self.lanes.remove(&level);
                }
            }
            None => {
                debug_assert_eq!((level, self.cursor), (0, offset), "the head of its level");
                self.move_cursor(offset + 1);
            }
        }
    }

    /// Takes frames from the cursor on away, up to `end` or the next hole, and says which: none if others of the lowest
    /// level come first.
    pub(crate) fn take_run(&mut self, end: u64) -> Range<u64> {
        let start = self.cursor;
        if self.lanes.contains_key(&0) {
            return start..start;
        }
        let end = end.min(self.tail).min(self.holes.min().unwrap_or(u64::MAX)).max(start);
        self.len -= end - start;
        self.move_cursor(end);
        start..end
    }

    /// Makes a frame ready that is not.
    pub(crate) fn put(&mut self, level: u8, offset: u64) {
        if level == 0 && offset >= self.cursor {
            let was_hole = self.holes.remove(offset);
            debug_assert!(was_hole, "not ready from the cursor on is what is a hole");
            self.len += 1;
            return;
        }
        self.put_range(level, offset..offset + 1);
    }

    /// Makes frames ready that are not, and that somebody held or that wait behind the cursor.
    pub(crate) fn put_range(&mut self, level: u8, range: Range<u64>) {
        debug_assert!(
            level > 0 || range.end <= self.cursor,
            "frames of the lowest level are held behind the cursor"
        );
        self.len += range.end - range.start;
        self.lanes.entry(level).or_default().insert_range(range);
    }

    /// Takes all frames away and says which.
    pub(crate) fn drain(&mut self, mut drained: impl FnMut(Range<u64>)) {
        for lane in std::mem::take(&mut self.lanes).values() {
            ranges(lane.iter()).for_each(&mut drained);
        }
        let mut from = self.cursor;
        for hole in std::mem::take(&mut self.holes) {
            if from < hole {
                drained(from..hole);
            }
            from = hole + 1;
        }
        if from < self.tail {
            drained(from..self.tail);
        }
        self.cursor = self.tail;
        self.len = 0;
    }

    /// Frames within a range that are ready.
    pub(crate) fn ranges_within(&self, range: Range<u64>, mut found: impl FnMut(Range<u64>)) {
        for lane in self.lanes.values() {
            ranges_of(lane, range.clone()).for_each(&mut found);
        }
        let (mut from, end) = (range.start.max(self.cursor), range.end.min(self.tail));
        for holes in ranges_of(&self.holes, from..end.max(from)) {
            if from < holes.start {
                found(from..holes.start);
            }
            from = holes.end;
        }
        if from < end {
            found(from..end);
        }
    }

    /// The lowest ready offset.
    pub(crate) fn first(&self) -> Option<u64> {
        let lanes = self.lanes.values().filter_map(RoaringTreemap::min);
        lanes.chain((self.cursor < self.tail).then_some(self.cursor)).min()
    }

    /// The invariant that is broken, if one is.
    pub(crate) fn broken_invariant(&self) -> Option<&'static str> {
        let mut ready = 0;
        self.ranges_within(0..self.tail, |range| ready += range.end - range.start);
        let is_hole = |range: Range<u64>| range.is_empty() || self.holes.contains_range(range);
        let lanes_fit = self.lanes.iter().all(|(level, lane)| match lane.max() {
            Some(last) if *level == 0 => last < self.cursor,
            Some(_) => ranges_of(lane, self.cursor..u64::MAX).all(is_hole),
            None => false,
        });
        let holes = self.holes.min().zip(self.holes.max());
        let rules = [
            (self.cursor <= self.tail, "the cursor is not behind the tail"),
            (
                holes.is_none_or(|(first, last)| self.cursor < first && last < self.tail),
                "holes are behind the cursor",
            ),
            (lanes_fit, "a frame is either waiting or listed"),
            (ready == self.len, "what is ready is counted"),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map(|(_, rule)| rule)
    }

    /// Puts frames of a snapshot into a lane.
    pub(crate) fn restore_lane(&mut self, level: u8, range: Range<u64>) {
        self.len += range.end - range.start;
        self.lanes.entry(level).or_default().insert_range(range);
    }

    /// Makes holes of a snapshot.
    pub(crate) fn restore_holes(&mut self, range: Range<u64>) {
        self.len -= range.end - range.start;
        self.holes.insert_range(range);
    }

    /// Moves the cursor forward, and over the holes that it meets.
    fn move_cursor(&mut self, to: u64) {
        self.cursor = to;
        let mut step = 1;
        while self.holes.min() == Some(self.cursor) {
            // Long runs of holes are passed in few steps, single ones in one.
            while !self.holes.contains_range(self.cursor..self.cursor + step) {
                step /= 2;
            }
            self.holes.remove_range(self.cursor..self.cursor + step);
            self.cursor += step;
            step = (step * 2).min(1 << 20);
        }
    }
}

/// Ascending offsets as ranges.
pub(crate) fn ranges(offsets: impl Iterator<Item = u64>) -> impl Iterator<Item = Range<u64>> {
    let mut offsets = offsets.peekable();
    std::iter::from_fn(move || {
        let start = offsets.next()?;
        let mut end = start + 1;
        while offsets.next_if_eq(&end).is_some() {
            end += 1;
        }
        Some(start..end)
    })
}

/// What of a set lies within a range.
pub(crate) fn ranges_of(set: &RoaringTreemap, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
    let mut offsets = set.iter();
    offsets.advance_to(range.start);
    ranges(offsets.take_while(move |offset| *offset < range.end))
}
