//! The one vocabulary of a shard's log: everything that changes a shard is an [`Op`].

use bytes::Bytes;

use crate::ids::{ConsumerId, GroupId, Owner, PartitionId};
use crate::offsets::OffsetSet;
use crate::settings::Settings;

mod decode;
mod encode;
mod level;
#[cfg(test)]
mod tests;

pub(crate) use decode::read_settings;
pub(crate) use encode::put_settings;
pub use level::LEVEL_MAX;

/// Where a frame stands in the sequence of its producer, so that the shard knows one that is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Who.
    pub producer: u64,
    /// Which of its lives; a new one locks out those before it.
    pub epoch: u32,
    /// One more with every frame of the epoch that was accepted. The first that the shard sees may be any.
    pub sequence: u64,
    /// Whether sequences may be missing, because their frames went elsewhere: each needs only be higher than the last that was accepted,
    /// from 1 up. One that was refused has to come again before a higher one is accepted, or nobody could tell it from one that was sent again.
    pub gaps: bool,
}

/// One change of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Makes a partition. One that is there already counts as used and stays as it is.
    Create {
        /// Which.
        partition: PartitionId,
        /// How it behaves.
        settings: Settings,
    },
    /// Gives a partition other settings. Length limits bind at once, times to live and priorities frames that come later.
    Alter {
        /// Which.
        partition: PartitionId,
        /// How it behaves from now on.
        settings: Settings,
    },
    /// Drops a partition with all that is in it.
    Delete {
        /// Which.
        partition: PartitionId,
        /// Only if no consumer is attached.
        if_unused: bool,
        /// Only if nothing is in it: ready, held by somebody, waiting for its time, parked or dead.
        if_empty: bool,
    },
    /// Drops a partition that has expired, unless somebody has used it since; with its group, if it belongs to one and all of that
    /// has expired.
    Expire {
        /// Which.
        partition: PartitionId,
    },
    /// Drops all frames that are ready; no dead letters come of it.
    Purge {
        /// Which.
        partition: PartitionId,
    },
    /// Makes what was parked ready again, at its original places and with no failures counted.
    Unpark {
        /// Which.
        partition: PartitionId,
    },
    /// Adds a frame at the tail.
    Append {
        /// To which.
        partition: PartitionId,
        /// The frame. The shard does not look into it and does not keep it: [`Effects::store`](crate::Effects::store) does.
        frame: Bytes,
        /// Higher goes first; at most the partition's highest.
        priority: u8,
        /// How long it may wait, milliseconds; 0: not at all. The partition's limit holds as well.
        ttl_ms: Option<u64>,
        /// For how long it is not ready, milliseconds. Its time to live begins after that.
        delay_ms: u64,
        /// Absent: not checked for being sent again.
        stamp: Option<Stamp>,
    },
    /// Begins to consume. Again by the same consumer: changes its window and priority.
    Attach {
        /// From which.
        partition: PartitionId,
        /// Who.
        consumer: ConsumerId,
        /// How many frames it may hold unsettled.
        window: u32,
        /// Higher gets frames first.
        priority: i32,
        /// Only if nobody else is attached, and then nobody else may.
        exclusive: bool,
    },
    /// Ends consuming. What the consumer holds stays with it until it settles or returns it.
    Detach {
        /// From which.
        partition: PartitionId,
        /// Who.
        consumer: ConsumerId,
    },
    /// Changes how many frames a consumer may hold.
    Window {
        /// From which.
        partition: PartitionId,
        /// Who.
        consumer: ConsumerId,
        /// How many frames it may hold unsettled.
        window: u32,
    },
    /// The consumer is done with frames: they are gone.
    Settle {
        /// Of which.
        partition: PartitionId,
        /// Who holds them.
        consumer: ConsumerId,
        /// Which frames.
        offsets: OffsetSet,
    },
    /// The consumer gives frames back, each to its original place.
    Return {
        /// Of which.
        partition: PartitionId,
        /// Who holds them.
        consumer: ConsumerId,
        /// Which frames.
        offsets: OffsetSet,
        /// Whether that counts towards the delivery limit.
        failed: bool,
        /// For how long they are not ready, milliseconds.
        delay_ms: u64,
    },
    /// The consumer gives frames up: they die.
    Reject {
        /// Of which.
        partition: PartitionId,
        /// Who holds them.
        consumer: ConsumerId,
        /// Which frames.
        offsets: OffsetSet,
    },
    /// Hands out the next frame, once. Not where only one consumer at a time gets frames.
    Take {
        /// Of which.
        partition: PartitionId,
        /// Who will hold it, attached or not. Its window does not matter.
        consumer: ConsumerId,
        /// Whether the frame is done with at once.
        settle: bool,
    },
    /// The consumer's channel is gone: it is detached, and what it holds goes back to its place as failed.
    Release {
        /// Of which.
        partition: PartitionId,
        /// Who.
        consumer: ConsumerId,
    },
    /// A node is gone: all its consumers are released, in all partitions.
    Gone {
        /// The node's session.
        owner: Owner,
    },
    /// Makes a group of new partitions, which all behave alike and have a single active consumer. One that is there already counts as
    /// used and stays as it is.
    CreateGroup {
        /// Which.
        group: GroupId,
        /// Its partitions, 1 to 1024.
        partitions: Vec<PartitionId>,
        /// How each of them behaves.
        settings: Settings,
    },
    /// Drops a group with its partitions.
    DeleteGroup {
        /// Which.
        group: GroupId,
        /// Only if nobody subscribes.
        if_unused: bool,
        /// Only if nothing is in any partition.
        if_empty: bool,
    },
    /// Begins to consume from a group: the shard assigns partitions. Again by the same consumer: changes its window.
    ///
    /// Frames that may not wait (a time to live of 0) expire here.
    Subscribe {
        /// To which.
        group: GroupId,
        /// Who.
        consumer: ConsumerId,
        /// How many frames it may hold unsettled, in all partitions together.
        window: u32,
    },
    /// Ends consuming from a group. Its partitions go to others as soon as it holds nothing of them.
    Unsubscribe {
        /// From which.
        group: GroupId,
        /// Who.
        consumer: ConsumerId,
        /// Whether the channel is gone, and what the consumer holds goes back to its place as failed.
        release: bool,
    },
    /// Dead letters have arrived elsewhere and are gone from here.
    Bury {
        /// Of which.
        partition: PartitionId,
        /// Which frames.
        offsets: OffsetSet,
    },
    /// Only lets time pass.
    Tick,
}

/// What stands in one command of the log: operations that are applied one after the other.
///
/// [`Command::encode`] and [`Command::decode`] are the format of the log, which is described in `command/encode.rs`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// In order.
    pub ops: Vec<Op>,
}
