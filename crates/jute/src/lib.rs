//! The client protocol's bytes: frames and jute records, both directions.
//!
//! Decoders borrow strings and buffers from the frame they read, so that reading a request costs no allocation beyond
//! its lists. Encoders append to a `BytesMut`. The server decodes [`Request`]s and encodes replies; clients, the load
//! generator and the tests do the opposite with the same records.
//!
//! A client, in short:
//!
//! ```
//! use bytes::BytesMut;
//! use jute::{OpCode, PathWatch, ReplyBody, Request, ServerFrame, Stat, Xid, first_frame};
//!
//! let mut wire = BytesMut::new();
//! Request::GetData(PathWatch { path: "/a", watch: false }).put_frame(Xid(1), &mut wire);
//! // ... the server answers ...
//! let mut wire = BytesMut::new();
//! ReplyBody::Data(Some(b"x"), Stat::default()).put_frame(Xid(1), 7, &mut wire);
//!
//! let payload = first_frame(&wire, usize::MAX).unwrap().expect("a whole frame is there");
//! let ServerFrame::Reply { header, mut body } = ServerFrame::decode(payload).unwrap() else { panic!() };
//! assert_eq!(header.xid, Xid(1));
//! let body = ReplyBody::decode(OpCode::GetData, &mut body).unwrap();
//! assert_eq!(body, ReplyBody::Data(Some(b"x"), Stat::default()));
//! ```
//!
//! Nothing here panics on bytes from a peer, and what a length or count claims never decides how much is allocated.

mod code;
mod error;
mod extension;
mod frame;
mod handshake;
mod header;
mod identity;
mod multi;
mod op;
mod read;
mod reader;
mod reply;
mod request;
mod stream;
mod watch;
mod write;
mod writer;
mod znode;

#[cfg(test)]
mod tests;

pub use code::ErrorCode;
pub use error::{DecodeError, FrameError};
pub use extension::{Child, ChildContent, ChildDetail, ChildrenPage, Ensure, ListChildren};
pub use frame::{DEFAULT_FRAME_BYTES_MAX, FRAME_PREFIX_BYTES, first_frame};
pub use handshake::{ConnectRequest, ConnectResponse, PASSWORD_BYTES};
pub use header::{ReplyHeader, RequestHeader, Xid};
pub use identity::{Auth, ClientInfo, SaslToken};
pub use multi::{Multi, MultiRead, MultiReply, PartReply, ReadPart, WritePart};
pub use op::OpCode;
pub use read::{GetEphemerals, PathOnly, PathWatch};
pub use reader::Reader;
pub use reply::{ReplyBody, ServerFrame, put_error_frame, put_event_frame};
pub use request::Request;
pub use stream::{Credentials, FrameReader, FrameWriter, shake_hands};
pub use watch::{
    AddWatch, AddWatchMode, EventType, PathWatcherType, SetWatches, SetWatches2, WatcherEvent, WatcherType,
};
pub use write::{Create, CreateTtl, PathVersion, Reconfig, SetAcl, SetData};
pub use writer::{JuteWrite, put_frame};
pub use znode::{Acl, Stat};

use bytes::BytesMut;

/// A record of the protocol: fields back to back, without a length of its own.
pub trait Record<'a>: Sized {
    /// Appends the record.
    fn encode(&self, out: &mut BytesMut);

    /// Reads the record, borrowing from what is read.
    ///
    /// # Errors
    /// When the bytes are not such a record; `input` is then somewhere inside it.
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError>;
}
