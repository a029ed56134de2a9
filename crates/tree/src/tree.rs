//! The tree as a whole.

use crate::apply::Undo;
use crate::ensemble::{Ensemble, EnsembleMember};
use crate::session::{SessionId, SessionInfo};
use crate::snapshot::Walk;
use crate::store::Store;
use crate::text::Text;
use crate::zxid::Zxid;

/// The control plane's state: znodes, sessions, the last transaction.
///
/// Changed by [`apply`](Self::apply), [`begin_epoch`](Self::begin_epoch) and [`set_members`](Self::set_members) only; and by
/// [`found_anew`](Self::found_anew) before it is replicated at all.
#[derive(Debug)]
pub struct Tree {
    pub(crate) store: Store,
    pub(crate) ensemble: Ensemble,
    pub(crate) zxid: Zxid,
    /// Time of the newest command, milliseconds since the epoch; never goes back.
    pub(crate) time_ms: i64,
    /// Sessions ever made.
    pub(crate) session_counter: u64,
    /// Empty between commands; kept for its buffer.
    pub(crate) undo: Vec<Undo>,
    pub(crate) snapshot: Option<Walk>,
}

/// How much a tree holds. All of it is counted as it changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Znodes, the root and the system nodes included. (ZooKeeper shows one more, as it counts its root twice.)
    pub nodes: usize,
    /// Ephemeral znodes.
    pub ephemerals: usize,
    /// Sessions.
    pub sessions: usize,
    /// Lengths of all paths and all data, bytes.
    pub data_bytes: usize,
    /// What all of it takes in memory, bytes: an estimate that is at most some percent off, upwards rather than downwards.
    pub memory_bytes: usize,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// A fresh tree: the root, `/zookeeper`, `/zookeeper/quota`, `/zookeeper/config`.
    #[must_use]
    pub fn new() -> Self {
        Self::from_parts(Store::with_system_nodes(), Ensemble::default(), Zxid::ZERO, 0, 0)
    }

    pub(crate) fn from_parts(
        store: Store,
        ensemble: Ensemble,
        zxid: Zxid,
        time_ms: i64,
        session_counter: u64,
    ) -> Self {
        Self { store, ensemble, zxid, time_ms, session_counter, undo: Vec::new(), snapshot: None }
    }

    /// A new leader's first entry is being applied: the next write has the first zxid of the next epoch.
    pub fn begin_epoch(&mut self) {
        self.zxid = self.zxid.next_epoch();
    }

    /// The last applied transaction.
    #[must_use]
    pub fn zxid(&self) -> Zxid {
        self.zxid
    }

    /// The time of the newest command, milliseconds since the epoch; 0 before the first. It never goes back.
    #[must_use]
    pub fn time_ms(&self) -> i64 {
        self.time_ms
    }

    /// Where clients reach a node, as it was announced last.
    #[must_use]
    pub fn client_address(&self, node: u64) -> Option<&Text> {
        self.ensemble.client_addresses.get(&node)
    }

    /// The members of the cluster by number, each with where clients reach it, if that is known.
    pub fn members(&self) -> impl Iterator<Item = (&EnsembleMember, Option<&Text>)> {
        let addresses = &self.ensemble.client_addresses;
        self.ensemble.members.values().map(|member| (member, addresses.get(&member.node)))
    }

    /// How much the tree holds.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            nodes: self.store.nodes.len(),
            ephemerals: self.store.ephemerals,
            sessions: self.store.sessions.len(),
            data_bytes: self.store.data_bytes,
            memory_bytes: self.store.memory_bytes(),
        }
    }

    /// One session, if it lives.
    #[must_use]
    pub fn session(&self, id: SessionId) -> Option<SessionInfo> {
        self.store.sessions.get(id).map(|session| session.info())
    }

    /// All sessions, in an order that is the same on every replica.
    pub fn sessions(&self) -> impl Iterator<Item = SessionInfo> {
        self.store.sessions.iter().map(|session| session.info())
    }
}
