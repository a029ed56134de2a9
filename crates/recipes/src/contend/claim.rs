//! One client's znode in a queue.

use std::sync::Arc;

use client::{Acl, Client, CreateMode, Effect, Error, ErrorKind};
use runtime::Pool;

use super::name::{Marker, Naming};
use super::persist::{pause, persist};
use super::token::Token;
use super::znodes::{create_containers, remove};
use crate::paths::child;

/// How a znode is made.
#[derive(Clone)]
pub(crate) struct Staking {
    pub(crate) client: Client,
    pub(crate) parent: Arc<str>,
    pub(crate) naming: Naming,
    pub(crate) data: Arc<[u8]>,
    pub(crate) acl: Arc<[Acl]>,
}

/// An ephemeral sequential znode of this client's, or the attempt to make one. Dropping it deletes the znode in the background,
/// whether or not the answer to its creation has come.
pub(crate) struct Claim {
    znode: Znode,
    token: Token,
    /// Nothing is left to delete.
    is_withdrawn: bool,
}

/// What is known of where the znode is.
#[derive(Clone)]
struct Znode {
    client: Client,
    parent: Arc<str>,
    /// No other znode's name begins so: Curator's "protection". It finds the znode when the answer to its creation was lost.
    prefix: Arc<str>,
    name: Option<Arc<str>>,
}

impl Staking {
    /// Makes the znode, and what is missing above it, however often connections are lost meanwhile.
    ///
    /// # Errors
    /// When the session is over, or the server refuses. Then there is no znode, or will soon be none.
    pub(crate) async fn stake(&self, marker: Marker) -> Result<Claim, Error> {
        let prefix = self.naming.prefix(&*self.client.runtime().entropy, marker);
        let path = child(&self.parent, &prefix);
        let mut claim = Claim::named(&self.client, &self.parent, &prefix);
        loop {
            let mode = CreateMode::EphemeralSequential;
            match self.client.create(&path, Some(&self.data), &self.acl, mode).await {
                Ok((path, stat)) => return Ok(claim.found(&path, stat.czxid)),
                Err(error) if error.kind == ErrorKind::NoNode => {
                    create_containers(&self.client, &self.parent, &self.acl).await?;
                }
                Err(error) if !error.is_passing() => {
                    claim.is_withdrawn = error.effect == Effect::None;
                    return Err(error);
                }
                Err(error) if error.effect == Effect::None => pause(&self.client).await,
                Err(_) => {
                    if let Some((path, czxid)) = claim.look().await? {
                        return Ok(claim.found(&path, czxid));
                    }
                }
            }
        }
    }
}

impl Claim {
    /// One whose creation is about to be attempted, under a name that begins as no other znode's does.
    pub(crate) fn named(client: &Client, parent: &Arc<str>, prefix: &str) -> Self {
        let (client, parent) = (client.clone(), Arc::clone(parent));
        let znode = Znode { client, parent, prefix: prefix.into(), name: None };
        Self { znode, token: Token::of_czxid(0), is_withdrawn: false }
    }

    /// Looks for the znode after the answer to its creation was lost; gives its path and `czxid`. When there is none, there
    /// never will be.
    pub(crate) async fn look(&self) -> Result<Option<(String, i64)>, Error> {
        self.znode.find().await
    }

    /// The attempt has succeeded.
    pub(crate) fn found(mut self, path: &str, czxid: i64) -> Self {
        self.znode.name = path.rsplit('/').next().map(Arc::from);
        self.token = Token::of_czxid(czxid);
        self
    }

    pub(crate) fn client(&self) -> &Client {
        &self.znode.client
    }

    pub(crate) fn parent(&self) -> &str {
        &self.znode.parent
    }

    pub(crate) fn name(&self) -> &str {
        self.znode.name.as_deref().expect("a claim is given away when its znode has been found")
    }

    pub(crate) fn path(&self) -> String {
        child(self.parent(), self.name())
    }

    pub(crate) fn token(&self) -> Token {
        self.token
    }

    /// Deletes the znode; done when it is certain that there is none. If the future is dropped, that is seen to in the
    /// background.
    pub(crate) async fn withdraw(mut self) -> Result<(), Error> {
        let withdrawn = self.znode.delete().await;
        self.is_withdrawn = withdrawn.is_ok();
        withdrawn
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.is_withdrawn || self.znode.client.is_over() {
            return;
        }
        let znode = self.znode.clone();
        let runtime = znode.client.runtime().clone();
        let deletion = async move {
            if let Err(error) = znode.delete().await
                && !znode.client.is_over()
            {
                tracing::warn!(parent = %znode.parent, %error, "could not delete a znode that is no longer needed; it ends with the session");
            }
        };
        runtime.spawn(Pool::Clients, deletion).detach();
    }
}

impl Znode {
    /// A server that has taken the session over refuses what still comes from the connection before, and a `sync` waits for
    /// all that was under way. So what is not there then never will be.
    async fn find(&self) -> Result<Option<(String, i64)>, Error> {
        persist(&self.client, || self.client.sync(&self.parent)).await?;
        let Some(name) = self.list().await?.into_iter().next() else { return Ok(None) };
        let path = child(&self.parent, &name);
        let stat = persist(&self.client, || self.client.exists(&path)).await?;
        Ok(stat.map(|stat| (path, stat.czxid)))
    }

    async fn delete(&self) -> Result<(), Error> {
        let names = match &self.name {
            Some(name) => vec![name.to_string()],
            None => {
                persist(&self.client, || self.client.sync(&self.parent)).await?;
                self.list().await?
            }
        };
        for name in names {
            remove(&self.client, &child(&self.parent, &name)).await?;
        }
        Ok(())
    }

    /// Those of the parent's children that are this client's doing.
    async fn list(&self) -> Result<Vec<String>, Error> {
        let children = match persist(&self.client, || self.client.children(&self.parent)).await {
            Ok((children, _)) => children,
            Err(error) if error.kind == ErrorKind::NoNode => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(children.into_iter().filter(|name| name.starts_with(&*self.prefix)).collect())
    }
}
