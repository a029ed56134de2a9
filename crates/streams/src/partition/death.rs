//! Frames die, are parked, are buried.

use std::ops::Range;

use super::{Context, Partition};
use crate::offsets::OffsetSet;
use crate::outcome::{DeathReason, Outcome};
use crate::past::Past;

impl Partition {
    /// Ends the life of frames that are in no other state any more.
    ///
    /// Without dead letters, those whose delivery failed too often are parked: somebody has to look at them. They are not
    /// ready, so they block nobody, and they do not expire.
    pub(super) fn die(&mut self, range: Range<u64>, past: Past, reason: DeathReason, cx: &mut Context<'_>) {
        if self.settings.dead_letters {
            self.deadlines.remove_range(range.clone());
            self.sizes.remove_range(range.clone());
            self.dead.insert(range.clone(), reason);
            cx.reporter.died(range, reason);
        } else if reason == DeathReason::DeliveryLimit {
            self.deadlines.remove_range(range.clone());
            self.pasts.insert(range.clone(), past);
            self.parked.insert(range, ());
        } else {
            self.forget(range, cx);
        }
    }

    /// A frame becomes a dead letter without having been anything else.
    pub(super) fn bury_alive(&mut self, offset: u64, reason: DeathReason, cx: &mut Context<'_>) {
        self.die(offset..offset + 1, Past::untouched(0), reason, cx);
    }

    pub(crate) fn bury(&mut self, offsets: &OffsetSet, cx: &mut Context<'_>) -> Outcome {
        let mut unknown = offsets.len();
        for range in offsets.ranges() {
            self.dead.take(range.start.0..range.end.0, |range, _| {
                unknown -= range.end - range.start;
                cx.reporter.released(range);
            });
        }
        Outcome::Settled { unknown }
    }
}
