//! What happens because time passes.

use std::ops::Range;

use super::append::later;
use super::{Context, Partition};
use crate::outcome::DeathReason;
use crate::past::Past;

impl Partition {
    /// When something happens next if nobody does anything.
    pub(crate) fn next_deadline_ms(&self) -> Option<i64> {
        let due = self.due.first().map(|(due_ms, _)| *due_ms);
        due.into_iter().chain(self.next_expiry_ms()).chain(self.unused_until_ms()).min()
    }

    /// When the first of those frames expires that are next on their level: others can't before them.
    fn next_expiry_ms(&self) -> Option<i64> {
        if self.deadlines.is_empty() {
            return None;
        }
        self.ready.heads().filter_map(|(_, offset)| self.deadlines.get(offset)).min()
    }

    fn unused_until_ms(&self) -> Option<i64> {
        let expires_ms = self.settings.expires_ms?;
        let is_waiting = self.consumers.attached() == 0 && !self.expired;
        is_waiting.then(|| later(self.used_ms, expires_ms))
    }

    /// Catches up with the time.
    pub(crate) fn on_time(&mut self, cx: &mut Context<'_>) {
        while let Some(&(due_ms, offset)) = self.due.first()
            && due_ms <= cx.now_ms
        {
            self.due.pop_first();
            self.delayed.remove(offset);
            let past = self.pasts.remove(offset).unwrap_or_default();
            self.make_ready(offset..offset + 1, past);
        }
        if self.unused_until_ms().is_some_and(|until_ms| until_ms <= cx.now_ms) {
            self.expired = true;
            cx.reporter.expired();
        }
        self.progress(None, cx);
    }

    /// Lets frames wait that nobody holds.
    pub(super) fn delay(&mut self, range: Range<u64>, past: Past, due_ms: i64) {
        if past != Past::default() {
            self.pasts.insert(range.clone(), past);
        }
        self.due.extend(range.clone().map(|offset| (due_ms, offset)));
        self.delayed.insert_range(range);
    }

    pub(super) fn is_expired(&self, offset: u64, now_ms: i64) -> bool {
        !self.deadlines.is_empty()
            && self.deadlines.get(offset).is_some_and(|deadline_ms| deadline_ms <= now_ms)
    }

    /// Drops what has expired and is next on its level. What waits behind frames that have not expired stays, as clients
    /// of RabbitMQ expect.
    pub(super) fn expire(&mut self, cx: &mut Context<'_>) {
        if self.deadlines.is_empty() {
            return;
        }
        self.expire_waiting(cx);
        let heads: Vec<(u8, u64)> = self.ready.heads().collect();
        for (level, mut offset) in heads {
            while self.is_expired(offset, cx.now_ms) {
                let past = self.take_head(level, offset);
                self.die(offset..offset + 1, past, DeathReason::Expired, cx);
                match self.ready.head_of(level) {
                    Some(next) => offset = next,
                    None => break,
                }
            }
        }
    }

    /// The same for frames that wait from the cursor on: those with one deadline go together.
    fn expire_waiting(&mut self, cx: &mut Context<'_>) {
        while let Some((end, deadline_ms)) = self.deadlines.run_at(self.ready.cursor())
            && deadline_ms <= cx.now_ms
        {
            let range = self.take_waiting(end);
            if range.is_empty() {
                return;
            }
            self.die(range, Past::untouched(0), DeathReason::Expired, cx);
        }
    }
}
