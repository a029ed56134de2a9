//! Time for clients and nodes: tokio's, for deadlines and for dates, so that both jump together when a test is run in paused time.

#![expect(clippy::disallowed_methods, reason = "this is the clock that the others are to use")]

use std::sync::Arc;
use std::time::Duration;

use runtime::{BoxFuture, Clock, Instant, SystemClock, TimeSource};
use tokio::time::Instant as Tokio;

struct Ours {
    origin: Tokio,
    /// The date of the origin, in milliseconds since the Unix epoch.
    began_ms: i64,
}

/// A clock that begins now.
pub(crate) fn clock() -> Clock {
    let began_ms = SystemClock::clock().wall_ms();
    Clock::new(Arc::new(Ours { origin: Tokio::now(), began_ms }))
}

impl TimeSource for Ours {
    fn now(&self) -> Instant {
        Instant::from_origin(self.origin.elapsed())
    }

    fn wall_ms(&self) -> i64 {
        let since = i64::try_from(self.origin.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.began_ms.saturating_add(since)
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        let since: Duration = deadline.since_origin();
        Box::pin(tokio::time::sleep_until(self.origin + since))
    }
}
