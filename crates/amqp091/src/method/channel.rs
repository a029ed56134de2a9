//! Class 20: opening and closing a channel.

use super::arguments::arguments;
use crate::ShortStr;

arguments! {
    /// The first method of a channel.
    Open<'a> {
        /// Unused.
        out_of_band: ShortStr<'a>,
    }
    /// The channel is open.
    OpenOk<'a> {
        /// Unused.
        channel_id: &'a [u8],
    }
    /// Stops or resumes content from the other side.
    Flow {
        active: bool,
    }
    /// The answer.
    FlowOk {
        active: bool,
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
}
