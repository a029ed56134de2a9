//! Class 60: messages.

use super::arguments::arguments;
use crate::{ShortStr, Table};

arguments! {
    /// How much may be unacknowledged. 0 is no limit.
    Qos {
        prefetch_size: u32,
        prefetch_count: u16,
        global: bool,
    }
    /// The answer.
    QosOk {}
    /// Starts a consumer.
    Consume<'a> {
        /// Unused.
        ticket: u16,
        queue: ShortStr<'a>,
        /// Empty: the server names it.
        consumer_tag: ShortStr<'a>,
        no_local: bool,
        no_ack: bool,
        exclusive: bool,
        nowait: bool,
        arguments: Table<'a>,
    }
    /// The answer.
    ConsumeOk<'a> {
        consumer_tag: ShortStr<'a>,
    }
    /// Ends a consumer; from a server, tells that it has ended.
    Cancel<'a> {
        consumer_tag: ShortStr<'a>,
        nowait: bool,
    }
    /// The answer.
    CancelOk<'a> {
        consumer_tag: ShortStr<'a>,
    }
    /// Publishes the message that follows.
    Publish<'a> {
        /// Unused.
        ticket: u16,
        exchange: ShortStr<'a>,
        routing_key: ShortStr<'a>,
        mandatory: bool,
        immediate: bool,
    }
    /// Gives a message back to its publisher.
    Return<'a> {
        /// See [`crate::ReplyCode`].
        reply_code: u16,
        reply_text: ShortStr<'a>,
        exchange: ShortStr<'a>,
        routing_key: ShortStr<'a>,
    }
    /// Delivers a message to a consumer.
    Deliver<'a> {
        consumer_tag: ShortStr<'a>,
        delivery_tag: u64,
        redelivered: bool,
        exchange: ShortStr<'a>,
        routing_key: ShortStr<'a>,
    }
    /// Asks for one message.
    Get<'a> {
        /// Unused.
        ticket: u16,
        queue: ShortStr<'a>,
        no_ack: bool,
    }
    /// The message.
    GetOk<'a> {
        delivery_tag: u64,
        redelivered: bool,
        exchange: ShortStr<'a>,
        routing_key: ShortStr<'a>,
        /// Messages that wait behind it.
        message_count: u32,
    }
    /// There is none.
    GetEmpty<'a> {
        /// Unused.
        cluster_id: ShortStr<'a>,
    }
    /// Settles deliveries; from a server, confirms publishes.
    Ack {
        delivery_tag: u64,
        /// All up to this one, too; with tag 0, all.
        multiple: bool,
    }
    /// Gives one delivery back.
    Reject {
        delivery_tag: u64,
        requeue: bool,
    }
    /// As [`Recover`], without an answer.
    RecoverAsync {
        requeue: bool,
    }
    /// Gives all deliveries of the channel back.
    Recover {
        requeue: bool,
    }
    /// The answer.
    RecoverOk {}
    /// Gives deliveries back; from a server, refuses publishes.
    Nack {
        delivery_tag: u64,
        /// All up to this one, too; with tag 0, all.
        multiple: bool,
        requeue: bool,
    }
}
