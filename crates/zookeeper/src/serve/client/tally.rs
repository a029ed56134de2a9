//! Counts of one turn, brought to the shared counters at its end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use control::Metrics;
use runtime::Instant;
use tree::Zxid;

use crate::codec::OpCode;
use crate::serve::registry::{ConnectionState, RequestLatency};

/// What happened in a turn, for the counters.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) received: u64,
    pub(super) received_bytes: u64,
    pub(super) answered_at_once: u64,
    pub(super) sent: u64,
    /// Bytes of output that were there before.
    pub(super) output_before: usize,
    pub(super) last_op: Option<OpCode>,
    pub(super) last_xid: i32,
    latency: RequestLatency,
}

impl Tally {
    pub(super) fn is_empty(&self) -> bool {
        self.received == 0 && self.sent == 0
    }

    /// A request that had to wait was answered.
    pub(super) fn answered(&mut self, now: Instant, since: Instant, metrics: &Metrics) {
        let took = now.saturating_since(since);
        metrics.latency.record(took, 1);
        metrics.outstanding.fetch_sub(1, Ordering::Relaxed);
        self.latency.record(took);
    }

    /// Adds the turn, which took so long, to the node's counters.
    pub(super) fn count(&self, metrics: &Metrics, took: Duration, sent_bytes: usize) {
        metrics.packets_received.fetch_add(self.received, Ordering::Relaxed);
        metrics.bytes_received.fetch_add(self.received_bytes, Ordering::Relaxed);
        metrics.packets_sent.fetch_add(self.sent, Ordering::Relaxed);
        metrics.bytes_sent.fetch_add(sent_bytes as u64, Ordering::Relaxed);
        metrics.latency.record(took, self.answered_at_once);
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
