//! How something that was held is lost.

use client::Client;
use thiserror::Error;

/// Why a holder must let go. What was lost once stays lost: acquire it again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Loss {
    /// The session is over, and the znode with it. Somebody else may hold it already.
    #[error("the session is over, and with it what was held; acquire it again in another session")]
    SessionOver,
    /// No server has confirmed the session for so long that it may end, or have ended, without this client being told.
    #[error(
        "no server has confirmed the session in time, so what was held may be given to others; let go of it"
    )]
    CutOff,
    /// Somebody deleted the znode. Somebody else may hold it already.
    #[error("somebody deleted the znode that it was held by; acquire it again")]
    Deleted,
    /// The holder let go of it.
    #[error("it was released")]
    Released,
}

impl Loss {
    /// Completes when the session of `client` no longer lives for certain.
    pub(crate) async fn of_session(client: &Client) -> Self {
        client.lapsed().await;
        Self::lapsed(client)
    }

    /// How a session that no longer lives for certain is lost.
    pub(crate) fn lapsed(client: &Client) -> Self {
        if client.is_over() { Loss::SessionOver } else { Loss::CutOff }
    }
}
