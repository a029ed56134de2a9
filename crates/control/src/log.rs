//! What the control plane needs of consensus.

use bytes::Bytes;
use runtime::BoxFuture;
use thiserror::Error;
use tree::{SessionId, Zxid};

/// The replicated log that orders this node's commands with those of all others.
///
/// Implemented over consensus by the server, by a loop-back in tests.
pub trait ReplicatedLog: Send + Sync {
    /// Hands over a command of this node and returns its number: 1, 2, 3, ... in the order of the calls.
    ///
    /// Never blocks and never calls back. The command is applied exactly once, in the order of the numbers, and comes
    /// back through [`Control::apply`](crate::Control::apply) with its number. If its fate can not be known any more
    /// (this replica was replaced by a snapshot that may hold its effect), the log says so with
    /// [`Control::lost_through`](crate::Control::lost_through).
    fn propose(&self, command: Bytes) -> u64;

    /// Completes when everything that was committed anywhere before the call is applied here.
    fn barrier(&self) -> BoxFuture<'static, Result<(), Unavailable>>;

    /// Brings a list of sessions that were active on this node to the leader, for its
    /// [`Control::on_report`](crate::Control::on_report), and returns what that returned. `Ok` when the leader has taken it
    /// and a quorum has confirmed after that that it leads. The list may be empty: the report shows also that this node
    /// still reaches the leader.
    fn report_active(&self, sessions: Vec<SessionId>) -> BoxFuture<'static, Result<Zxid, Unavailable>>;

    /// The level of commands that may be proposed here: what needs a higher one would not be understood by all members. Never
    /// goes down.
    fn level(&self) -> u32;

    /// Where this node stands at the moment.
    fn status(&self) -> LogStatus;
}

/// The leader could not be reached in time. Nothing is known about whether it has heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no leader answered; try again, or on another node")]
pub struct Unavailable;

/// A node's part in the replicated log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// The only voter: leader without followers.
    Standalone,
    /// Orders everybody's commands and expires sessions.
    Leader,
    /// Follows a leader and votes.
    Follower,
    /// Follows a leader and does not vote.
    Observer,
    /// Knows no leader.
    #[default]
    Looking,
}

impl Role {
    /// Whether this node orders commands.
    pub const fn leads(self) -> bool {
        matches!(self, Role::Standalone | Role::Leader)
    }

    /// The word that `srvr` prints.
    pub const fn word(self) -> &'static str {
        match self {
            Role::Standalone => "standalone",
            Role::Leader => "leader",
            Role::Follower => "follower",
            Role::Observer => "observer",
            Role::Looking => "looking",
        }
    }
}

/// A node's view of the replicated log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogStatus {
    /// This node's part.
    pub role: Role,
    /// The term of the leader that this node knows, or its own while it looks for one.
    pub term: u64,
    /// The leader, if known.
    pub leader: Option<u64>,
    /// On the leader: voters that follow it.
    pub followers: usize,
    /// On the leader: followers whose log is in step.
    pub synced_followers: usize,
    /// How many nodes vote.
    pub voters: usize,
    /// How many nodes do not.
    pub observers: usize,
    /// On the leader: observers whose log is in step.
    pub synced_observers: usize,
}
