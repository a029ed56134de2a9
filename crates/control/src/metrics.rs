//! Counters of one node's control plane, for four-letter words and Prometheus.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Counters that only grow, and a few gauges. All are safe to touch from any thread and mean nothing to each other's
/// order.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Requests received, pings included.
    pub packets_received: AtomicU64,
    /// Replies and events sent.
    pub packets_sent: AtomicU64,
    /// Bytes received from clients.
    pub bytes_received: AtomicU64,
    /// Bytes sent to clients.
    pub bytes_sent: AtomicU64,
    /// Requests received and not answered yet.
    pub outstanding: AtomicI64,
    /// Connections accepted.
    pub connections_accepted: AtomicU64,
    /// Connections refused because there are too many.
    pub connections_rejected: AtomicU64,
    /// Connections that the server ended.
    pub connections_dropped: AtomicU64,
    /// Authentications refused.
    pub auth_failures: AtomicU64,
    /// Commands applied, whoever proposed them.
    pub commits: AtomicU64,
    /// Writes of this node's clients that were refused for a quota, or went beyond a soft limit.
    pub quota_exceeded: AtomicU64,
    /// Sessions that expired, proposed by this node as the leader.
    pub sessions_expired: AtomicU64,
    /// From the arrival of a request to its answer.
    pub latency: Latency,
}

/// How long things took.
#[derive(Debug, Default)]
pub struct Latency {
    count: AtomicU64,
    total_us: AtomicU64,
    max_us: AtomicU64,
    /// The least, plus one; 0 before the first.
    min_us_plus_one: AtomicU64,
}

/// What [`Latency`] has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LatencySummary {
    /// How many.
    pub count: u64,
    /// The shortest, in microseconds; 0 without any.
    pub min_us: u64,
    /// The longest, in microseconds.
    pub max_us: u64,
    /// The mean, in microseconds; 0 without any.
    pub mean_us: f64,
}

impl Metrics {
    /// Begins anew what `srvr` shows: requests, replies, and how long they took. The others only ever grow.
    pub fn reset_requests(&self) {
        self.packets_received.store(0, Ordering::Relaxed);
        self.packets_sent.store(0, Ordering::Relaxed);
        self.latency.reset();
    }
}

impl Latency {
    /// Forgets what it has seen.
    fn reset(&self) {
        for number in [&self.count, &self.total_us, &self.max_us, &self.min_us_plus_one] {
            number.store(0, Ordering::Relaxed);
        }
    }

    /// Counts `count` requests that took this long.
    pub fn record(&self, took: Duration, count: u64) {
        if count == 0 {
            return;
        }
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX - 1);
        self.count.fetch_add(count, Ordering::Relaxed);
        self.total_us.fetch_add(us.saturating_mul(count), Ordering::Relaxed);
        if us > self.max_us.load(Ordering::Relaxed) {
            self.max_us.fetch_max(us, Ordering::Relaxed);
        }
        let min = self.min_us_plus_one.load(Ordering::Relaxed);
        if min == 0 || us + 1 < min {
            self.lower_min(us + 1);
        }
    }

    fn lower_min(&self, candidate: u64) {
        let lower = |min: u64| (min == 0 || candidate < min).then_some(candidate);
        // It fails when another thread has set a lower one, which is as good.
        let _ = self.min_us_plus_one.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lower);
    }

    /// What was seen so far.
    pub fn summary(&self) -> LatencySummary {
        let count = self.count.load(Ordering::Relaxed);
        let total = self.total_us.load(Ordering::Relaxed);
        LatencySummary {
            count,
            min_us: self.min_us_plus_one.load(Ordering::Relaxed).saturating_sub(1),
            max_us: self.max_us.load(Ordering::Relaxed),
            mean_us: if count == 0 { 0.0 } else { total as f64 / count as f64 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_the_extremes_and_the_mean() {
        let latency = Latency::default();
        assert_eq!(latency.summary(), LatencySummary::default());
        latency.record(Duration::from_micros(10), 1);
        latency.record(Duration::from_micros(40), 2);
        assert_eq!(latency.summary(), LatencySummary { count: 3, min_us: 10, max_us: 40, mean_us: 30.0 });
        latency.reset();
        assert_eq!(latency.summary(), LatencySummary::default());
    }
}
