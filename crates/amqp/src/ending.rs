//! Why connections end.

use std::io;

use amqp091::Opening;
use thiserror::Error;

use crate::auth::LoginRefused;
use crate::fault::Fault;

/// Why a connection ended.
#[derive(Debug, Error)]
pub(crate) enum Ending {
    /// Both sides agreed.
    #[error("client closed the connection")]
    Closed,
    /// The client closed its socket without connection.close.
    #[error("client closed its socket without a word")]
    Eof,
    /// The client speaks another protocol, or AMQP in another version.
    #[error("client does not speak AMQP 0-9-1: {}", stranger(.0))]
    Stranger(Opening),
    /// The client broke the rules before it was known who it is.
    #[error("{0}")]
    BadHandshake(String),
    /// The client is not who it says.
    #[error("{mechanism} login refused: {why}")]
    LoginRefused {
        /// How it was shown.
        mechanism: &'static str,
        /// Why.
        why: LoginRefused,
    },
    /// The client showed credentials that can not be read.
    #[error("{0} login refused: the response can not be read")]
    UnreadableLogin(&'static str),
    /// The client took too long to begin.
    #[error("connection was not open in time")]
    HandshakeTimeout,
    /// The client did not agree with this server on how to encrypt.
    #[error("TLS handshake failed: {0}")]
    TlsFailed(io::Error),
    /// As many TLS handshakes are under way as may be.
    #[error("too many TLS handshakes are under way")]
    TlsExceeded,
    /// The client was told what it did wrong.
    #[error("{0}")]
    Fault(Fault),
    /// The client sent nothing for two intervals of heartbeats.
    #[error("missed heartbeats from client")]
    Silent,
    /// The node can't read its own disk.
    #[error("{0}")]
    Unreadable(#[from] shards::Unreadable),
    /// The server stops.
    #[error("server is stopping")]
    Stopping,
    /// The socket failed.
    #[error("socket failed: {0}")]
    Io(#[from] io::Error),
}

fn stranger(opening: &Opening) -> String {
    match opening {
        Opening::OtherVersion([a, b, c, d]) => format!("AMQP version {a}-{b}-{c}-{d}"),
        Opening::Tls => "a TLS handshake on a port without TLS".to_owned(),
        Opening::Http => "an HTTP request".to_owned(),
        Opening::Incomplete | Opening::Amqp | Opening::Unknown => "unknown bytes".to_owned(),
    }
}

impl Ending {
    /// Whether the client has broken the protocol or could not prove who it is.
    pub(crate) fn is_clients_fault(&self) -> bool {
        matches!(
            self,
            Ending::Stranger(_)
                | Ending::BadHandshake(_)
                | Ending::LoginRefused { .. }
                | Ending::UnreadableLogin(_)
                | Ending::TlsFailed(_)
                | Ending::Fault(_)
                | Ending::Silent
        )
    }

    /// Whether the connection ended as connections do.
    pub(crate) fn is_usual(&self) -> bool {
        matches!(self, Ending::Closed | Ending::Eof | Ending::Io(_))
    }

    /// Whether whoever it was is to wait for the end, so that guessing is slow.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Ending::BadHandshake(_) | Ending::LoginRefused { .. } | Ending::UnreadableLogin(_))
    }
}
