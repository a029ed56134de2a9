//! Errors of consensus, by what the caller can do about them.

use crate::NodeId;

/// The node can't start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ConsensusError {
    /// The journal failed or is damaged.
    #[error(transparent)]
    Journal(#[from] journal::JournalError),
    /// The journal can't be read.
    #[error("read hard state from the journal: {0}; the data directory is damaged or of another version")]
    HardState(String),
    /// The data directory belongs to someone else.
    #[error("{0}")]
    Identity(String),
    /// Files or sockets.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// openraft refused its configuration or stopped.
    #[error("raft of group {group}: {reason}")]
    Raft {
        /// The group.
        group: u32,
        /// Why.
        reason: String,
    },
}

/// No leader could be asked in time, or the node is stopping: the caller may try again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no leader answered in time: {0}")]
pub struct Unavailable(pub String);

/// Who belongs to a group can't be changed so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// No leader could be asked, or it did not answer in time: whether the change was made is not known.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The leader says no, and why.
    #[error("{0}")]
    Refused(String),
    /// The change starts from other members than there are.
    #[error("the members have changed meanwhile; look at them again")]
    OtherMembers,
    /// A new voter, or a quorum of the voters that there would be, does not answer or is far behind; which and what to do.
    #[error("{0}")]
    NotInStep(String),
}

/// A group was not handed over to the node that was to lead it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandOverError {
    /// No leader could be asked, or the heir does not lead in time: whether it will is not known.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The leader goes on: a voter is not in step, too much is under way, or the heir does not vote.
    #[error("{0}")]
    NotNow(String),
}

/// A peer was refused, or refused us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It belongs to another cluster.
    #[error("node {node} belongs to another cluster; check --cluster on both nodes")]
    OtherCluster {
        /// The stranger.
        node: NodeId,
    },
    /// It speaks another format.
    #[error("node {node} speaks peer format {theirs}, this node {ours}; upgrade the older one")]
    Format {
        /// The peer.
        node: NodeId,
        /// Its version.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
    /// It came with a data directory other than the one this node knows it by.
    #[error(
        "node {node} comes with another data directory than before (wiped, copied or restored); \
         remove it from the cluster and let it join as a new node"
    )]
    OtherStore {
        /// The peer.
        node: NodeId,
    },
    /// It came with an older state of its data directory.
    #[error(
        "node {node} comes with an old copy of its data directory (start {theirs}, already seen {seen}); \
         remove it from the cluster and let it join as a new node"
    )]
    RolledBack {
        /// The peer.
        node: NodeId,
        /// The incarnation it came with.
        theirs: u64,
        /// The newest one seen.
        seen: u64,
    },
    /// Its binary can't apply all that may be in the log.
    #[error(
        "node {node} applies commands up to level {theirs}, and the cluster is at level {needed}; \
         start version {wanted} or a newer one there"
    )]
    Level {
        /// The peer.
        node: NodeId,
        /// What it can apply.
        theirs: u32,
        /// What it must be able to apply.
        needed: u32,
        /// A version that can.
        wanted: String,
    },
    /// A node that wants to join has a number that is or was another's.
    #[error("node number {node} is or was another node's; give one that this cluster has never seen")]
    NumberTaken {
        /// The number.
        node: NodeId,
    },
    /// The connection reached another node than it was meant for.
    #[error("the address of node {meant} reaches node {reached}; check the peer addresses")]
    WrongNode {
        /// Who was meant.
        meant: NodeId,
        /// Who answered.
        reached: NodeId,
    },
    /// Not a peer, or garbage on the line.
    #[error("malformed greeting: {0}")]
    Malformed(String),
}
