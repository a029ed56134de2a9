//! How long things took, and how many of them came at once.

use super::Detail::{Advanced, Basic};
use super::Metrics;
use crate::serve::Server;

pub(super) fn put(metrics: &mut Metrics, server: &Server) {
    let counted = server.control.metrics();
    metrics.times(
        "readlatency",
        counted.reads_us.summary(),
        Advanced,
        "Time from a request that is no transaction to its answer, ms.",
    );
    metrics.times(
        "updatelatency",
        counted.updates_us.summary(),
        Advanced,
        "Time from a request that is a transaction to its answer, ms.",
    );
    metrics.counts(
        "propagation_latency",
        counted.propagation_ms.summary(),
        Advanced,
        "Time from the leader's stamp on a transaction to its being applied here, ms; compares two clocks.",
    );
    metrics.times(
        "fsynctime",
        (server.config.disk)().batch_us,
        Basic,
        "Time that writing and syncing a batch of the journal took, ms.",
    );
    let snapshots = counted.snapshots.took_us.summary();
    metrics.times("snapshottime", snapshots, Basic, "Time that taking a snapshot took, ms.");
    let fired = &counted.fired;
    for (name, histogram, help) in [
        ("node_created_watch_count", &fired.created, "Events that the creation of a watched znode caused."),
        ("node_deleted_watch_count", &fired.deleted, "Events that the deletion of a watched znode caused."),
        ("node_changed_watch_count", &fired.changed, "Events that a change of watched data caused."),
        ("node_children_watch_count", &fired.children, "Events that a change of watched children caused."),
    ] {
        metrics.counts(name, histogram.summary(), Basic, help);
    }
}
