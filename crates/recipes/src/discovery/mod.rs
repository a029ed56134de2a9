//! A registry of services: who offers what, and where.
//!
//! Instances register themselves and are found by others as long as their sessions live. Layout: `BASE/SERVICE/ID`, data
//! [`Instance`] as JSON: that of Curator's x-discovery, so that programs in Java and others find each other.
//!
//! # What is promised
//!
//! - An instance is registered again whenever its znode is gone, in this session or the next, until it is unregistered.
//! - A [`Provider`] answers from memory, and goes on with what it knew last while no server can be reached.
//!
//! # What is not
//!
//! - That an instance which is found can be reached: it is found until its session has ended. Tell the provider of failures
//!   ([`Provider::note_failure`]), and it is left out for a while.

mod instance;
mod provider;
mod strategy;

use client::{Error, ErrorKind, Sessions};
use thiserror::Error;

pub use instance::{Instance, ServiceType, UriSpec};
pub use provider::{DownPolicy, Provider, ProviderOptions};
pub use strategy::Strategy;

use crate::cache::CacheError;
use crate::paths;
use crate::persistent::{Options, PersistentNode, Rival};

/// Why services can't be registered or found.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum DiscoveryError {
    /// A request failed.
    #[error("{0}")]
    Client(#[from] Error),
    /// What is known can't be kept up to date.
    #[error("{0}")]
    Cache(#[from] CacheError),
    /// The name of a service or the id of an instance is no name of a znode.
    #[error("{text:?} is no name of a service or of an instance: a name is not empty and has no slash")]
    BadName {
        /// What was given.
        text: String,
    },
    /// A znode in an instance's place has other data.
    #[error("this is no instance of a service: {why}; is the registry at this path one of Curator's kind?")]
    BadInstance {
        /// What is wrong.
        why: String,
    },
    /// A text does not say how a URI is put together.
    #[error("{text:?} does not say how a URI is put together: each {{ needs its }}")]
    BadUriSpec {
        /// The text.
        text: String,
    },
}

/// A registry; see the [module](self). Cheap to clone.
#[derive(Clone)]
pub struct Discovery {
    sessions: Sessions,
    base: String,
}

/// An instance that is registered until this is closed. When it is dropped, it is found until the session ends.
pub struct Registration {
    node: PersistentNode,
}

impl Discovery {
    /// The registry at `base`, which need not be there.
    pub fn new(sessions: &Sessions, base: &str) -> Self {
        Self { sessions: sessions.clone(), base: base.to_owned() }
    }

    /// Registers an instance, and keeps it registered. Done when it can be found. An ephemeral instance of the same id that an
    /// earlier session has left is replaced.
    ///
    /// # Errors
    /// When it can't be registered. If the future is dropped, it may be found until the session ends.
    pub async fn register(&self, instance: &Instance) -> Result<Registration, DiscoveryError> {
        let client = self.sessions.client().await?;
        let mut instance = instance.clone();
        if instance.registration_time_ms == 0 {
            instance.registration_time_ms = client.runtime().clock.wall_ms();
        }
        let path = paths::child(&self.service(&instance.name)?, name(&instance.id)?);
        let options =
            Options { mode: instance.service_type.mode(), rival: Rival::Replace, ..Options::default() };
        let node = PersistentNode::keep(&self.sessions, &path, &instance.to_json(), options).await?;
        if instance.service_type.mode() == client::CreateMode::Persistent {
            // What is there already may say something else.
            node.set(&instance.to_json()).await?;
        }
        node.there().await?;
        Ok(Registration { node })
    }

    /// Ends the registration of an instance, whoever made it. One that is kept by a program that runs comes back.
    ///
    /// # Errors
    /// When the server refuses it, or it is not known whether it happened.
    pub async fn remove(&self, service: &str, id: &str) -> Result<(), DiscoveryError> {
        let path = paths::child(&self.service(service)?, name(id)?);
        match self.sessions.client().await?.delete(&path, client::AnyVersion).await {
            Err(error) if error.kind != ErrorKind::NoNode => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The names of the services, in their byte order. Some may have no instances at present.
    ///
    /// # Errors
    /// When the server does not tell.
    pub async fn services(&self) -> Result<Vec<String>, DiscoveryError> {
        let client = self.sessions.client().await?;
        client.sync(&self.base).await?;
        names(client.children(&self.base).await)
    }

    /// The instances of a service, in the byte order of their znodes' names, as the server has them now. Whoever asks often has a
    /// [`Provider`].
    ///
    /// # Errors
    /// When the server does not tell. What is no instance is left out.
    pub async fn instances(&self, service: &str) -> Result<Vec<Instance>, DiscoveryError> {
        let path = self.service(service)?;
        let client = self.sessions.client().await?;
        client.sync(&path).await?;
        let names = names(client.children(&path).await)?;
        let mut instances = Vec::new();
        for name in names {
            match client.get(&paths::child(&path, &name)).await {
                Ok(node) => instances.extend(decode(&name, node.data.as_deref())),
                Err(error) if error.kind == ErrorKind::NoNode => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(instances)
    }

    /// The instances of a service, followed, to pick from. Done when they are known.
    ///
    /// # Errors
    /// When there is no session, or `service` is no name.
    pub async fn provider(
        &self,
        service: &str,
        options: ProviderOptions,
    ) -> Result<Provider, DiscoveryError> {
        Provider::open(&self.sessions, &self.service(service)?, options).await
    }

    fn service(&self, service: &str) -> Result<String, DiscoveryError> {
        Ok(paths::child(&self.base, name(service)?))
    }
}

impl Registration {
    /// Says something else of the instance from here on. Its service, id and type stay what they are.
    ///
    /// # Errors
    /// When it can't be kept registered any more.
    pub async fn update(&self, instance: &Instance) -> Result<(), DiscoveryError> {
        Ok(self.node.set(&instance.to_json()).await?)
    }

    /// Whether it can be found, as far as is known.
    pub fn is_registered(&self) -> bool {
        self.node.path().is_some()
    }

    /// Waits until it can be found.
    ///
    /// # Errors
    /// When it can't be kept registered any more.
    pub async fn registered(&self) -> Result<(), DiscoveryError> {
        Ok(self.node.there().await.map(drop)?)
    }

    /// Waits until it can't be kept registered any more; tells why.
    pub async fn failed(&self) -> DiscoveryError {
        self.node.failed().await.into()
    }

    /// Ends the registration.
    ///
    /// # Errors
    /// When it can't be ended: then it ends with the session.
    pub async fn close(self) -> Result<(), DiscoveryError> {
        Ok(self.node.close().await?)
    }
}

fn name(text: &str) -> Result<&str, DiscoveryError> {
    if text.is_empty() || text.contains('/') {
        return Err(DiscoveryError::BadName { text: text.to_owned() });
    }
    Ok(text)
}

fn names(listed: Result<(Vec<String>, client::Stat), Error>) -> Result<Vec<String>, DiscoveryError> {
    match listed {
        Ok((mut names, _)) => {
            names.sort_unstable();
            Ok(names)
        }
        Err(error) if error.kind == ErrorKind::NoNode => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn decode(name: &str, data: Option<&[u8]>) -> Option<Instance> {
    let decoded = Instance::from_json(data.unwrap_or_default());
    if let Err(error) = &decoded {
        tracing::warn!(name, %error, "left out");
    }
    decoded.ok()
}
