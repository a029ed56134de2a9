//! Who a client is.

use std::net::SocketAddr;
use std::sync::Arc;

use catalog::{Catalog, Tag};
use runtime::BoxFuture;
use thiserror::Error;

use crate::connection::Credentials;

/// A user whose client has proved that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it may publish under other users' names: RabbitMQ's tag `impersonator`.
    pub may_impersonate: bool,
}

/// A client is not who it says. Told to the node's log, not to the client.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoginRefused {
    /// No such user, or another password.
    #[error("user '{user}' - invalid credentials")]
    Invalid {
        /// The name that was shown.
        user: String,
    },
    /// A user that may come from the node's own machine only.
    #[error("user '{user}' can only connect via localhost")]
    LoopbackOnly {
        /// The name that was shown.
        user: String,
    },
    /// Nobody could say, since what has the users can not be read.
    #[error("users can not be read at the moment: {0}")]
    Unavailable(String),
}

/// What a client shows, with what is known of it otherwise.
#[derive(Debug, Clone)]
pub struct Claim {
    /// What it shows.
    pub credentials: Credentials,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// The user that the certificate is for by which it has proved who it is.
    pub certified: Option<String>,
}

/// Knows users.
pub trait Authenticator: Send + Sync {
    /// The user that a client is.
    fn authenticate(&self, claim: Claim) -> BoxFuture<'_, Result<User, LoginRefused>>;
}

/// The users of the catalog.
pub struct CatalogUsers(pub Arc<Catalog>);

impl Authenticator for CatalogUsers {
    fn authenticate(&self, claim: Claim) -> BoxFuture<'_, Result<User, LoginRefused>> {
        Box::pin(std::future::ready(self.find(claim)))
    }
}

impl CatalogUsers {
    fn find(&self, claim: Claim) -> Result<User, LoginRefused> {
        let topology = self.0.topology();
        let Claim { credentials, peer, certified } = claim;
        let found = match &credentials {
            Credentials::Password { user, password } => {
                topology.user(user.as_bytes()).filter(|found| found.check_password(password))
            }
            Credentials::Certificate => certified.as_ref().and_then(|name| topology.user(name.as_bytes())),
        };
        let shown = || match &credentials {
            Credentials::Password { user, .. } => user.clone(),
            Credentials::Certificate => certified.clone().unwrap_or_default(),
        };
        let found = found.ok_or_else(|| LoginRefused::Invalid { user: shown() })?;
        if found.loopback_only && !peer.ip().to_canonical().is_loopback() {
            return Err(LoginRefused::LoopbackOnly { user: shown() });
        }
        Ok(User { name: found.name.to_string().into(), may_impersonate: found.has(&Tag::Impersonator) })
    }
}
