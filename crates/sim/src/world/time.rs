//! A host's clocks: monotonic time is the simulation's, the wall clock is set by the host's keeper.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use runtime::{BoxFuture, Clock, Instant, TimeSource};
use tokio::time::Instant as Tick;

use crate::seeded;

/// How far a host's wall clock is off, in milliseconds. It outlives the host's processes.
#[derive(Default)]
pub struct WallOffset(AtomicI64);

impl WallOffset {
    /// Sets the clock: `offset_ms` ahead of the true time, or behind it if negative.
    pub fn set(&self, offset_ms: i64) {
        self.0.store(offset_ms, Ordering::Relaxed);
    }

    /// How far it is off.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The clocks of one process on a host.
struct HostTime {
    origin: Tick,
    /// True wall time at the origin, in milliseconds.
    origin_ms: i64,
    offset: Arc<WallOffset>,
}

/// A clock for a process that starts now. To be called on the host.
#[expect(clippy::disallowed_methods, reason = "this is the simulation's clock")]
pub(super) fn clock(offset: Arc<WallOffset>) -> Clock {
    let elapsed = turmoil::sim_elapsed().unwrap_or_else(seeded::elapsed);
    let origin_ms = (seeded::EPOCH + elapsed).as_millis();
    let origin_ms = i64::try_from(origin_ms).expect("simulations end before the year 2500");
    Clock::new(Arc::new(HostTime { origin: Tick::now(), origin_ms, offset }))
}

#[expect(clippy::disallowed_methods, reason = "this is the simulation's clock")]
impl TimeSource for HostTime {
    fn now(&self) -> Instant {
        Instant::from_origin(Tick::now().saturating_duration_since(self.origin))
    }

    fn wall_ms(&self) -> i64 {
        let since = self.now().since_origin().as_millis();
        self.origin_ms + i64::try_from(since).unwrap_or(i64::MAX) + self.offset.get()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(self.origin + deadline.since_origin()))
    }
}
