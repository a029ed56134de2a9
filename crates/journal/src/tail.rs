//! The entries of a group that are in memory: always those that are not durable yet, and the newest others.

use std::collections::VecDeque;

use bytes::Bytes;

/// Entries from `start` up to the group's end.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    start: u64,
    entries: VecDeque<Bytes>,
    bytes: usize,
}

impl Tail {
    /// An empty tail of a group whose end is `next`.
    pub(crate) fn new(next: u64) -> Self {
        Self { start: next, ..Self::default() }
    }

    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Bytes of the entries.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn get(&self, index: u64) -> Option<&Bytes> {
        let slot = usize::try_from(index.checked_sub(self.start)?).ok()?;
        self.entries.get(slot)
    }

    pub(crate) fn push(&mut self, entry: Bytes) {
        self.bytes += entry.len();
        self.entries.push_back(entry);
    }

    /// Removes the entries from `from` on, where the group now ends.
    pub(crate) fn truncate(&mut self, from: u64) {
        if from <= self.start {
            *self = Self::new(from);
            return;
        }
        while self.start + self.entries.len() as u64 > from {
            self.bytes -= self.entries.pop_back().map_or(0, |entry| entry.len());
        }
    }

    /// Removes the entries before `first`. The group ends at `first` or after.
    pub(crate) fn purge(&mut self, first: u64) {
        while self.start < first && self.pop_front() {}
        self.start = self.start.max(first);
    }

    /// Removes the oldest entry. False if there is none.
    pub(crate) fn pop_front(&mut self) -> bool {
        let Some(entry) = self.entries.pop_front() else { return false };
        self.bytes -= entry.len();
        self.start += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(start: u64, sizes: &[usize]) -> Tail {
        let mut tail = Tail::new(start);
        sizes.iter().for_each(|&size| tail.push(Bytes::from(vec![0; size])));
        tail
    }

    #[test]
    fn bytes_follow_every_change() {
        let mut tail = tail(10, &[1, 2, 4, 8]);
        tail.truncate(13);
        assert_eq!((tail.start(), tail.bytes()), (10, 7));
        tail.purge(11);
        assert_eq!((tail.start(), tail.bytes()), (11, 6));
        assert!(tail.pop_front());
        assert_eq!((tail.get(11), tail.get(12).map(Bytes::len), tail.get(13)), (None, Some(4), None));
        tail.purge(50);
        assert_eq!((tail.start(), tail.bytes()), (50, 0));
        assert!(!tail.pop_front());
    }

    #[test]
    fn truncating_before_the_tail_moves_it() {
        let mut tail = tail(10, &[1, 2]);
        tail.truncate(5);
        tail.push(Bytes::from_static(b"x"));
        assert_eq!((tail.start(), tail.bytes(), tail.get(5).map(Bytes::len)), (5, 1, Some(1)));
    }
}
