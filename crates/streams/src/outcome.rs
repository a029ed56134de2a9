//! What came of an operation.

use crate::ids::{Offset, PartitionId};

/// A frame in somebody's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The partition.
    pub partition: PartitionId,
    /// The frame's place in it.
    pub offset: Offset,
    /// Whether somebody had it before, and may have worked on it.
    pub redelivered: bool,
    /// How often its delivery failed: AMQP's `x-delivery-count`.
    pub failed: u32,
    /// How often it was given to somebody before: AMQP's `x-acquired-count`.
    pub acquired: u32,
    /// Rises each time another consumer becomes the single active one: whoever comes to a resource with a lower one comes
    /// late. 0 in partitions without a single active consumer.
    pub epoch: u64,
}

/// Why a frame died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeathReason {
    /// A consumer gave it up.
    Rejected,
    /// It waited for longer than it may.
    Expired,
    /// It did not fit.
    MaxLen,
    /// Its delivery failed too often.
    DeliveryLimit,
}

/// What came of an operation; equal on every replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and nothing more to say.
    Done,
    /// Nothing was done: some nodes run a version that can't apply it. It can be when they are upgraded.
    TooNew,
    /// The partition is made.
    Created,
    /// There is no such partition.
    NoPartition,
    /// There is no such group.
    NoGroup,
    /// The group has no partitions, too many, or one that is there already.
    BadGroup,
    /// The partition belongs to a group, and is consumed from and deleted with that.
    Grouped,
    /// There is no such consumer on the partition.
    NoConsumer,
    /// The frame is in the partition.
    Appended(Offset),
    /// The frame was accepted before; where, if it was its producer's last.
    Duplicate(Option<Offset>),
    /// There is no room for the frame.
    Refused,
    /// The frame's stamp is not what comes next: of an earlier epoch, or one before it is missing.
    Stale {
        /// The producer's epoch.
        epoch: u32,
        /// The sequence that would be accepted in it.
        expected: u64,
    },
    /// The consumer is attached.
    Attached {
        /// Whether it gets frames; otherwise another one is the single active consumer.
        active: bool,
        /// The epoch of the one that does; 0 where all do.
        epoch: u64,
    },
    /// Somebody else consumes from the partition and one of the two wants to be alone.
    ExclusiveUse,
    /// Frames of this partition go to its single active consumer only.
    SingleActive,
    /// Consumers are attached.
    NotUnused,
    /// Frames are in it.
    NotEmpty,
    /// The next frame, if any is ready, and how many are still ready.
    Taken(Option<Delivery>, u64),
    /// How many frames were dropped.
    Purged(u64),
    /// How many ready frames were in the partition.
    Deleted(u64),
    /// How many frames are ready again.
    Unparked(u64),
    /// Of the frames that were named, how many were not in the hands of this consumer (or not dead, for a burial): nothing
    /// happened to these.
    Settled {
        /// How many.
        unknown: u64,
    },
}
