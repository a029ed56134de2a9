//! What precedes every request and every reply.

use bytes::BytesMut;

use super::{DecodeError, JuteWrite, OpCode, Reader, Record};

/// A client's number for a request, echoed by its reply. Negative ones are reserved.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Xid(pub i32);

impl Xid {
    /// A watch event, sent by the server unasked.
    pub const EVENT: Xid = Xid(-1);
    /// A ping and its reply.
    pub const PING: Xid = Xid(-2);
    /// What clients use for [`OpCode::Auth`].
    pub const AUTH: Xid = Xid(-4);
    /// What clients use for [`OpCode::SetWatches`].
    pub const SET_WATCHES: Xid = Xid(-8);
}

/// The start of every request but the handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestHeader {
    /// The client's number for the request.
    pub xid: Xid,
    /// What is asked.
    pub op: OpCode,
}

impl<'a> Record<'a> for RequestHeader {
    fn encode(&self, out: &mut BytesMut) {
        out.put_int(self.xid.0);
        out.put_int(self.op.into());
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { xid: Xid(input.int()?), op: input.int()?.into() })
    }
}

/// The start of every reply but the handshake's, and of every watch event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplyHeader {
    /// The request's number, or a reserved one.
    pub xid: Xid,
    /// The last transaction that the answering server had applied; for an event the transaction that fired it. At
    /// most 0 when it means nothing.
    pub zxid: i64,
    /// [`ErrorCode::OK`](super::ErrorCode::OK), and a body follows; else none does.
    pub error: super::ErrorCode,
}

impl<'a> Record<'a> for ReplyHeader {
    fn encode(&self, out: &mut BytesMut) {
        out.put_int(self.xid.0);
        out.put_long(self.zxid);
        out.put_int(self.error.0);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { xid: Xid(input.int()?), zxid: input.long()?, error: super::ErrorCode(input.int()?) })
    }
}
