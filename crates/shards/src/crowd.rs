//! Whether a shard's disk keeps up with those who publish.
//!
//! The log may be faster than checkpoints: then what was published since the last one lies in memory, and more of it while the last one is still
//! being written. Those who publish wait for it to be done.

use tokio::sync::watch;

/// Bytes of frames that may come while a checkpoint is being written.
const BEHIND_BYTES_MAX: u64 = 64 << 20;

/// Whether those who publish to a shard have to wait.
pub(crate) struct Crowd(watch::Sender<bool>);

impl Crowd {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// So many bytes have come since what is being written now was frozen.
    pub(crate) fn set(&self, behind_bytes: u64) {
        let is_crowded = behind_bytes > BEHIND_BYTES_MAX;
        self.0.send_if_modified(|known| std::mem::replace(known, is_crowded) != is_crowded);
    }

    pub(crate) fn is_there(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes when nobody has to wait.
    pub(crate) async fn gone(&self) {
        let mut changes = self.0.subscribe();
        // The sender is this value's own.
        let _ = changes.wait_for(|is_crowded| !is_crowded).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use runtime::SystemClock;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_go_on_when_the_disk_has_caught_up() {
        let crowd = Crowd::new();
        crowd.gone().await;
        crowd.set(BEHIND_BYTES_MAX + 1);
        assert!(crowd.is_there());
        assert!(SystemClock::clock().timeout(Duration::from_secs(1), crowd.gone()).await.is_err());
        let (_, ()) = tokio::join!(crowd.gone(), async { crowd.set(BEHIND_BYTES_MAX) });
        assert!(!crowd.is_there());
    }
}
