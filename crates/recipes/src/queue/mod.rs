//! Queues: items that each go to one taker.
//!
//! A [`Queue`] gives an item away when it is taken; a [`HoldingQueue`] keeps it until its taker is done with it, and gives it to
//! another if the taker dies.
//!
//! # What is promised
//!
//! - An item is taken for certain by one taker at most: the delete decides, whatever clients take part.
//! - Items are taken in the order of their ranks, and then of their coming, as far as one taker sees them in time.
//! - Futures may be dropped: what a dropped [`Queue::take`] has taken is what the next one on this handle gives.
//!
//! # What is not
//!
//! - [`Queue::take`] loses an item whose taker dies with it, and where the answer to the delete was lost it can't be known who
//!   has taken it ([`Taken::is_certain`]). Where that matters, use a [`HoldingQueue`]: at least once, never lost.
//! - A [`Queue::put`] whose answer was lost may have happened; trying again may put the item twice.
//! - A tree is not made for long queues: every taker lists all that waits.
//!
//! Counterparts, by the [`Layout`]: Curator's `SimpleDistributedQueue`, `DistributedQueue`, `DistributedPriorityQueue`,
//! `DistributedDelayQueue`; kazoo's `Queue` and `LockingQueue`.

mod hold;
mod items;
mod layout;
mod look;
mod slot;

use bytes::Bytes;
use client::{Acl, Client, CreateMode, Effect, Error, ErrorKind, Sessions};
use thiserror::Error;

pub use hold::{Held, HoldingQueue};
pub use layout::{Layout, Rank};

use crate::parents::{Kind, ensure};
use crate::paths;
use crate::trouble::{Patience, may_pass};
use look::Look;
use slot::{Filling, Slot, Taker};

/// Why items can't be put or taken.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum QueueError {
    /// A request failed; for a put, [`Error::effect`] says whether it may have happened.
    #[error("{0}")]
    Client(#[from] Error),
    /// The layout has no place for such a rank.
    #[error("a queue of layout {layout:?} has no {rank:?}; kazoo's priorities are 0 to 999")]
    BadRank {
        /// The queue's.
        layout: Layout,
        /// The item's.
        rank: Rank,
    },
    /// Somebody has put something else there. The item was left where it is.
    #[error("{path} is no item of this layout: {why}")]
    BadItem {
        /// The item's znode.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// Somebody has removed an item that was held.
    #[error("{path} was removed by somebody else while it was held")]
    Gone {
        /// The item's znode.
        path: String,
    },
}

/// An item that was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    /// The name that its znode had.
    pub name: String,
    /// What was put: one, or, where Curator's have put several at once, those.
    pub items: Vec<Bytes>,
    /// Whether it was taken here. If not, the answer to the delete was lost and the item is gone: it was taken here or by another.
    pub is_certain: bool,
}

/// A queue that gives items away; see the [module](self).
pub struct Queue {
    sessions: Sessions,
    path: String,
    layout: Layout,
    slot: Slot<Taken>,
}

impl Queue {
    /// The queue at `path`, which is made when something is put or taken.
    pub fn new(sessions: &Sessions, path: &str, layout: Layout) -> Self {
        Self { sessions: sessions.clone(), path: path.to_owned(), layout, slot: Slot::default() }
    }

    /// Puts an item; gives the name of its znode.
    ///
    /// # Errors
    /// When it fails, or the layout has no such rank. If the future is dropped, it may have happened.
    pub async fn put(&self, data: &[u8], rank: Rank) -> Result<String, QueueError> {
        put(&self.sessions, &self.path, self.layout, data, rank).await
    }

    /// Takes the first item, once there is one that may be taken.
    ///
    /// # Errors
    /// When it can't be taken, or is no item of the layout.
    pub async fn take(&self) -> Result<Taken, QueueError> {
        self.slot.fill(&self.sessions, self).await
    }
}

impl Taker<Taken> for Queue {
    async fn take_in(&self, client: &Client, slot: &mut Filling<'_, Taken>) -> Result<Taken, QueueError> {
        loop {
            let look = Look::at(client, &self.path, self.layout, None).await?;
            for entry in look.ready() {
                let (client, sessions) = (client.clone(), self.sessions.clone());
                let (path, layout) = (paths::child(&self.path, &entry.name), self.layout);
                if let Some(taken) =
                    slot.run(async move { remove(client, sessions, path, layout).await }).await?
                {
                    return Ok(taken);
                }
            }
            look.wait(client).await;
        }
    }
}

async fn put(
    sessions: &Sessions,
    path: &str,
    layout: Layout,
    data: &[u8],
    rank: Rank,
) -> Result<String, QueueError> {
    let prefix = layout.prefix(rank).ok_or(QueueError::BadRank { layout, rank })?;
    let (path_of_item, data, acl) = (paths::child(path, &prefix), layout.encode(data), Acl::open());
    let client = sessions.client().await?;
    loop {
        match client.create(&path_of_item, Some(&data), &acl, CreateMode::PersistentSequential).await {
            Ok((created, _)) => return Ok(paths::name(&created).to_owned()),
            Err(error) if error.kind == ErrorKind::NoNode => {
                ensure(&client, path, kind_of_parents(layout), &acl).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Kazoo's takers believe that what they have made stays.
fn kind_of_parents(layout: Layout) -> Kind {
    if layout == Layout::Kazoo { Kind::Persistent } else { Kind::Container }
}

/// Takes this item away, unless somebody else does.
async fn remove(
    mut client: Client,
    sessions: Sessions,
    path: String,
    layout: Layout,
) -> Result<Option<Taken>, QueueError> {
    let node = match client.get(&path).await {
        Err(error) if error.kind == ErrorKind::NoNode => return Ok(None),
        node => node?,
    };
    let data = Bytes::copy_from_slice(&node.data.unwrap_or_default());
    let items = layout.decode(&data).map_err(|why| QueueError::BadItem { path: path.clone(), why })?;
    let taken = |is_certain| Taken { name: paths::name(&path).to_owned(), items: items.clone(), is_certain };
    let (mut patience, mut is_unknown) = (Patience::default(), false);
    loop {
        match client.delete(&path, node.stat.version).await {
            Ok(()) => return Ok(Some(taken(true))),
            Err(error) if error.kind == ErrorKind::NoNode => return Ok(is_unknown.then(|| taken(false))),
            // Somebody puts other data into items: it is another one now.
            Err(error) if error.kind == ErrorKind::BadVersion => return Ok(None),
            Err(error) if may_pass(&error) => {
                // An effect that was unknown stays so until the znode is seen.
                is_unknown |= error.effect == Effect::Unknown;
                patience.pause(&client).await;
                client = sessions.client().await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
