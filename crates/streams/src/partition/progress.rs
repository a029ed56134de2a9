//! What follows from every operation: somebody becomes active, frames are handed out, expire, or give way.

use std::cmp::Reverse;

use super::{Context, Partition};
use crate::ids::ConsumerId;
use crate::outcome::DeathReason;
use crate::past::Past;
use crate::settings::Overflow;

impl Partition {
    /// Does all that can be done now. The frame that this operation appended may be handed out even if it lives no longer
    /// than that.
    pub(super) fn progress(&mut self, fresh: Option<u64>, cx: &mut Context<'_>) {
        self.elect(cx);
        self.hand_out(fresh, cx);
        self.expire(cx);
        self.drop_overflow(cx);
        // What gave way may have hidden what has expired.
        self.expire(cx);
    }

    fn hand_out(&mut self, fresh: Option<u64>, cx: &mut Context<'_>) {
        while let Some(consumer) = self.consumers.next() {
            let Some((offset, past)) = self.take_next(fresh, cx) else { return };
            self.consumers.give_next(consumer, offset, past.acquired_again());
            let delivery = self.delivery(cx.id, offset, past);
            cx.reporter.deliver(consumer, delivery);
        }
    }

    /// Takes the frame that is next away from what is ready, and what has expired before it.
    pub(super) fn take_next(&mut self, fresh: Option<u64>, cx: &mut Context<'_>) -> Option<(u64, Past)> {
        loop {
            let (level, offset) = self.ready.head()?;
            let past = self.take_head(level, offset);
            if Some(offset) == fresh || !self.is_expired(offset, cx.now_ms) {
                return Some((offset, past));
            }
            self.die(offset..offset + 1, past, DeathReason::Expired, cx);
        }
    }

    fn drop_overflow(&mut self, cx: &mut Context<'_>) {
        while self.settings.overflow == Overflow::DropHead && self.exceeds(self.ready.len(), self.ready_bytes)
        {
            let Some((level, offset)) = self.ready.head() else { return };
            let excess = self.settings.length_max.map_or(0, |max| self.ready.len().saturating_sub(max));
            if level == 0 && offset == self.ready.cursor() && excess > 1 {
                // A limit that was lowered may drop millions.
                let range = self.take_waiting(offset + excess);
                self.die(range, Past::untouched(0), DeathReason::MaxLen, cx);
            } else {
                let past = self.take_head(level, offset);
                self.die(offset..offset + 1, past, DeathReason::MaxLen, cx);
            }
        }
    }

    /// Whether so many frames, and so many bytes, are more than may be ready.
    pub(super) fn exceeds(&self, length: u64, bytes: u64) -> bool {
        let Self { settings, .. } = self;
        settings.length_max.is_some_and(|max| length > max)
            || settings.bytes_max.is_some_and(|max| bytes > max)
    }

    /// Decides who is the single active consumer: the first of the highest priority. Another takes over only when nobody
    /// else holds anything, so there are never two who work on frames of this partition.
    fn elect(&mut self, cx: &mut Context<'_>) {
        if !self.settings.single_active {
            self.active = None;
            return;
        }
        let Some((_, candidate)) = self.consumers.first() else { return };
        let yields = self.active.is_none_or(|active| self.is_outranked(active));
        if yields && self.consumers.held() == self.consumers.held_by(candidate) {
            let former = self.active.replace(candidate);
            self.epoch += 1;
            cx.reporter.activated(candidate, self.epoch);
            self.update_turn(candidate);
            former.into_iter().for_each(|former| self.update_turn(former));
        } else if let Some(active) = self.active {
            // Whoever outranks it may just have come or gone.
            self.update_turn(active);
        }
    }

    /// Whether somebody with a higher priority waits.
    fn is_outranked(&self, active: ConsumerId) -> bool {
        let best = self.consumers.first().map(|((Reverse(priority), _), _)| priority);
        self.consumers.attachment(active).is_none_or(|active| best > Some(active.priority))
    }

    /// Looks again whether a consumer can be given frames.
    pub(super) fn update_turn(&mut self, consumer: ConsumerId) {
        let eligible = self.is_eligible(consumer);
        self.consumers.update_turn(consumer, eligible);
    }

    /// Whether a consumer is given frames if it has room.
    pub(super) fn is_eligible(&self, consumer: ConsumerId) -> bool {
        !self.settings.single_active || self.active == Some(consumer) && !self.is_outranked(consumer)
    }

    /// Looks at all of them, in the order of their ranks.
    pub(super) fn update_turns(&mut self) {
        let consumers: Vec<ConsumerId> = self.consumers.by_rank().collect();
        consumers.into_iter().for_each(|consumer| self.update_turn(consumer));
    }
}
