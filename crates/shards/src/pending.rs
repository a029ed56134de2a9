//! Commands that this node proposed and has not seen applied.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::mailbox::Mailbox;

/// Who waits for a command.
pub(crate) struct Waiter {
    pub(crate) sequence: u64,
    /// How many outcomes it waits for.
    pub(crate) ops: usize,
    /// Where the outcomes go, and under which number; nobody waits for the node's own commands.
    pub(crate) to: Option<(Arc<Mailbox>, u64)>,
}

/// The waiting commands in the order of their numbers, which is the order in which they are applied.
#[derive(Default)]
pub(crate) struct Pending {
    waiting: VecDeque<Waiter>,
}

impl Pending {
    pub(crate) fn push(&mut self, waiter: Waiter) {
        debug_assert!(
            self.waiting.back().is_none_or(|last| last.sequence < waiter.sequence),
            "the log numbers commands in the order of the calls"
        );
        self.waiting.push_back(waiter);
    }

    /// Takes the command with this number. Those before it were skipped by the log and will not come any more: they go to
    /// `lost`.
    pub(crate) fn take(&mut self, sequence: u64, lost: &mut Vec<Waiter>) -> Option<Waiter> {
        while self.waiting.front().is_some_and(|first| first.sequence < sequence) {
            lost.extend(self.waiting.pop_front());
        }
        self.waiting.pop_front_if(|first| first.sequence == sequence)
    }

    /// Takes all commands up to this number: their fate is not known.
    pub(crate) fn take_through(&mut self, sequence: u64) -> Vec<Waiter> {
        let count = self.waiting.partition_point(|waiter| waiter.sequence <= sequence);
        self.waiting.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(sequences: &[u64]) -> Pending {
        let mut pending = Pending::default();
        for &sequence in sequences {
            pending.push(Waiter { sequence, ops: 0, to: None });
        }
        pending
    }

    #[test]
    fn what_was_skipped_is_lost() {
        let mut pending = pending(&[1, 2, 3, 5]);
        let mut lost = Vec::new();
        assert!(pending.take(1, &mut lost).is_some());
        assert!(lost.is_empty());
        assert!(pending.take(4, &mut lost).is_none());
        assert_eq!(lost.len(), 2);
        assert_eq!(pending.take_through(5).len(), 1);
    }
}
