//! A barrier that somebody sets and takes away.

use std::time::Duration;

use client::{Acl, Client, Error, ErrorKind, EventType};

use crate::contend::{create_persistent, persist, remove};

/// A barrier: who waits at it goes on when it is gone. It is the znode itself, as with Curator's `DistributedBarrier` and kazoo's `Barrier`, persistent, so
/// that it outlives who has set it.
///
/// A barrier that is taken away and set again at once may hold those who wait: they go on when they see that it is gone, or are told.
#[derive(Clone)]
pub struct Barrier {
    client: Client,
    path: String,
}

impl Barrier {
    /// The barrier at `path`.
    pub fn new(client: &Client, path: &str) -> Self {
        Self { client: client.clone(), path: path.to_owned() }
    }

    /// Sets it, if it is not set.
    ///
    /// # Errors
    /// When the session is over, or the server refuses.
    pub async fn set(&self) -> Result<(), Error> {
        create_persistent(&self.client, &self.path, b"", &Acl::open()).await
    }

    /// Takes it away, if it is set.
    ///
    /// # Errors
    /// When the session is over, or the server refuses.
    pub async fn remove(&self) -> Result<(), Error> {
        remove(&self.client, &self.path).await
    }

    /// Waits until it is not set.
    ///
    /// # Errors
    /// When the session is over, or the server refuses.
    pub async fn wait(&self) -> Result<(), Error> {
        loop {
            match persist(&self.client, || self.client.get_and_watch(&self.path)).await {
                Err(error) if error.kind == ErrorKind::NoNode => return Ok(()),
                Err(error) => return Err(error),
                Ok((_, watch)) => {
                    if watch.fired().await.is_some_and(|event| event.kind == EventType::NodeDeleted) {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The same, for so long at most; false then.
    ///
    /// # Errors
    /// As [`Barrier::wait`].
    pub async fn wait_within(&self, patience: Duration) -> Result<bool, Error> {
        let waited = self.client.runtime().clock.timeout(patience, self.wait()).await;
        waited.ok().transpose().map(|gone| gone.is_some())
    }
}
