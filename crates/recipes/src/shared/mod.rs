//! A value that many read and write: a znode's data, changed by comparing and setting.
//!
//! # What is promised
//!
//! - [`Shared::update`] and [`Shared::add`] take effect once, on the value that they were given, or not at all. Where the answer was
//!   lost and the znode does not show which, they say so: [`SharedError::Unknown`]. They never try again what may have happened.
//! - [`Shared::value`] is from memory, lags behind, and never goes back; [`Shared::read`] has all that was written before it.
//!
//! Counterparts, by the [`Format`]: Curator's `SharedValue`, `SharedCount`, `DistributedAtomicValue`, `-Integer`, `-Long`; kazoo's
//! `Counter`.

mod format;

use std::sync::Arc;

use client::{Acl, AnyVersion, Client, CreateMode, Effect, Error, ErrorKind, Sessions};
use thiserror::Error;

pub use format::{Decimal, Format, Int, Json, Long, Number, Plain};

use crate::cache::{Cache, CacheError, Changes, Scope};
use crate::parents::{Kind, ensure_above};
use crate::trouble::{Patience, may_pass};

/// Why a value can't be read or written.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SharedError {
    /// A request failed, and nothing has happened.
    #[error("{0}")]
    Client(#[from] Error),
    /// The value can't be followed.
    #[error("{0}")]
    Cache(#[from] CacheError),
    /// Somebody has written something else there.
    #[error("the data of {path} is no value of this kind: {why}; do all writers use the same format?")]
    BadData {
        /// The znode.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The answer to a write was lost, and others have written since, or the same.
    #[error("it is not known whether the write to {path} took effect: {why}; it will not any more")]
    Unknown {
        /// The znode.
        path: String,
        /// How the answer was lost.
        why: Box<Error>,
    },
    /// The sum is no such number.
    #[error("the sum is too large for the numbers in {path}")]
    Overflow {
        /// The znode.
        path: String,
    },
}

/// A value, and its version: how often the znode was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    /// Its version.
    pub version: i32,
}

/// What an update did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Updated<T> {
    /// What was there.
    pub before: T,
    /// What is there instead.
    pub after: Versioned<T>,
}

/// A shared value; see the [module](self). Clones share what they see.
pub struct Shared<F: Format> {
    inner: Arc<Inner<F>>,
}

impl<F: Format> Clone for Shared<F> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

struct Inner<F: Format> {
    sessions: Sessions,
    path: String,
    format: F,
    seed: F::Value,
    cache: Cache,
}

/// What came of comparing and setting.
enum Written {
    /// It took effect.
    Done { version: i32 },
    /// Another version is there.
    Refused,
}

impl<F: Format> Shared<F> {
    /// The value at `path`, which is made to be `seed` if it is not there.
    ///
    /// # Errors
    /// When it can't be made or followed.
    pub async fn open(
        sessions: &Sessions,
        path: &str,
        format: F,
        seed: F::Value,
    ) -> Result<Self, SharedError> {
        let cache = Cache::open(sessions, path, Scope::Node).await?;
        let inner = Inner { sessions: sessions.clone(), path: path.to_owned(), format, seed, cache };
        let shared = Self { inner: Arc::new(inner) };
        // It counts as written by nobody, so that it does not matter whose create it was.
        let mut patience = Patience::default();
        loop {
            let client = sessions.client().await?;
            let made = shared.create(&client, &shared.inner.seed).await;
            match made {
                Err(error) if may_pass(&error) => patience.pause(&client).await,
                Err(error) if error.kind != ErrorKind::NodeExists => return Err(error.into()),
                _ => break,
            }
        }
        shared.inner.cache.complete().await?;
        Ok(shared)
    }

    /// The value, from memory.
    ///
    /// # Errors
    /// When what is there is no value.
    pub fn value(&self) -> Result<Versioned<F::Value>, SharedError> {
        match self.inner.cache.get(&self.inner.path) {
            Some(node) => self.decode(node.data.as_deref(), node.stat.version),
            None => Ok(Versioned { value: self.inner.seed.clone(), version: -1 }),
        }
    }

    /// The value, with all that was written before.
    ///
    /// # Errors
    /// When the server does not tell, or what is there is no value.
    pub async fn read(&self) -> Result<Versioned<F::Value>, SharedError> {
        let client = self.inner.sessions.client().await?;
        client.sync(&self.inner.path).await?;
        self.get(&client).await
    }

    /// Replaces the value, whatever it is.
    ///
    /// # Errors
    /// When it fails; [`Error::effect`] says whether it may have happened.
    pub async fn set(&self, value: &F::Value) -> Result<i32, SharedError> {
        let data = self.inner.format.encode(value);
        let client = self.inner.sessions.client().await?;
        match client.set(&self.inner.path, Some(&data), AnyVersion).await {
            Err(error) if error.kind == ErrorKind::NoNode => {
                self.create(&client, value).await?;
                Ok(0)
            }
            other => Ok(other?.version),
        }
    }

    /// Replaces the value if it is still this version; `None` if it is not.
    ///
    /// # Errors
    /// When it fails, or it is not known whether it happened.
    pub async fn try_set(
        &self,
        version: i32,
        value: &F::Value,
    ) -> Result<Option<Versioned<F::Value>>, SharedError> {
        Ok(match self.write(version, value).await? {
            Written::Done { version } => Some(Versioned { value: value.clone(), version }),
            Written::Refused => None,
        })
    }

    /// Replaces the value by what `change` makes of it, which is called again when somebody else is faster.
    ///
    /// # Errors
    /// When it fails, or it is not known whether it happened.
    pub async fn update(
        &self,
        mut change: impl FnMut(&F::Value) -> F::Value,
    ) -> Result<Updated<F::Value>, SharedError> {
        self.update_if(|value| Some(change(value))).await.map(|updated| updated.expect("it always wants to"))
    }

    /// The same, unless `change` gives nothing: then nothing happens.
    ///
    /// # Errors
    /// As of [`Shared::update`].
    pub async fn update_if(
        &self,
        mut change: impl FnMut(&F::Value) -> Option<F::Value>,
    ) -> Result<Option<Updated<F::Value>>, SharedError> {
        let mut patience = Patience::default();
        loop {
            let client = self.inner.sessions.client().await?;
            let before = match self.get(&client).await {
                Err(SharedError::Client(error)) if may_pass(&error) => {
                    patience.pause(&client).await;
                    continue;
                }
                before => before?,
            };
            let Some(value) = change(&before.value) else { return Ok(None) };
            if let Written::Done { version } = self.write(before.version, &value).await? {
                return Ok(Some(Updated { before: before.value, after: Versioned { value, version } }));
            }
        }
    }

    /// Tells when the value changes, beginning with what it is.
    pub fn changes(&self) -> Changes {
        self.inner.cache.changes()
    }

    /// As the server that is asked has it; version -1 where there is no znode.
    async fn get(&self, client: &Client) -> Result<Versioned<F::Value>, SharedError> {
        match client.get(&self.inner.path).await {
            Ok(node) => self.decode(node.data.as_deref(), node.stat.version),
            Err(error) if error.kind == ErrorKind::NoNode => {
                Ok(Versioned { value: self.inner.seed.clone(), version: -1 })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn write(&self, expected: i32, value: &F::Value) -> Result<Written, SharedError> {
        let data = self.inner.format.encode(value);
        let mut patience = Patience::default();
        loop {
            let client = self.inner.sessions.client().await?;
            let error = match self.put(&client, expected, &data).await {
                Ok(written) => return Ok(written),
                Err(error) if may_pass(&error) => error,
                Err(error) => return Err(error.into()),
            };
            if error.effect == Effect::Unknown
                && let Some(written) = self.find_out(expected, &data, &error).await?
            {
                return Ok(written);
            }
            patience.pause(&client).await;
        }
    }

    async fn put(&self, client: &Client, expected: i32, data: &[u8]) -> Result<Written, Error> {
        let path = &self.inner.path;
        let written = if expected < 0 {
            let value = client.create(path, Some(data), &Acl::open(), CreateMode::Persistent).await;
            value.map(|(_, stat)| stat)
        } else {
            client.set(path, Some(data), expected).await
        };
        match written {
            Ok(stat) => Ok(Written::Done { version: stat.version }),
            Err(error)
                if matches!(
                    error.kind,
                    ErrorKind::BadVersion | ErrorKind::NodeExists | ErrorKind::NoNode
                ) =>
            {
                Ok(Written::Refused)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a write whose answer was lost took effect. `None` if it did not and nobody else has written: it may be tried again.
    ///
    /// A session's write takes no effect once the session is attached to a server again or is over.
    async fn find_out(
        &self,
        expected: i32,
        data: &[u8],
        why: &Error,
    ) -> Result<Option<Written>, SharedError> {
        let mut patience = Patience::default();
        loop {
            let client = self.inner.sessions.client().await?;
            let synced = client.sync(&self.inner.path).await;
            let found = match synced {
                Ok(_) => client.get(&self.inner.path).await,
                Err(error) => Err(error),
            };
            return match found {
                Ok(node) if node.stat.version == expected => Ok(None),
                Ok(node)
                    if node.stat.version == expected + 1
                        && node.data.as_deref().unwrap_or_default() != data =>
                {
                    Ok(Some(Written::Refused))
                }
                Err(error) if error.kind == ErrorKind::NoNode && expected < 0 => Ok(None),
                Err(error) if may_pass(&error) => {
                    patience.pause(&client).await;
                    continue;
                }
                Err(error) if error.kind != ErrorKind::NoNode => Err(error.into()),
                _ => Err(SharedError::Unknown { path: self.inner.path.clone(), why: Box::new(why.clone()) }),
            };
        }
    }

    async fn create(&self, client: &Client, value: &F::Value) -> Result<(), Error> {
        let (data, acl) = (self.inner.format.encode(value), Acl::open());
        loop {
            match client.create(&self.inner.path, Some(&data), &acl, CreateMode::Persistent).await {
                Err(error) if error.kind == ErrorKind::NoNode => {
                    ensure_above(client, &self.inner.path, Kind::Container, &acl).await?;
                }
                other => return other.map(drop),
            }
        }
    }

    /// Kazoo's counters begin as znodes without data.
    fn decode(&self, data: Option<&[u8]>, version: i32) -> Result<Versioned<F::Value>, SharedError> {
        let data = data.unwrap_or_default();
        match self.inner.format.decode(data) {
            Ok(value) => Ok(Versioned { value, version }),
            Err(_) if data.is_empty() => Ok(Versioned { value: self.inner.seed.clone(), version }),
            Err(why) => Err(SharedError::BadData { path: self.inner.path.clone(), why }),
        }
    }
}

impl<F: Format> Shared<F>
where
    F::Value: Number,
{
    /// Adds to a number.
    ///
    /// # Errors
    /// As of [`Shared::update`], and [`SharedError::Overflow`].
    pub async fn add(&self, more: F::Value) -> Result<Updated<F::Value>, SharedError> {
        let updated = self.update_if(|value| value.plus(more)).await?;
        updated.ok_or_else(|| SharedError::Overflow { path: self.inner.path.clone() })
    }
}
