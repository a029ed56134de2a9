//! The segments that are still needed, and by how much.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use runtime::File;

use crate::index::{Location, Ticket};

/// A segment in use.
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn File>,
    pub(crate) length: u64,
    /// Frames that are still needed.
    live_frames: u64,
    live_bytes: u64,
    /// The last change when the segment was first seen to have none: those that made it so are not after it.
    unneeded_since: Option<Ticket>,
}

impl Segment {
    pub(crate) fn new(path: PathBuf, file: Arc<dyn File>, length: u64) -> Self {
        Self { path, file, length, live_frames: 0, live_bytes: 0, unneeded_since: None }
    }
}

/// Segments by sequence; the last is the one that is written.
pub(crate) struct Segments {
    table: BTreeMap<u64, Segment>,
    /// Segments that full use would leave over before old ones are emptied.
    slack: u64,
    pub(crate) freed: u64,
}

impl Segments {
    pub(crate) fn new(segment_bytes: u64) -> Self {
        Self { table: BTreeMap::new(), slack: 3 * segment_bytes, freed: 0 }
    }

    pub(crate) fn insert(&mut self, sequence: u64, segment: Segment) {
        self.table.insert(sequence, segment);
    }

    pub(crate) fn get(&self, sequence: u64) -> Option<&Segment> {
        self.table.get(&sequence)
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn live_bytes(&self) -> u64 {
        self.table.values().map(|segment| segment.live_bytes).sum()
    }

    /// Sets the length of a file that has become longer.
    pub(crate) fn lengthen(&mut self, sequence: u64, length: u64) {
        if let Some(segment) = self.table.get_mut(&sequence) {
            segment.length = segment.length.max(length);
        }
    }

    /// Counts a frame as needed, if it is on disk.
    pub(crate) fn add(&mut self, location: Location) {
        if let Some(segment) = self.table.get_mut(&location.segment()) {
            segment.live_frames += 1;
            segment.live_bytes += location.frame_bytes();
        }
    }

    /// Counts a frame as no longer needed, if it is on disk.
    pub(crate) fn remove(&mut self, location: Location) {
        if let Some(segment) = self.table.get_mut(&location.segment()) {
            segment.live_frames -= 1;
            segment.live_bytes -= location.frame_bytes();
        }
    }

    pub(crate) fn oldest(&self) -> u64 {
        self.table.keys().next().copied().unwrap_or(0)
    }

    fn newest(&self) -> u64 {
        self.table.keys().next_back().copied().unwrap_or(0)
    }

    /// The oldest segment that is still needed, if everything up to `durable` is durable and `last` is the last change.
    ///
    /// A segment without needed frames is needed still until the changes that made it so are durable: a crash could
    /// take them back. They are not after the last change at the time when it is first seen.
    pub(crate) fn head(&mut self, last: Ticket, durable: Ticket) -> u64 {
        let newest = self.newest();
        for (&sequence, segment) in &mut self.table {
            if sequence == newest || segment.live_frames > 0 {
                return sequence;
            }
            if *segment.unneeded_since.get_or_insert(last) > durable {
                return sequence;
            }
        }
        newest
    }

    pub(crate) fn free_before(&mut self, head: u64) -> Vec<Segment> {
        let kept = self.table.split_off(&head);
        let freed = std::mem::replace(&mut self.table, kept);
        self.freed += freed.len() as u64;
        freed.into_values().collect()
    }

    /// The segment whose needed frames should be moved so that it can be freed: the oldest, when files take more
    /// than twice what is needed, and a few segments. So moving costs at most about one byte for each byte written.
    pub(crate) fn victim(&self) -> Option<u64> {
        let (&oldest, segment) = self.table.first_key_value()?;
        let used: u64 = self.table.values().map(|segment| segment.length).sum();
        let wasteful = used > 2 * self.live_bytes() + self.slack;
        (wasteful && oldest != self.newest() && segment.live_frames > 0).then_some(oldest)
    }
}
