//! A connection's work on one state of the replica.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tree::{Command, Identity, Owner, Tree, WatchKind, WatchTable, WatcherId, Zxid};

use crate::control::Control;
use crate::delivery::{CloseReason, Delivery};
use crate::outbox::Outbox;
use crate::room::{Room, TreeFull, WatchesFull};

/// A read that waits for its turn, done on the thread that applies. It returns what it has to say, encoded, which comes
/// back as [`Delivery::Deferred`]. It must be short, as everybody waits for it.
pub type Deferred = Box<dyn FnOnce(&View<'_>) -> Bytes + Send>;

/// One state of the replica, as one connection sees it.
pub struct View<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) watches: &'a Mutex<WatchTable>,
    pub(crate) room: &'a Room,
    pub(crate) outbox: &'a Arc<Outbox>,
}

impl View<'_> {
    /// The tree.
    pub fn tree(&self) -> &Tree {
        self.tree
    }

    /// The last transaction that this state includes.
    pub fn zxid(&self) -> Zxid {
        self.tree.zxid()
    }

    /// Sets a watch of this connection. It fires for the first change after this state.
    ///
    /// # Errors
    /// [`WatchesFull`], unless the watch is set already. Nothing is changed then.
    pub fn watch(&self, path: &str, kind: WatchKind) -> Result<(), WatchesFull> {
        let mut watches = self.watches.lock();
        if !watches.contains(path, kind, self.watcher()) {
            self.room.check_watches(&watches, WatchTable::memory_of_path(path))?;
            watches.register(path, kind, self.watcher());
        }
        Ok(())
    }

    /// Whether watches of all these paths could be set, were they new.
    ///
    /// # Errors
    /// [`WatchesFull`].
    pub fn check_watches<'p>(&self, paths: impl Iterator<Item = &'p str>) -> Result<(), WatchesFull> {
        let added = paths.map(WatchTable::memory_of_path).sum();
        self.room.check_watches(&self.watches.lock(), added)
    }

    /// Sets a watch of this connection, also when there is no more room: see [`View::check_watches`].
    pub fn watch_unchecked(&self, path: &str, kind: WatchKind) {
        self.watches.lock().register(path, kind, self.watcher());
    }

    /// Ends this connection once it has heard everything up to here.
    pub fn close(&self, reason: CloseReason) {
        if self.outbox.close(reason) {
            self.outbox.wake();
        }
    }

    fn watcher(&self) -> WatcherId {
        WatcherId(self.outbox.id)
    }

    /// Whether this connection has such a watch.
    pub fn is_watched(&self, path: &str, kind: WatchKind) -> bool {
        self.watches.lock().contains(path, kind, self.watcher())
    }

    /// Takes a watch of this connection away. False if there was none.
    pub fn unwatch(&self, path: &str, kind: WatchKind) -> bool {
        self.watches.lock().remove(path, kind, self.watcher())
    }
}

/// A connection's work under the replica's lock: first it hears what happened, then it reads and proposes.
pub struct Turn<'a> {
    pub(crate) view: View<'a>,
    pub(crate) control: &'a Control,
    pub(crate) outbox: &'a Arc<Outbox>,
    pub(crate) deliveries: VecDeque<Delivery>,
    pub(crate) unfinished: &'a mut usize,
    pub(crate) last_ticket: &'a mut u64,
    /// Where commands are encoded; those of a turn share an allocation.
    pub(crate) scratch: &'a mut BytesMut,
}

impl<'a> Turn<'a> {
    /// The next thing that the client must hear of before anything that this turn reads. To be called until there is
    /// nothing left.
    pub fn next_delivery(&mut self) -> Option<Delivery> {
        let delivery = self.deliveries.pop_front()?;
        if let Delivery::Done { .. } = delivery {
            *self.unfinished -= 1;
        }
        Some(delivery)
    }

    /// Whether every command of this connection is done: only then may it read here. Otherwise it must
    /// [`defer`](Turn::defer).
    pub fn is_caught_up(&self) -> bool {
        *self.unfinished == 0
    }

    /// The state. See [`Turn::is_caught_up`].
    pub fn view(&self) -> &View<'a> {
        debug_assert!(self.deliveries.is_empty(), "what happened is told before anything is read");
        &self.view
    }

    /// Proposes a command. Its answer comes as [`Delivery::Done`] with the returned ticket.
    ///
    /// # Errors
    /// [`TreeFull`] for what would add to a tree that takes as much memory as it may: never for sessions, deletions and
    /// data that does not become longer.
    pub fn propose(&mut self, command: &Command) -> Result<u64, TreeFull> {
        let reserved = self.control.room.reserve(self.view.tree, &command.operation)?;
        command.encode(self.scratch);
        let encoded = self.scratch.split().freeze();
        let ticket = self.control.propose(Some(Arc::clone(self.outbox)), encoded, reserved);
        *self.unfinished += 1;
        *self.last_ticket = ticket;
        Ok(ticket)
    }

    /// Does `read` right after the last proposed command of this connection, and before anything that comes later.
    ///
    /// # Panics
    /// When the connection has no unfinished command: then there is nothing to wait for.
    pub fn defer(&mut self, read: Deferred) {
        debug_assert!(self.deliveries.is_empty(), "what happened is told before anything is read");
        assert!(!self.is_caught_up(), "a read is deferred behind a command");
        self.outbox.defer(*self.last_ticket, read);
    }

    /// From now on events are withheld unless these identities may read what they are about.
    pub fn set_identities(&self, identities: Arc<[Identity]>) {
        self.outbox.set_identities(identities);
    }

    /// What commands of this connection name as their origin.
    pub fn owner(&self) -> Owner {
        Owner { node: self.control.node(), connection: self.outbox.id }
    }

    /// The control plane.
    pub fn control(&self) -> &Control {
        self.control
    }
}
