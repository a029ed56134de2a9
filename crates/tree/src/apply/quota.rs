//! What quotas forbid, and what subtrees with quotas use.

use super::transaction::Transaction;
use super::undo::Undo;
use crate::error::ErrorCode;
use crate::quota::{self, LIMITS, Numbers, USAGE};
use crate::slab::SlotId;
use crate::store::Store;

/// By how much a change makes a subtree larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Growth {
    pub(super) count: i64,
    pub(super) bytes: i64,
}

impl Growth {
    pub(super) fn of_create(data_bytes: usize) -> Self {
        Self { count: 1, bytes: data_bytes as i64 }
    }

    pub(super) fn of_delete(data_bytes: usize) -> Self {
        Self { count: -1, bytes: -(data_bytes as i64) }
    }

    pub(super) fn of_set(before: usize, after: usize) -> Self {
        Self { count: 0, bytes: after as i64 - before as i64 }
    }
}

impl Transaction<'_> {
    /// Refuses growth beyond a hard limit, and notes growth beyond a soft one. As with ZooKeeper, a subtree that is beyond
    /// its limit of bytes refuses even data that would make it smaller, unless that brings it below.
    pub(super) fn check_quota(&mut self, path: &str, growth: Growth) -> Result<(), ErrorCode> {
        if !self.enforce_quotas {
            return Ok(());
        }
        let Some(directory) = self.store.quotas.nearest(path) else { return Ok(()) };
        let (Some((_, limits)), Some((_, usage))) =
            (self.numbers(directory, LIMITS), self.numbers(directory, USAGE))
        else {
            return Ok(());
        };
        for (growth, used, soft, hard) in [
            (growth.count, usage.count, limits.count, limits.count_hard),
            (growth.bytes, usage.bytes, limits.bytes, limits.bytes_hard),
        ] {
            let limit = if hard > -1 { hard } else { soft };
            if growth == 0 || limit <= -1 || used.saturating_add(growth) <= limit {
                continue;
            }
            self.is_over_quota = true;
            if hard > -1 {
                return Err(ErrorCode::QuotaExceeded);
            }
        }
        Ok(())
    }

    /// Counts a change that was made. The node that shows the usage gets new data and nothing else: no version, no time, no
    /// event.
    pub(super) fn count_usage(&mut self, path: &str, growth: Growth) {
        let Some(directory) = self.store.quotas.nearest(path) else { return };
        if let Some((slot, usage)) = self.numbers(directory, USAGE) {
            self.show_usage(
                slot,
                usage.count.saturating_add(growth.count),
                usage.bytes.saturating_add(growth.bytes),
            );
        }
    }

    /// A new node that is to show a usage shows it from the start, whatever its creator put into it. Takes time in
    /// proportion to the subtree.
    pub(super) fn begin_usage(&mut self, path: &str, slot: SlotId) {
        if let Some(prefix) = quota::prefix_of(path, USAGE) {
            let (count, bytes) = self.store.lookup(prefix).map_or((0, 0), |root| measure(self.store, root));
            self.show_usage(slot, count, bytes);
        }
    }

    fn show_usage(&mut self, slot: SlotId, count: i64, bytes: i64) {
        let data = self.store.replace_data(slot, Some(Numbers::usage(count, bytes)));
        self.undo.push(Undo::ShowUsage { slot, data });
    }

    fn numbers(&self, directory: SlotId, name: &str) -> Option<(SlotId, Numbers)> {
        let slot = self.store.child(directory, name)?;
        Numbers::parse(self.store.node(slot).data.as_deref()).map(|numbers| (slot, numbers))
    }
}

/// Nodes of a subtree, its root included, and the lengths of their data.
fn measure(store: &Store, root: SlotId) -> (i64, i64) {
    let (mut count, mut bytes) = (0, 0);
    let mut waiting = vec![root];
    while let Some(slot) = waiting.pop() {
        let node = store.node(slot);
        count += 1;
        bytes += node.data_len() as i64;
        waiting.extend(node.children.iter().flat_map(|children| children.iter()));
    }
    (count, bytes)
}
