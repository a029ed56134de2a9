//! What can come of a request but an answer.

use std::fmt;
use std::sync::Arc;

use amqp091::{MethodId, ReplyCode, TooLong, WireError};
use thiserror::Error;

/// A request that failed: why, and whether it may have taken effect all the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// Why.
    pub kind: ErrorKind,
    /// Whether the request may have taken effect.
    pub effect: Effect,
}

/// What a failed request may have done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing.
    None,
    /// It happened, or it did not, or it still will.
    Unknown,
}

/// Why a request failed, or a stream ended.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No connection was made.
    #[error("can't connect to {address}: {why}")]
    NotConnected {
        /// Where to.
        address: Arc<str>,
        /// What went wrong.
        why: Arc<str>,
    },
    /// The server closed the connection and said why.
    #[error("the server closed the connection: {code} {text}")]
    ConnectionClosed {
        /// See [`ReplyCode`].
        code: u16,
        /// The server's words.
        text: Arc<str>,
    },
    /// The connection broke.
    #[error("the connection was lost ({why})")]
    ConnectionLost {
        /// How.
        why: Arc<str>,
    },
    /// The server closed the channel and said why. The connection goes on.
    #[error("the server closed the channel: {code} {text}")]
    ChannelClosed {
        /// See [`ReplyCode`].
        code: u16,
        /// The server's words.
        text: Arc<str>,
        /// The method that was the cause, if it was one.
        method: Option<MethodId>,
    },
    /// The consumer has ended, and its channel has not: its queue was deleted, say, or it was cancelled by the application.
    #[error("the consumer was cancelled")]
    Cancelled,
    /// The application has closed the channel or the connection.
    #[error("it was closed")]
    Closed,
    /// As many channels are open as were agreed upon.
    #[error("{0} channels are open, which is the limit; close some")]
    TooManyChannels(u16),
    /// A name does not fit into the protocol. Nothing was sent.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// What came from the server makes no sense. The connection is given up.
    #[error("what the server sent makes no sense: {0}")]
    Garbage(Arc<str>),
}

impl Error {
    pub(crate) fn none(kind: ErrorKind) -> Self {
        Self { kind, effect: Effect::None }
    }

    pub(crate) fn unknown(kind: ErrorKind) -> Self {
        Self { kind, effect: Effect::Unknown }
    }

    /// Whether the server has refused what was asked, with this code.
    pub fn is_refused(&self, code: ReplyCode) -> bool {
        match &self.kind {
            ErrorKind::ConnectionClosed { code: given, .. }
            | ErrorKind::ChannelClosed { code: given, .. } => *given == code.number(),
            ErrorKind::NotConnected { .. }
            | ErrorKind::ConnectionLost { .. }
            | ErrorKind::Cancelled
            | ErrorKind::Closed
            | ErrorKind::TooManyChannels(_)
            | ErrorKind::TooLong(_)
            | ErrorKind::Garbage(_) => false,
        }
    }
}

impl ErrorKind {
    pub(crate) fn lost(why: impl fmt::Display) -> Self {
        ErrorKind::ConnectionLost { why: why.to_string().into() }
    }

    pub(crate) fn garbage(what: impl fmt::Display) -> Self {
        ErrorKind::Garbage(what.to_string().into())
    }
}

impl From<WireError> for ErrorKind {
    fn from(error: WireError) -> Self {
        ErrorKind::garbage(error)
    }
}

/// A name that does not fit: nothing was sent.
impl From<TooLong> for Error {
    fn from(error: TooLong) -> Self {
        Error::none(error.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.effect {
            Effect::None => write!(f, "{}", self.kind),
            Effect::Unknown => write!(f, "{}; it may have taken effect", self.kind),
        }
    }
}

impl std::error::Error for Error {}

/// Codes that say that the server could not do it, rather than that it would not: then it may have been done in part.
pub(crate) fn is_decision(code: u16) -> bool {
    !matches!(
        ReplyCode::from_number(code),
        None | Some(ReplyCode::InternalError | ReplyCode::ConnectionForced | ReplyCode::ResourceError)
    )
}
