//! From the tree's errors to the protocol's numbers, and why connections end.

use std::io;

use control::CloseReason;
use thiserror::Error;

use crate::codec::{DecodeError, ErrorCode, FrameError};

/// The number of a tree's error on the wire. They are the protocol's own.
pub(crate) fn wire_code(error: tree::ErrorCode) -> ErrorCode {
    ErrorCode(error.code())
}

/// Why a connection ended.
#[derive(Debug, Error)]
pub(crate) enum Ending {
    /// The client closed its side.
    #[error("client closed the connection")]
    Eof,
    /// The client closed its side in the middle of a frame.
    #[error("client closed the connection {bytes} bytes into a frame")]
    Truncated {
        /// What was there of it.
        bytes: usize,
    },
    /// The session was closed, as the client asked.
    #[error("client closed the session")]
    SessionClosed,
    /// A four-letter word was answered.
    #[error("word was answered")]
    Word,
    /// A frame that can not be.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame whose beginning makes no sense.
    #[error("{what} does not parse: {error}")]
    Garbage {
        /// The record that was expected.
        what: &'static str,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// An operation that clients can not ask for.
    #[error("client asked for operation {op}, which is not there for clients")]
    UnknownOperation {
        /// Its number.
        op: i32,
    },
    /// An identity was refused.
    #[error("authentication by scheme {scheme:?} was refused")]
    AuthRefused {
        /// The scheme.
        scheme: String,
    },
    /// The client has seen what this node has not yet.
    #[error(
        "client has seen transaction {seen:#x}, this node is at {applied}; the client is to try another node"
    )]
    Behind {
        /// The client's.
        seen: i64,
        /// This node's.
        applied: tree::Zxid,
    },
    /// The session is not there, or not the client's.
    #[error("session {session} was refused: it is unknown, has expired, or the password is wrong")]
    Refused {
        /// Which.
        session: tree::SessionId,
    },
    /// The client did not agree with this server on how to encrypt.
    #[error("TLS handshake failed: {0}")]
    TlsFailed(io::Error),
    /// The client took too long to agree.
    #[error("TLS handshake took too long")]
    TlsTimeout,
    /// There was no room for its handshake.
    #[error("there are too many TLS handshakes at a time")]
    TlsExceeded,
    /// The client took too long to begin.
    #[error("no session was set up in time")]
    HandshakeTimeout,
    /// The control plane says so.
    #[error("{}", .0.phrase())]
    Control(CloseReason),
    /// A barrier, for `sync` or a linearizable read, did not come through.
    #[error("sync or a linearizable read could not reach the leader")]
    LeaderUnreached,
    /// The server stops.
    #[error("server is stopping")]
    Stopping,
    /// The socket failed.
    #[error("socket failed: {0}")]
    Io(#[from] io::Error),
}

impl Ending {
    /// Whether the client has broken the protocol.
    pub(crate) fn is_clients_fault(&self) -> bool {
        matches!(
            self,
            Ending::Truncated { .. }
                | Ending::Frame(_)
                | Ending::Garbage { .. }
                | Ending::UnknownOperation { .. }
                | Ending::AuthRefused { .. }
                | Ending::TlsFailed(_)
                | Ending::TlsTimeout
        )
    }

    /// Whether the connection ended as connections do.
    pub(crate) fn is_usual(&self) -> bool {
        matches!(self, Ending::Eof | Ending::SessionClosed | Ending::Word | Ending::Io(_))
    }
}
