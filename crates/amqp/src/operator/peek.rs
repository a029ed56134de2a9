//! Messages looked at where they lie.

use catalog::Queue;
use streams::{Delivery, Offset};

use super::{Got, OperatorError};
use crate::broker::partitions::partitions;
use crate::serve::Server;

/// So many places are looked at in one go, of those that may hold a message.
const PLACES: u64 = 1 << 16;
const BYTES_MAX: usize = 16 << 20;

/// A part of a queue.
#[derive(Clone, Debug)]
pub struct Peeked {
    /// What is there, in the order of the places: what is ready, what consumers hold, and what waits for its time.
    pub messages: Vec<Got>,
    /// From where to look on; nothing: that was all.
    pub next: Option<u64>,
}

impl Server {
    /// Looks at messages of a queue (of this partition of it, from 0, if it has several) from a place on, at most `count`, and fewer if they are large: about 16 MiB. Nothing is
    /// asked of the shard and nobody's delivery is disturbed: it is what this node's replica has, which may be a moment old.
    ///
    /// # Errors
    /// [`OperatorError::Unreadable`], [`OperatorError::Damaged`].
    pub async fn peek(
        &self,
        queue: &Queue,
        partition: u32,
        from: u64,
        count: usize,
    ) -> Result<Peeked, OperatorError> {
        let nothing = Peeked { messages: Vec::new(), next: None };
        let Some(partition) = partitions(queue).nth(partition as usize) else { return Ok(nothing) };
        let Some(replica) = self.shards.replica(queue.shard) else { return Ok(nothing) };
        let Some(stats) = replica.stats(partition) else { return Ok(nothing) };
        let (mut from, tail) = (from.max(stats.head.0), stats.tail.0);
        let mut offsets: Vec<u64> = Vec::new();
        while from < tail && offsets.len() < count {
            let end = tail.min(from.saturating_add(PLACES));
            let live = replica.read(|shard| shard.live_within(partition, Offset(from)..Offset(end)));
            offsets.extend(live.iter().map(|offset| offset.0).take(count - offsets.len()));
            from = if offsets.len() < count { end } else { offsets.last().map_or(end, |last| last + 1) };
        }
        let frames = replica.frames().read(partition.0, &offsets, BYTES_MAX).await?;
        let bytes: usize = frames.iter().map(|(_, frame)| frame.len()).sum();
        // Up to where it came.
        let reached = frames.last().filter(|_| bytes >= BYTES_MAX).map(|(last, _)| last + 1);
        let next = Some(reached.unwrap_or(from)).filter(|next| *next < tail);
        let looked_at = |(offset, frame): &(u64, bytes::Bytes)| {
            let offset = Offset(*offset);
            let delivery =
                Delivery { partition, offset, redelivered: false, failed: 0, acquired: 0, epoch: 0 };
            Got::new(&delivery, 0, frame)
        };
        let messages = frames.iter().map(looked_at).collect::<Result<_, _>>()?;
        Ok(Peeked { messages, next })
    }
}
