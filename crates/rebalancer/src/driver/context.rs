//! What all parts of the driver share, and how they ask.

use std::sync::Arc;
use std::time::Duration;

use client::{Client, ErrorKind, Node};
use runtime::BoxFuture;

use crate::core::MemberId;
use crate::error::Error;
use crate::layout::Layout;
use crate::options::Options;

/// One membership's surroundings.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) client: Client,
    pub(super) layout: Arc<Layout>,
    pub(super) options: Arc<Options>,
    pub(super) me: MemberId,
}

/// Why something could not be done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The session is over, and with it the membership.
    SessionOver,
    /// The group goes on without this membership: its znode is gone, or another coordinates.
    Deposed,
    /// Trying again changes nothing.
    Failed(Error),
}

impl From<client::Error> for Trouble {
    fn from(error: client::Error) -> Self {
        match error.kind {
            ErrorKind::SessionExpired | ErrorKind::Closed => Trouble::SessionOver,
            _ => Trouble::Failed(error.into()),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Failed(error)
    }
}

/// Before something is asked again for which there was no room.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks until there is an answer, however long no server can be reached; for what does no harm when it is done twice.
pub(super) async fn insist<T, F: Future<Output = Result<T, client::Error>>>(
    client: &Client,
    ask: impl Fn() -> F,
) -> Result<T, client::Error> {
    loop {
        match ask().await {
            Err(error) if error.is_passing() => recover(client, &error).await,
            answer => return answer,
        }
    }
}

/// After an error that passes: the client itself waits for servers.
pub(super) async fn recover(client: &Client, error: &client::Error) {
    tracing::debug!(%error, "asked again");
    if matches!(error.kind, ErrorKind::Overloaded { .. }) {
        client.runtime().clock.sleep(PAUSE).await;
    }
}

/// A znode; `None` if it is not there.
pub(super) async fn find(client: &Client, path: &str) -> Result<Option<Node>, client::Error> {
    match insist(client, || client.get(path)).await {
        Ok(node) => Ok(Some(node)),
        Err(error) if error.kind == ErrorKind::NoNode => Ok(None),
        Err(error) => Err(error),
    }
}

/// Something under way, boxed to be kept with others.
pub(super) type Doing<T> = BoxFuture<'static, Result<T, Trouble>>;
