//! Znodes that are kept there.
//!
//! A [`PersistentNode`] makes a znode and makes it again whenever it is gone: because its session ended, because somebody deleted
//! it, or because it was never known whether the create happened. There is never more than one of it: what is numbered by the
//! server is named so that it is found again ([protection](PersistentNode#protection)), and an ephemeral of an earlier session is
//! gone when the next session begins.
//!
//! A [`PersistentTtlNode`] outlives its maker by a time to live, and is gone after that.
//!
//! # What is not promised
//!
//! - There are moments without it: between the end of one session and the beginning of the next, and after a deletion.
//! - What others write into it stays, until [`PersistentNode::set`].
//!
//! Counterparts: Curator's `PersistentNode`, `PersistentEphemeralNode` and `PersistentTtlNode`.

mod keep;
mod ttl;

use std::sync::Arc;

use client::{Acl, CreateMode, Error, Sessions};
use runtime::{Pool, Task};
use tokio::sync::{mpsc, oneshot, watch};

pub use ttl::PersistentTtlNode;

use crate::parents::Kind;
use keep::{Keeper, Wish};

/// What is done about a znode of somebody else's in the place of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rival {
    /// It stays, and ours is made when it is gone.
    Wait,
    /// An ephemeral of another session that is there when this session begins is deleted: whoever comes later wins. What takes our
    /// place later than that stays.
    Replace,
}

/// How a znode is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// What kind of znode it is. [`CreateMode::Ephemeral`] by default.
    pub mode: CreateMode,
    /// Who may do what with it and with parents that are missing. Everybody everything by default.
    pub acl: Vec<Acl>,
    /// What is done about somebody else's. [`Rival::Wait`] by default.
    pub rival: Rival,
    /// Whether parents that are missing are made as containers. True by default.
    pub parents_are_containers: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: CreateMode::Ephemeral,
            acl: Acl::open(),
            rival: Rival::Wait,
            parents_are_containers: true,
        }
    }
}

impl Options {
    fn kind_of_parents(&self) -> Kind {
        if self.parents_are_containers { Kind::Container } else { Kind::Persistent }
    }
}

/// A znode that is kept there; see the [module](self). It is kept until this is closed or dropped. When it is dropped, an ephemeral
/// stays until its session ends.
///
/// # Protection
/// The name of a znode that the server numbers begins with `_c_UUID-`, as Curator does it.
pub struct PersistentNode {
    wishes: mpsc::Sender<Wish>,
    status: watch::Receiver<Status>,
    _task: Task,
}

/// Where the znode is.
#[derive(Clone, Debug)]
enum Status {
    /// Not there, as far as is known.
    Absent,
    /// There, under this path.
    There(Arc<str>),
    /// It can't be kept.
    Failed(Error),
}

impl PersistentNode {
    /// Begins to keep a znode at `path`, with this data whenever it is made. [`PersistentNode::there`] waits until it is there.
    ///
    /// # Errors
    /// When there is no session, or `path` is none.
    pub async fn keep(sessions: &Sessions, path: &str, data: &[u8], options: Options) -> Result<Self, Error> {
        let client = sessions.client().await?;
        let (wishes, wished) = mpsc::channel(16);
        let (status, status_seen) = watch::channel(Status::Absent);
        let runtime = client.runtime().clone();
        let keeper = Keeper::new(sessions.clone(), &runtime, path, data, options, wished, status)?;
        let task = runtime.spawn(Pool::Clients, keeper.run(client));
        Ok(Self { wishes, status: status_seen, _task: task })
    }

    /// Waits until it is there; gives its path.
    ///
    /// # Errors
    /// When it can't be kept: the server refuses it, or the sessions were closed.
    pub async fn there(&self) -> Result<Arc<str>, Error> {
        let mut status = self.status.clone();
        let found = status.wait_for(|status| !matches!(status, Status::Absent)).await;
        match found.as_deref() {
            Ok(Status::There(path)) => Ok(Arc::clone(path)),
            Ok(Status::Failed(error)) => Err(error.clone()),
            _ => unreachable!("a keeper says why it ends"),
        }
    }

    /// Its path, if it is there as far as is known.
    pub fn path(&self) -> Option<Arc<str>> {
        match &*self.status.borrow() {
            Status::There(path) => Some(Arc::clone(path)),
            _ => None,
        }
    }

    /// Waits until it can't be kept any more; tells why.
    pub async fn failed(&self) -> Error {
        let mut status = self.status.clone();
        match status.wait_for(|status| matches!(status, Status::Failed(_))).await.as_deref() {
            Ok(Status::Failed(error)) => error.clone(),
            _ => unreachable!("a keeper says why it ends"),
        }
    }

    /// Replaces its data, now and whenever it is made again. Done when the znode has it.
    ///
    /// # Errors
    /// When it can't be kept any more. If the future is dropped, the data is replaced nevertheless.
    pub async fn set(&self, data: &[u8]) -> Result<(), Error> {
        let (done, is_done) = oneshot::channel();
        self.wish(Wish::Set(data.into(), done)).await?;
        is_done.await.unwrap_or_else(|_| Err(self.failure()))
    }

    /// Deletes it, and keeps it no longer. If the future is dropped, it is deleted nevertheless.
    ///
    /// # Errors
    /// When it can't be kept any more. Then an ephemeral goes with its session.
    pub async fn close(self) -> Result<(), Error> {
        let (done, is_done) = oneshot::channel();
        self.wish(Wish::Close(done)).await?;
        let Self { status, _task: task, .. } = self;
        task.detach();
        is_done.await.unwrap_or_else(|_| Err(failure_of(&status)))
    }

    async fn wish(&self, wish: Wish) -> Result<(), Error> {
        self.wishes.send(wish).await.map_err(|_| self.failure())
    }

    fn failure(&self) -> Error {
        failure_of(&self.status)
    }
}

fn failure_of(status: &watch::Receiver<Status>) -> Error {
    match &*status.borrow() {
        Status::Failed(error) => error.clone(),
        _ => unreachable!("a keeper that is not closed says why it ends"),
    }
}
