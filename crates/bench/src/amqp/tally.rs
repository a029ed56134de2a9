//! What all publishers and consumers count together.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::report::latencies;
use crate::series::Series;

/// When to measure; without an end, until all is done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: Instant,
    pub(super) until: Option<Instant>,
}

impl Window {
    fn has(&self, moment: Instant) -> bool {
        moment >= self.from && self.until.is_none_or(|until| moment <= until)
    }
}

/// Messages that one thing happened to.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) messages: u64,
    /// In nanoseconds.
    pub(super) latencies: Histogram<u64>,
    pub(super) series: Series,
    /// When it last happened.
    last: Option<Instant>,
    longest_pause: Duration,
}

impl Count {
    fn new(series_ms: u64) -> Self {
        Self {
            messages: 0,
            latencies: latencies(),
            series: Series::new(series_ms),
            last: None,
            longest_pause: Duration::ZERO,
        }
    }

    fn add(&mut self, latency: Option<Duration>, now: Instant, window: &Window) {
        self.messages += 1;
        if let Some(latency) = latency {
            self.latencies.saturating_record(latency.as_nanos() as u64);
        }
        self.series.count(now - window.from);
        self.longest_pause = self.longest_pause(now, window);
        self.last = Some(now);
    }

    /// The longest time without any, up to `now`.
    fn longest_pause(&self, now: Instant, window: &Window) -> Duration {
        self.longest_pause.max(now.saturating_duration_since(self.last.unwrap_or(window.from)))
    }
}

/// Counts and latencies.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) window: Window,
    pub(super) confirmed: Count,
    pub(super) received: Count,
    /// Messages that the server did not take.
    pub(super) refused: u64,
    /// Messages that somebody had been given before.
    pub(super) redelivered: u64,
    /// Of all messages, in the window and outside.
    pub(super) received_ever: u64,
    /// Rises with everything that happens.
    pub(super) progress: u64,
}

impl Tally {
    pub(super) fn new(window: Window, series_ms: u64) -> Self {
        Self {
            window,
            confirmed: Count::new(series_ms),
            received: Count::new(series_ms),
            refused: 0,
            redelivered: 0,
            received_ever: 0,
            progress: 0,
        }
    }

    /// A confirm came for what was sent at `sent`.
    pub(super) fn confirmed(&mut self, sent: Instant, now: Instant) {
        self.progress += 1;
        if self.window.has(now) {
            self.confirmed.add(Some(now - sent), now, &self.window);
        }
    }

    /// The server did not take a message.
    pub(super) fn refused(&mut self) {
        self.progress += 1;
        self.refused += 1;
    }

    /// A delivery came; `age` is unknown for messages of another run.
    pub(super) fn received(&mut self, age: Option<Duration>, redelivered: bool, now: Instant) {
        self.progress += 1;
        self.received_ever += 1;
        if self.window.has(now) {
            self.redelivered += u64::from(redelivered);
            self.received.add(age, now, &self.window);
        }
    }

    /// Seconds in which `count` was counted: the window, or until the last if it has no end.
    pub(super) fn seconds(&self, count: &Count) -> f64 {
        let until = self.window.until.or(count.last).unwrap_or(self.window.from);
        (until - self.window.from).as_secs_f64()
    }

    /// The longest time in the window without any of `count`; zero if there was none at all.
    pub(super) fn longest_pause(&self, count: &Count) -> Duration {
        match (count.last, self.window.until) {
            (None, _) => Duration::ZERO,
            (Some(last), until) => count.longest_pause(until.unwrap_or(last), &self.window),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(secs: Option<u64>) -> Tally {
        let from = Instant::now();
        Tally::new(Window { from, until: secs.map(|secs| from + Duration::from_secs(secs)) }, 0)
    }

    #[test]
    fn only_what_happens_inside_the_window_counts() {
        let mut tally = tally(Some(10));
        let from = tally.window.from;
        for at_ms in [1_000, 4_000, 10_001] {
            let now = from + Duration::from_millis(at_ms);
            tally.confirmed(now - Duration::from_millis(2), now);
            tally.received(None, true, now);
        }
        assert_eq!((tally.confirmed.messages, tally.received.messages, tally.redelivered), (2, 2, 2));
        assert_eq!((tally.received_ever, tally.progress), (3, 6));
        assert_eq!(tally.seconds(&tally.confirmed), 10.0);
        assert_eq!(tally.longest_pause(&tally.confirmed), Duration::from_secs(6), "it was at the end");
        assert_eq!(tally.confirmed.latencies.len(), 2);
        assert_eq!(tally.received.latencies.len(), 0, "nobody knows when they were sent");
    }

    #[test]
    fn without_an_end_the_last_is_the_end() {
        let mut tally = tally(None);
        assert_eq!(tally.seconds(&tally.received), 0.0);
        let now = tally.window.from + Duration::from_secs(3);
        tally.received(Some(Duration::from_millis(1)), false, now);
        assert_eq!(tally.seconds(&tally.received), 3.0);
        assert_eq!(tally.longest_pause(&tally.received), Duration::from_secs(3));
        assert_eq!(tally.longest_pause(&tally.confirmed), Duration::ZERO);
    }
}
