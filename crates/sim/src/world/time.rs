//! A host's clocks: how fast they run and what the wall clock says is set by the host's keeper.
//!
//! openraft measures with tokio's clock, which runs at the simulation's speed on every host. So a skew sets apart what the
//! server measures itself (sessions, deadlines of calls, pauses) from what its peers and its own Raft core do.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use runtime::{BoxFuture, Clock, Instant, TimeSource};
use tokio::time::Instant as Tick;

use crate::seeded;

/// The speed of a clock that is right, in parts of a thousand.
const RIGHT: u64 = 1000;

/// How a host's clocks are wrong. It outlives the host's processes.
pub struct Skew {
    offset_ms: AtomicI64,
    permille: AtomicU64,
    slowest: AtomicU64,
    fastest: AtomicU64,
}

impl Default for Skew {
    fn default() -> Self {
        let right = || AtomicU64::new(RIGHT);
        Self { offset_ms: AtomicI64::new(0), permille: right(), slowest: right(), fastest: right() }
    }
}

impl Skew {
    /// Sets the wall clock: `offset_ms` ahead of what it would say, or behind it if negative.
    pub fn set_offset(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }

    /// How far the wall clock was set off.
    pub fn offset(&self) -> i64 {
        self.offset_ms.load(Ordering::Relaxed)
    }

    /// Makes both clocks run at this speed from now on, in parts of a thousand of the true one. More than 0.
    pub fn set_speed(&self, permille: u64) {
        self.permille.store(permille, Ordering::Relaxed);
        self.slowest.fetch_min(permille, Ordering::Relaxed);
        self.fastest.fetch_max(permille, Ordering::Relaxed);
    }

    /// The slowest and the fastest that the clocks ever ran, in parts of a thousand.
    pub fn extremes(&self) -> (u64, u64) {
        (self.slowest.load(Ordering::Relaxed), self.fastest.load(Ordering::Relaxed))
    }

    /// Makes the clocks run as they should, and takes the offset back.
    pub fn set_right(&self) {
        self.set_offset(0);
        self.set_speed(RIGHT);
    }
}

/// The clocks of one process on a host.
struct HostTime {
    /// Wall time at the origin, in milliseconds.
    origin_ms: i64,
    skew: Arc<Skew>,
    stretch: Mutex<Stretch>,
}

/// A time during which the clock runs at one speed.
struct Stretch {
    from: Tick,
    /// What the clock said then.
    read: Duration,
    permille: u64,
}

/// A clock for a process that starts now. To be called on the host.
#[expect(clippy::disallowed_methods, reason = "this is the simulation's clock")]
pub(super) fn clock(skew: Arc<Skew>) -> Clock {
    let elapsed = turmoil::sim_elapsed().unwrap_or_else(seeded::elapsed);
    let origin_ms = (seeded::EPOCH + elapsed).as_millis();
    let origin_ms = i64::try_from(origin_ms).expect("simulations end before the year 2500");
    let stretch = Stretch { from: Tick::now(), read: Duration::ZERO, permille: RIGHT };
    Clock::new(Arc::new(HostTime { origin_ms, skew, stretch: Mutex::new(stretch) }))
}

impl HostTime {
    /// What the clock says at `tick`, and how fast it runs.
    fn read(&self, tick: Tick) -> (Duration, u64) {
        let wanted = self.skew.permille.load(Ordering::Relaxed);
        let mut stretch = self.stretch.lock();
        let read =
            stretch.read + scaled(tick.saturating_duration_since(stretch.from), stretch.permille, RIGHT);
        if wanted != stretch.permille {
            *stretch = Stretch { from: tick, read, permille: wanted };
        }
        (read, wanted)
    }
}

fn scaled(duration: Duration, by: u64, of: u64) -> Duration {
    let nanos = duration.as_nanos() * u128::from(by);
    Duration::from_nanos(u64::try_from(nanos.div_ceil(u128::from(of))).unwrap_or(u64::MAX))
}

#[expect(clippy::disallowed_methods, reason = "this is the simulation's clock")]
impl TimeSource for HostTime {
    fn now(&self) -> Instant {
        Instant::from_origin(self.read(Tick::now()).0)
    }

    fn wall_ms(&self) -> i64 {
        let since = self.now().since_origin().as_millis();
        self.origin_ms + i64::try_from(since).unwrap_or(i64::MAX) + self.skew.offset()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        let tick = Tick::now();
        let (read, permille) = self.read(tick);
        let left = deadline.since_origin().saturating_sub(read);
        Box::pin(tokio::time::sleep_until(tick + scaled(left, RIGHT, permille)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_fast_clock_is_ahead_and_its_sleeps_are_short() {
        let skew = Arc::<Skew>::default();
        let (clock, truth) = (clock(Arc::clone(&skew)), clock(Arc::default()));
        clock.sleep(Duration::from_secs(1)).await;
        skew.set_speed(1250);
        clock.sleep(Duration::from_secs(10)).await;
        let since = |clock: &Clock| clock.now().since_origin().as_millis();
        assert_eq!((since(&clock), since(&truth)), (11_000, 9_000));
        skew.set_right();
        clock.sleep(Duration::from_secs(1)).await;
        assert_eq!((since(&clock), since(&truth)), (12_000, 10_000));
    }
}
