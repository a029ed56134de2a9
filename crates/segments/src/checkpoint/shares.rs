//! How much of each file is live.

use std::sync::Arc;

use super::choose::Share;
use crate::format::index::BlockEntry;
use crate::live::{Live, overlap};
use crate::segment::Segment;

/// Blocks of a partition about which is asked at once: so few that the answer is not large.
const BLOCKS: usize = 64;
/// Questions after which others get their turn.
const QUESTIONS: usize = 1024;

/// The share of each of `segments`, in order.
pub(super) async fn of(segments: &[Arc<Segment>], live: &dyn Live) -> Vec<Share> {
    let mut shares = Vec::with_capacity(segments.len());
    let mut questions = 0;
    for segment in segments {
        let mut live_bytes = 0;
        for place in 0..segment.index.partitions() {
            let Some((partition, blocks)) = segment.index.partition(place) else { break };
            for blocks in segment.index.blocks()[blocks].chunks(BLOCKS) {
                live_bytes += live_bytes_of(partition, blocks, live);
                questions += 1;
                if questions % QUESTIONS == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
        shares.push(Share { live_bytes, file_bytes: segment.length });
    }
    shares
}

/// Live bytes of blocks of a partition: zero only if nothing in them is live. Where a block has gaps, it is not known which
/// offsets are there, and all live ones are taken to be.
fn live_bytes_of(partition: u64, blocks: &[BlockEntry], live: &dyn Live) -> u64 {
    let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else { return 0 };
    let live = live.live_within(partition, first.first..last.last.saturating_add(1));
    let bytes = |block: &BlockEntry| {
        let frames = u64::from(block.frames);
        let live = overlap(&live, block.first..block.last.saturating_add(1)).min(frames);
        (u64::from(block.length) * live).div_ceil(frames)
    };
    blocks.iter().map(bytes).sum()
}
