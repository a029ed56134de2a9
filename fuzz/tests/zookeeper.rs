//! Decoders of the ZooKeeper protocol, server side and client side.
//!
//! What holds for all of them: no input panics, and what was decoded encodes to bytes that decode to the same. (The bytes
//! themselves may differ: a null list reads as an empty one, and any nonzero byte as true.)

use bolero::check;
use bytes::BytesMut;
use zookeeper::codec::{
    AddWatch, Auth, ChildrenPage, ConnectRequest, ConnectResponse, Create, Ensure, FRAME_PREFIX_BYTES,
    ListChildren, Multi, MultiRead, MultiReply, OpCode, Reader, Record, ReplyBody, ReplyHeader, Request,
    RequestHeader, ServerFrame, SetWatches2, Stat, WatcherEvent, first_frame,
};

macro_rules! record_targets {
    ($($name:ident: $record:ident,)*) => {
        $(#[test]
        fn $name() {
            check!().for_each(|input: &[u8]| {
                let Ok(record) = $record::decode(&mut Reader::new(input)) else { return };
                let mut bytes = BytesMut::new();
                record.encode(&mut bytes);
                assert_eq!($record::decode(&mut Reader::new(&bytes)), Ok(record));
            });
        })*
    };
}

record_targets! {
    connect_requests: ConnectRequest,
    connect_responses: ConnectResponse,
    creates: Create,
    multis: Multi,
    multi_reads: MultiRead,
    multi_replies: MultiReply,
    set_watches: SetWatches2,
    add_watches: AddWatch,
    auths: Auth,
    ensures: Ensure,
    child_lists: ListChildren,
    child_pages: ChildrenPage,
    watcher_events: WatcherEvent,
    stats: Stat,
    request_headers: RequestHeader,
    reply_headers: ReplyHeader,
}

/// The first byte chooses the operation, so that no input is lost on a number without a record.
fn split_op(input: &[u8]) -> Option<(OpCode, &[u8])> {
    let (choice, rest) = input.split_first()?;
    Some((OpCode::ALL[usize::from(*choice) % OpCode::ALL.len()], rest))
}

#[test]
fn requests() {
    check!().for_each(|input: &[u8]| {
        let Some((op, rest)) = split_op(input) else { return };
        let Ok(request) = Request::decode(op, &mut Reader::new(rest)) else { return };
        let mut bytes = BytesMut::new();
        request.encode(&mut bytes);
        assert_eq!(Request::decode(op, &mut Reader::new(&bytes)), Ok(request));
    });
}

#[test]
fn replies() {
    check!().for_each(|input: &[u8]| {
        let Some((op, rest)) = split_op(input) else { return };
        let Ok(reply) = ReplyBody::decode(op, &mut Reader::new(rest)) else { return };
        let mut bytes = BytesMut::new();
        reply.encode(&mut bytes);
        assert_eq!(ReplyBody::decode(op, &mut Reader::new(&bytes)), Ok(reply));
    });
}

/// A stream of frames as a server or a client would take it apart.
#[test]
fn streams() {
    check!().for_each(|input: &[u8]| {
        let mut rest = input;
        while let Ok(Some(payload)) = first_frame(rest, 1 << 20) {
            let mut body = Reader::new(payload);
            if let Ok(header) = body.record::<RequestHeader>() {
                let _ = Request::decode(header.op, &mut body);
            }
            let _ = ServerFrame::decode(payload);
            rest = &rest[FRAME_PREFIX_BYTES + payload.len()..];
        }
    });
}
