//! What a replica has to do besides keeping state.

use std::ops::Range;

use bytes::Bytes;

use crate::ids::{ConsumerId, Offset, PartitionId};
use crate::outcome::{DeathReason, Delivery};

/// What an operation causes outside the shard's state, in the order in which it happens. Equal on every replica; what to
/// make of it differs, since each node knows its own consumers only.
pub trait Effects {
    /// A frame was accepted at this place.
    fn store(&mut self, partition: PartitionId, offset: Offset, frame: Bytes);

    /// These frames are gone for ever; nobody will ask for their bytes again.
    fn released(&mut self, partition: PartitionId, offsets: Range<Offset>);

    /// The consumer has a frame in its hands from now on.
    fn deliver(&mut self, consumer: ConsumerId, delivery: Delivery);

    /// [`Op::Take`](crate::Op::Take) took a frame, which its outcome will say as well. Comes before the frame is released, so that its
    /// bytes can be fetched.
    fn taken(&mut self, consumer: ConsumerId, delivery: Delivery);

    /// The partition of an attached consumer was deleted.
    fn cancelled(&mut self, consumer: ConsumerId, partition: PartitionId);

    /// The consumer is the single active one from now on. Nobody else holds a frame of the partition.
    fn activated(&mut self, consumer: ConsumerId, partition: PartitionId, epoch: u64);

    /// These frames died and wait to be buried; see [`Shard::dead`](crate::Shard::dead) for all that do.
    fn died(&mut self, partition: PartitionId, offsets: Range<Offset>, reason: DeathReason);

    /// The partition is deleted, and all its frames with it.
    fn dropped(&mut self, partition: PartitionId);

    /// The partition was unused for as long as it may be, or is to go with its last consumer and has lost it: whoever keeps the catalog deletes it. Said once; see
    /// [`Shard::expired`](crate::Shard::expired) for all for which it holds.
    fn expired(&mut self, partition: PartitionId);
}
