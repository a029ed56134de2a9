//! What to do about a failed request: go on with this session, or with the next one.

use std::time::Duration;

use client::{Client, Error, ErrorKind};

/// Whether the session is over, so that only a later one is of use.
pub(crate) fn is_over(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::SessionExpired | ErrorKind::Closed)
}

/// Whether trying again later may help: in this session, or in the next one.
pub(crate) fn may_pass(error: &Error) -> bool {
    error.is_passing() || is_over(error)
}

/// Pauses between attempts: they double from the first to the second.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Growing pauses between attempts, each drawn at random between its half and all of it.
#[derive(Default)]
pub(crate) struct Patience {
    attempts: u32,
}

impl Patience {
    /// Waits before the next attempt.
    pub(crate) async fn pause(&mut self, client: &Client) {
        let longest = (PAUSE_MIN * 2_u32.pow(self.attempts.min(8))).min(PAUSE_MAX);
        self.attempts += 1;
        let runtime = client.runtime();
        let part = u32::try_from(runtime.entropy.next_u64() % 512).expect("it is below 512") + 512;
        runtime.clock.sleep(longest * part / 1024).await;
    }

    /// Something went well: the next pause is short again.
    pub(crate) fn renew(&mut self) {
        self.attempts = 0;
    }
}
