//! The data-plane state machine: one shard with its partitions, their consumers and producers. Pure and deterministic.
//!
//! A [`Shard`] changes only by [`Shard::apply`], which takes an [`Op`] and a time and gives an [`Outcome`], and tells
//! [`Effects`] what a replica has to do besides: frames to keep, frames to hand to consumers. The same operations at the
//! same times give the same shard on every replica. There is no clock, file, socket or thread in here.
//!
//! No frame's bytes are kept, and nothing at all about a frame that nobody has touched: below a partition's *cursor* only
//! what is exceptional is remembered (held by a consumer, returned, delayed, parked, dead), from the cursor to the tail
//! everything is ready, less exceptions. So a queue of ten million waiting frames costs what an empty one does.

mod command;
mod consumers;
mod effects;
mod error;
mod group;
mod ids;
mod offsets;
mod outcome;
mod partition;
mod past;
mod producers;
mod ready;
mod run_map;
mod settings;
mod shard;
mod snapshot;
mod wire;

pub use command::{Command, LEVEL_MAX, Op, Stamp};
pub use effects::Effects;
pub use error::{DecodeError, RestoreError};
pub use ids::{ConsumerId, GroupId, Offset, Owner, PartitionId};
pub use offsets::OffsetSet;
pub use outcome::{DeathReason, Delivery, Outcome};
pub use partition::{ConsumerInfo, Stats};
pub use settings::{Overflow, Settings};
pub use shard::{GroupInfo, Shard, SubscriberInfo};
pub use snapshot::{Chunks, Frozen, Restore};
