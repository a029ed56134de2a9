//! What comes before the first byte of the protocol on a secure listener.

use runtime::{BoxStream, Secured, Security};
use tokio::sync::Semaphore;

use super::Server;
use crate::ending::Ending;

/// Room for the handshakes that are under way. Each takes memory before anybody knows whose it is.
pub(super) struct Handshakes(Semaphore);

impl Handshakes {
    pub(super) fn new(max: usize) -> Self {
        Self(Semaphore::new(max.clamp(1, Semaphore::MAX_PERMITS)))
    }
}

impl Server {
    /// Agrees with a client on how to encrypt, in time and if there is room.
    pub(super) async fn secure(&self, stream: BoxStream, security: &dyn Security) -> Result<Secured, Ending> {
        let Ok(_room) = self.handshakes.0.try_acquire() else {
            self.metrics.tls_handshakes_refused.add(1);
            return Err(Ending::TlsExceeded);
        };
        let handshake =
            self.runtime.clock.timeout(self.config.tls_handshake_timeout, security.secure(stream));
        let done = tokio::select! {
            biased;
            () = self.stopped() => return Err(Ending::Stopping),
            done = handshake => done,
        };
        let secured = done
            .map_err(|_elapsed| Ending::HandshakeTimeout)
            .and_then(|done| done.map_err(Ending::TlsFailed));
        if secured.is_err() {
            self.metrics.tls_handshakes_failed.add(1);
        }
        secured
    }
}
