//! One listener's view of a cache: what it has not been told yet.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use client::Node;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What a cache tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// A znode is there now.
    Created {
        /// Its path.
        path: Arc<str>,
        /// Its data and numbers.
        node: Node,
    },
    /// A znode has other data, or had data set.
    Changed {
        /// Its path.
        path: Arc<str>,
        /// What this listener was told last.
        old: Node,
        /// What is there now.
        new: Node,
    },
    /// A znode is gone.
    Deleted {
        /// Its path.
        path: Arc<str>,
        /// What this listener was told last.
        old: Node,
    },
    /// What was told until here is all there was when the cache was first complete. Told once.
    Initialized,
}

/// The changes of a cache, from an empty one on. What a listener is slow to take is drawn together: it is told the last
/// state of each znode, so that it never holds up the cache nor costs more memory than the cache twice over.
pub struct Changes {
    pub(super) listener: Arc<Listener>,
    /// The rest of a change that takes two to tell.
    rest: Option<Change>,
}

impl Changes {
    pub(super) fn new(listener: Arc<Listener>) -> Self {
        Self { listener, rest: None }
    }

    /// The next change; `None` once the cache has ended and everything was told. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Change> {
        if let Some(rest) = self.rest.take() {
            return Some(rest);
        }
        loop {
            // Before looking, so that what comes between is not missed.
            let told = self.listener.told.notified();
            let (taken, is_ended) = self.listener.look();
            if let Some((first, rest)) = taken {
                self.rest = rest;
                return Some(first);
            }
            if is_ended {
                return None;
            }
            told.await;
        }
    }
}

/// A listener, as the cache knows it.
#[derive(Default)]
pub(super) struct Listener {
    queue: Mutex<Queue>,
    told: Notify,
}

#[derive(Default)]
struct Queue {
    order: VecDeque<Item>,
    pending: BTreeMap<Arc<str>, Pending>,
    is_ended: bool,
}

enum Item {
    Znode(Arc<str>),
    Initialized,
}

/// What the listener was told last, and what is there now.
struct Pending {
    told: Option<Node>,
    now: Option<Node>,
}

/// A change, and the rest of it if it takes two to tell.
type Told = (Change, Option<Change>);

impl Listener {
    /// What is to be told next, if anything, and whether nothing more will be.
    fn look(&self) -> (Option<Told>, bool) {
        let mut queue = self.queue.lock();
        (queue.take(), queue.is_ended)
    }

    /// A znode went from one state to another.
    pub(super) fn tell(&self, path: &Arc<str>, old: Option<&Node>, new: Option<&Node>) {
        self.queue.lock().put(path, old, new);
        self.told.notify_one();
    }

    pub(super) fn tell_initialized(&self) {
        self.queue.lock().order.push_back(Item::Initialized);
        self.told.notify_one();
    }

    pub(super) fn tell_ended(&self) {
        self.queue.lock().is_ended = true;
        self.told.notify_one();
    }
}

impl Queue {
    fn put(&mut self, path: &Arc<str>, old: Option<&Node>, new: Option<&Node>) {
        if let Some(pending) = self.pending.get_mut(path) {
            pending.now = new.cloned();
            return;
        }
        self.pending.insert(Arc::clone(path), Pending { told: old.cloned(), now: new.cloned() });
        self.order.push_back(Item::Znode(Arc::clone(path)));
    }

    fn take(&mut self) -> Option<Told> {
        while let Some(item) = self.order.pop_front() {
            let Item::Znode(path) = item else { return Some((Change::Initialized, None)) };
            let pending = self.pending.remove(&path).expect("what is in the order is pending");
            if let Some(told) = pending.told_as(path) {
                return Some(told);
            }
        }
        None
    }
}

impl Pending {
    /// Nothing, if what came has gone again.
    fn told_as(self, path: Arc<str>) -> Option<Told> {
        match (self.told, self.now) {
            (None, None) => None,
            (None, Some(node)) => Some((Change::Created { path, node }, None)),
            (Some(old), None) => Some((Change::Deleted { path, old }, None)),
            (Some(old), Some(new)) if is_successor(&old, &new) => {
                Some((Change::Changed { path, old, new }, None))
            }
            (Some(old), Some(node)) => {
                let gone = Change::Deleted { path: Arc::clone(&path), old };
                Some((gone, Some(Change::Created { path, node })))
            }
        }
    }
}

/// Whether `new` is a later state of the same znode, rather than another one in its place.
pub(super) fn is_successor(old: &Node, new: &Node) -> bool {
    old.stat.czxid == new.stat.czxid && new.stat.mzxid > old.stat.mzxid
}
