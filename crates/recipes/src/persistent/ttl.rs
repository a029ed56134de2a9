//! A znode that outlives its maker for a while.

use std::sync::Arc;
use std::time::Duration;

use client::{Acl, AnyVersion, Client, CreateMode, Error, ErrorKind, Sessions};
use runtime::{Pool, Task};

use super::{Options, PersistentNode};
use crate::parents::{EMPTY, Kind, ensure};
use crate::paths;
use crate::trouble::{is_over, may_pass};

/// A container that is kept there, and a child `touch` in it, with a time to live, that is written to again and again. When this
/// ends, however it ends, the child goes after its time to live, and the container some time after that: a session's end
/// alone does not make others believe that it is gone. Servers have to know times to live (`extendedTypesEnabled` in ZooKeeper).
pub struct PersistentTtlNode {
    node: PersistentNode,
    _toucher: Task,
}

const TOUCH: &str = "touch";

/// The child is written to so many times in its time to live.
const TOUCHES: u32 = 2;

impl PersistentTtlNode {
    /// Begins to keep the znode at `path` with this data. Whoever has written nothing to it for `ttl`, at least a few seconds, has
    /// left it.
    ///
    /// # Errors
    /// As of [`PersistentNode::keep`], and when the server has no times to live.
    pub async fn keep(
        sessions: &Sessions,
        path: &str,
        data: &[u8],
        ttl: Duration,
        acl: Vec<Acl>,
    ) -> Result<Self, Error> {
        let client = sessions.client().await?;
        let options = Options { mode: CreateMode::Container, acl: acl.clone(), ..Options::default() };
        let toucher = Toucher { path: paths::child(path, TOUCH), ttl, acl };
        toucher.touch(&client).await?;
        let node = PersistentNode::keep(sessions, path, data, options).await?;
        // The touch made the container, as a parent, without data.
        node.set(data).await?;
        let runtime = client.runtime().clone();
        let task = runtime.spawn(Pool::Clients, toucher.run(sessions.clone(), client));
        Ok(Self { node, _toucher: task })
    }

    /// Waits until it is there; gives its path.
    ///
    /// # Errors
    /// As of [`PersistentNode::there`].
    pub async fn there(&self) -> Result<Arc<str>, Error> {
        self.node.there().await
    }

    /// Replaces its data.
    ///
    /// # Errors
    /// As of [`PersistentNode::set`].
    pub async fn set(&self, data: &[u8]) -> Result<(), Error> {
        self.node.set(data).await
    }
}

struct Toucher {
    path: String,
    ttl: Duration,
    acl: Vec<Acl>,
}

impl Toucher {
    async fn run(self, sessions: Sessions, mut client: Client) {
        loop {
            client.runtime().clock.sleep(self.ttl / TOUCHES).await;
            match self.touch(&client).await {
                Ok(()) => {}
                Err(error) if is_over(&error) => match sessions.after(&client).await {
                    Ok(next) => client = next,
                    Err(_) => return,
                },
                Err(error) if may_pass(&error) => tracing::debug!(path = %self.path, %error, "not touched"),
                Err(error) => {
                    tracing::warn!(path = %self.path, %error, "can't be touched: it goes after its time to live")
                }
            }
        }
    }

    async fn touch(&self, client: &Client) -> Result<(), Error> {
        match client.set(&self.path, EMPTY, AnyVersion).await {
            Ok(_) => return Ok(()),
            Err(error) if error.kind == ErrorKind::NoNode => {}
            Err(error) => return Err(error),
        }
        if let Some(parent) = paths::parent(&self.path) {
            ensure(client, parent, Kind::Container, &self.acl).await?;
        }
        match client.create(&self.path, EMPTY, &self.acl, CreateMode::Ttl(self.ttl)).await {
            Err(error) if error.kind != ErrorKind::NodeExists => Err(error),
            _ => Ok(()),
        }
    }
}
