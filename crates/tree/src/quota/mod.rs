//! Quotas as ZooKeeper has them: nodes below `/zookeeper/quota` say how much a subtree may hold, and how much it holds.
//!
//! A node `/zookeeper/quota<prefix>/zookeeper_limits` sets a quota on the subtree at `<prefix>`. Its sibling
//! `zookeeper_stats` is where the usage is kept: in the tree itself, so that replicas and snapshots agree on it. Without
//! the sibling nothing is counted.

mod numbers;
mod report;

pub(crate) use numbers::Numbers;
pub use report::QuotaReport;

use std::collections::BTreeMap;

use crate::slab::SlotId;

/// The node that sets a quota.
pub(crate) const LIMITS: &str = "zookeeper_limits";
/// The node that shows the usage.
pub(crate) const USAGE: &str = "zookeeper_stats";

/// Below it quotas are set.
const HOME: &str = "/zookeeper/quota";

/// The prefix that a node's quota is about, given the node's path. None if it is elsewhere, or about the root, which can
/// not have a quota.
pub(crate) fn prefix_of<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let prefix = path.strip_prefix(HOME)?.strip_suffix(name)?.strip_suffix('/')?;
    prefix.starts_with('/').then_some(prefix)
}

/// The prefixes that have a quota. Derived from the tree: a `zookeeper_limits` came, or went.
#[derive(Debug, Default)]
pub(crate) struct QuotaTable {
    /// By prefix, the parent of the node with the limits.
    by_prefix: BTreeMap<Box<str>, SlotId>,
}

impl QuotaTable {
    pub(crate) fn set(&mut self, prefix: &str, directory: SlotId) {
        self.by_prefix.insert(prefix.into(), directory);
    }

    pub(crate) fn unset(&mut self, prefix: &str) {
        self.by_prefix.remove(prefix);
    }

    /// All prefixes, in byte order, each with the parent of its limits.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, SlotId)> {
        self.by_prefix.iter().map(|(prefix, directory)| (&**prefix, *directory))
    }

    /// The parent of the limits that count for a path: those of the longest prefix, and only those. Without quotas it costs
    /// a comparison.
    pub(crate) fn nearest(&self, path: &str) -> Option<SlotId> {
        if self.by_prefix.is_empty() {
            return None;
        }
        let mut prefix = path;
        while !prefix.is_empty() {
            if let Some(directory) = self.by_prefix.get(prefix) {
                return Some(*directory);
            }
            prefix = &prefix[..prefix.rfind('/')?];
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_of_a_quota() {
        assert_eq!(prefix_of("/zookeeper/quota/a/b/zookeeper_limits", LIMITS), Some("/a/b"));
        for elsewhere in [
            "/zookeeper/quota/zookeeper_limits",
            "/zookeeper/quotas/a/zookeeper_limits",
            "/zookeeper/quota/a/x_zookeeper_limits",
            "/zookeeper/quota/a/zookeeper_limits/b",
            "/a/zookeeper_limits",
        ] {
            assert_eq!(prefix_of(elsewhere, LIMITS), None, "{elsewhere}");
        }
    }

    #[test]
    fn the_longest_prefix_counts_and_ends_at_a_slash() {
        let mut table = QuotaTable::default();
        table.set("/a", SlotId(1));
        table.set("/a/b", SlotId(2));
        for (path, found) in [
            ("/a", Some(1)),
            ("/a/bc", Some(1)),
            ("/a/b", Some(2)),
            ("/a/b/c/d", Some(2)),
            ("/ab", None),
            ("/", None),
        ] {
            assert_eq!(table.nearest(path), found.map(SlotId), "{path}");
        }
        table.unset("/a");
        assert_eq!(table.nearest("/a/bc"), None);
    }
}
