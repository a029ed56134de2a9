//! What a message of the load begins with: the run that it is of, and when it was sent.

use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};

/// How long it is.
pub(super) const BYTES: usize = 16;

/// A run, by which messages are told from those that were in a queue before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    number: u64,
    began: Instant,
}

impl Run {
    pub(super) fn new(number: u64) -> Self {
        Self { number, began: Instant::now() }
    }

    /// A message of `bytes`, at least [`BYTES`], that is sent at `now`.
    pub(super) fn message(&self, bytes: usize, now: Instant) -> Bytes {
        let mut message = BytesMut::with_capacity(bytes);
        message.put_u64(self.number);
        message.put_u64(now.saturating_duration_since(self.began).as_nanos() as u64);
        message.resize(bytes, b'x');
        message.freeze()
    }

    /// How old a message is that came at `now`; `None` if it is of another run.
    pub(super) fn age(&self, message: &[u8], now: Instant) -> Option<Duration> {
        let (number, rest) = message.split_first_chunk()?;
        let (sent, _) = rest.split_first_chunk()?;
        let sent = Duration::from_nanos(u64::from_be_bytes(*sent));
        (u64::from_be_bytes(*number) == self.number)
            .then(|| now.saturating_duration_since(self.began).saturating_sub(sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_this_run_have_an_age() {
        let run = Run::new(7);
        let sent = run.began + Duration::from_millis(3);
        let message = run.message(20, sent);
        assert_eq!(message.len(), 20);
        let came = sent + Duration::from_micros(5);
        assert_eq!(run.age(&message, came), Some(Duration::from_micros(5)));
        assert_eq!(Run::new(8).age(&message, came), None);
        assert_eq!(run.age(b"short", came), None);
    }
}
