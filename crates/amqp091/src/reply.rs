//! Reply codes: why a peer closes a channel or a connection, or returns a message.

use std::fmt;

/// What a reply code ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Nothing: it reports success.
    Nothing,
    /// A soft error: the channel; on channel 0, the connection.
    Channel,
    /// A hard error: the connection.
    Connection,
}

macro_rules! reply_codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $scope:ident;)*) => {
        /// A reply code of AMQP 0-9-1.
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum ReplyCode {
            $($(#[$doc])* $variant = $number,)*
        }

        impl ReplyCode {
            /// All codes, by number.
            pub const ALL: &[ReplyCode] = &[$(ReplyCode::$variant),*];

            /// The name with which a reply text starts.
            pub const fn name(self) -> &'static str {
                match self {
                    $(ReplyCode::$variant => $name,)*
                }
            }

            /// What it ends.
            pub const fn scope(self) -> Scope {
                match self {
                    $(ReplyCode::$variant => Scope::$scope,)*
                }
            }

            /// The code with this number, if the protocol has one.
            pub const fn from_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(ReplyCode::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

reply_codes! {
    /// A close that was wanted.
    ReplySuccess = 200, "REPLY_SUCCESS", Nothing;
    /// Content that is larger than the peer takes at the moment.
    ContentTooLarge = 311, "CONTENT_TOO_LARGE", Channel;
    /// In basic.return: no queue for a mandatory message.
    NoRoute = 312, "NO_ROUTE", Channel;
    /// In basic.return: no consumer for an immediate message.
    NoConsumers = 313, "NO_CONSUMERS", Channel;
    /// An operator closed the connection.
    ConnectionForced = 320, "CONNECTION_FORCED", Connection;
    /// An unknown virtual host; servers say `NotAllowed` instead.
    InvalidPath = 402, "INVALID_PATH", Connection;
    /// No permission.
    AccessRefused = 403, "ACCESS_REFUSED", Channel;
    /// No such queue or exchange.
    NotFound = 404, "NOT_FOUND", Channel;
    /// The queue is another connection's.
    ResourceLocked = 405, "RESOURCE_LOCKED", Channel;
    /// What is there differs from what was asked for.
    PreconditionFailed = 406, "PRECONDITION_FAILED", Channel;
    /// A frame that can not be decoded.
    FrameError = 501, "FRAME_ERROR", Connection;
    /// Illegal values in a frame.
    SyntaxError = 502, "SYNTAX_ERROR", Connection;
    /// A command that makes no sense here.
    CommandInvalid = 503, "COMMAND_INVALID", Connection;
    /// A channel that is not open, or is open already.
    ChannelError = 504, "CHANNEL_ERROR", Connection;
    /// Frames out of order.
    UnexpectedFrame = 505, "UNEXPECTED_FRAME", Connection;
    /// Too little of something.
    ResourceError = 506, "RESOURCE_ERROR", Connection;
    /// Forbidden by how the entity or the server is set up.
    NotAllowed = 530, "NOT_ALLOWED", Connection;
    /// Not to be had here.
    NotImplemented = 540, "NOT_IMPLEMENTED", Connection;
    /// The server's own fault.
    InternalError = 541, "INTERNAL_ERROR", Connection;
}

impl ReplyCode {
    /// The number on the wire.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The text of a close, as RabbitMQ words it: `NAME - explanation`, cut to what a short string holds.
    pub fn text(self, explanation: impl fmt::Display) -> String {
        let mut text = format!("{} - {explanation}", self.name());
        text.truncate(text.floor_char_boundary(crate::SHORT_BYTES_MAX));
        text
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.number())
    }
}

impl fmt::Debug for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_leads_back_to_its_code() {
        for code in ReplyCode::ALL {
            assert_eq!(ReplyCode::from_number(code.number()), Some(*code));
        }
        assert_eq!(ReplyCode::from_number(0), None);
    }

    #[test]
    fn four_hundreds_and_three_hundreds_end_channels_with_two_exceptions() {
        for code in ReplyCode::ALL {
            let scope = match code.number() {
                200 => Scope::Nothing,
                320 | 402 | 500.. => Scope::Connection,
                _ => Scope::Channel,
            };
            assert_eq!(code.scope(), scope, "{code}");
        }
    }

    #[test]
    fn a_text_has_the_name_and_at_most_255_bytes() {
        let text = ReplyCode::NotFound.text("no queue 'q' in vhost '/'");
        assert_eq!(text, "NOT_FOUND - no queue 'q' in vhost '/'");
        assert_eq!(ReplyCode::NotFound.text("ü".repeat(300)).len(), 254);
    }
}
