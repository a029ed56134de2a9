//! `GET /metrics`, in Prometheus' text format: our own names, then ZooKeeper's.
//!
//! Values are read when they are asked for: serving costs nothing while nobody looks.

use std::sync::atomic::Ordering;

use metrics::{counter, gauge, with_local_recorder};
use metrics_exporter_prometheus::PrometheusBuilder;
use tree::QuotaReport;

use super::queues::{self, Detail};
use super::{process, shards};
use crate::node::Parts;

/// More quotas than this are not shown: whoever may set them must not be able to flood monitoring.
const QUOTAS_MAX: usize = 1000;

/// With `detail`, metrics of queues are there for each queue, and not as sums.
pub(super) fn render(parts: &Parts, detail: Detail) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    with_local_recorder(&recorder, || {
        parts.groups().iter().for_each(|it| group(parts, it));
        journal(parts);
        control(parts);
        certificates(parts);
        process::put();
        if let Some(data) = &parts.data {
            shards::put(data);
            queues::put(parts, data, detail);
        }
    });
    let mut text = handle.render();
    text.push_str(&parts.zookeeper.prometheus());
    if let (Some(data), Detail::EachQueue) = (&parts.data, detail) {
        queues::write_each(data, &mut text);
    }
    text
}

fn group(parts: &Parts, group: &consensus::Group) {
    let status = group.status();
    let labels = [("group", status.group.to_string())];
    gauge!("quorate_raft_is_leader", &labels).set(f64::from(u8::from(status.leadership.is_self)));
    gauge!("quorate_raft_has_leader", &labels).set(f64::from(u8::from(status.leadership.leader.is_some())));
    gauge!("quorate_raft_level", &labels).set(f64::from(status.level));
    let own = group.stated_level(parts.identity.node);
    gauge!("quorate_raft_level_max", &labels).set(own.map_or(0.0, |level| f64::from(level.number)));
    counter!("quorate_raft_term", &labels).absolute(status.leadership.term);
    counter!("quorate_raft_committed_index", &labels).absolute(status.committed_index.unwrap_or(0));
    counter!("quorate_raft_applied_index", &labels).absolute(status.applied_index.unwrap_or(0));
    for replica in &status.replicas {
        let labels = [("group", status.group.to_string()), ("node", replica.node.to_string())];
        counter!("quorate_raft_matched_index", &labels).absolute(replica.matched_index.unwrap_or(0));
    }
}

fn control(parts: &Parts) {
    let counters = parts.control.tree_counters();
    gauge!("quorate_tree_znodes").set(counters.nodes as f64);
    gauge!("quorate_tree_ephemerals").set(counters.ephemerals as f64);
    gauge!("quorate_tree_data_bytes").set(counters.data_bytes as f64);
    memory(parts);
    let over_quota = parts.control.metrics().quota_exceeded.load(Ordering::Relaxed);
    counter!("quorate_quota_exceeded_total").absolute(over_quota);
    parts.control.read(|tree| tree.quotas().take(QUOTAS_MAX).for_each(|quota| put_quota(&quota)));
    gauge!("quorate_connections").set(parts.control.connection_count() as f64);
    gauge!("quorate_watches").set(parts.control.watch_counts().watches as f64);
    gauge!("quorate_proposals_under_way").set(parts.control.pending_count() as f64);
}

/// What has no limit shows none.
fn memory(parts: &Parts) {
    let limits = parts.control.memory_limits();
    gauge!("quorate_tree_bytes").set(parts.control.tree_counters().memory_bytes as f64);
    gauge!("quorate_watch_bytes").set(parts.control.watch_memory_bytes() as f64);
    for (name, limit) in
        [("quorate_tree_bytes_max", limits.tree_bytes), ("quorate_watch_bytes_max", limits.watch_bytes)]
    {
        if let Some(limit) = limit {
            gauge!(name).set(limit as f64);
        }
    }
    let refused = parts.control.refused_for_memory();
    counter!("quorate_tree_full_total").absolute(refused.writes);
    counter!("quorate_watches_full_total").absolute(refused.watches);
}

/// What a quota does not limit, or what is not counted, is not shown.
fn put_quota(quota: &QuotaReport<'_>) {
    for (name, number) in [
        ("quorate_quota_znodes_limit", quota.count_limit),
        ("quorate_quota_bytes_limit", quota.bytes_limit),
        ("quorate_quota_znodes", quota.count),
        ("quorate_quota_bytes", quota.bytes),
    ] {
        if number >= 0 {
            gauge!(name, "prefix" => quota.prefix.to_owned()).set(number as f64);
        }
    }
}

fn certificates(parts: &Parts) {
    let shown_to = |whom: &'static str, expires_at: i64| {
        gauge!("quorate_tls_certificate_expires_at_seconds", "shown_to" => whom).set(expires_at as f64);
    };
    if let Some(clients) = &parts.tls.clients {
        shown_to("clients", clients.certificate_expires_at());
    }
    if let Some(peers) = &parts.tls.peers {
        shown_to("peers", peers.certificate_expires_at());
    }
}

fn journal(parts: &Parts) {
    let stats = parts.journal.stats();
    counter!("quorate_journal_batches_total").absolute(stats.batches);
    counter!("quorate_journal_fsyncs_total").absolute(stats.fsyncs);
    counter!("quorate_journal_written_bytes_total").absolute(stats.bytes_written);
    gauge!("quorate_journal_segments").set(stats.segments as f64);
    gauge!("quorate_journal_live_bytes").set(stats.live_bytes as f64);
    gauge!("quorate_journal_pending_bytes").set(stats.pending_bytes as f64);
}
