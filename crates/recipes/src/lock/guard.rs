//! A lock that is held.

use client::{AnyVersion, Client, Error};

use crate::contend::{Held, Loss, REVOKE, Token};

/// A lock that is held, until it is released, dropped or lost. Dropping it deletes its znode in the background; the next client
/// gets the lock then.
#[must_use = "the lock is released when its guard is dropped"]
pub struct Guard(pub(crate) Held);

impl Guard {
    /// The fencing token, higher than that of every earlier holder. Send it along with all that is done under the lock.
    pub fn token(&self) -> Token {
        self.0.hold().token()
    }

    /// The token, if the lock is still held as far as can be known without asking a server. Good before each step on what the lock
    /// protects; by the time the step arrives there it may be lost, so it is no substitute for the token.
    ///
    /// # Errors
    /// When it is lost.
    pub fn check(&self) -> Result<Token, Loss> {
        self.0.hold().check()
    }

    /// Completes when the lock is lost, or can no longer be known to be held: the session is over, no server has confirmed it for half
    /// its timeout, or somebody deleted the znode. Others may hold the lock from then on: in the first and the last case at once,
    /// in the second not before the other half of the timeout has passed.
    pub async fn lost(&self) -> Loss {
        self.0.hold().lost().await
    }

    /// Completes when somebody asks the holder to let go ([`revoke`], Curator's `Revoker`). It is a request, not an order: the lock is
    /// held on until it is released.
    pub async fn revoked(&self) {
        self.0.hold().revoked().await;
    }

    /// The znode by which it is held.
    pub fn path(&self) -> String {
        self.0.path()
    }

    /// The client whose session holds it.
    pub fn client(&self) -> &Client {
        self.0.hold().client()
    }

    /// Lets go, and waits until the server has said so: then the next client has the lock or is about to be told. If the future
    /// is dropped, that is seen to in the background. What is lost already is released already.
    ///
    /// # Errors
    /// When the server refuses to delete the znode; it ends with the session.
    pub async fn release(self) -> Result<(), Error> {
        self.0.release().await
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("path", &self.path())
            .field("token", &self.token())
            .finish_non_exhaustive()
    }
}

/// Asks the holder of the znode at `path` (see [`Participant::path`](super::Participant::path)) to let go, as Curator's `Revoker` does: a holder that waits
/// for [`Guard::revoked`], or is a Curator lock that was made revocable, is told.
///
/// # Errors
/// [`NoNode`](client::ErrorKind::NoNode) when it has let go already.
pub async fn revoke(client: &Client, path: &str) -> Result<(), Error> {
    client.set(path, Some(REVOKE), AnyVersion).await.map(drop)
}
