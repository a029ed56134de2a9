//! A lease that is held.

use client::Error;

use crate::contend::{Held, Loss, Token};

/// A lease that is held, until it is released, dropped or lost. Dropping it deletes its znode in the background.
#[must_use = "the lease is given back when it is dropped"]
pub struct Lease(pub(crate) Held);

impl Lease {
    /// A number that is higher than that of every lease that was given before. Others are held at the same time, so a resource
    /// that takes several holders can't simply refuse lower ones; it tells holders apart.
    pub fn token(&self) -> Token {
        self.0.hold().token()
    }

    /// The token, if the lease is still held as far as can be known without asking a server.
    ///
    /// # Errors
    /// When it is lost.
    pub fn check(&self) -> Result<Token, Loss> {
        self.0.hold().check()
    }

    /// Completes when the lease is lost, or can no longer be known to be held; see [`Guard::lost`](crate::Guard::lost).
    pub async fn lost(&self) -> Loss {
        self.0.hold().lost().await
    }

    /// The znode by which it is held.
    pub fn path(&self) -> String {
        self.0.path()
    }

    /// Gives the lease back, and waits until the server has said so. If the future is dropped, that is seen to in the background.
    ///
    /// # Errors
    /// When the server refuses to delete the znode; it ends with the session.
    pub async fn release(self) -> Result<(), Error> {
        self.0.release().await
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease")
            .field("path", &self.path())
            .field("token", &self.token())
            .finish_non_exhaustive()
    }
}
