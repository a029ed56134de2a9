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

/// Knows who would found a shard now: the nodes that vote.
#[derive(Clone)]
pub struct Founders(Arc<dyn Fn() -> Vec<Founder> + Send + Sync>);

impl Founders {
    /// `now` is asked when shards are made. It must not wait.
    pub fn new(now: impl Fn() -> Vec<Founder> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> Vec<Founder> {
        (self.0)()
    }
}

impl Default for Founders {
    fn default() -> Self {
        Self::new(Vec::new)
    }
}

impl fmt::Debug for Founders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Founders").field(&self.now()).finish()
    }
}

/// Which shards there are, from 1 up; never fewer than there were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShardsRecord {
    pub(crate) format: u32,
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
