//! What a connection is told.

use bytes::Bytes;
use streams::{ConsumerId, Delivery, Outcome, PartitionId};

/// Something for one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What came of what was submitted, an outcome an operation.
    Outcomes {
        /// The number that [`Link::submit`](crate::Link::submit) gave.
        ticket: u64,
        /// In the order of the operations.
        outcomes: Vec<Outcome>,
    },
    /// Nobody knows what came of it: it may have happened or not, and will not happen later. Rare: this replica was far behind.
    Lost {
        /// The number that [`Link::submit`](crate::Link::submit) gave.
        ticket: u64,
    },
    /// A consumer of this connection has a frame in its hands.
    Deliver {
        /// Which consumer.
        consumer: ConsumerId,
        /// Which frame.
        delivery: Delivery,
        /// Its bytes.
        frame: Bytes,
    },
    /// The partition of a consumer was deleted.
    Cancelled {
        /// Which consumer.
        consumer: ConsumerId,
        /// Which partition.
        partition: PartitionId,
    },
    /// A consumer is the single active one of its partition from now on.
    Activated {
        /// Which consumer.
        consumer: ConsumerId,
        /// Which partition.
        partition: PartitionId,
        /// The epoch that began with that.
        epoch: u64,
    },
    /// The connection's consumers are no more: this node was cut off for so long that others were given what they held. The
    /// last event; the connection must be closed.
    Over,
}

/// An event as it waits: the bytes of a frame that has left memory are read when the event is taken.
#[derive(Debug)]
pub(crate) enum Waiting {
    Ready(Event),
    Unread { shard: u32, consumer: ConsumerId, delivery: Delivery },
}
