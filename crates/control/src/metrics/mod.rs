//! What one node's control plane has counted and timed, for four-letter words, admin HTTP and Prometheus.
//!
//! The front ends and [`Control`](crate::Control) note what they do, with relaxed additions and no locks where requests pass;
//! whoever asks puts it together.

mod elections;
mod snapshots;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use measure::{Histogram, Sizes, Summary};
use tree::EventKind;

pub use elections::Elections;
pub use snapshots::{SnapshotNote, Snapshots};

/// Counters that only grow, gauges, and how long things took. All are safe to touch from any thread and mean nothing to each
/// other's order.
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
    /// Bytes of events among them.
    pub event_bytes: AtomicU64,
    /// Bytes of single replies, without the length in front.
    pub reply_sizes: Sizes,
    /// Requests received and not answered yet.
    pub outstanding: AtomicI64,
    /// Barriers for `sync` that this node waits for.
    pub syncs_pending: AtomicI64,
    /// Connections accepted.
    pub connections_accepted: AtomicU64,
    /// Connections refused because there are too many.
    pub connections_rejected: AtomicU64,
    /// Connections that the server ended.
    pub connections_dropped: AtomicU64,
    /// Those among them that had no session in time.
    pub connections_sessionless: AtomicU64,
    /// Connections that came to take up a session.
    pub sessions_taken_up: AtomicU64,
    /// Authentications refused.
    pub auth_failures: AtomicU64,
    /// Commands applied, whoever proposed them.
    pub commits: AtomicU64,
    /// Those among them that were applied while this node led.
    pub commits_leading: AtomicU64,
    /// Bytes of the commands applied.
    pub command_sizes: Sizes,
    /// From the leader's stamp on an entry to its being applied here, in milliseconds; a comparison of two nodes' clocks.
    pub propagation_ms: Histogram,
    /// Writes of this node's clients that were refused for a quota, or went beyond a soft limit.
    pub quota_exceeded: AtomicU64,
    /// Sessions that expired, proposed by this node as the leader.
    pub sessions_expired: AtomicU64,
    /// From the arrival of a request that is no command to its answer, in microseconds.
    pub reads_us: Histogram,
    /// From the arrival of a command to its answer, in microseconds.
    pub updates_us: Histogram,
    /// How many connections were told of a change that was watched.
    pub fired: Fired,
    /// Who leads, since when, and how long it took to find out.
    pub elections: Elections,
    /// Snapshots taken.
    pub snapshots: Snapshots,
}

/// How many events each change that was watched has caused on this node, by what happened.
#[derive(Debug, Default)]
pub struct Fired {
    /// A znode came.
    pub created: Histogram,
    /// A znode went.
    pub deleted: Histogram,
    /// Data changed.
    pub changed: Histogram,
    /// Children came or went.
    pub children: Histogram,
}

impl Fired {
    pub(crate) fn of(&self, kind: EventKind) -> &Histogram {
        match kind {
            EventKind::NodeCreated => &self.created,
            EventKind::NodeDeleted => &self.deleted,
            EventKind::NodeDataChanged => &self.changed,
            EventKind::NodeChildrenChanged => &self.children,
        }
    }
}

impl Metrics {
    /// How long requests took, from arrival to answer, in microseconds.
    pub fn latency_us(&self) -> Summary {
        self.reads_us.summary().merged(&self.updates_us.summary())
    }

    /// Begins anew what `srvr` shows: requests, replies, their sizes, and how long they took. The others only ever grow.
    pub fn reset_requests(&self) {
        self.packets_received.store(0, Ordering::Relaxed);
        self.packets_sent.store(0, Ordering::Relaxed);
        self.reads_us.reset();
        self.updates_us.reset();
        self.reply_sizes.reset();
    }
}

/// A duration as histograms keep it.
pub fn as_micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_forgets_requests_and_keeps_the_rest() {
        let metrics = Metrics::default();
        metrics.reads_us.record(as_micros(Duration::from_micros(10)));
        metrics.updates_us.record(40);
        metrics.packets_received.store(2, Ordering::Relaxed);
        metrics.commits.store(1, Ordering::Relaxed);
        assert_eq!((metrics.latency_us().count(), metrics.latency_us().mean()), (2, 25.0));
        metrics.reset_requests();
        assert_eq!(metrics.latency_us(), Summary::default());
        assert_eq!(metrics.packets_received.load(Ordering::Relaxed), 0);
        assert_eq!(metrics.commits.load(Ordering::Relaxed), 1);
    }
}
