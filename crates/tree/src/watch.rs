//! The watches of the connections that a node holds. Not replicated: it lives beside the tree.

mod set;
mod table;

pub use table::WatchTable;

/// A connection that watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatcherId(pub u64);

/// What a watch waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WatchKind {
    /// Change or deletion of a node that was read. Fires once.
    Data,
    /// Creation, change or deletion of a node that was asked for. Shares its table with `Data`: both on one path by one
    /// watcher are one watch. Fires once.
    Exists,
    /// Creation or deletion of a child, or deletion of the node. Fires once.
    Child,
    /// Everything that happens to a path and to the list of its children, until the watch is removed.
    Persistent,
    /// Creation, change and deletion of a path and of everything below it, until the watch is removed. Changes of lists of
    /// children are not told: the creations and deletions are.
    PersistentRecursive,
}

/// How much is watched, as `wchs` shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchCounts {
    /// Connections with at least one watch.
    pub watchers: usize,
    /// Paths with at least one watch.
    pub paths: usize,
    /// Watches: a watcher's data and child watch on one path count as two.
    pub watches: usize,
}

#[cfg(test)]
mod tests;
