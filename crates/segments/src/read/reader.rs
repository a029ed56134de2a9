//! Finds frames of one partition in files.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::ReadError;
use crate::format::block::Block;
use crate::segment::Segment;
use crate::store::Shared;

/// One call that reads. Remembers the block that the last frame was in.
pub(crate) struct Reader<'a> {
    shared: &'a Shared,
    partition: u64,
    block: Option<Arc<Block>>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(shared: &'a Shared, partition: u64) -> Self {
        Self { shared, partition, block: None }
    }

    /// The frame in one of `segments`, if it is in any. The caller will ask for those at `next` too.
    pub(crate) async fn frame(
        &mut self,
        segments: &[Arc<Segment>],
        offset: u64,
        next: &[u64],
    ) -> Result<Option<Bytes>, ReadError> {
        if let Some(frame) = self.block.as_ref().and_then(|block| block.get(offset)) {
            return Ok(Some(frame));
        }
        // Newer files are asked first: what is read most was written last.
        for segment in segments.iter().rev() {
            // Blocks may leave gaps for frames that were dead when they were written: those that another file has fill
            // them.
            let Some(places) = segment.index.find(self.partition, offset) else { continue };
            let block = self.load(segment, places, end_of_run(offset, next)).await?;
            if let Some(frame) = block.get(offset) {
                self.block = Some(block);
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// The block at the first of `places`, from the cache or from the file, then with some of those behind it.
    async fn load(
        &self,
        segment: &Segment,
        places: Range<usize>,
        until: u64,
    ) -> Result<Arc<Block>, ReadError> {
        let run = {
            let mut cache = self.shared.cache.lock();
            if let Some(block) = cache.get((segment.id, places.start as u32)) {
                return Ok(block);
            }
            let has = |place: usize| cache.has((segment.id, place as u32));
            let in_order = places.start.checked_sub(1).is_some_and(has);
            let until = if in_order { u64::MAX } else { until };
            run(segment, places, until, self.shared.config.readahead_bytes, has)
        };
        let start = run.start;
        let blocks = segment.read(self.partition, run).await?;
        self.shared.counters.count_read(&blocks);
        let blocks: Vec<Arc<Block>> = blocks.into_iter().map(Arc::new).collect();
        let mut cache = self.shared.cache.lock();
        for (index, block) in blocks.iter().enumerate() {
            cache.put((segment.id, (start + index) as u32), Arc::clone(block));
        }
        let first = blocks.into_iter().next();
        Ok(first.expect("a run has at least one block"))
    }
}

/// The blocks to read at once: the first of `places`, and those that follow, while they have frames before `until`, are not
/// in memory and are no more than `bytes_max` together.
fn run(
    segment: &Segment,
    places: Range<usize>,
    until: u64,
    bytes_max: usize,
    has: impl Fn(usize) -> bool,
) -> Range<usize> {
    let blocks = segment.index.blocks();
    let start = blocks[places.start].position;
    let follows = |&place: &usize| {
        let block = &blocks[place];
        block.first < until && block.end() - start <= bytes_max as u64 && !has(place)
    };
    let more = (places.start + 1..places.end).take_while(follows).count();
    places.start..places.start + 1 + more
}

/// The end of the run of dense offsets that `first` and some of `next` are.
fn end_of_run(first: u64, next: &[u64]) -> u64 {
    let end = first.saturating_add(1);
    let dense = next.iter().zip(end..).take_while(|(offset, expected)| **offset == *expected).count();
    end.saturating_add(dense as u64)
}
