//! Messages taken from a queue.

use std::time::Duration;

use bytes::Bytes;
use catalog::Queue;
use streams::{Delivery, OffsetSet, Op, Outcome, PartitionId};

use super::OperatorError;
use crate::message::{View, changed_properties};
use crate::serve::Server;

/// Frames are taken until they have so many bytes, and a first few before anybody knows their size.
const BYTES_MAX: usize = 16 << 20;
const FIRST: usize = 8;
const AT_ONCE_MAX: usize = 256;
/// A queue that goes while its frames are on their way is given up after that.
const PATIENCE: Duration = Duration::from_secs(10);

/// What happens to messages that were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterGet {
    /// They are settled: the queue has them no more.
    Settle,
    /// They go back to their places.
    Return,
    /// They are rejected, and dead-lettered if the queue has it so.
    Reject,
}

/// A message that was taken from a queue, or is just looked at.
#[derive(Clone, Debug)]
pub struct Got {
    /// Its place in the queue.
    pub offset: u64,
    /// Whether somebody had it before.
    pub redelivered: bool,
    /// How many messages were ready behind it, if it was taken.
    pub ready_left: u64,
    /// The exchange that it was published to.
    pub exchange: Bytes,
    /// Its routing key.
    pub key: Bytes,
    /// Flags and values of its properties, as [`amqp091::Properties::decode`] reads them.
    pub properties: Bytes,
    /// The body.
    pub body: Bytes,
}

impl Got {
    pub(super) fn new(delivery: &Delivery, ready_left: u64, frame: &Bytes) -> Result<Self, OperatorError> {
        let view = View::of(frame)?;
        let properties = changed_properties(&view, delivery, None);
        Ok(Self {
            offset: delivery.offset.0,
            redelivered: delivery.redelivered,
            ready_left,
            exchange: frame.slice_ref(view.exchange),
            key: frame.slice_ref(view.key),
            properties: properties.unwrap_or_else(|| frame.slice_ref(view.properties)),
            body: frame.slice_ref(view.body),
        })
    }
}

impl Server {
    /// Takes messages from a queue, at most `count`, and fewer if they are large: about 16 MiB. What is done with them is
    /// done when this returns.
    ///
    /// # Errors
    /// [`OperatorError::SingleActive`], [`OperatorError::Unknown`].
    pub async fn get(&self, queue: &Queue, count: usize, after: AfterGet) -> Result<Vec<Got>, OperatorError> {
        let mut courier = self.courier()?;
        let (partition, consumer) = (PartitionId(queue.id), courier.consumer());
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < count && bytes < BYTES_MAX {
            let fitting = (BYTES_MAX - bytes) * taken.len() / bytes.max(1);
            let next = if taken.is_empty() { FIRST } else { fitting.clamp(1, AT_ONCE_MAX) };
            let next = next.min(count - taken.len());
            let taking = courier.take(queue.shard, partition, consumer, next);
            let (outcomes, frames) =
                self.runtime.clock.timeout(PATIENCE, taking).await.map_err(|_| OperatorError::Unknown)??;
            if outcomes.contains(&Outcome::SingleActive) {
                return Err(OperatorError::SingleActive);
            }
            let came = frames.len();
            let left = outcomes.iter().filter_map(|outcome| match outcome {
                Outcome::Taken(Some(_), left) => Some(*left),
                _ => None,
            });
            for ((delivery, frame), left) in frames.into_iter().zip(left) {
                bytes += frame.len();
                taken.push(Got::new(&delivery, left, &frame)?);
            }
            if came < next {
                break;
            }
        }
        let offsets: OffsetSet = taken.iter().map(|got| streams::Offset(got.offset)).collect();
        let done = match after {
            AfterGet::Settle => Op::Settle { partition, consumer, offsets },
            AfterGet::Return => Op::Return { partition, consumer, offsets, failed: false, delay_ms: 0 },
            AfterGet::Reject => Op::Reject { partition, consumer, offsets },
        };
        if !taken.is_empty() {
            courier.ask(queue.shard, vec![done]).await?;
        }
        self.metrics.got.add(taken.len());
        Ok(taken)
    }
}
