//! A view of a shard that does not change any more.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rapidhash::v3::{RapidSecrets, rapidhash_v3_inline};

use super::{Chunks, records};
use crate::group::Group;
use crate::ids::{GroupId, Offset, PartitionId};
use crate::offsets::OffsetSet;
use crate::partition::Partition;

/// Replicas must agree on digests, so nothing about them is random.
const SECRETS: RapidSecrets = RapidSecrets::seed(0);

/// An odd number without pattern: the golden ratio's digits.
const K: u64 = 0x9e37_79b9_7f4a_7c15;

/// A shard as it was at one moment. Cheap to make and to clone; drop it soon, as partitions that change while it is there are
/// copied.
#[derive(Clone, Debug)]
pub struct Frozen {
    time_ms: i64,
    partitions: BTreeMap<PartitionId, Arc<Partition>>,
    groups: BTreeMap<GroupId, Arc<Group>>,
}

impl Frozen {
    pub(crate) fn new(
        time_ms: i64,
        partitions: BTreeMap<PartitionId, Arc<Partition>>,
        groups: BTreeMap<GroupId, Arc<Group>>,
    ) -> Self {
        Self { time_ms, partitions, groups }
    }

    /// The shard as chunks for [`Restore`](super::Restore): none has more bytes than `bytes_max`, but for a few KiB if that is less.
    #[must_use]
    pub fn chunks(&self, bytes_max: usize) -> Chunks<'_> {
        Chunks::new(records::of_shard(self), bytes_max)
    }

    /// A hash of all that the chunks hold.
    #[must_use]
    pub fn digest(&self) -> u64 {
        records::of_shard(self).fold(0, |digest: u64, record| {
            rapidhash_v3_inline::<true, false, false>(&record, &SECRETS)
                ^ digest.rotate_left(5).wrapping_mul(K)
        })
    }

    /// The frames of a partition within a range whose bytes will be asked for again; empty if there is no such partition.
    #[must_use]
    pub fn live_within(&self, partition: PartitionId, range: Range<Offset>) -> OffsetSet {
        let partition = self.partitions.get(&partition);
        partition.map(|partition| partition.live_within(range.start.0..range.end.0)).unwrap_or_default()
    }

    /// What was in the shard, ascending.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = PartitionId> + '_ {
        self.partitions.keys().copied()
    }

    /// The latest time of all operations, milliseconds.
    #[must_use]
    pub fn time_ms(&self) -> i64 {
        self.time_ms
    }

    pub(super) fn groups(&self) -> &BTreeMap<GroupId, Arc<Group>> {
        &self.groups
    }

    pub(super) fn contents(&self) -> &BTreeMap<PartitionId, Arc<Partition>> {
        &self.partitions
    }
}
