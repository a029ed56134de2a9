//! A queue whose items are held until their taker is done.

use bytes::Bytes;
use client::{Acl, AnyVersion, Client, CreateMode, Effect, Error, ErrorKind, Sessions, Transaction};
use runtime::Pool;

use super::look::Look;
use super::slot::{Filling, Slot, Taker};
use super::{Layout, QueueError, Rank, put};
use crate::trouble::{Patience, is_over};
use crate::{paths, unique};

/// A queue that gives an item to one taker, and to another when that one has died before it was done: at least once, and to one
/// at a time ([`Held::lost`]). See the [module](super).
pub struct HoldingQueue {
    sessions: Sessions,
    /// Where items are.
    entries: String,
    /// Where an ephemeral of the same name says that an item is held.
    taken: String,
    layout: Layout,
    slot: Slot<Held>,
}

impl HoldingQueue {
    /// Kazoo's `LockingQueue` at `path`: items in `entries`, holds in `taken`.
    pub fn kazoo(sessions: &Sessions, path: &str) -> Self {
        let (entries, taken) = (paths::child(path, "entries"), paths::child(path, "taken"));
        Self::of(sessions, entries, taken, Layout::Kazoo)
    }

    /// One of Curator's queues at `path` with a lock path: holds are below that.
    pub fn curator(sessions: &Sessions, path: &str, lock_path: &str, layout: Layout) -> Self {
        Self::of(sessions, path.to_owned(), lock_path.to_owned(), layout)
    }

    fn of(sessions: &Sessions, entries: String, taken: String, layout: Layout) -> Self {
        Self { sessions: sessions.clone(), entries, taken, layout, slot: Slot::default() }
    }

    /// Puts an item; gives the name of its znode.
    ///
    /// # Errors
    /// When it fails, or the layout has no such rank. If the future is dropped, it may have happened.
    pub async fn put(&self, data: &[u8], rank: Rank) -> Result<String, QueueError> {
        put(&self.sessions, &self.entries, self.layout, data, rank).await
    }

    /// Takes the first item that nobody holds, once there is one.
    ///
    /// # Errors
    /// When it can't be taken, or is no item of the layout.
    pub async fn take(&self) -> Result<Held, QueueError> {
        self.slot.fill(&self.sessions, self).await
    }
}

impl Taker<Held> for HoldingQueue {
    async fn take_in(&self, client: &Client, slot: &mut Filling<'_, Held>) -> Result<Held, QueueError> {
        loop {
            let look = Look::at(client, &self.entries, self.layout, Some(&self.taken)).await?;
            for entry in look.ready() {
                let hold = Hold {
                    client: client.clone(),
                    entry: paths::child(&self.entries, &entry.name),
                    taken: paths::child(&self.taken, &entry.name),
                    id: unique::hex(&*client.runtime().entropy),
                };
                let layout = self.layout;
                if let Some(held) = slot.run(async move { hold.take(layout).await }).await? {
                    return Ok(held);
                }
            }
            look.wait(client).await;
        }
    }
}

/// An item that is held, in one session. Dropping it lets others have it.
pub struct Held {
    hold: Option<Hold>,
    items: Vec<Bytes>,
}

impl Held {
    /// What was put: one, or, where Curator's have put several at once, those.
    pub fn items(&self) -> &[Bytes] {
        &self.items
    }

    /// The first of them; nothing if there is none.
    pub fn data(&self) -> &[u8] {
        self.items.first().map(|item| &**item).unwrap_or_default()
    }

    /// The name of the item's znode.
    pub fn name(&self) -> &str {
        paths::name(&self.hold().entry)
    }

    /// Completes when others may have the item: the session is over, or it is not certain any more that it lives.
    pub async fn lost(&self) {
        self.hold().client.lapsed().await;
    }

    /// Removes the item: it was dealt with.
    ///
    /// # Errors
    /// When it could not be removed: the session is over, and another has the item or will; or somebody has removed it. If the
    /// future is dropped, it may be removed or given to others.
    pub async fn done(mut self) -> Result<(), QueueError> {
        let hold = self.hold.take().expect("it is held until now");
        hold.finish().await
    }

    /// Lets others have the item. Done when they can.
    ///
    /// # Errors
    /// When the server refuses it: then they can when the session is over.
    pub async fn release(mut self) -> Result<(), QueueError> {
        let hold = self.hold.take().expect("it is held until now");
        Ok(hold.release().await?)
    }

    fn hold(&self) -> &Hold {
        self.hold.as_ref().expect("it is held until now")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.take() {
            let runtime = hold.client.runtime().clone();
            let release = async move {
                if let Err(error) = hold.release().await {
                    tracing::warn!(%error, "an item is held until the session ends");
                }
            };
            runtime.spawn(Pool::Clients, release).detach();
        }
    }
}

/// The two znodes of an item that is held.
struct Hold {
    client: Client,
    entry: String,
    taken: String,
    /// What tells this hold from every other, those of this very handle that are being let go too.
    id: String,
}

impl Hold {
    /// Holds the item, unless somebody else does or has removed it.
    async fn take(self, layout: Layout) -> Result<Option<Held>, QueueError> {
        if !self.create().await? {
            return Ok(None);
        }
        let mut patience = Patience::default();
        let data = loop {
            match self.client.get(&self.entry).await {
                Ok(node) => break node.data.unwrap_or_default(),
                Err(error) if error.is_passing() => patience.pause(&self.client).await,
                Err(error) => {
                    self.release().await?;
                    return if error.kind == ErrorKind::NoNode { Ok(None) } else { Err(error.into()) };
                }
            }
        };
        match layout.decode(&Bytes::copy_from_slice(&data)) {
            Ok(items) => Ok(Some(Held { hold: Some(self), items })),
            Err(why) => {
                let path = self.entry.clone();
                self.release().await?;
                Err(QueueError::BadItem { path, why })
            }
        }
    }

    /// Whether the item is held by this now.
    async fn create(&self) -> Result<bool, Error> {
        let (acl, mut patience, mut is_unknown) = (Acl::open(), Patience::default(), false);
        loop {
            let id = Some(self.id.as_bytes());
            match self.client.create(&self.taken, id, &acl, CreateMode::Ephemeral).await {
                Ok(_) => return Ok(true),
                Err(error) if error.kind == ErrorKind::NodeExists && is_unknown => {
                    return self.is_there().await;
                }
                Err(error) if error.kind == ErrorKind::NodeExists => return Ok(false),
                Err(error) if error.is_passing() => is_unknown |= error.effect == Effect::Unknown,
                Err(error) => return Err(error),
            }
            patience.pause(&self.client).await;
        }
    }

    /// Whether this hold is there, as the leader has it: the server may not have seen yet what this session did on another.
    async fn is_there(&self) -> Result<bool, Error> {
        let mut patience = Patience::default();
        loop {
            let seen = async {
                self.client.sync(&self.taken).await?;
                self.client.get(&self.taken).await
            };
            match seen.await {
                Ok(node) => return Ok(node.data.as_deref() == Some(self.id.as_bytes())),
                Err(error) if error.kind == ErrorKind::NoNode => return Ok(false),
                Err(error) if error.is_passing() => patience.pause(&self.client).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes the item and the hold in one step. Nobody else can while this session lives, so that what is gone was removed here.
    async fn finish(self) -> Result<(), QueueError> {
        let mut step = Transaction::new();
        step.delete(&self.entry, AnyVersion).delete(&self.taken, AnyVersion);
        let (mut patience, mut is_unknown) = (Patience::default(), false);
        loop {
            match self.client.multi(&step).await {
                Ok(_) => return Ok(()),
                Err(error) if error.kind == ErrorKind::NoNode && is_unknown => return Ok(()),
                Err(error) if error.kind == ErrorKind::NoNode => {
                    let path = self.entry.clone();
                    self.release().await?;
                    return Err(QueueError::Gone { path });
                }
                Err(error) if error.is_passing() => is_unknown |= error.effect == Effect::Unknown,
                Err(error) => return Err(error.into()),
            }
            patience.pause(&self.client).await;
        }
    }

    /// Lets others have the item. When an answer was lost, others may have it already: then their hold is not to be removed.
    async fn release(self) -> Result<(), Error> {
        let mut patience = Patience::default();
        loop {
            let error = match self.client.delete(&self.taken, AnyVersion).await {
                Err(error) if error.kind == ErrorKind::NoNode || is_over(&error) => return Ok(()),
                Err(error) if error.is_passing() => error,
                other => return other,
            };
            patience.pause(&self.client).await;
            if error.effect == Effect::Unknown {
                match self.is_there().await {
                    Ok(true) => {}
                    Err(error) if !is_over(&error) => return Err(error),
                    _ => return Ok(()),
                }
            }
        }
    }
}
