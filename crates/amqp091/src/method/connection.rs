//! Class 10: opening, tuning and closing a connection, on channel 0.

use super::Secret;
use super::arguments::arguments;
use crate::{ShortStr, Table};

arguments! {
    /// The server's first method: what it is and how a client can prove who it is.
    Start<'a> {
        version_major: u8,
        version_minor: u8,
        server_properties: Table<'a>,
        /// Names, with a blank between them.
        mechanisms: &'a [u8],
        /// Names, with a blank between them.
        locales: &'a [u8],
    }
    /// The client chooses a mechanism and answers its first step.
    StartOk<'a> {
        client_properties: Table<'a>,
        mechanism: ShortStr<'a>,
        response: Secret<'a>,
        locale: ShortStr<'a>,
    }
    /// Another step of the mechanism.
    Secure<'a> {
        challenge: &'a [u8],
    }
    /// The answer to it.
    SecureOk<'a> {
        response: Secret<'a>,
    }
    /// The server proposes limits. 0 is no limit.
    Tune {
        channel_max: u16,
        /// Bytes; see [`crate::FrameMax`].
        frame_max: u32,
        /// Seconds; 0 is none.
        heartbeat: u16,
    }
    /// The client settles on limits.
    TuneOk {
        channel_max: u16,
        /// Bytes; see [`crate::FrameMax`].
        frame_max: u32,
        /// Seconds; 0 is none.
        heartbeat: u16,
    }
    /// The client chooses a virtual host.
    Open<'a> {
        virtual_host: ShortStr<'a>,
        /// Unused.
        capabilities: ShortStr<'a>,
        /// Unused.
        insist: bool,
    }
    /// The connection is open.
    OpenOk<'a> {
        /// Unused.
        known_hosts: ShortStr<'a>,
    }
    /// The last method but the answer to it, from either side.
    Close<'a> {
        /// See [`crate::ReplyCode`].
        reply_code: u16,
        reply_text: ShortStr<'a>,
        /// The class of the method that was the cause, or 0.
        class_id: u16,
        /// The method that was the cause, or 0.
        method_id: u16,
    }
    /// The answer.
    CloseOk {}
    /// The server takes no messages for now.
    Blocked<'a> {
        reason: ShortStr<'a>,
    }
    /// The server takes messages again.
    Unblocked {}
    /// New credentials for the same user.
    UpdateSecret<'a> {
        new_secret: Secret<'a>,
        reason: ShortStr<'a>,
    }
    /// They were accepted.
    UpdateSecretOk {}
}
