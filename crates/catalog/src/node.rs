//! Records of nodes and shards.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A node that is there: what its ephemeral znode holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    pub(crate) format: u32,
    /// Its session in the control plane, to which its exclusive queues and its consumers belong.
    pub session: i64,
    /// A number that is another one each time the process starts.
    pub incarnation: u64,
    /// Where its listeners are, by protocol, as `HOST:PORT`.
    #[serde(default)]
    pub addresses: std::collections::BTreeMap<String, String>,
}

/// A node that has had a shard from the beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Founder {
    /// Its number.
    pub node: u64,
    /// Where other nodes reach it, `HOST:PORT`.
    pub address: String,
}

/// Knows who would found shards now: of the nodes that vote, so many each.
#[derive(Clone)]
pub struct Founders(Arc<FindFounders>);

type FindFounders = dyn Fn(u32, u32) -> Vec<Vec<Founder>> + Send + Sync;

impl Founders {
    /// `now` is asked when shards are made: who founds each, if there are so many shards, each with so many voters. It must not
    /// wait.
    pub fn new(now: impl Fn(u32, u32) -> Vec<Vec<Founder>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self, shards: u32, replication_factor: u32) -> Vec<Vec<Founder>> {
        (self.0)(shards, replication_factor)
    }
}

impl Default for Founders {
    fn default() -> Self {
        Self::new(|shards, _| vec![Vec::new(); shards as usize])
    }
}

impl fmt::Debug for Founders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Founders").finish_non_exhaustive()
    }
}

/// Which shards there are, from 1 up; never fewer than there were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShardsRecord {
    pub(crate) format: u32,
    /// The cluster for which that holds: one that was founded anew from the log or a backup of another has other nodes.
    pub(crate) cluster: String,
    /// How many nodes vote in each.
    pub(crate) replication_factor: u32,
    /// Who founded each of them.
    pub(crate) founders: Vec<Vec<Founder>>,
}

/// Which ids are given away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdsRecord {
    pub(crate) format: u32,
    /// All below are.
    pub(crate) next: u64,
}
