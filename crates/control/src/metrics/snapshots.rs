//! Snapshots of the replica that this process has taken.

use std::time::Duration;

use measure::Histogram;
use parking_lot::Mutex;
use tree::Zxid;

use super::as_micros;

/// A snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotNote {
    /// The last transaction that it includes.
    pub zxid: Zxid,
    /// When its last piece was handed over, in milliseconds since the Unix epoch.
    pub taken_ms: i64,
}

/// How long snapshots took, and which was the last.
#[derive(Debug, Default)]
pub struct Snapshots {
    /// From the first to the last piece, in microseconds.
    pub took_us: Histogram,
    last: Mutex<Option<SnapshotNote>>,
}

impl Snapshots {
    /// The last one that this process has taken.
    pub fn last(&self) -> Option<SnapshotNote> {
        *self.last.lock()
    }

    pub(crate) fn note(&self, snapshot: SnapshotNote, took: Duration) {
        self.took_us.record(as_micros(took));
        *self.last.lock() = Some(snapshot);
    }
}
