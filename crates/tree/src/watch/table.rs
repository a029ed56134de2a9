//! Who watches what.

use std::collections::BTreeMap;

use super::set::SmallSet;
use super::{WatchCounts, WatchKind, WatcherId};
use crate::index::{Index, hash_bytes};
use crate::memory;
use crate::slab::{Image, Slab, SlotId};
use crate::trigger::{EventKind, Trigger};

/// The watches of the connections that one node holds.
///
/// Give it every [`Trigger`] of every outcome in order, before the answer to the command goes out; register a watch under
/// the same lock as the read that sets it. Otherwise a client could see a change before its event, or miss the event.
#[derive(Debug, Default)]
pub struct WatchTable {
    paths: Slab<WatchedPath>,
    index: Index,
    /// Which paths each watcher watches, in either table.
    watchers: BTreeMap<WatcherId, SmallSet<SlotId>>,
    watches: usize,
    /// What the watched paths take in memory.
    path_memory: usize,
    /// Those of the watches that cover descendants: while there are none, a change asks for no path but its own.
    recursive: usize,
}

/// A path that somebody watches.
#[derive(Clone, Debug, Default)]
struct WatchedPath {
    path: Box<str>,
    /// One-shot watches of data and existence.
    data: SmallSet<WatcherId>,
    /// One-shot watches of children.
    child: SmallSet<WatcherId>,
    persistent: SmallSet<WatcherId>,
    recursive: SmallSet<WatcherId>,
}

impl WatchedPath {
    fn table(&mut self, kind: WatchKind) -> &mut SmallSet<WatcherId> {
        match kind {
            WatchKind::Data | WatchKind::Exists => &mut self.data,
            WatchKind::Child => &mut self.child,
            WatchKind::Persistent => &mut self.persistent,
            WatchKind::PersistentRecursive => &mut self.recursive,
        }
    }

    fn has(&self, kind: WatchKind, watcher: WatcherId) -> bool {
        match kind {
            WatchKind::Data | WatchKind::Exists => self.data.contains(watcher),
            WatchKind::Child => self.child.contains(watcher),
            WatchKind::Persistent => self.persistent.contains(watcher),
            WatchKind::PersistentRecursive => self.recursive.contains(watcher),
        }
    }

    fn tables(&self) -> [&SmallSet<WatcherId>; 4] {
        [&self.data, &self.child, &self.persistent, &self.recursive]
    }

    fn memory(&self) -> usize {
        memory::of_text(&self.path) + size_of::<Option<Self>>()
    }

    fn is_watched(&self) -> bool {
        self.tables().iter().any(|table| !table.is_empty())
    }

    fn is_watched_by(&self, watcher: WatcherId) -> bool {
        self.tables().iter().any(|table| table.contains(watcher))
    }
}

impl Image for WatchedPath {
    fn image(&self) -> Self {
        self.clone()
    }
}

impl WatchTable {
    /// Without watches.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a watch. One that is set already stays one.
    pub fn register(&mut self, path: &str, kind: WatchKind, watcher: WatcherId) {
        let slot = self.find(path).unwrap_or_else(|| self.add_path(path));
        if let Some(watched) = self.paths.get_derived_mut(slot)
            && watched.table(kind).insert(watcher)
        {
            self.watches += 1;
            self.recursive += usize::from(kind == WatchKind::PersistentRecursive);
            self.watchers.entry(watcher).or_default().insert(slot);
        }
    }

    /// Whether a watch is set.
    #[must_use]
    pub fn contains(&self, path: &str, kind: WatchKind, watcher: WatcherId) -> bool {
        let watched = self.find(path).and_then(|slot| self.paths.get(slot));
        watched.is_some_and(|watched| watched.has(kind, watcher))
    }

    /// Removes a watch. False if it was not set.
    pub fn remove(&mut self, path: &str, kind: WatchKind, watcher: WatcherId) -> bool {
        let Some(slot) = self.find(path) else { return false };
        let Some(watched) = self.paths.get_derived_mut(slot) else { return false };
        let removed = watched.table(kind).remove(watcher);
        if removed {
            self.watches -= 1;
            self.recursive -= usize::from(kind == WatchKind::PersistentRecursive);
            self.forget(slot, &[watcher]);
        }
        removed
    }

    /// Removes all watches of a connection that ended.
    pub fn remove_watcher(&mut self, watcher: WatcherId) {
        let Some(slots) = self.watchers.remove(&watcher) else { return };
        for slot in slots.iter() {
            if let Some(watched) = self.paths.get_derived_mut(slot) {
                let recursive = usize::from(watched.recursive.remove(watcher));
                self.recursive -= recursive;
                self.watches -= recursive;
                for table in [&mut watched.data, &mut watched.child, &mut watched.persistent] {
                    self.watches -= usize::from(table.remove(watcher));
                }
            }
            self.drop_unwatched(slot);
        }
    }

    /// Tells the watchers of a change, in ascending order, each once, and consumes the watches that fire once.
    ///
    /// The caller drops the event if the watcher may not read the node ([`Trigger::acl`]); the watch is consumed all the
    /// same.
    pub fn fire(&mut self, trigger: &Trigger, mut tell: impl FnMut(WatcherId, &Trigger)) {
        let mut told = Vec::new();
        if let Some(slot) = self.find(&trigger.path) {
            told.extend(self.paths.get(slot).into_iter().flat_map(|watched| watched.persistent.iter()));
            let fired = self.take_fired(slot, trigger.kind);
            self.forget(slot, &fired);
            told.extend(fired);
        }
        if self.recursive > 0 && trigger.kind != EventKind::NodeChildrenChanged {
            let above = path_and_above(&trigger.path).filter_map(|path| self.paths.get(self.find(path)?));
            told.extend(above.flat_map(|watched| watched.recursive.iter()));
        }
        told.sort_unstable();
        told.dedup();
        for watcher in told {
            tell(watcher, trigger);
        }
    }

    /// About what all of it takes in memory, in bytes. See `memory`.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.path_memory + self.watches * memory::WATCH + self.watchers.len() * memory::WATCHER
    }

    /// At most so much is added by a watch of this path.
    #[must_use]
    pub fn memory_of_path(path: &str) -> usize {
        memory::of_text(path) + size_of::<Option<WatchedPath>>() + memory::WATCH + memory::WATCHER
    }

    /// How much is watched.
    #[must_use]
    pub fn counts(&self) -> WatchCounts {
        WatchCounts { watchers: self.watchers.len(), paths: self.paths.len(), watches: self.watches }
    }

    /// The paths that a watcher watches.
    pub fn paths_of(&self, watcher: WatcherId) -> impl Iterator<Item = &str> {
        let slots = self.watchers.get(&watcher).into_iter().flat_map(SmallSet::iter);
        slots.filter_map(|slot| self.paths.get(slot).map(|watched| &*watched.path))
    }

    /// The watchers that watch anything, in ascending order.
    pub fn watchers(&self) -> impl Iterator<Item = WatcherId> {
        self.watchers.keys().copied()
    }

    fn find(&self, path: &str) -> Option<SlotId> {
        let is_path = |slot| self.paths.get(slot).is_some_and(|watched| &*watched.path == path);
        self.index.find(hash_bytes(path.as_bytes()), is_path)
    }

    fn add_path(&mut self, path: &str) -> SlotId {
        let slot = self.paths.next_free();
        let watched = WatchedPath { path: path.into(), ..WatchedPath::default() };
        self.path_memory += watched.memory();
        self.paths.insert_at(slot, watched);
        let paths = &self.paths;
        let hash_of = |slot| paths.get(slot).map_or(0, |watched| hash_bytes(watched.path.as_bytes()));
        self.index.insert(hash_of(slot), slot, hash_of);
        slot
    }

    /// The one-shot watches that a change consumes. A deletion consumes those of data and of children.
    fn take_fired(&mut self, slot: SlotId, kind: EventKind) -> Vec<WatcherId> {
        let Some(watched) = self.paths.get_derived_mut(slot) else { return Vec::new() };
        let take = |table: &mut SmallSet<WatcherId>| std::mem::take(table);
        let (data, child) = match kind {
            EventKind::NodeCreated | EventKind::NodeDataChanged => (take(&mut watched.data), SmallSet::Empty),
            EventKind::NodeChildrenChanged => (SmallSet::Empty, take(&mut watched.child)),
            EventKind::NodeDeleted => (take(&mut watched.data), take(&mut watched.child)),
        };
        self.watches -= data.len() + child.len();
        data.iter().chain(child.iter()).collect()
    }

    /// Cleans up behind watches that left a path.
    fn forget(&mut self, slot: SlotId, gone: &[WatcherId]) {
        for watcher in gone {
            let still = self.paths.get(slot).is_some_and(|watched| watched.is_watched_by(*watcher));
            if !still && let Some(slots) = self.watchers.get_mut(watcher) {
                slots.remove(slot);
                if slots.is_empty() {
                    self.watchers.remove(watcher);
                }
            }
        }
        self.drop_unwatched(slot);
    }

    fn drop_unwatched(&mut self, slot: SlotId) {
        if self.paths.get(slot).is_some_and(|watched| !watched.is_watched())
            && let Some(watched) = self.paths.remove(slot)
        {
            self.path_memory -= watched.memory();
            self.index.remove(hash_bytes(watched.path.as_bytes()), slot);
        }
    }
}

/// A path, its parent, and so on up to the root.
fn path_and_above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| match path.rfind('/')? {
        0 => (path.len() > 1).then_some("/"),
        slash => Some(&path[..slash]),
    })
}
