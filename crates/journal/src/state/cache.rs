//! The budget of the entries in memory, over all groups.

use std::collections::VecDeque;

use crate::GroupId;

/// Counts the bytes of all tails and remembers in which order their entries came.
#[derive(Debug)]
pub(crate) struct Cache {
    budget: usize,
    bytes: usize,
    /// Entries, oldest first. Some may be gone.
    order: VecDeque<(GroupId, u64)>,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

impl Cache {
    pub(crate) fn new(budget: usize) -> Self {
        Self { budget, bytes: 0, order: VecDeque::new(), hits: 0, misses: 0 }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn add(&mut self, group: GroupId, index: u64, bytes: usize) {
        self.bytes += bytes;
        self.order.push_back((group, index));
    }

    pub(super) fn remove(&mut self, bytes: usize) {
        self.bytes -= bytes;
    }

    /// True if more is in memory than the budget and the `pending` bytes that must be.
    pub(super) fn is_over(&self, pending: usize) -> bool {
        self.bytes > self.budget.saturating_add(pending) || self.order.len() > self.entries_max()
    }

    /// Entries cost memory also when they are short.
    fn entries_max(&self) -> usize {
        self.budget / 32 + 1024
    }

    pub(super) fn oldest(&self) -> Option<(GroupId, u64)> {
        self.order.front().copied()
    }

    pub(super) fn forget_oldest(&mut self) {
        self.order.pop_front();
    }
}
