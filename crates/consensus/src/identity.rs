//! Who a node is: the number people give it, and the marks by which its peers notice another data directory.

use std::collections::BTreeMap;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use journal::{GroupId, GroupLog, Journal, StateKey};
use prost::Message;
use runtime::Runtime;

use crate::{ConsensusError, wire};

/// A node's number, unique in its cluster for ever: 1 to 127, so that it fits the first byte of a session id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names a cluster, so that nodes of two clusters never mix.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClusterId(pub [u8; 16]);

impl ClusterId {
    /// The id of the cluster that starts with `voters` (node, peer address): every one of them comes to the same id by itself.
    pub fn of_initial_voters<'a>(voters: impl IntoIterator<Item = (NodeId, &'a str)>) -> Self {
        let sorted: BTreeMap<NodeId, &str> = voters.into_iter().collect();
        let mut text = BytesMut::new();
        for (node, address) in sorted {
            text.put_slice(format!("{node}={address};").as_bytes());
        }
        // Not a secret and not against an adversary: four checksums of the text with different prefixes.
        let mut id = [0; 16];
        for (part, chunk) in id.chunks_exact_mut(4).enumerate() {
            let seed = crc32c::crc32c(&[part as u8]);
            chunk.copy_from_slice(&crc32c::crc32c_append(seed, &text).to_be_bytes());
        }
        Self(id)
    }
}

impl ClusterId {
    fn random(runtime: &Runtime) -> Self {
        let mut id = [0; 16];
        runtime.entropy.fill(&mut id);
        Self(id)
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who this process is; kept in the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node's number.
    pub node: NodeId,
    /// Drawn at random when the data directory was made.
    pub store: u64,
    /// How often the data directory was opened, this time included.
    pub incarnation: u64,
    /// Drawn at random at this start.
    pub boot: u64,
    /// True if the node came into a cluster that others had founded.
    pub joined: bool,
}

/// Where a node's own hard state is kept: a group that is never replicated.
pub(crate) const NODE_GROUP: GroupId = GroupId(u32::MAX);
const IDENTITY: StateKey = StateKey(1);
/// Starts that are remembered: a peer that missed more of them can't tell an old copy of the directory from the original.
const BOOTS_KEPT: usize = 1024;

impl Identity {
    /// Whether the data directory belongs to a node already.
    pub(crate) fn is_kept(journal: &Journal) -> bool {
        journal.group(NODE_GROUP).get(IDENTITY).is_some()
    }

    /// Whose directory it is, if it belongs to a node already.
    pub(crate) fn kept(journal: &Journal) -> Result<Option<(NodeId, ClusterId)>, ConsensusError> {
        let Some(kept) = journal.group(NODE_GROUP).get(IDENTITY) else { return Ok(None) };
        let kept = decode_hello(kept)?;
        let cluster = <[u8; 16]>::try_from(&kept.cluster[..])
            .map_err(|_| ConsensusError::HardState("the cluster id is malformed".into()))?;
        Ok(Some((NodeId(kept.node), ClusterId(cluster))))
    }

    /// Makes the directory one of a cluster that nobody belongs to yet, and that its node founds; durably.
    pub(crate) async fn change_cluster(runtime: &Runtime, journal: &Journal) -> Result<(), ConsensusError> {
        let log = journal.group(NODE_GROUP);
        let mut kept = decode_hello(log.get(IDENTITY).unwrap_or_default())?;
        kept.cluster = Bytes::copy_from_slice(&ClusterId::random(runtime).0);
        kept.joined = false;
        put_durably(&log, IDENTITY, Bytes::from(kept.encode_to_vec())).await
    }

    /// Makes an empty directory that of the first node of a new cluster; durably.
    pub(crate) async fn found(
        runtime: &Runtime,
        journal: &Journal,
        node: NodeId,
    ) -> Result<ClusterId, ConsensusError> {
        let cluster = ClusterId::random(runtime);
        let kept = first_hello(runtime, cluster, node, false);
        put_durably(&journal.group(NODE_GROUP), IDENTITY, Bytes::from(kept.encode_to_vec())).await?;
        Ok(cluster)
    }

    /// What was drawn at the starts before this one, the newest last.
    pub(crate) fn boots(journal: &Journal) -> Result<Vec<u64>, ConsensusError> {
        let kept = journal.group(NODE_GROUP).get(IDENTITY);
        Ok(kept.map(decode_hello).transpose()?.unwrap_or_default().boots)
    }

    /// Reads the identity in the journal, or makes a new one, for a node that founds its cluster or joins one; counts this
    /// start, durably, before it returns.
    pub(crate) async fn load(
        runtime: &Runtime,
        journal: &Journal,
        cluster: Option<ClusterId>,
        node: NodeId,
        joins: bool,
    ) -> Result<Self, ConsensusError> {
        let log = journal.group(NODE_GROUP);
        let mut kept = match log.get(IDENTITY) {
            Some(bytes) => decode_hello(bytes)?,
            None => {
                let cluster = cluster.unwrap_or_else(|| ClusterId::random(runtime));
                first_hello(runtime, cluster, node, joins)
            }
        };
        if kept.node != node.0 {
            return Err(ConsensusError::Identity(format!(
                "the data directory belongs to node {}, but --node-id says {node}; use the directory of node {node} or an empty one",
                kept.node
            )));
        }
        let kept_cluster = <[u8; 16]>::try_from(&kept.cluster[..])
            .map(ClusterId)
            .map_err(|_| ConsensusError::HardState("the cluster id is malformed".into()))?;
        if cluster.is_some_and(|cluster| cluster != kept_cluster) {
            return Err(ConsensusError::Identity(
                "the data directory belongs to a cluster that began with other members than --cluster says; \
                 use the members it began with, or an empty directory"
                    .into(),
            ));
        }
        if kept.incarnation > 0 {
            kept.boots.push(kept.boot);
        }
        let forgotten = kept.boots.len().saturating_sub(BOOTS_KEPT);
        kept.boots.drain(..forgotten);
        kept.boot = runtime.entropy.next_u64();
        kept.incarnation += 1;
        let identity = Self {
            cluster: kept_cluster,
            node,
            store: kept.store,
            incarnation: kept.incarnation,
            boot: kept.boot,
            joined: kept.joined,
        };
        put_durably(&log, IDENTITY, Bytes::from(kept.encode_to_vec())).await?;
        Ok(identity)
    }

    pub(crate) fn hello(&self) -> wire::Hello {
        wire::Hello {
            format: PEER_FORMAT,
            cluster: Bytes::copy_from_slice(&self.cluster.0),
            node: self.node.0,
            store: self.store,
            incarnation: self.incarnation,
            boot: self.boot,
            ..Default::default()
        }
    }
}

/// Version of what peers say to each other.
pub(crate) const PEER_FORMAT: u32 = 1;

/// What a directory keeps before its first start.
fn first_hello(runtime: &Runtime, cluster: ClusterId, node: NodeId, joined: bool) -> wire::Hello {
    let store = runtime.entropy.next_u64();
    let cluster = Bytes::copy_from_slice(&cluster.0);
    wire::Hello { cluster, node: node.0, store, joined, ..Default::default() }
}

fn decode_hello(bytes: Bytes) -> Result<wire::Hello, ConsensusError> {
    wire::Hello::decode(bytes).map_err(|error| ConsensusError::HardState(error.to_string()))
}

/// Writes hard state and waits until it is on disk.
pub(crate) async fn put_durably(log: &GroupLog, key: StateKey, value: Bytes) -> Result<(), ConsensusError> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    log.put(key, value, move |result| {
        // Nobody waits any more: the caller was cancelled.
        let _ = sender.send(result);
    });
    Ok(receiver.await.expect("the journal completes every write")?)
}
