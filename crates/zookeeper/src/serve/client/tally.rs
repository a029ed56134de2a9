//! Counts of one turn, brought to the shared counters at its end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use control::{Metrics, as_micros};
use measure::{Histogram, Seen};
use runtime::Instant;
use tree::Zxid;

use crate::codec::{FRAME_PREFIX_BYTES, OpCode};
use crate::serve::registry::{ConnectionState, RequestLatency};

/// What happened in a turn, for the counters.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) received: u64,
    pub(super) received_bytes: u64,
    pub(super) answered_at_once: u64,
    pub(super) sent: u64,
    pub(super) event_bytes: u64,
    /// Bytes of output that were there before.
    pub(super) output_before: usize,
    pub(super) last_op: Option<OpCode>,
    pub(super) last_xid: i32,
    reply_sizes: Seen,
    /// Requests that had to wait and were answered.
    waited: i64,
    updates: Run,
    reads: Run,
    latency: RequestLatency,
}

/// Requests that took equally long, one after the other: those that came in one turn are often answered in one.
#[derive(Default)]
struct Run {
    took: Duration,
    count: u64,
}

impl Run {
    fn add(&mut self, took: Duration, histogram: &Histogram) {
        if took != self.took {
            self.end(histogram);
            self.took = took;
        }
        self.count += 1;
    }

    fn end(&mut self, histogram: &Histogram) {
        histogram.record_many(as_micros(self.took), std::mem::take(&mut self.count));
    }
}

impl Tally {
    pub(super) fn is_empty(&self) -> bool {
        self.received == 0 && self.sent == 0
    }

    /// A reply was written: a frame of so many bytes.
    pub(super) fn replied(&mut self, frame_bytes: usize) {
        self.sent += 1;
        self.reply_sizes.see(frame_bytes.saturating_sub(FRAME_PREFIX_BYTES));
    }

    /// An event was written: a frame of so many bytes.
    pub(super) fn told(&mut self, frame_bytes: usize) {
        self.sent += 1;
        self.event_bytes += frame_bytes as u64;
    }

    /// A command was answered.
    pub(super) fn updated(&mut self, now: Instant, since: Instant, metrics: &Metrics) {
        let took = self.waited(now, since);
        self.updates.add(took, &metrics.updates_us);
    }

    /// A read that had to wait was answered.
    pub(super) fn read(&mut self, now: Instant, since: Instant, metrics: &Metrics) {
        let took = self.waited(now, since);
        self.reads.add(took, &metrics.reads_us);
    }

    fn waited(&mut self, now: Instant, since: Instant) -> Duration {
        let took = now.saturating_since(since);
        self.waited += 1;
        self.latency.record(took);
        took
    }

    /// Adds the turn, which took so long, to the node's counters.
    pub(super) fn count(&mut self, metrics: &Metrics, took: Duration, sent_bytes: usize) {
        metrics.packets_received.fetch_add(self.received, Ordering::Relaxed);
        metrics.bytes_received.fetch_add(self.received_bytes, Ordering::Relaxed);
        metrics.packets_sent.fetch_add(self.sent, Ordering::Relaxed);
        metrics.bytes_sent.fetch_add(sent_bytes as u64, Ordering::Relaxed);
        metrics.reads_us.record_many(as_micros(took), self.answered_at_once);
        metrics.reply_sizes.add(self.reply_sizes);
        if self.event_bytes > 0 {
            metrics.event_bytes.fetch_add(self.event_bytes, Ordering::Relaxed);
        }
        if self.waited > 0 {
            metrics.outstanding.fetch_sub(self.waited, Ordering::Relaxed);
            self.updates.end(&metrics.updates_us);
            self.reads.end(&metrics.reads_us);
        }
    }

    /// Adds the turn to the connection's counters.
    pub(super) fn add_to(
        &self,
        state: &mut ConnectionState,
        took: Duration,
        outstanding: usize,
        zxid: Zxid,
        wall_ms: i64,
    ) {
        state.received += self.received;
        state.sent += self.sent;
        state.outstanding = outstanding;
        if self.last_op.is_some() {
            state.last_op = self.last_op;
            state.last_xid = self.last_xid;
        }
        if self.sent > 0 {
            state.last_zxid = zxid.0;
            state.last_response_ms = wall_ms;
        }
        if self.answered_at_once > 0 {
            state.latency.record(took);
        }
        if self.latency.max > Duration::ZERO {
            state.latency.record(self.latency.max);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_origin(Duration::from_millis(ms))
    }

    #[test]
    fn a_turn_is_added_as_a_whole() {
        let metrics = Metrics::default();
        metrics.outstanding.store(4, Ordering::Relaxed);
        let mut tally = Tally::default();
        for since in [1, 1, 3] {
            tally.updated(at(5), at(since), &metrics);
            tally.replied(104);
        }
        tally.read(at(5), at(4), &metrics);
        tally.replied(24);
        tally.told(30);
        tally.answered_at_once = 2;
        tally.count(&metrics, Duration::from_micros(50), 500);
        let updates = metrics.updates_us.summary();
        assert_eq!((updates.count(), updates.sum(), updates.min(), updates.max()), (3, 10_000, 2000, 4000));
        let reads = metrics.reads_us.summary();
        assert_eq!((reads.count(), reads.sum(), reads.min(), reads.max()), (3, 1100, 50, 1000));
        assert_eq!(metrics.outstanding.load(Ordering::Relaxed), 0);
        assert_eq!(metrics.packets_sent.load(Ordering::Relaxed), 5);
        assert_eq!(metrics.event_bytes.load(Ordering::Relaxed), 30);
        assert_eq!(metrics.reply_sizes.seen(), Seen { last: 20, min: 20, max: 100 });
    }
}
