//! What the connections of one thread count together.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use zookeeper::codec::ErrorCode;

use super::pipeline::Answer;
use crate::report::{Latency, latencies};
use crate::series::Series;

/// When to measure: answers before and after count for nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

impl Window {
    /// `moment`, moved to the nearest end of the window if it is outside.
    fn clamp(&self, moment: Instant) -> Instant {
        moment.clamp(self.from, self.until)
    }
}

/// The longest time without an answer, within a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    last: Instant,
    longest: Duration,
}

impl Pause {
    pub(crate) fn new(window: &Window) -> Self {
        Self { last: window.from, longest: Duration::ZERO }
    }

    pub(crate) fn answered(&mut self, now: Instant, window: &Window) {
        let now = window.clamp(now);
        self.longest = self.longest.max(now - self.last);
        self.last = now;
    }
}

/// Counts and latencies.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) window: Window,
    /// Nanoseconds from request to answer, of answers without error.
    latencies_ns: Histogram<u64>,
    pub(crate) ops: u64,
    /// When they came.
    pub(crate) series: Series,
    /// Of the answers without error.
    pub(crate) received_bytes: u64,
    pub(crate) error_codes: BTreeMap<i32, u64>,
    pub(crate) connections_lost: u64,
    pub(crate) requests_lost: u64,
    pause: Pause,
    pub(crate) longest_connection_pause: Duration,
}

impl Tally {
    /// An empty one, whose series has stretches of `series_ms`.
    pub(crate) fn new(window: Window, series_ms: u64) -> Self {
        Self {
            window,
            latencies_ns: latencies(),
            ops: 0,
            series: Series::new(series_ms),
            received_bytes: 0,
            error_codes: BTreeMap::new(),
            connections_lost: 0,
            requests_lost: 0,
            pause: Pause::new(&window),
            longest_connection_pause: Duration::ZERO,
        }
    }

    /// Counts an answer that was read at `now`.
    pub(crate) fn answer(&mut self, answer: Answer, now: Instant) {
        if now < self.window.from || now > self.window.until {
            return;
        }
        if answer.error != ErrorCode::OK {
            *self.error_codes.entry(answer.error.0).or_default() += 1;
            return;
        }
        self.ops += 1;
        self.series.count(now - self.window.from);
        self.received_bytes += answer.bytes as u64;
        self.latencies_ns.saturating_record((now - answer.sent).as_nanos() as u64);
        self.pause.answered(now, &self.window);
    }

    /// Closes the count of one connection.
    pub(crate) fn connection_ended(&mut self, mut pause: Pause) {
        pause.answered(self.window.until, &self.window);
        self.longest_connection_pause = self.longest_connection_pause.max(pause.longest);
    }

    /// Adds what another thread counted. The pause without any answer is then an upper bound: each thread's own.
    pub(crate) fn add(&mut self, other: &Tally) {
        self.latencies_ns.add(&other.latencies_ns).expect("both histograms have the same bounds");
        self.ops += other.ops;
        self.series.add(&other.series);
        self.received_bytes += other.received_bytes;
        for (code, count) in &other.error_codes {
            *self.error_codes.entry(*code).or_default() += count;
        }
        self.connections_lost += other.connections_lost;
        self.requests_lost += other.requests_lost;
        self.pause.longest = self.pause.longest.max(other.longest_pause());
        self.longest_connection_pause = self.longest_connection_pause.max(other.longest_connection_pause);
    }

    /// The longest time without any answer in the whole window.
    pub(crate) fn longest_pause(&self) -> Duration {
        let mut pause = self.pause;
        pause.answered(self.window.until, &self.window);
        pause.longest
    }

    pub(crate) fn latency(&self) -> Latency {
        Latency::of(&self.latencies_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        let from = Instant::now();
        Window { from, until: from + Duration::from_secs(10) }
    }

    fn answer(window: &Window, at_ms: u64) -> (Answer, Instant) {
        let now = window.from + Duration::from_millis(at_ms);
        (Answer { sent: now - Duration::from_micros(250), error: ErrorCode::OK, bytes: 20 }, now)
    }

    #[test]
    fn only_what_is_answered_inside_the_window_counts() {
        let window = window();
        let mut tally = Tally::new(window, 0);
        for at_ms in [1_000, 9_000, 10_001] {
            let (answer, now) = answer(&window, at_ms);
            tally.answer(answer, now);
        }
        assert_eq!(tally.ops, 2);
        assert!((tally.latency().p50 - 250.0).abs() < 1.0, "{:?}", tally.latency());
    }

    #[test]
    fn the_longest_pause_may_be_at_either_end() {
        for (answers, expected) in
            [(vec![4_000, 5_000], 5_000), (vec![7_000, 8_000], 7_000), (vec![], 10_000)]
        {
            let window = window();
            let mut tally = Tally::new(window, 0);
            for at_ms in answers {
                let (answer, now) = answer(&window, at_ms);
                tally.answer(answer, now);
            }
            assert_eq!(tally.longest_pause(), Duration::from_millis(expected));
        }
    }

    #[test]
    fn errors_are_counted_apart() {
        let window = window();
        let mut tally = Tally::new(window, 0);
        let (answer, now) = answer(&window, 5);
        tally.answer(Answer { error: ErrorCode::NO_NODE, ..answer }, now);
        assert_eq!(tally.ops, 0);
        assert_eq!(tally.error_codes, BTreeMap::from([(-101, 1)]));
    }
}
