//! Signs of life in both directions.

use std::time::Duration;

use runtime::Instant;

/// When to send a heartbeat, and when to give a silent client up.
///
/// One is sent when nothing else was for half the interval. A client that has sent nothing, whatever it be, for two intervals is gone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heartbeat {
    interval: Duration,
    last_input: Instant,
    last_output: Instant,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing before then.
    NotBefore(Instant),
    /// A heartbeat is to be sent.
    Send,
    /// The client is gone.
    Gone,
}

impl Heartbeat {
    /// `None` if the interval is zero: then there are none.
    pub(crate) fn new(interval: Duration, now: Instant) -> Option<Self> {
        (!interval.is_zero()).then_some(Self { interval, last_input: now, last_output: now })
    }

    /// Bytes came from the client.
    pub(crate) fn on_input(&mut self, now: Instant) {
        self.last_input = now;
    }

    /// Bytes went to the client.
    pub(crate) fn on_output(&mut self, now: Instant) {
        self.last_output = now;
    }

    /// What is to be done now. While the server does not read (`listening` is false), a client can not be found silent.
    pub(crate) fn due(&mut self, now: Instant, listening: bool) -> Due {
        if !listening {
            self.last_input = now;
        }
        let gone = self.last_input + self.interval * 2;
        let send = self.last_output + self.interval / 2;
        if gone <= now {
            Due::Gone
        } else if send <= now {
            Due::Send
        } else {
            Due::NotBefore(gone.min(send))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(seconds))
    }

    #[test]
    fn one_is_sent_after_half_an_interval_of_silence() {
        let mut heartbeat = Heartbeat::new(Duration::from_secs(10), at(0)).unwrap();
        assert_eq!(heartbeat.due(at(0), true), Due::NotBefore(at(5)));
        heartbeat.on_output(at(3));
        assert_eq!(heartbeat.due(at(5), true), Due::NotBefore(at(8)));
        assert_eq!(heartbeat.due(at(8), true), Due::Send);
    }

    #[test]
    fn a_client_is_gone_after_two_intervals_of_silence() {
        let mut heartbeat = Heartbeat::new(Duration::from_secs(10), at(0)).unwrap();
        heartbeat.on_output(at(19));
        assert_eq!(heartbeat.due(at(19), true), Due::NotBefore(at(20)));
        assert_eq!(heartbeat.due(at(20), true), Due::Gone);
        heartbeat.on_input(at(15));
        heartbeat.on_output(at(34));
        assert_eq!(heartbeat.due(at(34), true), Due::NotBefore(at(35)));
    }

    #[test]
    fn a_client_that_is_not_listened_to_is_not_gone() {
        let mut heartbeat = Heartbeat::new(Duration::from_secs(10), at(0)).unwrap();
        heartbeat.on_output(at(100));
        assert_eq!(heartbeat.due(at(100), false), Due::NotBefore(at(105)));
    }

    #[test]
    fn zero_is_none() {
        assert!(Heartbeat::new(Duration::ZERO, at(0)).is_none());
    }
}
