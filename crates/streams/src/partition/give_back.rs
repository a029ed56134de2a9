//! Frames come back from those who held them.

use std::ops::Range;

use super::append::later;
use super::{Context, Partition};
use crate::ids::ConsumerId;
use crate::offsets::OffsetSet;
use crate::outcome::{DeathReason, Outcome};
use crate::past::Past;

/// How frames are returned.
#[derive(Clone, Copy)]
pub(crate) struct Return {
    pub(crate) failed: bool,
    pub(crate) delay_ms: u64,
}

impl Partition {
    pub(crate) fn settle(
        &mut self,
        consumer: ConsumerId,
        offsets: &OffsetSet,
        cx: &mut Context<'_>,
    ) -> Outcome {
        let mut unknown = offsets.len();
        let Self { consumers, deadlines, sizes, .. } = self;
        for range in offsets.ranges() {
            consumers.take(consumer, range.start.0..range.end.0, |range, _| {
                unknown -= range.end - range.start;
                deadlines.remove_range(range.clone());
                sizes.remove_range(range.clone());
                cx.reporter.released(range);
            });
        }
        self.after_taking_back(consumer, cx);
        Outcome::Settled { unknown }
    }

    pub(crate) fn give_back(
        &mut self,
        consumer: ConsumerId,
        offsets: &OffsetSet,
        how: Return,
        cx: &mut Context<'_>,
    ) -> Outcome {
        self.take_back(consumer, offsets, cx, |partition, range, past, cx| {
            partition.returned(range, past, how, cx);
        })
    }

    pub(crate) fn reject(
        &mut self,
        consumer: ConsumerId,
        offsets: &OffsetSet,
        cx: &mut Context<'_>,
    ) -> Outcome {
        self.take_back(consumer, offsets, cx, |partition, range, past, cx| {
            partition.die(range, past, DeathReason::Rejected, cx);
        })
    }

    /// The consumer is gone, and others get what it held.
    pub(crate) fn release(&mut self, consumer: ConsumerId, cx: &mut Context<'_>) -> Outcome {
        if !self.drop_consumer(consumer, cx) {
            return Outcome::NoConsumer;
        }
        self.progress(None, cx);
        Outcome::Done
    }

    /// The consumers are gone, all of them before anybody gets what they held.
    pub(crate) fn gone(&mut self, consumers: &[ConsumerId], cx: &mut Context<'_>) {
        for consumer in consumers {
            self.drop_consumer(*consumer, cx);
        }
        self.progress(None, cx);
    }

    fn drop_consumer(&mut self, consumer: ConsumerId, cx: &mut Context<'_>) -> bool {
        let was_known = self.consumers.get(consumer).is_some();
        let held = self.consumers.take_all(consumer);
        self.leave(consumer, cx);
        self.consumers.forget_if_idle(consumer);
        let how = Return { failed: true, delay_ms: 0 };
        held.runs().for_each(|(range, past)| self.returned(range, past, how, cx));
        was_known
    }

    fn take_back(
        &mut self,
        consumer: ConsumerId,
        offsets: &OffsetSet,
        cx: &mut Context<'_>,
        mut give: impl FnMut(&mut Self, Range<u64>, Past, &mut Context<'_>),
    ) -> Outcome {
        let mut unknown = offsets.len();
        let mut taken = Vec::new();
        for range in offsets.ranges() {
            self.consumers
                .take(consumer, range.start.0..range.end.0, |range, past| taken.push((range, past)));
        }
        for (range, past) in taken {
            unknown -= range.end - range.start;
            give(self, range, past, cx);
        }
        self.after_taking_back(consumer, cx);
        Outcome::Settled { unknown }
    }

    fn after_taking_back(&mut self, consumer: ConsumerId, cx: &mut Context<'_>) {
        self.update_turn(consumer);
        self.consumers.forget_if_idle(consumer);
        self.progress(None, cx);
    }

    fn returned(&mut self, range: Range<u64>, past: Past, how: Return, cx: &mut Context<'_>) {
        let past = past.failed_again(how.failed);
        if self.settings.delivery_limit.is_some_and(|limit| past.failed > limit) {
            self.die(range, past, DeathReason::DeliveryLimit, cx);
        } else if how.delay_ms > 0 {
            self.delay(range, past, later(cx.now_ms, how.delay_ms));
        } else {
            self.make_ready(range, past);
        }
    }
}
