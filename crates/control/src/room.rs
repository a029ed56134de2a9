//! Bounds on the memory of what clients make this node keep: the tree, and the watches of its connections.
//!
//! What is committed must be applied by all replicas alike, so a write that finds no room is refused before it is proposed,
//! by the node that its client is connected to. What that node has under way counts as if it were applied; what other nodes
//! have under way does not, and may take the tree beyond the bound.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use runtime::{Clock, Complaints};
use thiserror::Error;
use tree::{Operation, Tree, WatchTable};

/// Refusals are logged at most so often, of each kind.
const COMPLAINTS_EVERY: Duration = Duration::from_secs(60);

/// The tree takes as much memory as it may, and this would make it take more. Nothing was proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the tree takes as much memory as tree-bytes-max allows")]
pub struct TreeFull {
    /// The first part of a multi that would add to it; 0 for other operations.
    pub part: usize,
}

/// The watches of this node take as much memory as they may. None was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the watches of this node take as much memory as watch-bytes-max allows")]
pub struct WatchesFull;

/// How much memory what clients put into a node may take, in bytes. `None`: any amount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryLimits {
    /// Of the tree, as [`Counters::memory_bytes`](tree::Counters::memory_bytes) estimates it.
    pub tree_bytes: Option<usize>,
    /// Of the watches, as [`WatchTable::memory_bytes`] estimates it.
    pub watch_bytes: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Full {
    Tree,
    Watches,
}

/// The limits, and what is known against them beside the tree and the watches themselves.
pub(crate) struct Room {
    limits: MemoryLimits,
    /// What commands of this node that are under way may add to the tree, at most.
    promised: AtomicUsize,
    clock: Clock,
    complaints: Complaints<Full>,
    writes_refused: AtomicU64,
    watches_refused: AtomicU64,
}

impl Room {
    pub(crate) fn new(limits: MemoryLimits, clock: Clock) -> Self {
        Self {
            limits,
            promised: AtomicUsize::new(0),
            clock,
            complaints: Complaints::every(COMPLAINTS_EVERY),
            writes_refused: AtomicU64::new(0),
            watches_refused: AtomicU64::new(0),
        }
    }

    pub(crate) fn limits(&self) -> MemoryLimits {
        self.limits
    }

    pub(crate) fn refused(&self) -> Refused {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Refused { writes: read(&self.writes_refused), watches: read(&self.watches_refused) }
    }

    /// Sets aside what `operation` may add to the tree, and returns it: to be given back by [`Room::settle`].
    pub(crate) fn reserve(&self, tree: &Tree, operation: &Operation) -> Result<usize, TreeFull> {
        let Some(max) = self.limits.tree_bytes else { return Ok(0) };
        let wanted = operation.memory_bytes_max();
        if wanted == 0 {
            return Ok(0);
        }
        let promised = self.promised.fetch_add(wanted, Ordering::Relaxed).saturating_add(wanted);
        if tree.counters().memory_bytes.saturating_add(promised) <= max {
            return Ok(wanted);
        }
        self.settle(wanted);
        let Some(part) = tree.first_growth(operation) else { return Ok(0) };
        self.note(Full::Tree);
        Err(TreeFull { part })
    }

    /// Gives back what was set aside: the command was applied, or its fate is not known.
    pub(crate) fn settle(&self, reserved: usize) {
        self.promised.fetch_sub(reserved, Ordering::Relaxed);
    }

    /// Whether so much may be added to the watches.
    pub(crate) fn check_watches(&self, watches: &WatchTable, added: usize) -> Result<(), WatchesFull> {
        match self.limits.watch_bytes {
            Some(max) if watches.memory_bytes().saturating_add(added) > max => {
                self.note(Full::Watches);
                Err(WatchesFull)
            }
            _ => Ok(()),
        }
    }

    fn note(&self, what: Full) {
        let counter = match what {
            Full::Tree => &self.writes_refused,
            Full::Watches => &self.watches_refused,
        };
        let refused = counter.fetch_add(1, Ordering::Relaxed) + 1;
        if !self.complaints.is_due(what, self.clock.now()) {
            return;
        }
        match what {
            Full::Tree => tracing::warn!(
                refused,
                limit_bytes = self.limits.tree_bytes,
                "the tree is full: writes that add to it are refused; delete znodes, or raise tree-bytes-max on all nodes"
            ),
            Full::Watches => tracing::warn!(
                refused,
                limit_bytes = self.limits.watch_bytes,
                "there is no room for more watches: requests for them are refused; spread clients over more nodes, or raise \
                 watch-bytes-max"
            ),
        }
    }
}

/// How often there was no room, since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused {
    /// Writes that would have made the tree take more memory than it may.
    pub writes: u64,
    /// Requests for watches, likewise.
    pub watches: u64,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use runtime::SystemClock;
    use tree::{Acl, Create, CreateMode, Delete, Permissions, SetData, SubOperation, WatchKind, WatcherId};

    use super::*;

    fn create(bytes: usize) -> Create {
        let acl = vec![Acl::anyone(Permissions::ALL)];
        let data = Some(Bytes::from(vec![0; bytes]));
        Create { path: "/a".into(), data, acl, mode: CreateMode::Persistent, want_stat: false }
    }

    fn room(tree_bytes: usize) -> Room {
        let limits = MemoryLimits { tree_bytes: Some(tree_bytes), watch_bytes: None };
        Room::new(limits, SystemClock::clock())
    }

    #[test]
    fn what_is_under_way_counts() {
        let tree = Tree::new();
        let used = tree.counters().memory_bytes;
        let operation = Operation::Create(create(10_000));
        let room = room(used + 2 * operation.memory_bytes_max());
        let first = room.reserve(&tree, &operation).unwrap();
        room.reserve(&tree, &operation).unwrap();
        assert_eq!(room.reserve(&tree, &operation), Err(TreeFull { part: 0 }));
        room.settle(first);
        assert_eq!(room.reserve(&tree, &operation), Ok(first));
        assert_eq!(room.refused(), Refused { writes: 1, watches: 0 });
    }

    #[test]
    fn a_full_tree_takes_what_does_not_add_to_it() {
        let tree = Tree::new();
        let room = room(1);
        let delete = Delete { path: "/a".into(), version: -1 };
        let shorter = SetData { path: "/zookeeper".into(), data: None, version: -1 };
        let longer = SetData { data: Some(Bytes::from_static(&[0; 100])), ..shorter.clone() };
        for allowed in [
            Operation::Delete(delete.clone()),
            Operation::SetData(shorter.clone()),
            Operation::Multi(vec![SubOperation::Delete(delete.clone()), SubOperation::SetData(shorter)]),
            Operation::CloseSession,
        ] {
            assert_eq!(room.reserve(&tree, &allowed), Ok(0), "{allowed:?}");
        }
        assert_eq!(room.reserve(&tree, &Operation::SetData(longer)), Err(TreeFull { part: 0 }));
        let parts = vec![SubOperation::Delete(delete), SubOperation::Create(create(0))];
        assert_eq!(room.reserve(&tree, &Operation::Multi(parts)), Err(TreeFull { part: 1 }));
    }

    #[test]
    fn watches_have_a_bound_of_their_own() {
        let mut watches = WatchTable::new();
        let added = WatchTable::memory_of_path("/a");
        let limits = MemoryLimits { tree_bytes: None, watch_bytes: Some(added + 10) };
        let room = Room::new(limits, SystemClock::clock());
        assert_eq!(room.check_watches(&watches, added), Ok(()));
        watches.register("/a", WatchKind::Data, WatcherId(1));
        assert_eq!(room.check_watches(&watches, added), Err(WatchesFull));
        assert_eq!(room.refused(), Refused { writes: 0, watches: 1 });
    }
}
