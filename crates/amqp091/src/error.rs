//! What can be wrong with bytes from a peer, as the reply code and the words with which RabbitMQ closes the connection.

use thiserror::Error;

use crate::erlang::{Plain, Pretty};
use crate::{MethodId, ReplyCode};

/// Bytes, frames or an order of frames that the protocol does not allow. All of them end the connection: send connection.close with
/// [`WireError::reply_code`], [`WireError::reply_text`] and [`WireError::method`].
///
/// After [`WireError::FrameTooLarge`] and [`WireError::BadFrameEnd`] the stream can not be read any further.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// A frame whose payload is above the limit.
    #[error("type {kind}, all octets = <<>>: {{frame_too_large,{size},{max}}}")]
    FrameTooLarge {
        /// The type octet.
        kind: u8,
        /// The payload's size that the peer claimed, in bytes.
        size: u32,
        /// The largest payload that was agreed upon, without the slack.
        max: u32,
    },
    /// A frame without the octet that ends it, where its size says that it ends.
    #[error("type {kind}, {payload}: {{invalid_frame_end_marker,{octet}}}")]
    BadFrameEnd {
        /// The type octet.
        kind: u8,
        /// What stood at the end.
        octet: u8,
        /// The start of the payload.
        payload: Snippet,
    },
    /// A type that is not known, or a payload too short for its type.
    #[error("type {kind}, {payload}: unknown_frame")]
    UnknownFrame {
        /// The type octet.
        kind: u8,
        /// The start of the payload.
        payload: Snippet,
    },
    /// A frame that has no place on its channel, as a heartbeat outside channel 0.
    #[error("type {kind}, {payload}")]
    MisplacedFrame {
        /// The type octet.
        kind: u8,
        /// The start of the payload.
        payload: Snippet,
    },
    /// Content without a method that announces it.
    #[error("expected method frame, got non method frame instead")]
    ExpectedMethod,
    /// A frame other than the header between a method and its content.
    #[error("expected content header for class {}, got non content header frame instead", .method.class)]
    ExpectedHeader {
        /// The method whose content is awaited.
        method: MethodId,
    },
    /// The header of another class's content.
    #[error("expected content header for class {}, got one for class {class} instead", .method.class)]
    HeaderOfOtherClass {
        /// The method whose content is awaited.
        method: MethodId,
        /// The class that the header names.
        class: u16,
    },
    /// A frame other than a body where the body goes on.
    #[error("expected content body, got non content body frame instead")]
    ExpectedBody {
        /// The method whose content is awaited.
        method: MethodId,
    },
    /// Body frames hold more than the header announced. (RabbitMQ waits for ever instead.)
    #[error("content body exceeds the announced size by {excess} octets")]
    BodyTooLong {
        /// The method whose content it is.
        method: MethodId,
        /// Bytes above the announced size.
        excess: u64,
    },
    /// A header announces more than any message may have.
    #[error("content body of {size} octets is above the maximum of {max}")]
    BodyTooLarge {
        /// The method whose content it is.
        method: MethodId,
        /// The announced size, in bytes.
        size: u64,
        /// The largest size, in bytes.
        max: u64,
    },
    /// A method that is not in the protocol.
    #[error("unknown method {{{},{}}}", .0.class, .0.method)]
    UnknownMethod(MethodId),
    /// A method's arguments are too short, too long or cut off inside.
    #[error("cannot decode {}", Plain(.arguments))]
    BadArguments {
        /// The method.
        method: MethodId,
        /// The start of its arguments: as many as a reply text can show, and none where credentials are among them.
        arguments: Box<[u8]>,
    },
    /// A short string in a method is not UTF-8.
    #[error("Malformed UTF-8 in shortstr")]
    NotUtf8(MethodId),
    /// A table in a method's arguments is not one.
    #[error("{error}")]
    BadTable {
        /// The method.
        method: MethodId,
        /// What is wrong with it.
        error: TableError,
    },
}

impl WireError {
    /// The code to close the connection with.
    pub fn reply_code(&self) -> ReplyCode {
        match self {
            WireError::FrameTooLarge { .. }
            | WireError::BadFrameEnd { .. }
            | WireError::UnknownFrame { .. }
            | WireError::BodyTooLong { .. }
            | WireError::BodyTooLarge { .. }
            | WireError::BadArguments { .. }
            | WireError::NotUtf8(_) => ReplyCode::FrameError,
            WireError::MisplacedFrame { .. }
            | WireError::ExpectedMethod
            | WireError::ExpectedHeader { .. }
            | WireError::HeaderOfOtherClass { .. }
            | WireError::ExpectedBody { .. } => ReplyCode::UnexpectedFrame,
            WireError::UnknownMethod(_) => ReplyCode::NotImplemented,
            WireError::BadTable { .. } => ReplyCode::SyntaxError,
        }
    }

    /// The text to close the connection with: the code's name and the explanation, at most 255 bytes.
    pub fn reply_text(&self) -> String {
        self.reply_code().text(self)
    }

    /// The method that a close names as the cause, if it was one.
    pub fn method(&self) -> Option<MethodId> {
        match self {
            WireError::FrameTooLarge { .. }
            | WireError::BadFrameEnd { .. }
            | WireError::UnknownFrame { .. }
            | WireError::MisplacedFrame { .. }
            | WireError::ExpectedMethod => None,
            WireError::ExpectedHeader { method }
            | WireError::HeaderOfOtherClass { method, .. }
            | WireError::ExpectedBody { method }
            | WireError::BodyTooLong { method, .. }
            | WireError::BodyTooLarge { method, .. }
            | WireError::UnknownMethod(method)
            | WireError::BadArguments { method, .. }
            | WireError::NotUtf8(method)
            | WireError::BadTable { method, .. } => Some(*method),
        }
    }
}

/// Bytes that are not the table or array they were read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TableError {
    /// A key or value reaches beyond the end.
    #[error("table ends {missing} octets early")]
    Truncated {
        /// Bytes that the field needs and the table does not have.
        missing: usize,
    },
    /// A value of a type that RabbitMQ does not know.
    #[error("unknown table field type {0}")]
    UnknownType(u8),
    /// Tables and arrays inside one another, too many.
    #[error("table is nested more than {} deep", crate::TABLE_DEPTH_MAX)]
    TooDeep,
}

/// Properties that can not be decoded. Answer 502, or pass them on unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PropertiesError {
    /// They end inside a property.
    #[error("properties end {missing} octets early")]
    Truncated {
        /// Bytes that the property needs and that are not there.
        missing: usize,
    },
    /// Flags of properties that class basic does not have.
    #[error("unknown property flags {0:#06x}")]
    UnknownFlags(u16),
    /// Bytes after the last property.
    #[error("{0} octets follow the last property")]
    Trailing(usize),
    /// The headers are no table.
    #[error("headers: {0}")]
    BadHeaders(#[from] TableError),
}

/// The first bytes of a payload, for an error text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snippet {
    bytes: [u8; Snippet::BYTES],
    length: u8,
    is_all: bool,
}

impl Snippet {
    const BYTES: usize = 16;

    pub(crate) fn of(payload: &[u8]) -> Self {
        let shown = &payload[..payload.len().min(Self::BYTES)];
        let mut bytes = [0; Self::BYTES];
        bytes[..shown.len()].copy_from_slice(shown);
        let length = u8::try_from(shown.len()).expect("a snippet has at most 16 bytes");
        Self { bytes, length, is_all: shown.len() == payload.len() }
    }
}

impl std::fmt::Display for Snippet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let which = if self.is_all { "all" } else { "first 16" };
        write!(f, "{which} octets = {}", Pretty(&self.bytes[..usize::from(self.length)]))
    }
}
