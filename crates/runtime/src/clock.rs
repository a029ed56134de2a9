//! Time: monotonic for deadlines, wall for what clients see.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use crate::BoxFuture;

/// A point on a node's monotonic clock: the time since an origin that means nothing outside the process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Instant(Duration);

impl Instant {
    /// The point `since_origin` after the clock's origin.
    pub const fn from_origin(since_origin: Duration) -> Self {
        Self(since_origin)
    }

    /// Time since the clock's origin.
    pub const fn since_origin(self) -> Duration {
        self.0
    }

    /// Time from `earlier` to `self`; zero if `earlier` is later.
    pub fn saturating_since(self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    fn add(self, rhs: Duration) -> Instant {
        Instant(self.0 + rhs)
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    fn sub(self, rhs: Duration) -> Instant {
        Instant(self.0.saturating_sub(rhs))
    }
}

/// What a [`Clock`] reads. The simulator implements it with offset, drift and jumps for each node.
pub trait TimeSource: Send + Sync {
    /// Monotonic time.
    fn now(&self) -> Instant;
    /// Milliseconds since the Unix epoch, as set by people and daemons: it may jump either way.
    fn wall_ms(&self) -> i64;
    /// Completes at `deadline` of this clock.
    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()>;
}

/// A handle to a node's clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn TimeSource>);

/// A deadline passed before the work was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline passed")
    }
}

impl std::error::Error for Elapsed {}

impl Clock {
    /// A clock over `source`.
    pub fn new(source: Arc<dyn TimeSource>) -> Self {
        Self(source)
    }

    /// Monotonic time.
    pub fn now(&self) -> Instant {
        self.0.now()
    }

    /// Milliseconds since the Unix epoch; may jump either way.
    pub fn wall_ms(&self) -> i64 {
        self.0.wall_ms()
    }

    /// Completes after `duration`.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep_until(self.now() + duration)
    }

    /// Completes at `deadline`.
    pub fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        self.0.sleep_until(deadline)
    }

    /// The result of `work`, or [`Elapsed`] if it takes longer than `duration`; then `work` is dropped.
    pub async fn timeout<F: Future>(&self, duration: Duration, work: F) -> Result<F::Output, Elapsed> {
        tokio::select! {
            biased;
            output = work => Ok(output),
            () = self.sleep(duration) => Err(Elapsed),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// The machine's clocks, on tokio's timer.
pub struct SystemClock {
    origin: tokio::time::Instant,
}

impl SystemClock {
    /// A [`Clock`] whose origin is now.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    pub fn clock() -> Clock {
        Clock::new(Arc::new(SystemClock { origin: tokio::time::Instant::now() }))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
impl TimeSource for SystemClock {
    fn now(&self) -> Instant {
        Instant(tokio::time::Instant::now().saturating_duration_since(self.origin))
    }

    fn wall_ms(&self) -> i64 {
        let since_epoch = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(self.origin + deadline.since_origin()))
    }
}
