//! Consumers come and go.

use super::{Context, Partition};
use crate::ids::ConsumerId;
use crate::outcome::Outcome;

/// How a consumer wants to consume.
pub(crate) struct Attach {
    pub(crate) consumer: ConsumerId,
    pub(crate) window: u32,
    pub(crate) priority: i32,
    pub(crate) exclusive: bool,
}

impl Partition {
    pub(crate) fn attach(&mut self, attach: Attach, cx: &mut Context<'_>) -> Outcome {
        let Attach { consumer, window, priority, exclusive } = attach;
        if !self.consumers.admits(consumer, exclusive) {
            return Outcome::ExclusiveUse;
        }
        self.touch(cx.now_ms);
        self.abandoned = false;
        self.consumers.attach(consumer, window, priority, exclusive);
        self.update_turn(consumer);
        self.progress(None, cx);
        if self.settings.single_active {
            Outcome::Attached { active: self.active == Some(consumer), epoch: self.epoch }
        } else {
            Outcome::Attached { active: true, epoch: 0 }
        }
    }

    pub(crate) fn detach(&mut self, consumer: ConsumerId, cx: &mut Context<'_>) -> Outcome {
        if !self.leave(consumer, cx) {
            return Outcome::NoConsumer;
        }
        self.progress(None, cx);
        Outcome::Done
    }

    pub(crate) fn set_window(&mut self, consumer: ConsumerId, window: u32, cx: &mut Context<'_>) -> Outcome {
        if !self.consumers.set_window(consumer, window) {
            return Outcome::NoConsumer;
        }
        self.update_turn(consumer);
        self.progress(None, cx);
        Outcome::Done
    }

    /// Takes a consumer off the list. What it holds stays with it.
    pub(super) fn leave(&mut self, consumer: ConsumerId, cx: &mut Context<'_>) -> bool {
        let was_attached = self.consumers.detach(consumer);
        if was_attached {
            self.touch(cx.now_ms);
            if self.active == Some(consumer) {
                self.active = None;
            }
            if self.settings.auto_delete && self.consumers.attached() == 0 {
                self.abandoned = true;
                cx.reporter.expired();
            }
        }
        was_attached
    }
}
