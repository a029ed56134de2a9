//! Any reply's body, as one type. What a body is depends on the request's operation: it does not say so itself.

use bytes::BytesMut;

use super::znode::put_acls;
use super::{
    Acl, ChildrenPage, ClientInfo, DecodeError, ErrorCode, JuteWrite, MultiReply, OpCode, Reader, Record,
    ReplyHeader, Stat, WatcherEvent, Xid, put_frame,
};

/// The body of a reply whose header says [`ErrorCode::OK`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReplyBody<'a> {
    /// No body: delete, ping, auth, set watches, close, check and remove watches.
    Empty,
    /// Create and sync.
    Path(&'a str),
    /// The other creates.
    PathStat(&'a str, Stat),
    /// Exists, set data, set access control list.
    Stat(Stat),
    /// Get data; also reconfig, whose data is the new ensemble.
    Data(Option<&'a [u8]>, Stat),
    /// Get children and get ephemerals.
    Names(Vec<&'a str>),
    /// Get children 2.
    NamesStat(Vec<&'a str>, Stat),
    /// Get access control list.
    Acl(Vec<Acl<'a>>, Stat),
    /// Multi and multi-read.
    Multi(MultiReply<'a>),
    /// Get all children number; of the extensions, delete recursive.
    Count(i32),
    /// Add watch.
    Code(ErrorCode),
    /// Who am I.
    Identities(Vec<ClientInfo<'a>>),
    /// SASL.
    Token(Option<&'a [u8]>),
    /// Ensure, an extension: whether the znode was made, and its stat.
    Ensured(bool, Stat),
    /// List children, an extension.
    Page(ChildrenPage<'a>),
}

impl<'a> ReplyBody<'a> {
    /// Reads the body of a reply to a request with `op`.
    pub fn decode(op: OpCode, input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match op {
            OpCode::Create | OpCode::Sync => ReplyBody::Path(input.string()?),
            OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
                ReplyBody::PathStat(input.string()?, input.record()?)
            }
            OpCode::Exists | OpCode::SetData | OpCode::SetAcl => ReplyBody::Stat(input.record()?),
            OpCode::GetData | OpCode::Reconfig => ReplyBody::Data(input.buffer()?, input.record()?),
            OpCode::GetChildren | OpCode::GetEphemerals => ReplyBody::Names(input.strings()?),
            OpCode::GetChildren2 => ReplyBody::NamesStat(input.strings()?, input.record()?),
            OpCode::GetAcl => ReplyBody::Acl(input.vector(Acl::decode)?, input.record()?),
            OpCode::Multi | OpCode::MultiRead => ReplyBody::Multi(input.record()?),
            OpCode::GetAllChildrenNumber | OpCode::DeleteRecursive => ReplyBody::Count(input.int()?),
            OpCode::AddWatch => ReplyBody::Code(ErrorCode(input.int()?)),
            OpCode::WhoAmI => ReplyBody::Identities(input.vector(ClientInfo::decode)?),
            OpCode::Sasl => ReplyBody::Token(input.buffer()?),
            OpCode::Ensure => ReplyBody::Ensured(input.bool()?, input.record()?),
            OpCode::ListChildren => ReplyBody::Page(input.record()?),
            OpCode::Delete
            | OpCode::Ping
            | OpCode::Auth
            | OpCode::SetWatches
            | OpCode::SetWatches2
            | OpCode::CheckWatches
            | OpCode::RemoveWatches
            | OpCode::DeleteContainer
            | OpCode::Check
            | OpCode::Notification
            | OpCode::CreateSession
            | OpCode::CloseSession
            | OpCode::Unknown(_) => ReplyBody::Empty,
        })
    }

    /// Appends the body, without header and frame.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            ReplyBody::Empty => {}
            ReplyBody::Path(path) => out.put_string(path),
            ReplyBody::PathStat(path, stat) => {
                out.put_string(path);
                stat.encode(out);
            }
            ReplyBody::Stat(stat) => stat.encode(out),
            ReplyBody::Data(data, stat) => {
                out.put_buffer(*data);
                stat.encode(out);
            }
            ReplyBody::Names(names) => put_names(out, names),
            ReplyBody::NamesStat(names, stat) => {
                put_names(out, names);
                stat.encode(out);
            }
            ReplyBody::Acl(acl, stat) => {
                put_acls(out, acl);
                stat.encode(out);
            }
            ReplyBody::Multi(multi) => multi.encode(out),
            ReplyBody::Count(count) => out.put_int(*count),
            ReplyBody::Code(code) => out.put_int(code.0),
            ReplyBody::Identities(identities) => {
                out.put_vector(identities, |out, identity| identity.encode(out));
            }
            ReplyBody::Token(token) => out.put_buffer(*token),
            ReplyBody::Ensured(created, stat) => {
                out.put_bool(*created);
                stat.encode(out);
            }
            ReplyBody::Page(page) => page.encode(out),
        }
    }

    /// Appends a whole frame that answers with this body.
    pub fn put_frame(&self, xid: Xid, zxid: i64, out: &mut BytesMut) {
        put_frame(out, |out| {
            ReplyHeader { xid, zxid, error: ErrorCode::OK }.encode(out);
            self.encode(out);
        });
    }
}

fn put_names(out: &mut BytesMut, names: &[&str]) {
    out.put_vector(names, |out, name| out.put_string(name));
}

/// A frame from a server after the handshake, its body still unread.
#[derive(Clone, Debug)]
pub enum ServerFrame<'a> {
    /// A watch fired, in transaction `zxid`.
    Event {
        /// The transaction; at most 0 if the server does not say.
        zxid: i64,
        /// What happened.
        event: WatcherEvent<'a>,
    },
    /// The answer to the request that `header` names.
    Reply {
        /// The header.
        header: ReplyHeader,
        /// At the body: pass it to [`ReplyBody::decode`] when the header tells of no error.
        body: Reader<'a>,
    },
}

impl<'a> ServerFrame<'a> {
    /// Reads the payload of one frame.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut body = Reader::new(payload);
        let header: ReplyHeader = body.record()?;
        if header.xid == Xid::EVENT {
            return Ok(ServerFrame::Event { zxid: header.zxid, event: body.record()? });
        }
        Ok(ServerFrame::Reply { header, body })
    }
}

/// Appends a frame that tells of an error; it has no body.
pub fn put_error_frame(xid: Xid, zxid: i64, error: ErrorCode, out: &mut BytesMut) {
    put_frame(out, |out| ReplyHeader { xid, zxid, error }.encode(out));
}

/// Appends the frame of a watch event.
pub fn put_event_frame(zxid: i64, event: &WatcherEvent<'_>, out: &mut BytesMut) {
    put_frame(out, |out| {
        ReplyHeader { xid: Xid::EVENT, zxid, error: ErrorCode::OK }.encode(out);
        event.encode(out);
    });
}
