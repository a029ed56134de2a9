//! What the tree holds, and who watches it.

use std::collections::BTreeMap;

use tree::QuotaReport;

use super::{Metrics, Value};
use crate::serve::Server;

/// More namespaces than this are not shown: whoever may set quotas must not be able to flood monitoring.
const NAMESPACES_MAX: usize = 1000;

pub(super) fn put(metrics: &mut Metrics, server: &Server) {
    let counters = server.control.tree_counters();
    // As in `srvr`, the root counts twice.
    metrics.gauge("znode_count", counters.nodes + 1, "Znodes; as with ZooKeeper the root counts twice.");
    metrics.gauge("ephemerals_count", counters.ephemerals, "Ephemeral znodes.");
    metrics.gauge("approximate_data_size", counters.data_bytes, "Bytes of all paths and all data.");
    metrics.gauge("global_sessions", counters.sessions, "Sessions of the cluster.");
    metrics.gauge("local_sessions", 0, "Always 0: every session belongs to the cluster.");
    let watches = server.control.watch_counts().watches;
    metrics.gauge("watch_count", watches, "Watches of this node's connections.");
    put_quotas(metrics, server);
}

fn put_quotas(metrics: &mut Metrics, server: &Server) {
    let mut by_namespace: BTreeMap<String, [Option<i64>; 4]> = BTreeMap::new();
    server.control.read(|tree| {
        for quota in tree.quotas() {
            if by_namespace.len() < NAMESPACES_MAX || by_namespace.contains_key(namespace(quota.prefix)) {
                add(by_namespace.entry(namespace(quota.prefix).to_owned()).or_default(), &quota);
            }
        }
    });
    let names = [
        ("quota_count_limit_per_namespace", "Znodes that quotas below this first name allow, in all."),
        ("quota_bytes_limit_per_namespace", "Bytes of data that quotas below this first name allow, in all."),
        ("quota_count_usage_per_namespace", "Znodes that quotas below this first name count."),
        ("quota_bytes_usage_per_namespace", "Bytes of data that quotas below this first name count."),
    ];
    for (at, (name, help)) in names.into_iter().enumerate() {
        let shown = by_namespace.iter().filter_map(|(namespace, sums)| Some((namespace.clone(), sums[at]?)));
        metrics.put(name, Value::ByNamespace(shown.collect()), help);
    }
}

/// The first name of a path.
fn namespace(prefix: &str) -> &str {
    prefix.trim_start_matches('/').split('/').next().unwrap_or_default()
}

/// Several quotas of a namespace are added up; what has no limit, or is not counted, does not take part.
fn add(sums: &mut [Option<i64>; 4], quota: &QuotaReport<'_>) {
    let found = [quota.count_limit, quota.bytes_limit, quota.count, quota.bytes];
    for (sum, number) in sums.iter_mut().zip(found) {
        if number >= 0 {
            *sum = Some(sum.unwrap_or(0).saturating_add(number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_of_a_namespace_are_added_up_where_they_limit() {
        let mut sums = [None; 4];
        add(&mut sums, &QuotaReport { prefix: "/a", count_limit: 5, bytes_limit: -1, count: 2, bytes: 7 });
        add(&mut sums, &QuotaReport { prefix: "/a/b", count_limit: 6, bytes_limit: -1, count: -1, bytes: 1 });
        assert_eq!(sums, [Some(11), None, Some(2), Some(8)]);
        assert_eq!([namespace("/a"), namespace("/a/b")], ["a", "a"]);
    }
}
