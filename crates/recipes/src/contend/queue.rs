//! Waiting until no rival is before one.

use std::sync::Arc;

use client::{Client, Error, ErrorKind};
use runtime::Instant;
use thiserror::Error;

use super::claim::{Claim, Staking};
use super::guard::Held;
use super::name::{Marker, Place, place};
use super::persist::persist;
use crate::paths::child;

/// Why something could not be acquired.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// The session is over, or the server refuses.
    #[error("{0}")]
    Client(#[from] Error),
    /// Somebody deleted the znode by which this client waited.
    #[error(
        "somebody deleted {path}, by which this client waited; acquire again to wait at the end of the queue"
    )]
    Removed {
        /// The znode.
        path: Arc<str>,
    },
}

/// A queue, and how to stand in it.
#[derive(Clone)]
pub(crate) struct Queue {
    pub(crate) staking: Staking,
    /// What this client's znode is.
    pub(crate) marker: Marker,
    /// Whom it takes into account.
    pub(crate) markers: &'static [Marker],
}

impl Queue {
    /// Stands in the queue until it is at its front. If the future is dropped, the znode is deleted in the background.
    pub(crate) async fn acquire(&self) -> Result<Held, AcquireError> {
        let claim = self.stake().await?;
        self.reach_front(&claim).await?;
        Ok(Held::by(claim))
    }

    /// Takes a place at the end.
    pub(crate) async fn stake(&self) -> Result<Claim, Error> {
        self.staking.stake(self.marker).await
    }

    /// Waits until the claim is at the front, with a session that lives for certain.
    pub(crate) async fn reach_front(&self, claim: &Claim) -> Result<(), AcquireError> {
        while let Place::Behind(rival) = self.place_of(claim).await? {
            changed(claim.client(), &child(claim.parent(), &rival)).await?;
        }
        Ok(())
    }

    /// The same until `deadline`; `None` then.
    pub(crate) async fn acquire_before(&self, deadline: Instant) -> Result<Option<Held>, AcquireError> {
        let clock = &self.staking.client.runtime().clock;
        tokio::select! {
            biased;
            held = self.acquire() => held.map(Some),
            () = clock.sleep_until(deadline) => Ok(None),
        }
    }

    /// `None` if somebody is before it; then the znode that it took to find out is gone again.
    pub(crate) async fn try_acquire(&self) -> Result<Option<Held>, AcquireError> {
        let claim = self.stake().await?;
        match self.place_of(&claim).await? {
            Place::First => Ok(Some(Held::by(claim))),
            Place::Behind(_) | Place::Gone => {
                claim.withdraw().await?;
                Ok(None)
            }
        }
    }

    /// Where the claim is. If it is first, then also the session lives for certain at that moment.
    async fn place_of(&self, claim: &Claim) -> Result<Place, AcquireError> {
        let client = claim.client();
        loop {
            let children = match persist(client, || client.children(claim.parent())).await {
                Ok((children, _)) => children,
                Err(error) if error.kind == ErrorKind::NoNode => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            match place(&children, claim.name(), self.markers) {
                Place::First if client.lives_until() <= client.runtime().clock.now() => {
                    // A server that is cut off still shows znodes of sessions that have ended; what it says of the leader is
                    // certain.
                    persist(client, || client.sync(claim.parent())).await?;
                }
                Place::Gone => return Err(AcquireError::Removed { path: claim.path().into() }),
                place => return Ok(place),
            }
        }
    }
}

/// Completes when the znode has changed or is gone. Unlike a watch on existence, one on data leaves nothing at the server when
/// the znode is gone already.
async fn changed(client: &Client, path: &str) -> Result<(), Error> {
    match persist(client, || client.get_and_watch(path)).await {
        // Without an event the session is over, which the next request tells.
        Ok((_, watch)) => drop(watch.fired().await),
        Err(error) if error.kind == ErrorKind::NoNode => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
