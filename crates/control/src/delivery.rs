//! What a connection is told, in the order in which its client must hear of it.

use bytes::Bytes;
use tree::{ErrorCode, EventKind, Reply, Text, Zxid};

/// One thing that happened to a connection.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// A watch fired.
    Event {
        /// The transaction that fired it.
        zxid: Zxid,
        /// What happened.
        kind: EventKind,
        /// Where.
        path: Text,
    },
    /// A command of this connection took effect, or failed as every replica saw it fail.
    Done {
        /// The number that [`Turn::propose`](crate::Turn::propose) returned.
        ticket: u64,
        /// The last applied transaction: the command's own.
        zxid: Zxid,
        /// The answer.
        result: Result<Reply, ErrorCode>,
    },
    /// The output of a deferred read.
    Deferred(Bytes),
    /// The connection must end. Nothing follows.
    Closed(CloseReason),
}

impl Delivery {
    /// About how many bytes it keeps in memory.
    pub(crate) fn weight(&self) -> usize {
        let held = match self {
            Delivery::Event { path, .. } => path.as_bytes().len(),
            Delivery::Deferred(output) => output.len(),
            Delivery::Done { .. } | Delivery::Closed(_) => 0,
        };
        size_of::<Self>() + held
    }
}

/// Why the control plane ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The session was closed or has expired.
    SessionEnded,
    /// The session was taken up by another connection.
    SessionMoved,
    /// This node has not reached the leader for so long that the session may be over: the client should try another.
    Isolated,
    /// The client does not take what it is sent.
    TooSlow,
    /// The fate of a command can not be known: the client must look for itself.
    Unknown,
    /// The replica was replaced by a snapshot: events in between are not known here. The client sets its watches again.
    Replaced,
    /// The client has brought more watches than there is room for: it should try another node.
    WatchesFull,
}

impl CloseReason {
    /// The reason as a phrase for a log line.
    pub const fn phrase(self) -> &'static str {
        match self {
            CloseReason::SessionEnded => "session ended",
            CloseReason::SessionMoved => "session moved to another connection",
            CloseReason::Isolated => "node has lost contact with the leader",
            CloseReason::TooSlow => "client does not read its replies",
            CloseReason::Unknown => "fate of a command is unknown",
            CloseReason::Replaced => "replica was replaced by a snapshot",
            CloseReason::WatchesFull => "client has brought more watches than there is room for",
        }
    }
}
