//! What is logged of callers that were refused: they come again and again, and it need not be said each time.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use parking_lot::Mutex;
use runtime::{Clock, Instant};
use tracing::{debug, warn};

/// About one address nothing is said so soon again.
const QUIET: Duration = Duration::from_secs(30);
/// Addresses that are remembered. Beyond that all are forgotten.
const ADDRESSES_MAX: usize = 256;

#[derive(Default)]
pub(crate) struct Complaints {
    made: Mutex<BTreeMap<IpAddr, Instant>>,
}

impl Complaints {
    /// Logs why a peer was refused, aloud if that has not been told lately.
    pub(crate) fn make(&self, clock: &Clock, address: SocketAddr, why: &str) {
        if self.is_due(address.ip(), clock.now()) {
            warn!(%address, why, "a peer was refused by TLS");
        } else {
            debug!(%address, why, "a peer was refused by TLS");
        }
    }

    fn is_due(&self, address: IpAddr, now: Instant) -> bool {
        let mut made = self.made.lock();
        let is_due = made.get(&address).is_none_or(|last| now.saturating_since(*last) >= QUIET);
        if is_due {
            if made.len() >= ADDRESSES_MAX {
                made.clear();
            }
            made.insert(address, now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_complained_of_now_and_then() {
        let complaints = Complaints::default();
        let at = |seconds| Instant::from_origin(Duration::from_secs(seconds));
        let host = |number: u8| IpAddr::from([10, 0, 0, number]);
        assert!(complaints.is_due(host(1), at(100)));
        assert!(!complaints.is_due(host(1), at(129)));
        assert!(complaints.is_due(host(2), at(129)));
        assert!(complaints.is_due(host(1), at(130)));
        for number in 0..=u8::MAX {
            complaints.is_due(host(number), at(131));
            complaints.is_due(IpAddr::from([10, 1, 0, number]), at(131));
        }
        assert!(complaints.made.lock().len() <= ADDRESSES_MAX);
    }
}
