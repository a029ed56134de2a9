//! Which frames live, whatever their state.

use std::ops::Range;

use super::Partition;
use crate::ids::{ConsumerId, Offset, Owner, PartitionId};
use crate::offsets::OffsetSet;
use crate::outcome::Delivery;
use crate::past::Past;
use crate::ready::ranges_of;

impl Partition {
    /// How many.
    pub(crate) fn live(&self) -> u64 {
        let out = self.consumers.held() + self.parked.len() + self.dead.len();
        self.ready.len() + self.due.len() as u64 + out
    }

    /// Those within a range.
    pub(crate) fn live_within(&self, range: Range<u64>) -> OffsetSet {
        let mut found = Vec::new();
        self.ready.ranges_within(range.clone(), |range| found.push(range));
        for (_, holder) in self.consumers.iter() {
            found.extend(holder.held.runs_within(range.clone()).map(|(range, _)| range));
        }
        found.extend(self.parked.runs_within(range.clone()).map(|(range, ())| range));
        found.extend(self.dead.runs_within(range.clone()).map(|(range, _)| range));
        found.extend(ranges_of(&self.delayed, range));
        found.sort_unstable_by_key(|range| range.start);
        let mut live = OffsetSet::new();
        found.into_iter().for_each(|range| live.insert_range(Offset(range.start)..Offset(range.end)));
        live
    }

    /// Those that the consumers of a node hold, as they were delivered; from a consumer and an offset of it on.
    pub(crate) fn held(
        &self,
        id: PartitionId,
        owner: Owner,
        from: (ConsumerId, u64),
    ) -> impl Iterator<Item = (ConsumerId, Delivery)> + '_ {
        let consumers = self.consumers.of(owner).into_iter().filter(move |consumer| *consumer >= from.0);
        consumers.flat_map(move |consumer| {
            let start = if consumer == from.0 { from.1 } else { 0 };
            let runs = self.consumers.get(consumer).map(|holder| holder.held.runs_within(start..u64::MAX));
            runs.into_iter().flatten().flat_map(move |(range, past)| {
                let before = Past { acquired: past.acquired.saturating_sub(1), ..past };
                range.map(move |offset| (consumer, self.delivery(id, offset, before)))
            })
        })
    }

    /// The lowest one.
    pub(crate) fn first(&self) -> Option<u64> {
        let held = self.consumers.iter().filter_map(|(_, holder)| holder.held.first());
        let others = [self.ready.first(), self.parked.first(), self.dead.first(), self.delayed.min()];
        held.chain(others.into_iter().flatten()).min()
    }
}
