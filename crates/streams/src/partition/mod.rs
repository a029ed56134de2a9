//! One partition: which frames live and in what state, who consumes, who produces.
//!
//! A frame is *ready*, *held* by somebody, *delayed* until its time, *parked* after too many failures, or *dead* until it is
//! buried; everything else below the tail is gone. Every operation ends with [`Partition::progress`], which hands out what is
//! ready to whoever has room, and drops what has expired or does not fit.

mod append;
mod attach;
mod clock;
mod death;
mod give_back;
mod invariants;
mod live;
mod member;
mod progress;
mod reporter;
mod stats;

use std::collections::BTreeSet;
use std::ops::Range;

use roaring::RoaringTreemap;

pub(crate) use append::Append;
pub(crate) use attach::Attach;
pub(crate) use give_back::Return;
pub(crate) use reporter::Reporter;
pub use stats::{ConsumerInfo, Stats};

use crate::consumers::Consumers;
use crate::ids::{ConsumerId, GroupId, Offset, PartitionId};
use crate::outcome::{DeathReason, Delivery, Outcome};
use crate::past::Past;
use crate::producers::Producers;
use crate::ready::Ready;
use crate::run_map::RunMap;
use crate::settings::Settings;

/// What an operation is applied with.
pub(crate) struct Context<'a> {
    /// The shard's time.
    pub(crate) now_ms: i64,
    /// This partition.
    pub(crate) id: PartitionId,
    pub(crate) reporter: Reporter<'a>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Partition {
    pub(crate) settings: Settings,
    /// The group that it belongs to. Follows from that.
    pub(crate) group: Option<GroupId>,
    pub(crate) ready: Ready,
    /// The size of all that is ready, as far as it is known.
    pub(crate) ready_bytes: u64,
    /// Of frames that nobody holds and that are not dead: ready ones to which something happened, and all delayed and
    /// parked ones that are not as new.
    pub(crate) pasts: RunMap<Past>,
    /// When live frames expire.
    pub(crate) deadlines: RunMap<i64>,
    /// Sizes of live frames; only kept while bytes are limited.
    pub(crate) sizes: RunMap<u32>,
    pub(crate) delayed: RoaringTreemap,
    /// When which of the delayed frames is ready.
    pub(crate) due: BTreeSet<(i64, u64)>,
    pub(crate) parked: RunMap<()>,
    pub(crate) dead: RunMap<DeathReason>,
    pub(crate) consumers: Consumers,
    /// The single active consumer.
    pub(crate) active: Option<ConsumerId>,
    /// How often a consumer became that.
    pub(crate) epoch: u64,
    pub(crate) producers: Producers,
    /// When somebody used the partition last.
    pub(crate) used_ms: i64,
    /// Whether it was unused for as long as it may be, and that was reported.
    pub(crate) expired: bool,
    /// Whether it is to go with its last consumer, and has lost it.
    pub(crate) abandoned: bool,
    /// When the shard looks after it again. Follows from the rest.
    pub(crate) wake_ms: Option<i64>,
}

impl Partition {
    pub(crate) fn new(settings: Settings, now_ms: i64) -> Self {
        Self { settings, used_ms: now_ms, ..Self::default() }
    }

    /// Whether nobody has a use for it.
    pub(crate) fn is_to_go(&self) -> bool {
        self.expired || self.abandoned
    }

    /// Somebody uses it: it does not expire for a while.
    pub(crate) fn touch(&mut self, now_ms: i64) {
        self.used_ms = now_ms;
        self.expired = false;
    }

    pub(crate) fn alter(&mut self, settings: Settings, cx: &mut Context<'_>) -> Outcome {
        if settings.bytes_max.is_none() {
            self.sizes = RunMap::default();
            self.ready_bytes = 0;
        }
        if settings.expires_ms != self.settings.expires_ms {
            self.touch(cx.now_ms);
        }
        let single_active = settings.single_active || self.group.is_some();
        self.settings = Settings { single_active, ..settings };
        self.abandoned &= settings.auto_delete;
        self.update_turns();
        self.progress(None, cx);
        Outcome::Done
    }

    pub(crate) fn purge(&mut self, cx: &mut Context<'_>) -> Outcome {
        let purged = self.ready.len();
        let mut ready = std::mem::take(&mut self.ready);
        ready.drain(|range| {
            self.pasts.remove_range(range.clone());
            self.forget(range, cx);
        });
        self.ready = ready;
        self.ready_bytes = 0;
        self.progress(None, cx);
        Outcome::Purged(purged)
    }

    pub(crate) fn unpark(&mut self, cx: &mut Context<'_>) -> Outcome {
        let parked = std::mem::take(&mut self.parked);
        for (range, ()) in parked.runs() {
            let mut pasts = Vec::new();
            self.pasts.take(range, |range, past| pasts.push((range, past)));
            pasts.into_iter().for_each(|(range, past)| self.make_ready(range, Past { failed: 0, ..past }));
        }
        self.progress(None, cx);
        Outcome::Unparked(parked.len())
    }

    pub(crate) fn take(&mut self, consumer: ConsumerId, settle: bool, cx: &mut Context<'_>) -> Outcome {
        if self.settings.single_active {
            return Outcome::SingleActive;
        }
        self.touch(cx.now_ms);
        let taken = self.take_next(None, cx).map(|(offset, past)| {
            let delivery = self.delivery(cx.id, offset, past);
            cx.reporter.taken(consumer, delivery);
            if settle {
                self.forget(offset..offset + 1, cx);
            } else {
                self.consumers.give(consumer, offset..offset + 1, past.acquired_again());
                self.update_turn(consumer);
            }
            delivery
        });
        self.progress(None, cx);
        Outcome::Taken(taken, self.ready.len())
    }

    pub(crate) fn delivery(&self, partition: PartitionId, offset: u64, past: Past) -> Delivery {
        Delivery {
            partition,
            offset: Offset(offset),
            redelivered: past.acquired > 0,
            failed: past.failed,
            acquired: past.acquired,
            epoch: if self.settings.single_active { self.epoch } else { 0 },
        }
    }

    /// Puts frames that nobody holds back to their places.
    fn make_ready(&mut self, range: Range<u64>, past: Past) {
        if !past.is_untouched() {
            self.pasts.insert(range.clone(), past);
        }
        self.ready_bytes += self.bytes_of(range.clone());
        if range.end - range.start == 1 {
            self.ready.put(past.level, range.start);
        } else {
            self.ready.put_range(past.level, range);
        }
    }

    /// Takes the next frame of a level away from what is ready.
    fn take_head(&mut self, level: u8, offset: u64) -> Past {
        self.ready.take_head(level, offset);
        self.ready_bytes -= self.bytes_of(offset..offset + 1);
        if self.pasts.is_empty() {
            return Past::untouched(level);
        }
        self.pasts.remove(offset).unwrap_or(Past::untouched(level))
    }

    /// Takes frames that are next on the lowest level, wait from the cursor on, and to which nothing happened yet, away from
    /// what is ready: up to `end` or less.
    fn take_waiting(&mut self, end: u64) -> Range<u64> {
        let range = self.ready.take_run(end);
        self.ready_bytes -= self.bytes_of(range.clone());
        range
    }

    fn bytes_of(&self, range: Range<u64>) -> u64 {
        if self.sizes.is_empty() {
            return 0;
        }
        self.sizes.runs_within(range).map(|(run, size)| (run.end - run.start) * u64::from(size)).sum()
    }

    /// The frames, which are in no state any more, are gone for ever.
    fn forget(&mut self, range: Range<u64>, cx: &mut Context<'_>) {
        self.deadlines.remove_range(range.clone());
        self.sizes.remove_range(range.clone());
        cx.reporter.released(range);
    }
}
