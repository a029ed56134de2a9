//! What the front end has done, counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: usize) {
        if count > 0 {
            self.0.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts since the process started.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $($(#[$doc])* pub $name: Counter,)*
        }
    };
}

counters! {
    /// Connections that were accepted.
    connections_opened,
    /// Connections that have ended.
    connections_closed,
    /// Connections that were closed at once: there were too many.
    connections_refused,
    /// TLS handshakes that did not begin: there were too many.
    tls_handshakes_refused,
    /// TLS handshakes that came to nothing.
    tls_handshakes_failed,
    /// Logins that were tried.
    logins,
    /// Logins that were refused.
    logins_refused,
    /// Channels that were opened.
    channels_opened,
    /// Channels that have ended.
    channels_closed,
    /// Messages that were published.
    published,
    /// Messages that publishers were told are safe.
    confirmed,
    /// Messages that went back to their publishers, for want of a queue.
    returned,
    /// Messages that were dropped, for want of a queue.
    unroutable,
    /// Messages that were delivered to consumers.
    delivered,
    /// Of these, those that somebody had before.
    redelivered,
    /// Messages that basic.get brought.
    got,
    /// Times that basic.get found nothing.
    got_nothing,
    /// Deliveries that were acknowledged.
    acknowledged,
}
