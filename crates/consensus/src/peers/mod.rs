//! What nodes say to each other: a few connections between each pair, shared by all groups.
//!
//! Each node opens one connection per [`Lane`] to each other node, so that a heartbeat never waits behind entries, nor
//! entries behind a snapshot. Requests go one way, answers come back on the same connection. Every connection begins with
//! a greeting that turns strangers away ([`crate::known_peers::KnownPeers`]).

mod calls;
mod frame;
#[cfg(test)]
pub(crate) mod fuzz;
mod inbound;
mod introduction;
mod link;
mod network;
mod registry;
mod snapshot_receiver;
mod snapshot_sender;

pub(crate) use frame::FRAME_BYTES_MAX;
pub(crate) use inbound::run_listener;
pub(crate) use introduction::{Failure as IntroductionFailure, introduce};
pub(crate) use link::Link;
pub(crate) use network::GroupNetworks;
pub(crate) use registry::{Greeter, Peers};
pub(crate) use snapshot_receiver::SnapshotReceiver;

/// The connections between a pair of nodes, by what must not wait for what.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Lane {
    /// Heartbeats, votes, read barriers, calls of the node above: small and urgent.
    Control = 0,
    /// Entries from leaders.
    Log = 1,
    /// Commands on their way to leaders, and notes of the nodes above.
    Proposals = 2,
    /// Snapshots.
    Snapshots = 3,
}

impl Lane {
    pub(crate) const ALL: [Lane; 4] = [Lane::Control, Lane::Log, Lane::Proposals, Lane::Snapshots];
}

/// A request that got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// There is no connection.
    #[error("not connected")]
    NotConnected,
    /// Too much is on its way there.
    #[error("too much is on its way there")]
    Busy,
    /// The connection broke while the answer was awaited.
    #[error("connection lost")]
    Lost,
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The other side could not do it.
    #[error("{0}")]
    Failed(String),
}
