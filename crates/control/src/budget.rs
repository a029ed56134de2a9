//! A bound on the memory of what was proposed and is not applied yet.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts bytes that are under way. It is asked before work is taken on, so it may be exceeded by what every connection
/// has in its hands at that moment, and no more.
pub(crate) struct Budget {
    used: AtomicUsize,
    max: usize,
    freed: Notify,
}

impl Budget {
    pub(crate) fn new(max: usize) -> Self {
        Self { used: AtomicUsize::new(0), max, freed: Notify::new() }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.used.load(Ordering::Relaxed) < self.max
    }

    /// Completes when there is room.
    pub(crate) async fn room(&self) {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if self.has_room() {
                return;
            }
            freed.await;
        }
    }

    pub(crate) fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        if before >= self.max && before - bytes < self.max {
            self.freed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_comes_back_when_bytes_are_given_back() {
        let budget = Budget::new(100);
        budget.room().await;
        budget.take(150);
        assert!(!budget.has_room());
        let (room, ()) = tokio::join!(biased; async { budget.room().await; budget.has_room() }, async {
            budget.give_back(20);
            budget.give_back(40);
        });
        assert!(room);
    }
}
