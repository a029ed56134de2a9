//! What comes before the first byte of the protocol on a secure listener.

use std::sync::atomic::{AtomicU64, Ordering};

use runtime::{BoxStream, Secured, Security};
use tokio::sync::Semaphore;

use super::Server;
use crate::errors::Ending;

/// The handshakes that are under way, and what became of others.
pub(crate) struct Handshakes {
    room: Semaphore,
    room_max: usize,
    exceeded: AtomicU64,
    failed: AtomicU64,
}

impl Handshakes {
    pub(super) fn new(max: usize) -> Self {
        let room_max = max.clamp(1, Semaphore::MAX_PERMITS);
        let room = Semaphore::new(room_max);
        Self { room, room_max, exceeded: AtomicU64::new(0), failed: AtomicU64::new(0) }
    }

    /// How many there are now.
    pub(crate) fn under_way(&self) -> usize {
        self.room_max - self.room.available_permits()
    }

    /// How many did not begin, since there were too many.
    pub(crate) fn exceeded(&self) -> u64 {
        self.exceeded.load(Ordering::Relaxed)
    }

    /// How many came to nothing.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Server {
    /// Agrees with a client on how to encrypt, in time and if there is room.
    pub(super) async fn secure(&self, stream: BoxStream, security: &dyn Security) -> Result<Secured, Ending> {
        let Ok(_room) = self.handshakes.room.try_acquire() else {
            self.handshakes.exceeded.fetch_add(1, Ordering::Relaxed);
            return Err(Ending::TlsExceeded);
        };
        let handshake =
            self.runtime.clock.timeout(self.config.tls_handshake_timeout, security.secure(stream));
        let done = tokio::select! {
            biased;
            () = self.stopped() => return Err(Ending::Stopping),
            done = handshake => done,
        };
        let secured =
            done.map_err(|_elapsed| Ending::TlsTimeout).and_then(|done| done.map_err(Ending::TlsFailed));
        if secured.is_err() {
            self.handshakes.failed.fetch_add(1, Ordering::Relaxed);
        }
        secured
    }
}
