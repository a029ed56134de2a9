//! What a connection sends to shards, and what it wants to know of it.

use std::sync::Arc;

use bytes::Bytes;
use catalog::Queue;
use shards::Link;
use streams::{Op, Outcome, PartitionId, Stamp};
use tokio::sync::oneshot;

use crate::channel::{ChannelRef, Ledger};

/// A message for one queue.
#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) at: ChannelRef,
    pub(crate) answer: Answer,
    pub(crate) queue: Arc<Queue>,
    /// Of the queue's.
    pub(crate) partition: PartitionId,
    pub(crate) frame: Bytes,
    pub(crate) priority: u8,
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) delay_ms: u64,
    pub(crate) stamp: Option<Stamp>,
    /// How often the queue's partition was not there.
    pub(crate) tries: u8,
}

/// Who wants to know whether a message is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nobody.
    Nobody,
    /// The channel's confirms, under this sequence number.
    Confirm(u64),
    /// The transaction that is being committed.
    Commit,
}

impl Append {
    fn op(&self) -> Op {
        Op::Append {
            partition: self.partition,
            frame: self.frame.clone(),
            priority: self.priority,
            ttl_ms: self.ttl_ms,
            delay_ms: self.delay_ms,
            stamp: self.stamp,
        }
    }
}

/// Who waits for an operation's outcome.
#[derive(Debug)]
pub(crate) enum Origin {
    /// Nobody.
    Nothing,
    /// Publishers.
    Append(Append),
    /// basic.consume; the consumer's number.
    Attach(u64),
    /// basic.cancel; the consumer's number.
    Detach(u64),
    /// basic.get; the consumer's number.
    Take(u64),
    /// The end of a channel (0: of the connection).
    Release(u16),
    /// A queue that goes with its last consumer, and what waits for that.
    AutoDelete { queue: Arc<Queue>, then: Then },
    /// A job.
    Call(oneshot::Sender<Outcome>),
}

/// What follows when a queue has gone with its last user, or stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// A step towards the end of this channel (0: of the connection).
    End(u16),
    /// The end of basic.cancel; the consumer's number.
    Cancelled(u64),
}

#[derive(Debug, Default)]
struct Batch {
    ops: Vec<Op>,
    origins: Vec<Origin>,
    bytes: usize,
}

#[derive(Debug)]
struct Sent {
    origins: Vec<Origin>,
    bytes: usize,
}

/// Operations on their way to shards: gathered while a turn is worked on, and submitted together, a batch a shard.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    /// By shard.
    batches: Vec<Batch>,
    dirty: Vec<u32>,
    sent: Ledger<Sent>,
    bytes: usize,
}

impl Outbound {
    /// Adds an operation. Those to one shard are applied in the order in which they were added.
    pub(crate) fn push(&mut self, shard: u32, op: Op, origin: Origin) {
        let at = shard as usize;
        if self.batches.len() <= at {
            self.batches.resize_with(at + 1, Batch::default);
        }
        let batch = &mut self.batches[at];
        if batch.ops.is_empty() {
            self.dirty.push(shard);
        }
        if let Op::Append { frame, .. } = &op {
            batch.bytes += frame.len();
        }
        batch.ops.push(op);
        batch.origins.push(origin);
    }

    /// Adds a message.
    pub(crate) fn append(&mut self, append: Append) {
        self.push(append.queue.shard, append.op(), Origin::Append(append));
    }

    /// Submits what was added.
    pub(crate) fn flush(&mut self, link: &mut Link) {
        for shard in self.dirty.drain(..) {
            let Batch { ops, origins, bytes } = std::mem::take(&mut self.batches[shard as usize]);
            let ticket = link.submit(shard, ops);
            self.bytes += bytes;
            self.sent.push(ticket, Sent { origins, bytes });
        }
    }

    /// Who waits for the outcomes of a submission.
    pub(crate) fn answered(&mut self, ticket: u64) -> Vec<Origin> {
        let Some(sent) = self.sent.remove(ticket) else {
            return Vec::new();
        };
        self.bytes -= sent.bytes;
        sent.origins
    }

    /// Bytes of messages that are on their way.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
