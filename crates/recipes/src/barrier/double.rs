//! A barrier at the beginning and at the end.

use std::sync::Arc;

use client::{Acl, Client, CreateMode, Effect, Error, ErrorKind, EventType};

use crate::contend::{AcquireError, Claim, create_containers, create_persistent, pause, persist, remove};
use crate::lock::Naming;
use crate::paths::child;
use crate::unique;

/// A barrier that parties enter together and leave together: Curator's `DistributedDoubleBarrier` and kazoo's `DoubleBarrier`. Each party is an ephemeral znode
/// `P/<uuid>`; whoever sees that enough are there creates `P/ready`.
///
/// The number of parties is a threshold: more may enter. A party whose session ends has left, whatever it was doing, so the others don't
/// wait for it for ever. Have all left, the barrier can be used again.
///
/// With kazoo's parties use [`Naming::Kazoo`]: they take `P/ready` away when the first of them begins to leave, and can't leave as long as somebody else
/// has put it back. A party that is cut off from when the last one enters until the first one leaves then misses that it could
/// enter, as kazoo's own do; in Curator's way it does not.
pub struct DoubleBarrier {
    client: Client,
    path: Arc<str>,
    parties: usize,
    naming: Naming,
    own: Option<Claim>,
}

const READY: &str = "ready";

impl DoubleBarrier {
    /// The barrier at `path`, which opens when so many parties are there.
    pub fn new(client: &Client, path: &str, parties: usize) -> Self {
        Self { client: client.clone(), path: path.into(), parties, naming: Naming::Curator, own: None }
    }

    /// Does as parties of this library do.
    #[must_use]
    pub fn named(self, naming: Naming) -> Self {
        Self { naming, ..self }
    }

    /// Enters, and waits until enough parties have. If the future is dropped, this party is not there any more; nor if the barrier
    /// is dropped before it was left.
    ///
    /// # Errors
    /// When the session is over, the server refuses, or somebody deletes the znode of this party.
    pub async fn enter(&mut self) -> Result<(), AcquireError> {
        let own = self.arrive().await?;
        let ready = child(&self.path, READY);
        loop {
            let (stat, watch) = persist(&self.client, || self.client.exists_and_watch(&ready)).await?;
            let parties = self.parties().await?;
            if !parties.iter().any(|party| party == own.name()) {
                return Err(AcquireError::Removed { path: own.path().into() });
            }
            if stat.is_some() {
                break;
            }
            if parties.len() >= self.parties {
                create_persistent(&self.client, &ready, b"", &Acl::open()).await?;
                break;
            }
            // kazoo's parties may take it away again before this one looks.
            if watch.fired().await.is_some_and(|event| event.kind == EventType::NodeCreated) {
                let path = own.path();
                match persist(&self.client, || self.client.exists(&path)).await? {
                    Some(_) => break,
                    None => return Err(AcquireError::Removed { path: path.into() }),
                }
            }
        }
        self.own = Some(own);
        Ok(())
    }

    /// Leaves, and waits until all parties have. If the future is dropped, this party has left.
    ///
    /// # Errors
    /// When the session is over (then this party has left), or the server refuses.
    pub async fn leave(&mut self) -> Result<(), Error> {
        let ready = child(&self.path, READY);
        if self.naming == Naming::Kazoo {
            remove(&self.client, &ready).await?;
        }
        let mut own = self.own.take();
        loop {
            let mut parties = self.parties().await?;
            parties.sort();
            let is_own = |party: Option<&String>| party.map(String::as_str) == own.as_ref().map(Claim::name);
            // The lowest stays until it is alone, so that the others have one znode to wait for and it has one at a time.
            let awaited = match parties.as_slice() {
                [] => break,
                [.., highest] if is_own(parties.first()) && parties.len() > 1 => highest.clone(),
                [lowest, ..] => {
                    let lowest = lowest.clone();
                    if let Some(own) = own.take() {
                        own.withdraw().await?;
                    }
                    lowest
                }
            };
            let awaited = child(&self.path, &awaited);
            match persist(&self.client, || self.client.get_and_watch(&awaited)).await {
                Ok((_, watch)) => drop(watch.fired().await),
                Err(error) if error.kind == ErrorKind::NoNode => {}
                Err(error) => return Err(error),
            }
        }
        remove(&self.client, &ready).await
    }

    /// Creates the znode of this party.
    async fn arrive(&self) -> Result<Claim, Error> {
        let entropy = &*self.client.runtime().entropy;
        let name = if self.naming == Naming::Kazoo { unique::hex(entropy) } else { unique::uuid(entropy) };
        let path = child(&self.path, &name);
        let claim = Claim::named(&self.client, &self.path, &name);
        loop {
            match self.client.create(&path, None, &Acl::open(), CreateMode::Ephemeral).await {
                Ok((path, stat)) => return Ok(claim.found(&path, stat.czxid)),
                Err(error) if error.kind == ErrorKind::NoNode => {
                    create_containers(&self.client, &self.path, &Acl::open()).await?;
                }
                Err(error) if !error.is_passing() => return Err(error),
                Err(error) if error.effect == Effect::None => pause(&self.client).await,
                Err(_) => {
                    if let Some((path, czxid)) = claim.look().await? {
                        return Ok(claim.found(&path, czxid));
                    }
                }
            }
        }
    }

    /// The names of those who are there.
    async fn parties(&self) -> Result<Vec<String>, Error> {
        match persist(&self.client, || self.client.children(&self.path)).await {
            Ok((children, _)) => Ok(children.into_iter().filter(|name| name != READY).collect()),
            Err(error) if error.kind == ErrorKind::NoNode => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}
