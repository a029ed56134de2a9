//! Commands that this node proposed and has not seen applied.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::outbox::Outbox;

/// Who waits for a command.
pub(crate) struct Waiting {
    pub(crate) sequence: u64,
    /// Bytes that the command took from the budget.
    pub(crate) bytes: usize,
    /// Bytes that were set aside for it in the tree.
    pub(crate) reserved: usize,
    /// Where the answer goes; `None` for the node's own commands.
    pub(crate) outbox: Option<Arc<Outbox>>,
}

/// The waiting commands in the order of their numbers, which is the order in which they are applied.
#[derive(Default)]
pub(crate) struct Pending {
    waiting: VecDeque<Waiting>,
}

impl Pending {
    pub(crate) fn push(&mut self, waiting: Waiting) {
        debug_assert!(
            self.waiting.back().is_none_or(|last| last.sequence < waiting.sequence),
            "the log numbers commands in the order of the calls"
        );
        self.waiting.push_back(waiting);
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes the command with this number. Those before it were skipped by the log and will not come any more: they go
    /// to `lost`.
    pub(crate) fn take(&mut self, sequence: u64, lost: &mut Vec<Waiting>) -> Option<Waiting> {
        while self.waiting.front().is_some_and(|first| first.sequence < sequence) {
            lost.extend(self.waiting.pop_front());
        }
        self.waiting.pop_front_if(|first| first.sequence == sequence)
    }

    /// Takes all commands up to this number: their fate is not known.
    pub(crate) fn take_through(&mut self, sequence: u64) -> Vec<Waiting> {
        let count = self.waiting.iter().take_while(|waiting| waiting.sequence <= sequence).count();
        self.waiting.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(sequences: &[u64]) -> Pending {
        let mut pending = Pending::default();
        for &sequence in sequences {
            pending.push(Waiting { sequence, bytes: 0, reserved: 0, outbox: None });
        }
        pending
    }

    #[test]
    fn commands_leave_in_order() {
        let mut pending = pending(&[1, 2]);
        let mut lost = Vec::new();
        assert!(pending.take(1, &mut lost).is_some());
        assert!(pending.take(2, &mut lost).is_some());
        assert!(pending.take(3, &mut lost).is_none());
        assert!(lost.is_empty());
    }

    #[test]
    fn what_was_skipped_is_lost() {
        let mut pending = pending(&[1, 2, 3, 5]);
        let mut lost = Vec::new();
        assert!(pending.take(4, &mut lost).is_none());
        assert_eq!(lost.len(), 3);
        assert_eq!(pending.len(), 1);
        assert_eq!(pending.take_through(5).len(), 1);
    }
}
