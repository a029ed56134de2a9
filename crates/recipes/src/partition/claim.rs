//! A claim on one partition: kazoo's lock at the partition's path.

use client::{Acl, AnyVersion, Client, CreateMode, Effect, Error, ErrorKind};
use runtime::Pool;

use crate::parents::{EMPTY, Kind, ensure};
use crate::trouble::{Patience, is_over};
use crate::{paths, unique};

/// A claim that is held, or that waits to be. Dropping it gives it up.
pub(super) struct Claim {
    client: Client,
    /// The partition's znode.
    path: String,
    /// What the claim's name begins with.
    prefix: String,
    is_given_up: bool,
}

const LOCK: &str = "__lock__";
const DIGITS: usize = 10;

impl Claim {
    pub(super) fn new(client: &Client, path: String) -> Self {
        let prefix = format!("{}{LOCK}", unique::hex(&*client.runtime().entropy));
        Self { client: client.clone(), path, prefix, is_given_up: false }
    }

    /// Waits until this claim is the first. It may be dropped at any time, with the claim.
    pub(super) async fn hold(&self) -> Result<(), Error> {
        let mut patience = Patience::default();
        loop {
            match self.advance().await {
                Ok(true) => return Ok(()),
                Ok(false) => patience.renew(),
                Err(error) if error.is_passing() => patience.pause(&self.client).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether this claim is the first; if not, it was waited for something to change.
    async fn advance(&self) -> Result<bool, Error> {
        let mut names = match self.client.children(&self.path).await {
            Ok((names, _)) => names,
            Err(error) if error.kind == ErrorKind::NoNode => {
                ensure(&self.client, &self.path, Kind::Persistent, &Acl::open()).await?;
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        names.retain(|name| number(name).is_some());
        names.sort_by_key(|name| number(name));
        let Some(at) = names.iter().position(|name| name.starts_with(&self.prefix)) else {
            let path = paths::child(&self.path, &self.prefix);
            self.client.create(&path, EMPTY, &Acl::open(), CreateMode::EphemeralSequential).await?;
            return Ok(false);
        };
        let Some(before) = at.checked_sub(1) else { return Ok(true) };
        let (stat, gone) = self.client.exists_and_watch(&paths::child(&self.path, &names[before])).await?;
        if stat.is_some() {
            gone.fired().await;
        }
        Ok(false)
    }

    /// Gives it up. Done when others can have the partition, or will when the session ends.
    pub(super) async fn give_up(mut self) {
        self.is_given_up = true;
        remove(&self.client, &self.path, &self.prefix).await;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_given_up {
            let (client, path, prefix) = (self.client.clone(), self.path.clone(), self.prefix.clone());
            let runtime = client.runtime().clone();
            runtime.spawn(Pool::Clients, async move { remove(&client, &path, &prefix).await }).detach();
        }
    }
}

/// Removes what has this prefix. The requests of a dropped future come before these, and take effect before them or never.
async fn remove(client: &Client, path: &str, prefix: &str) {
    let mut patience = Patience::default();
    loop {
        let removed = async {
            // A create may be under way; what comes behind it on the session sees what it did.
            client.sync(path).await?;
            let (names, _) = client.children(path).await?;
            for name in names.iter().filter(|name| name.starts_with(prefix)) {
                client.delete(&paths::child(path, name), AnyVersion).await?;
            }
            Ok::<(), Error>(())
        };
        match removed.await {
            Ok(()) => return,
            Err(error) if error.kind == ErrorKind::NoNode || is_over(&error) => return,
            Err(error) if error.is_passing() || error.effect == Effect::Unknown => {
                patience.pause(client).await
            }
            Err(error) => {
                tracing::warn!(path, %error, "a claim stays until the session ends");
                return;
            }
        }
    }
}

fn number(name: &str) -> Option<u32> {
    let at = name.len().checked_sub(DIGITS)?;
    name.get(..at).filter(|front| front.ends_with(LOCK))?;
    name.get(at..)?.parse().ok()
}
