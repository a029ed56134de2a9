//! Methods: the commands of the protocol, with their arguments.
//!
//! Numbers, names and order of arguments are those of AMQP 0-9-1 with RabbitMQ's additions and errata.

mod arguments;
mod id;

pub mod access;
pub mod basic;
pub mod channel;
pub mod confirm;
pub mod connection;
pub mod exchange;
pub mod queue;
pub mod tx;

pub use arguments::Secret;
pub use id::MethodId;

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::argument::{Argument, Flaw, Reader, Writer};
use crate::frame::put_method_frame;
use crate::{ChannelId, WireError};

/// A method as it is in a frame, its arguments not decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct MethodFrame {
    /// Which method.
    pub id: MethodId,
    /// Its arguments.
    pub arguments: Bytes,
}

/// As much of bad arguments as an error text of 255 bytes can show.
const SHOWN_BYTES_MAX: usize = 128;

impl MethodFrame {
    /// Takes a frame's payload apart, or gives it back if it is too short.
    pub(crate) fn split(mut payload: Bytes) -> Result<Self, Bytes> {
        if payload.len() < 4 {
            return Err(payload);
        }
        let id = MethodId { class: payload.get_u16(), method: payload.get_u16() };
        Ok(Self { id, arguments: payload })
    }

    pub(crate) fn put(&self, out: &mut BytesMut) {
        out.put_u16(self.id.class);
        out.put_u16(self.id.method);
        out.extend_from_slice(&self.arguments);
    }

    /// Reads the arguments, in place.
    ///
    /// # Errors
    /// When the method is not known, or its arguments are not exactly these.
    pub fn decode(&self) -> Result<Method<'_>, WireError> {
        let mut from = Reader::new(&self.arguments);
        let id = self.id;
        let bad = || {
            let shown_bytes = if id.has_secret() { 0 } else { SHOWN_BYTES_MAX };
            let shown = &self.arguments[..self.arguments.len().min(shown_bytes)];
            WireError::BadArguments { method: id, arguments: shown.into() }
        };
        match Method::read(id, &mut from) {
            Ok(None) => Err(WireError::UnknownMethod(id)),
            Ok(Some(method)) if from.rest().is_empty() => Ok(method),
            Ok(Some(_)) | Err(Flaw::Truncated { .. }) => Err(bad()),
            Err(Flaw::NotUtf8) => Err(WireError::NotUtf8(id)),
            Err(Flaw::Table(error)) => Err(WireError::BadTable { method: id, error }),
        }
    }
}

/// Without the arguments, which may be credentials.
impl fmt::Debug for MethodFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.id, self.arguments.len())
    }
}

macro_rules! content {
    () => {
        false
    };
    (content) => {
        true
    };
}

macro_rules! methods {
    ($($class:literal $method:literal $name:literal $variant:ident($($type:tt)*) $($content:ident)?;)*) => {
        /// A method with its arguments.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Method<'a> {
            $(#[doc = concat!("`", $name, "`")] $variant($($type)*),)*
        }

        impl MethodId {
            /// All methods, by number.
            pub const ALL: &[MethodId] = &[$(MethodId { class: $class, method: $method }),*];

            /// The method's name, as `basic.publish`, if it is known.
            pub const fn name(self) -> Option<&'static str> {
                match (self.class, self.method) {
                    $(($class, $method) => Some($name),)*
                    _ => None,
                }
            }

            /// Whether a header and a body follow.
            pub const fn has_content(self) -> bool {
                match (self.class, self.method) {
                    $(($class, $method) => content!($($content)?),)*
                    _ => false,
                }
            }
        }

        impl<'a> Method<'a> {
            /// Which method it is.
            pub const fn id(&self) -> MethodId {
                match self {
                    $(Method::$variant(_) => MethodId { class: $class, method: $method },)*
                }
            }

            fn read(id: MethodId, from: &mut Reader<'a>) -> Result<Option<Self>, Flaw> {
                Ok(Some(match (id.class, id.method) {
                    $(($class, $method) => Method::$variant(Argument::read(from)?),)*
                    _ => return Ok(None),
                }))
            }

            fn write(&self, to: &mut Writer<'_>) {
                match self {
                    $(Method::$variant(arguments) => arguments.write(to),)*
                }
            }
        }

        #[cfg(test)]
        impl<'a> Method<'a> {
            /// One of every method.
            pub(crate) fn make_all(from: &mut crate::tests::Source<'a>) -> Vec<Self> {
                vec![$(Method::$variant(crate::tests::Make::make(from)),)*]
            }
        }

        $(impl<'a> From<$($type)*> for Method<'a> {
            fn from(arguments: $($type)*) -> Self {
                Method::$variant(arguments)
            }
        })*
    };
}

methods! {
    10 10 "connection.start" ConnectionStart(connection::Start<'a>);
    10 11 "connection.start_ok" ConnectionStartOk(connection::StartOk<'a>);
    10 20 "connection.secure" ConnectionSecure(connection::Secure<'a>);
    10 21 "connection.secure_ok" ConnectionSecureOk(connection::SecureOk<'a>);
    10 30 "connection.tune" ConnectionTune(connection::Tune);
    10 31 "connection.tune_ok" ConnectionTuneOk(connection::TuneOk);
    10 40 "connection.open" ConnectionOpen(connection::Open<'a>);
    10 41 "connection.open_ok" ConnectionOpenOk(connection::OpenOk<'a>);
    10 50 "connection.close" ConnectionClose(connection::Close<'a>);
    10 51 "connection.close_ok" ConnectionCloseOk(connection::CloseOk);
    10 60 "connection.blocked" ConnectionBlocked(connection::Blocked<'a>);
    10 61 "connection.unblocked" ConnectionUnblocked(connection::Unblocked);
    10 70 "connection.update_secret" ConnectionUpdateSecret(connection::UpdateSecret<'a>);
    10 71 "connection.update_secret_ok" ConnectionUpdateSecretOk(connection::UpdateSecretOk);
    20 10 "channel.open" ChannelOpen(channel::Open<'a>);
    20 11 "channel.open_ok" ChannelOpenOk(channel::OpenOk<'a>);
    20 20 "channel.flow" ChannelFlow(channel::Flow);
    20 21 "channel.flow_ok" ChannelFlowOk(channel::FlowOk);
    20 40 "channel.close" ChannelClose(channel::Close<'a>);
    20 41 "channel.close_ok" ChannelCloseOk(channel::CloseOk);
    30 10 "access.request" AccessRequest(access::Request<'a>);
    30 11 "access.request_ok" AccessRequestOk(access::RequestOk);
    40 10 "exchange.declare" ExchangeDeclare(exchange::Declare<'a>);
    40 11 "exchange.declare_ok" ExchangeDeclareOk(exchange::DeclareOk);
    40 20 "exchange.delete" ExchangeDelete(exchange::Delete<'a>);
    40 21 "exchange.delete_ok" ExchangeDeleteOk(exchange::DeleteOk);
    40 30 "exchange.bind" ExchangeBind(exchange::Bind<'a>);
    40 31 "exchange.bind_ok" ExchangeBindOk(exchange::BindOk);
    40 40 "exchange.unbind" ExchangeUnbind(exchange::Unbind<'a>);
    40 51 "exchange.unbind_ok" ExchangeUnbindOk(exchange::UnbindOk);
    50 10 "queue.declare" QueueDeclare(queue::Declare<'a>);
    50 11 "queue.declare_ok" QueueDeclareOk(queue::DeclareOk<'a>);
    50 20 "queue.bind" QueueBind(queue::Bind<'a>);
    50 21 "queue.bind_ok" QueueBindOk(queue::BindOk);
    50 30 "queue.purge" QueuePurge(queue::Purge<'a>);
    50 31 "queue.purge_ok" QueuePurgeOk(queue::PurgeOk);
    50 40 "queue.delete" QueueDelete(queue::Delete<'a>);
    50 41 "queue.delete_ok" QueueDeleteOk(queue::DeleteOk);
    50 50 "queue.unbind" QueueUnbind(queue::Unbind<'a>);
    50 51 "queue.unbind_ok" QueueUnbindOk(queue::UnbindOk);
    60 10 "basic.qos" BasicQos(basic::Qos);
    60 11 "basic.qos_ok" BasicQosOk(basic::QosOk);
    60 20 "basic.consume" BasicConsume(basic::Consume<'a>);
    60 21 "basic.consume_ok" BasicConsumeOk(basic::ConsumeOk<'a>);
    60 30 "basic.cancel" BasicCancel(basic::Cancel<'a>);
    60 31 "basic.cancel_ok" BasicCancelOk(basic::CancelOk<'a>);
    60 40 "basic.publish" BasicPublish(basic::Publish<'a>) content;
    60 50 "basic.return" BasicReturn(basic::Return<'a>) content;
    60 60 "basic.deliver" BasicDeliver(basic::Deliver<'a>) content;
    60 70 "basic.get" BasicGet(basic::Get<'a>);
    60 71 "basic.get_ok" BasicGetOk(basic::GetOk<'a>) content;
    60 72 "basic.get_empty" BasicGetEmpty(basic::GetEmpty<'a>);
    60 80 "basic.ack" BasicAck(basic::Ack);
    60 90 "basic.reject" BasicReject(basic::Reject);
    60 100 "basic.recover_async" BasicRecoverAsync(basic::RecoverAsync);
    60 110 "basic.recover" BasicRecover(basic::Recover);
    60 111 "basic.recover_ok" BasicRecoverOk(basic::RecoverOk);
    60 120 "basic.nack" BasicNack(basic::Nack);
    85 10 "confirm.select" ConfirmSelect(confirm::Select);
    85 11 "confirm.select_ok" ConfirmSelectOk(confirm::SelectOk);
    90 10 "tx.select" TxSelect(tx::Select);
    90 11 "tx.select_ok" TxSelectOk(tx::SelectOk);
    90 20 "tx.commit" TxCommit(tx::Commit);
    90 21 "tx.commit_ok" TxCommitOk(tx::CommitOk);
    90 30 "tx.rollback" TxRollback(tx::Rollback);
    90 31 "tx.rollback_ok" TxRollbackOk(tx::RollbackOk);
}

impl Method<'_> {
    /// Appends a whole frame with this method.
    pub fn put_frame(&self, channel: ChannelId, out: &mut BytesMut) {
        put_method_frame(channel, out, |out| {
            let MethodId { class, method } = self.id();
            out.put_u16(class);
            out.put_u16(method);
            self.write(&mut Writer::new(out));
        });
    }

    /// The method as a frame holds it.
    pub fn to_frame(&self) -> MethodFrame {
        let mut arguments = BytesMut::new();
        self.write(&mut Writer::new(&mut arguments));
        MethodFrame { id: self.id(), arguments: arguments.freeze() }
    }
}
