//! What can come of a request but an answer.

use std::fmt;
use std::sync::Arc;

use jute::{ErrorCode, OpCode};
use thiserror::Error;

use crate::address::AddressError;
use crate::path::PathError;

/// A request that failed: which, where, why, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// Why.
    pub kind: ErrorKind,
    /// Whether the request may have taken effect.
    pub effect: Effect,
    /// The path that it was about, if about one.
    pub path: Option<Arc<str>>,
    /// The server that said so, or was asked last.
    pub server: Option<Arc<str>>,
    /// In a transaction, the part that failed, counted from 0.
    pub part: Option<usize>,
    verb: &'static str,
}

/// What a failed request may have done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing.
    None,
    /// It happened, or it did not, or, while this client's servers are cut off, it still will.
    Unknown,
}

/// Why a request failed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such znode, or, for a create, no parent.
    #[error("there is no such znode; for a create, the parent has to be there")]
    NoNode,
    /// There is one already.
    #[error("the znode is there already")]
    NodeExists,
    /// Somebody else has changed it.
    #[error("the znode has another version; read it again and decide anew")]
    BadVersion,
    /// It has children.
    #[error("the znode has children; delete them first")]
    NotEmpty,
    /// The parent is an ephemeral.
    #[error("the parent is ephemeral and can't have children")]
    NoChildrenForEphemerals,
    /// Access control lists forbid it to this client.
    #[error(
        "the access control list forbids it; add an identity that is permitted (wrong passwords are found out here)"
    )]
    NoAuth,
    /// The list makes no sense to the server.
    #[error(
        "the access control list makes no sense to the server: it is empty, or has a scheme that the server does not know"
    )]
    InvalidAcl,
    /// The server can't make sense of the path or of the kind of znode.
    #[error("the server refuses the path or the kind of znode")]
    BadArguments,
    /// The server does not have the operation.
    #[error(
        "the server does not have this operation, or it is turned off there (ZooKeeper wants extendedTypesEnabled for times to live)"
    )]
    Unimplemented,
    /// The operation is an extension of Quorate's that the server does not have.
    #[error(
        "the server does not have this extension of Quorate's: it is no Quorate, or an older one; do without, as with ZooKeeper"
    )]
    Unsupported,
    /// An extension would change more than one operation may.
    #[error(
        "more znodes than one operation may change (5,000, with 512 KiB of paths in all); do it in parts, such as one for each child"
    )]
    TooManyZnodes,
    /// A quota forbids it.
    #[error("a quota forbids it; see /zookeeper/quota")]
    QuotaExceeded,
    /// The server refused an identity.
    #[error("the server refused an identity; does it know the scheme?")]
    AuthFailed,
    /// Any other answer.
    #[error("the server answered {0}")]
    Refused(ErrorCode),
    /// What was asked for is no path. Nothing was sent.
    #[error("{0}")]
    BadPath(#[from] PathError),
    /// The connect string is none.
    #[error("{0}")]
    BadAddress(#[from] AddressError),
    /// The request is larger than servers take. Nothing was sent.
    #[error(
        "the request has {bytes} bytes and servers close connections for more than {max}; raise jute.maxbuffer (request-bytes-max) there and request-bytes-max here, or store less"
    )]
    TooLarge {
        /// Its bytes.
        bytes: usize,
        /// How many are allowed.
        max: usize,
    },
    /// No server could be reached in time.
    #[error("no server took the connection in time; the last one failed with: {last}")]
    NotConnected {
        /// What the last attempt ended with.
        last: Arc<str>,
    },
    /// The files for TLS can't be used. Nothing was sent.
    #[error("no TLS with these files: {why}")]
    TlsFiles {
        /// What is wrong with which.
        why: Arc<str>,
    },
    /// A server and this client do not agree on TLS: one refuses the other's certificate, or the server speaks none.
    #[error("no server can be talked to securely; {last}")]
    Insecure {
        /// The last one that was tried, and what is wrong there.
        last: Arc<str>,
    },
    /// Too many requests wait already. Nothing was sent.
    #[error("{max} requests wait already; wait for answers before asking more")]
    Overloaded {
        /// How many may wait ([`Options::queue_max`](crate::Options::queue_max)).
        max: usize,
    },
    /// The connection was lost before the answer came.
    #[error(
        "the connection was lost before the answer came ({why}); find out whether it happened before trying again"
    )]
    ConnectionLost {
        /// How.
        why: Arc<str>,
    },
    /// The session is over: its ephemerals are gone.
    #[error("the session is over, with its ephemerals and watches; connect again")]
    SessionExpired,
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
    /// The server's answer makes no sense.
    #[error("the server's answer makes no sense ({what}); is it a ZooKeeper server?")]
    Garbage {
        /// What is wrong.
        what: Arc<str>,
    },
}

impl Error {
    pub(crate) fn new(op: OpCode, path: Option<&str>, failure: Failure) -> Self {
        let Failure { kind, effect, server } = failure;
        Self { kind, effect, path: path.map(Arc::from), server, part: None, verb: verb(op) }
    }

    pub(crate) fn connect(failure: Failure) -> Self {
        let Failure { kind, effect, server } = failure;
        Self { kind, effect, path: None, server, part: None, verb: "connect" }
    }

    pub(crate) fn with_part(mut self, part: usize) -> Self {
        self.part = Some(part);
        self
    }

    /// Whether the same may succeed later: the connection was lost, or none was there, or too much waits.
    pub fn is_passing(&self) -> bool {
        use ErrorKind::{ConnectionLost, NotConnected, Overloaded};
        matches!(self.kind, ConnectionLost { .. } | NotConnected { .. } | Overloaded { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb)?;
        if let Some(path) = &self.path {
            write!(f, " {path}")?;
        }
        if let Some(server) = &self.server {
            write!(f, " at {server}")?;
        }
        if let Some(part) = self.part {
            write!(f, ", part {part} of a transaction")?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl std::error::Error for Error {}

/// What the session knows of a failure; who asked knows the rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) effect: Effect,
    pub(crate) server: Option<Arc<str>>,
}

impl Failure {
    /// Nothing was sent.
    pub(crate) fn unsent(kind: ErrorKind) -> Self {
        Self { kind, effect: Effect::None, server: None }
    }

    /// The server's own no.
    pub(crate) fn refused(code: ErrorCode, server: &Arc<str>) -> Self {
        Self { kind: kind_of(code), effect: Effect::None, server: Some(Arc::clone(server)) }
    }

    /// The server does not know the extension that was asked for.
    pub(crate) fn unsupported(server: &Arc<str>) -> Self {
        Self { kind: ErrorKind::Unsupported, effect: Effect::None, server: Some(Arc::clone(server)) }
    }

    /// An answer that says nothing.
    pub(crate) fn garbage(what: &str, server: &Arc<str>) -> Self {
        Self {
            kind: ErrorKind::Garbage { what: what.into() },
            effect: Effect::Unknown,
            server: Some(Arc::clone(server)),
        }
    }
}

pub(crate) fn kind_of(code: ErrorCode) -> ErrorKind {
    match code {
        ErrorCode::NO_NODE => ErrorKind::NoNode,
        ErrorCode::NODE_EXISTS => ErrorKind::NodeExists,
        ErrorCode::BAD_VERSION => ErrorKind::BadVersion,
        ErrorCode::NOT_EMPTY => ErrorKind::NotEmpty,
        ErrorCode::NO_CHILDREN_FOR_EPHEMERALS => ErrorKind::NoChildrenForEphemerals,
        ErrorCode::NO_AUTH => ErrorKind::NoAuth,
        ErrorCode::INVALID_ACL => ErrorKind::InvalidAcl,
        ErrorCode::BAD_ARGUMENTS => ErrorKind::BadArguments,
        ErrorCode::UNIMPLEMENTED => ErrorKind::Unimplemented,
        ErrorCode::TOO_MANY_ZNODES => ErrorKind::TooManyZnodes,
        ErrorCode::QUOTA_EXCEEDED => ErrorKind::QuotaExceeded,
        ErrorCode::AUTH_FAILED => ErrorKind::AuthFailed,
        ErrorCode::SESSION_EXPIRED => ErrorKind::SessionExpired,
        other => ErrorKind::Refused(other),
    }
}

fn verb(op: OpCode) -> &'static str {
    match op {
        OpCode::Create | OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => "create",
        OpCode::Delete => "delete",
        OpCode::Exists => "look for",
        OpCode::GetData => "get",
        OpCode::SetData => "set",
        OpCode::GetAcl => "get the access list of",
        OpCode::SetAcl => "set the access list of",
        OpCode::GetChildren | OpCode::GetChildren2 | OpCode::ListChildren => "list",
        OpCode::DeleteRecursive => "delete with all below",
        OpCode::Ensure => "ensure",
        OpCode::Sync => "sync",
        OpCode::Multi => "transaction",
        OpCode::AddWatch => "watch",
        OpCode::Auth => "authenticate",
        OpCode::CloseSession => "close the session",
        OpCode::Check => "check",
        _ => "request",
    }
}
