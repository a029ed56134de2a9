//! A frame comes in, or does not.

use bytes::Bytes;

use super::{Context, Partition};
use crate::command::Stamp;
use crate::ids::Offset;
use crate::outcome::{DeathReason, Outcome};
use crate::past::Past;
use crate::settings::Overflow;

/// What comes in with a frame.
pub(crate) struct Append {
    pub(crate) frame: Bytes,
    pub(crate) priority: u8,
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) delay_ms: u64,
    pub(crate) stamp: Option<Stamp>,
}

impl Partition {
    pub(crate) fn append(&mut self, append: Append, cx: &mut Context<'_>) -> Outcome {
        let Append { frame, priority, ttl_ms, delay_ms, stamp } = append;
        if let Some(answer) = stamp.and_then(|stamp| self.producers.check(stamp, cx.now_ms)) {
            return answer;
        }
        if self.refuses(frame.len(), delay_ms) {
            if self.settings.overflow == Overflow::RefuseAndDeadLetter && self.settings.dead_letters {
                self.append_dead(frame, cx);
            }
            if let Some(stamp) = stamp {
                self.producers.refused(stamp, cx.now_ms);
            }
            return Outcome::Refused;
        }
        let level = priority.min(self.settings.priorities);
        let due_ms = later(cx.now_ms, delay_ms);
        let offset = if delay_ms > 0 { self.append_delayed(level, due_ms) } else { self.ready.append(level) };
        self.note_deadline(offset, ttl_ms, due_ms);
        self.note_size(offset, frame.len(), delay_ms == 0);
        if let Some(stamp) = stamp {
            self.producers.accepted(stamp, offset, cx.now_ms);
        }
        cx.reporter.store(offset, frame);
        self.progress(Some(offset), cx);
        Outcome::Appended(Offset(offset))
    }

    /// Whether there is no room. A frame that is not ready yet needs none.
    fn refuses(&self, bytes: usize, delay_ms: u64) -> bool {
        let limited = self.settings.overflow != Overflow::DropHead && delay_ms == 0;
        limited && self.exceeds(self.ready.len() + 1, self.ready_bytes.saturating_add(bytes as u64))
    }

    fn append_dead(&mut self, frame: Bytes, cx: &mut Context<'_>) {
        let offset = self.ready.append_hole();
        cx.reporter.store(offset, frame);
        self.bury_alive(offset, DeathReason::MaxLen, cx);
    }

    fn append_delayed(&mut self, level: u8, due_ms: i64) -> u64 {
        let offset = self.ready.append_hole();
        self.delay(offset..offset + 1, Past::untouched(level), due_ms);
        offset
    }

    fn note_deadline(&mut self, offset: u64, ttl_ms: Option<u64>, ready_ms: i64) {
        let ttl_ms = [ttl_ms, self.settings.ttl_ms].into_iter().flatten().min();
        if let Some(ttl_ms) = ttl_ms {
            self.deadlines.insert(offset..offset + 1, later(ready_ms, ttl_ms));
        }
    }

    fn note_size(&mut self, offset: u64, bytes: usize, is_ready: bool) {
        if self.settings.bytes_max.is_some() {
            let size = u32::try_from(bytes).unwrap_or(u32::MAX);
            self.sizes.insert(offset..offset + 1, size);
            self.ready_bytes += if is_ready { u64::from(size) } else { 0 };
        }
    }
}

/// Some time after; at the end of time for those who ask for more.
pub(super) fn later(time_ms: i64, by_ms: u64) -> i64 {
    time_ms.saturating_add_unsigned(by_ms)
}
