//! A part of the tree, kept in memory as it changes.
//!
//! A [`Cache`] holds one znode, the children of one, or all of a subtree. It sets one watch before it reads anything, reads what
//! the watch tells of, and reads everything again, telling only of what differs, whenever changes may have been missed: on another
//! connection, in another session, or when the application's machine was too slow for the watch. On servers before ZooKeeper 3.6
//! every read sets a watch of its own instead.
//!
//! # What is promised
//!
//! - **Nothing is missed**: when the tree rests and a server can be reached, the cache becomes what the tree is.
//! - **Nothing is invented**: each state that the cache shows or tells of was the state of that znode, and states of a znode are
//!   seen in the order in which they were; its version never goes back. A znode that was deleted and created again is told of as
//!   both.
//! - What [`Changes`] tell, applied to nothing, gives the content.
//!
//! # What is not
//!
//! - Not every state is seen: of changes that follow one another quickly, the last.
//! - The content is not one state of the tree: of two znodes, one may be newer than the other, and a child may be there before
//!   its parent is. It lags behind what other clients see; `sync` and read where that matters.
//! - Lists of access, and numbers of children in a znode's [`Stat`](client::Stat), are as they were when it was read last.
//! - What the client may not read is left out.
//!
//! Counterparts: Curator's `CuratorCache`, `NodeCache`, `PathChildrenCache`, `TreeCache`; kazoo's `TreeCache`, `ChildrenWatch`,
//! `DataWatch`.

mod changes;
mod entries;
mod follow;
mod mirror;

use std::sync::Arc;

use client::{Node, PathError, Sessions};
use parking_lot::Mutex;
use runtime::{Pool, Task};
use thiserror::Error;
use tokio::sync::watch;

pub use changes::{Change, Changes};

use crate::paths;
use entries::Entries;
use follow::Follower;

/// What a cache holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// The znode alone.
    Node,
    /// Its children, without itself and without what is below them. Changes further below cost traffic nevertheless.
    Children,
    /// The znode and all below it.
    Tree,
}

/// How a cache behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// What it holds. [`Scope::Tree`] by default.
    pub scope: Scope,
    /// Whether it holds data, or only numbers. True by default.
    pub keep_data: bool,
    /// How much memory the content may take, about, in bytes. A cache that would take more ends, with
    /// [`CacheError::TooLarge`]. 1 GiB by default.
    pub bytes_max: usize,
    /// Whether one watch tells of everything, where the server has such watches. Otherwise each read sets a watch of its own, as
    /// for servers before ZooKeeper 3.6: more requests, and no traffic for what is below a cache of children. True by default.
    pub one_watch: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { scope: Scope::Tree, keep_data: true, bytes_max: 1 << 30, one_watch: true }
    }
}

impl From<Scope> for Options {
    fn from(scope: Scope) -> Self {
        Self { scope, ..Self::default() }
    }
}

/// Why a cache has ended. Its content stays readable, and becomes old.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CacheError {
    /// The content does not fit into what it was given.
    #[error(
        "the cache would take {bytes} bytes and may take {bytes_max}; raise bytes_max, hold no data, or hold less of the tree"
    )]
    TooLarge {
        /// What it would take.
        bytes: usize,
        /// What it may.
        bytes_max: usize,
    },
    /// There is no session any more, or the server refuses to tell.
    #[error("the cache can't follow the tree any more: {0}")]
    Client(#[from] client::Error),
    /// What was asked for is no path.
    #[error("{0}")]
    BadPath(#[from] PathError),
}

/// A part of the tree in memory; see the [module](self). Clones share it; it ends when the last is dropped.
#[derive(Clone)]
pub struct Cache {
    root: Arc<str>,
    shared: Arc<Shared>,
    _task: Arc<Task>,
}

struct Shared {
    entries: Mutex<Entries>,
    status: watch::Sender<Status>,
}

#[derive(Clone)]
enum Status {
    Filling,
    Complete,
    Failed(CacheError),
}

impl Cache {
    /// A cache of what is at `path`, which need not be there. Empty at first: [`Cache::complete`] waits until it is filled.
    ///
    /// # Errors
    /// When there is no session, or `path` is none.
    pub async fn open(
        sessions: &Sessions,
        path: &str,
        options: impl Into<Options>,
    ) -> Result<Self, CacheError> {
        let options = options.into();
        let client = sessions.client().await?;
        client::check_path(path)?;
        let root: Arc<str> = path.into();
        let (status, _) = watch::channel(Status::Filling);
        let shared = Arc::new(Shared { entries: Mutex::default(), status });
        let follower = Follower {
            sessions: sessions.clone(),
            root: Arc::clone(&root),
            options,
            shared: Arc::clone(&shared),
        };
        let runtime = client.runtime().clone();
        let task = runtime.spawn(Pool::Clients, follower.run(client));
        Ok(Self { root, shared, _task: Arc::new(task) })
    }

    /// The path that the cache is about.
    pub fn path(&self) -> &str {
        &self.root
    }

    /// Waits until the cache has read everything once.
    ///
    /// # Errors
    /// When it has ended.
    pub async fn complete(&self) -> Result<(), CacheError> {
        let mut status = self.shared.status.subscribe();
        let left = status.wait_for(|status| !matches!(status, Status::Filling)).await;
        match &*left.expect("the cache itself has the sender") {
            Status::Failed(error) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Why the cache has ended, if it has.
    pub fn failure(&self) -> Option<CacheError> {
        match &*self.shared.status.borrow() {
            Status::Failed(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// A znode, if it is there.
    pub fn get(&self, path: &str) -> Option<Node> {
        self.shared.entries.lock().nodes().get(path).cloned()
    }

    /// The names of the children of `path` that are held, in their byte order.
    pub fn children(&self, path: &str) -> Vec<String> {
        let entries = self.shared.entries.lock();
        paths::children(entries.nodes(), path).map(|(path, _)| paths::name(path).to_owned()).collect()
    }

    /// All that is held, in the byte order of paths.
    pub fn all(&self) -> Vec<(Arc<str>, Node)> {
        let entries = self.shared.entries.lock();
        entries.nodes().iter().map(|(path, node)| (Arc::clone(path), node.clone())).collect()
    }

    /// A number that grows with every change of what is held: what was made of the content is good while it stays.
    pub fn generation(&self) -> u64 {
        self.shared.entries.lock().generation()
    }

    /// How many znodes are held.
    pub fn len(&self) -> usize {
        self.shared.entries.lock().nodes().len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether everything was read once.
    pub fn is_complete(&self) -> bool {
        self.shared.entries.lock().is_initialized()
    }

    /// What is held now, told as creations, and every change from here on.
    pub fn changes(&self) -> Changes {
        Changes::new(self.shared.entries.lock().listen())
    }
}
