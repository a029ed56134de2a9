//! Being the leader.

use client::Client;

use crate::contend::{Hold, Loss, Token};

/// One time of being the leader. Clones are the same time; it outlives what it tells of.
#[derive(Clone)]
pub struct Leadership(pub(super) Hold);

impl Leadership {
    /// The epoch of this leadership: higher than those of all that came before it.
    pub fn token(&self) -> Token {
        self.0.token()
    }

    /// The token, if this is still the leader as far as can be known without asking a server.
    ///
    /// # Errors
    /// When it is not.
    pub fn check(&self) -> Result<Token, Loss> {
        self.0.check()
    }

    /// Completes when this is no longer the leader, or can no longer be known to be: stop what only a leader may do. See
    /// [`Guard::lost`](crate::Guard::lost).
    pub async fn lost(&self) -> Loss {
        self.0.lost().await
    }

    /// The client whose session leads.
    pub fn client(&self) -> &Client {
        self.0.client()
    }
}

impl std::fmt::Debug for Leadership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leadership").field("token", &self.token()).finish_non_exhaustive()
    }
}
