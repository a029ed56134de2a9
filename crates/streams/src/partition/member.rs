//! A partition of a group.

use super::{Context, Partition};
use crate::group::Member;
use crate::ids::ConsumerId;

impl Partition {
    /// What its group needs to know.
    pub(crate) fn as_member(&self) -> Member {
        let holder = self.consumers.iter().find(|(_, holder)| !holder.held.is_empty());
        let is_ready = self.ready.len() > 0;
        Member {
            holder: holder.map(|(id, holder)| (id, holder.held.len())),
            servable: self.active.filter(|active| is_ready && self.is_eligible(*active)),
        }
    }

    /// Gives the single active consumer the next frame, whatever its window.
    pub(crate) fn give_one(&mut self, consumer: ConsumerId, cx: &mut Context<'_>) {
        if self.active == Some(consumer)
            && let Some((offset, past)) = self.take_next(None, cx)
        {
            self.consumers.give(consumer, offset..offset + 1, past.acquired_again());
            let delivery = self.delivery(cx.id, offset, past);
            cx.reporter.deliver(consumer, delivery);
        }
        self.progress(None, cx);
    }

    /// Who is attached, as in a group only one can be.
    pub(crate) fn only_consumer(&self) -> Option<ConsumerId> {
        self.consumers.first().map(|(_, consumer)| consumer)
    }
}
