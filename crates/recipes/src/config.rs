//! Configuration that is reloaded as it changes.
//!
//! A [`Config`] makes a typed value of one znode or of a subtree, again after each change, and keeps the last one that made sense:
//! what makes none is told of ([`Config::problem`]) and changes nothing.
//!
//! It sees what its [`cache`](crate::cache) sees: of a subtree, a state in which some znodes have changed and others are about to. Where
//! that matters, keep what belongs together in one znode.

use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use client::Sessions;
use runtime::{Pool, Runtime, Task};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::watch;

use crate::cache::{Cache, CacheError, Changes, Options};

/// Why there is no configuration.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ConfigError {
    /// It can't be followed.
    #[error("{0}")]
    Cache(#[from] CacheError),
    /// It makes no sense.
    #[error("the configuration at {path} makes no sense: {why}")]
    Nonsense {
        /// Where it is.
        path: String,
        /// What is wrong.
        why: String,
    },
}

/// What a configuration is made of: the znodes of the cache, in the byte order of their paths.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Source {
    root: String,
    znodes: Vec<(Arc<str>, Bytes)>,
}

impl Source {
    /// The data of the configuration's own znode, if it is there.
    pub fn root(&self) -> Option<&[u8]> {
        self.data_of(&self.root)
    }

    /// The data of the znode that is `below` the configuration's own, such as `limits/requests`, if it is there.
    pub fn get(&self, below: &str) -> Option<&[u8]> {
        self.data_of(&crate::paths::child(&self.root, below))
    }

    /// Full paths and data.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.znodes.iter().map(|(path, data)| (&**path, &**data))
    }

    fn data_of(&self, path: &str) -> Option<&[u8]> {
        let at = self.znodes.binary_search_by(|(other, _)| (**other).cmp(path)).ok()?;
        Some(&self.znodes[at].1)
    }
}

/// Configuration of type `T`; see the [module](self). Clones share it; it stays what it was last when the last is dropped.
pub struct Config<T> {
    state: watch::Receiver<State<T>>,
    cache: Cache,
    _task: Arc<Task>,
}

impl<T> Clone for Config<T> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), cache: self.cache.clone(), _task: Arc::clone(&self._task) }
    }
}

struct State<T> {
    current: Arc<T>,
    problem: Option<ConfigError>,
}

/// How long changes may go on following one another before they are looked at together.
const SETTLE: Duration = Duration::from_millis(20);

impl<T: PartialEq + Send + Sync + 'static> Config<T> {
    /// The configuration at `path`, as `parse` makes it.
    ///
    /// # Errors
    /// When there is no session, or what is there now makes no sense.
    pub async fn open<E: Display>(
        sessions: &Sessions,
        path: &str,
        options: impl Into<Options>,
        parse: impl Fn(&Source) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        let cache = Cache::open(sessions, path, options).await?;
        cache.complete().await?;
        let runtime = sessions.runtime().clone();
        let changes = cache.changes();
        let parse = move |source: &Source| {
            let nonsense = |why: E| ConfigError::Nonsense { path: source.root.clone(), why: why.to_string() };
            parse(source).map_err(nonsense)
        };
        let current = Arc::new(parse(&source(&cache))?);
        let (state, state_seen) = watch::channel(State { current, problem: None });
        let reload = Reload { cache: cache.clone(), changes, state, parse };
        let task = runtime.spawn(Pool::Clients, reload.run(runtime.clone()));
        Ok(Self { state: state_seen, cache, _task: Arc::new(task) })
    }

    /// The last configuration that made sense.
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.state.borrow().current)
    }

    /// Why the last configuration is not the present one, if so: what is there now makes no sense, or is not known any more.
    pub fn problem(&self) -> Option<ConfigError> {
        let problem = self.state.borrow().problem.clone();
        problem.or_else(|| self.cache.failure().map(ConfigError::Cache))
    }

    /// Waits until there is another configuration, or another problem, than when this was last called on this clone.
    pub async fn changed(&mut self) {
        if self.state.changed().await.is_err() {
            // Nothing will change any more.
            std::future::pending().await
        }
    }
}

fn source(cache: &Cache) -> Source {
    let znodes = cache.all().into_iter().map(|(path, node)| (path, node.data.unwrap_or_default()));
    Source { root: cache.path().to_owned(), znodes: znodes.collect() }
}

struct Reload<T, P> {
    cache: Cache,
    changes: Changes,
    state: watch::Sender<State<T>>,
    parse: P,
}

impl<T: PartialEq, P: Fn(&Source) -> Result<T, ConfigError>> Reload<T, P> {
    async fn run(mut self, runtime: Runtime) {
        while self.changes.next().await.is_some() {
            let deadline = runtime.clock.now() + SETTLE;
            while let Ok(Some(_)) = {
                let left = deadline.saturating_since(runtime.clock.now());
                runtime.clock.timeout(left, self.changes.next()).await
            } {}
            self.reload();
        }
        let failure = self.cache.failure().map(ConfigError::Cache);
        self.state.send_modify(|state| state.problem = failure);
    }

    fn reload(&self) {
        match (self.parse)(&source(&self.cache)) {
            Ok(value) => {
                self.state.send_if_modified(|state| {
                    let is_new = *state.current != value || state.problem.is_some();
                    if is_new {
                        *state = State { current: Arc::new(value), problem: None };
                    }
                    is_new
                });
            }
            Err(problem) => {
                self.state.send_if_modified(|state| {
                    let is_new = state.problem.as_ref() != Some(&problem);
                    if is_new {
                        tracing::warn!(%problem, "the last configuration that made sense stays");
                        state.problem = Some(problem);
                    }
                    is_new
                });
            }
        }
    }
}
