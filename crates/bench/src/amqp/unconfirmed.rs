//! What a publisher has sent and the server has not answered.

use std::collections::VecDeque;
use std::time::Instant;

/// When each was sent, by its tag. Servers may answer in any order.
#[derive(Debug)]
pub(super) struct Unconfirmed {
    /// From the oldest; `None` where the answer came before that of an older one.
    sent: VecDeque<Option<Instant>>,
    /// The tag of the first of them.
    first: u64,
    open: usize,
}

impl Unconfirmed {
    pub(super) fn new() -> Self {
        Self { sent: VecDeque::new(), first: 1, open: 0 }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.open
    }

    /// The message with the next tag was sent.
    pub(super) fn sent(&mut self, now: Instant) {
        self.sent.push_back(Some(now));
        self.open += 1;
    }

    /// The server has answered for `tag` and, if `multiple`, for all before. Tells when each that this settles was sent.
    pub(super) fn answered(&mut self, tag: u64, multiple: bool, mut each: impl FnMut(Instant)) {
        let Some(at) = tag.checked_sub(self.first) else { return };
        let from = if multiple { 0 } else { at };
        for sent in (from..=at).filter_map(|at| self.sent.get_mut(at as usize)?.take()) {
            self.open -= 1;
            each(sent);
        }
        while self.sent.front().is_some_and(Option::is_none) {
            self.sent.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn answers_come_in_any_order_and_count_once() {
        let (began, mut unconfirmed) = (Instant::now(), Unconfirmed::new());
        for ms in 1..=5 {
            unconfirmed.sent(began + Duration::from_millis(ms));
        }
        let mut settled = |tag, multiple| {
            let mut found = Vec::new();
            unconfirmed.answered(tag, multiple, |sent| found.push((sent - began).as_millis()));
            (found, unconfirmed.len())
        };
        assert_eq!(settled(2, false), (vec![2], 4));
        assert_eq!(settled(2, false), (vec![], 4));
        assert_eq!(settled(3, true), (vec![1, 3], 2));
        assert_eq!(settled(1, true), (vec![], 2));
        assert_eq!(settled(9, false), (vec![], 2), "nobody sent it");
        assert_eq!(settled(5, true), (vec![4, 5], 0));
    }
}
