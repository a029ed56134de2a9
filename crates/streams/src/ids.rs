//! The numbers that name partitions, places in them, and who consumes.

/// A partition of this shard: a log of frames with a cursor. Given by whoever creates it, and never given again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u64);

/// A group of partitions of this shard: one logical queue. Given by whoever creates it, and never given again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u64);

/// A place in a partition: 0 for its first frame, and no gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

/// Whose consumers go with it: the session of a node in the control plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(pub i64);

/// A consumer of one partition, or a channel that takes single frames from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerId {
    /// The node that talks to it.
    pub owner: Owner,
    /// Unique within the owner, for ever.
    pub number: u64,
}
