//! Class 50: queues and what they are bound to.

use super::arguments::arguments;
use crate::{ShortStr, Table};

arguments! {
    /// Makes a queue, or checks one.
    Declare<'a> {
        /// Unused.
        ticket: u16,
        /// Empty: the server names it.
        queue: ShortStr<'a>,
        passive: bool,
        durable: bool,
        exclusive: bool,
        auto_delete: bool,
        nowait: bool,
        arguments: Table<'a>,
    }
    /// The answer.
    DeclareOk<'a> {
        queue: ShortStr<'a>,
        message_count: u32,
        consumer_count: u32,
    }
    /// Binds a queue to an exchange.
    Bind<'a> {
        /// Unused.
        ticket: u16,
        queue: ShortStr<'a>,
        exchange: ShortStr<'a>,
        routing_key: ShortStr<'a>,
        nowait: bool,
        arguments: Table<'a>,
    }
    /// The answer.
    BindOk {}
    /// Removes the messages that wait.
    Purge<'a> {
        /// Unused.
        ticket: u16,
        queue: ShortStr<'a>,
        nowait: bool,
    }
    /// The answer.
    PurgeOk {
        message_count: u32,
    }
    /// Deletes a queue.
    Delete<'a> {
        /// Unused.
        ticket: u16,
        queue: ShortStr<'a>,
        if_unused: bool,
        if_empty: bool,
        nowait: bool,
    }
    /// The answer.
    DeleteOk {
        message_count: u32,
    }
    /// Ends a binding. Has no `nowait`.
    Unbind<'a> {
        /// Unused.
        ticket: u16,
        queue: ShortStr<'a>,
        exchange: ShortStr<'a>,
        routing_key: ShortStr<'a>,
        arguments: Table<'a>,
    }
    /// The answer.
    UnbindOk {}
}
