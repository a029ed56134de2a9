//! What holds of a partition after every operation. Tests ask for it, and whoever restores a snapshot.

use std::ops::Range;

use super::Partition;
use crate::consumers::Holder;
use crate::ids::{ConsumerId, Offset};
use crate::offsets::OffsetSet;

impl Partition {
    /// The invariant that is broken, if one is. Takes time and memory by the number of runs, not of frames.
    pub(crate) fn broken_invariant(&self) -> Option<&'static str> {
        let end = self.ready.tail();
        let live = self.live_within(0..end);
        let is_live = |range: Range<u64>| live.contains_range(Offset(range.start)..Offset(range.end));
        let rules = [
            (live.len() == self.live(), "a live frame is in exactly one state"),
            (self.ready.broken_invariant().is_none(), "ready frames are where they belong"),
            (self.due.len() as u64 == self.delayed.len(), "what is delayed becomes due once"),
            (self.ready_bytes == self.count_ready_bytes(), "the bytes of what is ready are counted"),
            (
                self.sizes.is_empty() || self.settings.bytes_max.is_some(),
                "sizes are kept only if they are limited",
            ),
            (self.deadlines.runs().all(|(range, _)| is_live(range)), "only live frames have deadlines"),
            (self.sizes.runs().all(|(range, _)| is_live(range)), "only live frames have sizes"),
            (self.pasts_are_in_place(&live), "only frames that nobody holds have their past kept"),
            (
                self.active.is_none_or(|active| self.may_be_active(active)),
                "the single active consumer is attached",
            ),
            (
                !self.abandoned || (self.settings.auto_delete && self.consumers.attached() == 0),
                "only what goes with its last consumer is abandoned, and only without one",
            ),
            (self.consumers.broken_invariant().is_none(), "consumers are listed once and counted"),
            (
                self.consumers.iter().all(|(id, holder)| self.has_turn_by_right(id, holder)),
                "only who may be served has a turn",
            ),
            (self.ready.len() == 0 || self.consumers.next().is_none(), "who has room is given what is ready"),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map(|(_, rule)| rule)
    }

    fn pasts_are_in_place(&self, live: &OffsetSet) -> bool {
        let is_elsewhere = |range: &Range<u64>| {
            let mut held = self.consumers.iter().map(|(_, holder)| &holder.held);
            held.any(|held| held.runs_within(range.clone()).next().is_some())
                || self.dead.runs_within(range.clone()).next().is_some()
        };
        let in_place = |range: Range<u64>| {
            live.contains_range(Offset(range.start)..Offset(range.end)) && !is_elsewhere(&range)
        };
        let is_known = |range: Range<u64>| {
            self.pasts.runs_within(range.clone()).map(|(run, _)| run.end - run.start).sum::<u64>()
                == range.end - range.start
        };
        self.pasts.runs().all(|(range, _)| in_place(range))
            && self.parked.runs().all(|(range, ())| is_known(range))
    }

    fn may_be_active(&self, id: ConsumerId) -> bool {
        self.settings.single_active && self.consumers.attachment(id).is_some()
    }

    fn has_turn_by_right(&self, id: ConsumerId, holder: &Holder) -> bool {
        let may_be_served = holder.has_room() && self.is_eligible(id);
        holder.turn.is_some() == may_be_served
    }

    /// Sums up what a snapshot leaves out.
    pub(crate) fn count_bytes(&mut self) {
        self.ready_bytes = self.count_ready_bytes();
    }

    fn count_ready_bytes(&self) -> u64 {
        let mut bytes = 0;
        if !self.sizes.is_empty() {
            self.ready.ranges_within(0..self.ready.tail(), |range| bytes += self.bytes_of(range));
        }
        bytes
    }
}
