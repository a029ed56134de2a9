//! Live frames of a layer or of a file, sorted, a piece at a time.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::ReadError;
use crate::live::{Filter, Live};
use crate::memory::Layer;
use crate::segment::Segment;

/// Offsets of a layer looked at in one piece.
const OFFSETS: u64 = 1024;
/// Partitions and blocks without live frames passed over in one piece.
const PASSED: usize = 256;
/// Bytes of a file read at once, unless one block is longer.
const READ_BYTES: u64 = 256 << 10;

/// A frame on its way into a new file.
pub(super) struct Frame {
    pub(super) partition: u64,
    pub(super) offset: u64,
    pub(super) bytes: Bytes,
}

impl Frame {
    pub(super) fn key(&self) -> (u64, u64) {
        (self.partition, self.offset)
    }
}

/// Frames sorted by partition and offset.
pub(super) struct Source {
    from: From,
    ready: VecDeque<Frame>,
    ended: bool,
}

enum From {
    Layer(LayerSource),
    Segment(SegmentSource),
}

impl Source {
    pub(super) fn of_layer(layer: Arc<Layer>) -> Self {
        let source = LayerSource { partitions: layer.sorted(), layer, place: 0, offset: 0 };
        Self { from: From::Layer(source), ready: VecDeque::new(), ended: false }
    }

    pub(super) fn of_segment(segment: Arc<Segment>) -> Self {
        let source = SegmentSource { segment, partition: 0, block: 0 };
        Self { from: From::Segment(source), ready: VecDeque::new(), ended: false }
    }

    /// Key of the next frame, if one is ready.
    pub(super) fn key(&self) -> Option<(u64, u64)> {
        self.ready.front().map(Frame::key)
    }

    pub(super) fn pop(&mut self) -> Option<Frame> {
        self.ready.pop_front()
    }

    /// Gets frames ready, unless there are some, or no more come.
    pub(super) async fn fill(&mut self, live: &dyn Live) -> Result<(), ReadError> {
        while self.ready.is_empty() && !self.ended {
            self.ended = match &mut self.from {
                From::Layer(layer) => !layer.fill(live, &mut self.ready),
                From::Segment(segment) => !segment.fill(live, &mut self.ready).await?,
            };
            // Pieces take the time of a few requests.
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

struct LayerSource {
    layer: Arc<Layer>,
    partitions: Vec<u64>,
    /// Place of the partition that is next.
    place: usize,
    /// From which offset.
    offset: u64,
}

impl LayerSource {
    /// False at the end.
    fn fill(&mut self, live: &dyn Live, ready: &mut VecDeque<Frame>) -> bool {
        let (mut passed, mut offsets) = (0, 0);
        while passed < PASSED && offsets < OFFSETS {
            let Some(&partition) = self.partitions.get(self.place) else { return false };
            let Some(frames) = self.layer.partition(partition) else { return false };
            let held = frames.range();
            let start = self.offset.max(held.start);
            let end = held.end.min(start + OFFSETS);
            for range in live.live_within(partition, start..end) {
                let frames = frames.within(range);
                ready.extend(frames.map(|(offset, bytes)| Frame { partition, offset, bytes: bytes.clone() }));
            }
            offsets += end - start;
            self.offset = end;
            if end == held.end {
                self.place += 1;
                self.offset = 0;
                passed += 1;
            }
        }
        true
    }
}

struct SegmentSource {
    segment: Arc<Segment>,
    /// Place of the partition that is next.
    partition: usize,
    /// Place of the block that is next.
    block: usize,
}

/// A block that has live frames, and which they are.
type Wanted = Vec<Range<u64>>;

impl SegmentSource {
    /// False at the end.
    async fn fill(&mut self, live: &dyn Live, ready: &mut VecDeque<Frame>) -> Result<bool, ReadError> {
        let Some((partition, blocks)) = self.segment.index.partition(self.partition) else {
            return Ok(false);
        };
        let (start, wanted) = self.next_run(partition, blocks.end, live);
        if self.block == blocks.end {
            self.partition += 1;
        }
        let read = self.segment.read(partition, start..start + wanted.len()).await?;
        for (block, live) in read.iter().zip(&wanted) {
            let mut filter = Filter::new(live);
            let frames = block.iter().filter(|(offset, _)| filter.keeps(*offset));
            ready.extend(frames.map(|(offset, bytes)| Frame { partition, offset, bytes }));
        }
        Ok(true)
    }

    /// The next blocks in a row with live frames, up to `end`: the place of the first, and what is live in each.
    fn next_run(&mut self, partition: u64, end: usize, live: &dyn Live) -> (usize, Vec<Wanted>) {
        let blocks = self.segment.index.blocks();
        let (mut start, mut wanted) = (self.block, Vec::new());
        for _ in 0..PASSED {
            if self.block == end {
                break;
            }
            let block = &blocks[self.block];
            if !wanted.is_empty() && block.end() - blocks[start].position > READ_BYTES {
                break;
            }
            let live = live.live_within(partition, block.first..block.last.saturating_add(1));
            match (live.is_empty(), wanted.is_empty()) {
                (true, true) => start += 1,
                (true, false) => break,
                (false, _) => wanted.push(live),
            }
            self.block += 1;
        }
        (start, wanted)
    }
}
