//! Class 40: exchanges and what they are bound to.

use super::arguments::arguments;
use crate::{ShortStr, Table};

arguments! {
    /// Makes an exchange, or checks one.
    Declare<'a> {
        /// Unused.
        ticket: u16,
        exchange: ShortStr<'a>,
        /// `type` on the wire.
        kind: ShortStr<'a>,
        passive: bool,
        durable: bool,
        auto_delete: bool,
        internal: bool,
        nowait: bool,
        arguments: Table<'a>,
    }
    /// The answer.
    DeclareOk {}
    /// Deletes an exchange.
    Delete<'a> {
        /// Unused.
        ticket: u16,
        exchange: ShortStr<'a>,
        if_unused: bool,
        nowait: bool,
    }
    /// The answer.
    DeleteOk {}
    /// Binds an exchange to an exchange.
    Bind<'a> {
        /// Unused.
        ticket: u16,
        destination: ShortStr<'a>,
        source: ShortStr<'a>,
        routing_key: ShortStr<'a>,
        nowait: bool,
        arguments: Table<'a>,
    }
    /// The answer.
    BindOk {}
    /// Ends such a binding.
    Unbind<'a> {
        /// Unused.
        ticket: u16,
        destination: ShortStr<'a>,
        source: ShortStr<'a>,
        routing_key: ShortStr<'a>,
        nowait: bool,
        arguments: Table<'a>,
    }
    /// The answer. Its number is 51, a slip that has become the rule.
    UnbindOk {}
}
