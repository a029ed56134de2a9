//! The protocol's error codes.

use std::fmt;

/// An error code on the wire. Values that the protocol does not define can be read and passed on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub i32);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $name: ErrorCode = ErrorCode($number);)*

            /// The code's name in the protocol, if it has one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// Success.
    OK = 0,
    /// A part of a multi that was not tried, because an earlier part failed.
    RUNTIME_INCONSISTENCY = -2,
    /// The client's own: the connection went away with the request outstanding.
    CONNECTION_LOSS = -4,
    /// The request's record does not parse.
    MARSHALLING_ERROR = -5,
    /// The operation is not known or not available here.
    UNIMPLEMENTED = -6,
    /// A bad path, flag or time to live.
    BAD_ARGUMENTS = -8,
    /// The new ensemble has no quorum in step.
    NEW_CONFIG_NO_QUORUM = -13,
    /// The ensemble is being changed already.
    RECONFIG_IN_PROGRESS = -14,
    /// No such znode.
    NO_NODE = -101,
    /// The access control list says no.
    NO_AUTH = -102,
    /// Another version is there.
    BAD_VERSION = -103,
    /// Ephemerals have no children.
    NO_CHILDREN_FOR_EPHEMERALS = -108,
    /// The znode is there already.
    NODE_EXISTS = -110,
    /// The znode has children.
    NOT_EMPTY = -111,
    /// The session is over.
    SESSION_EXPIRED = -112,
    /// The access control list makes no sense.
    INVALID_ACL = -114,
    /// The identity was refused; the connection closes.
    AUTH_FAILED = -115,
    /// The session has moved to another connection.
    SESSION_MOVED = -118,
    /// A write, on a server that has only reads to offer.
    NOT_READ_ONLY = -119,
    /// A local session could not be made global for an ephemeral.
    EPHEMERAL_ON_LOCAL_SESSION = -120,
    /// No such watch.
    NO_WATCHER = -121,
    /// Changing the ensemble is turned off.
    RECONFIG_DISABLED = -123,
    /// The server requires an authentication that the session does not have.
    SESSION_CLOSED_REQUIRE_SASL_AUTH = -124,
    /// A quota forbids it.
    QUOTA_EXCEEDED = -125,
    /// Too many requests were ahead.
    THROTTLED_OP = -127,
    /// Of Quorate's extensions: it would change more znodes than one operation may.
    TOO_MANY_ZNODES = -1000,
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "error {}", self.0),
        }
    }
}
