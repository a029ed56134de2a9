//! This node's copy of the replicated state, and the watches that stand beside it.

use parking_lot::Mutex;
use tree::{Tree, WatchTable};

/// What the replica's lock protects.
///
/// The watches have a lock of their own because readers, who share the replica's lock, set watches. Whoever changes the
/// tree holds the replica's lock alone, so reading and setting the watch are one step for everyone else.
#[derive(Default)]
pub(crate) struct Replica {
    pub(crate) tree: Tree,
    pub(crate) watches: Mutex<WatchTable>,
}
