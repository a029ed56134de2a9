//! Requests that this node answers from its own replica.

use bytes::BytesMut;
use control::View;
use tree::{Identity, WatchKind};

use super::convert::{stat, wire_acl};
use super::page::list_children;
use super::watches::{add_watch, check_watches, may_set, no_room, remove_watches, set_watches, set_watches2};
use crate::codec::{
    Acl, ClientInfo, ErrorCode, JuteWrite, MultiReply, OpCode, PartReply, PathWatch, ReadPart, Reader,
    Record, ReplyBody, ReplyHeader, Request, RequestHeader, put_frame,
};
use crate::errors::wire_code;
use crate::serve::auth::Who;

/// Answers one request with a frame: its body, or an error. `body` is at the request's record.
pub(crate) fn answer_read(
    header: RequestHeader,
    body: &mut Reader<'_>,
    who: &Who,
    view: &View<'_>,
    out: &mut BytesMut,
) {
    let request = match Request::decode(header.op, body) {
        Ok(request) => request,
        Err(_) => return put_error(header, view, ErrorCode::MARSHALLING_ERROR, out),
    };
    let start = out.len();
    // Events that a request for watches fires come as frames of their own, before its reply.
    match &request {
        Request::SetWatches(watches) if may_set(watches, None, view) => set_watches(watches, view, out),
        Request::SetWatches2(watches) if may_set(&watches.one_shot, Some(watches), view) => {
            set_watches2(watches, view, out);
        }
        Request::SetWatches(_) | Request::SetWatches2(_) => {
            return put_error(header, view, ErrorCode::QUOTA_EXCEEDED, out);
        }
        _ => {}
    }
    let reply = out.len();
    let answered = put_frame(out, |out| {
        // A step of a SASL exchange, like an auth, stands beside the order of transactions.
        let zxid = if header.op == OpCode::Sasl { 0 } else { view.zxid().0 };
        ReplyHeader { xid: header.xid, zxid, error: ErrorCode::OK }.encode(out);
        put_body(&request, who, view, out)
    });
    if let Err(error) = answered {
        debug_assert_eq!(start, reply, "only requests that can not fail fire events");
        out.truncate(reply);
        put_error(header, view, error, out);
    }
}

fn put_error(header: RequestHeader, view: &View<'_>, error: ErrorCode, out: &mut BytesMut) {
    crate::codec::put_error_frame(header.xid, view.zxid().0, error, out);
}

fn put_body(request: &Request<'_>, who: &Who, view: &View<'_>, out: &mut BytesMut) -> Result<(), ErrorCode> {
    match request {
        Request::GetData(read) => get_data(read, who, view, out),
        Request::Exists(read) => exists(read, who, view, out),
        Request::GetChildren(read) => get_children(read, who, view, out, false),
        Request::GetChildren2(read) => get_children(read, who, view, out, true),
        Request::GetAcl(at) => get_acl(at.path, who, view, out),
        Request::GetAllChildrenNumber(at) => {
            let count = view.tree().descendants(at.path, &who.identities).map_err(wire_code)?;
            out.put_int(i32::try_from(count).unwrap_or(i32::MAX));
            Ok(())
        }
        Request::GetEphemerals(get) => {
            let prefix = get.prefix.filter(|prefix| !prefix.trim().is_empty()).unwrap_or("/");
            out.put_vector(view.tree().ephemerals(who.session, prefix), |out, path| out.put_string(&path));
            Ok(())
        }
        Request::MultiRead(multi) => {
            for part in &multi.parts {
                read_part(part, who, view, out);
            }
            MultiReply::put_end(out);
            Ok(())
        }
        Request::WhoAmI => {
            out.put_vector(who.identities.iter(), |out, identity| client_info(identity).encode(out));
            Ok(())
        }
        Request::Ping | Request::SetWatches(_) | Request::SetWatches2(_) => Ok(()),
        Request::AddWatch(add) => {
            add_watch(add, view)?;
            // A record with an error code, beside the one in the header.
            out.put_int(ErrorCode::OK.0);
            Ok(())
        }
        Request::CheckWatches(check) => check_watches(check, view),
        Request::RemoveWatches(remove) => remove_watches(remove, view),
        // Without a mechanism configured, ZooKeeper answers SASL with nothing, and clients go on without.
        Request::Sasl(_) => {
            ReplyBody::Token(None).encode(out);
            Ok(())
        }
        Request::ListChildren(list) => list_children(list, who, view, out),
        Request::Create(_)
        | Request::Create2(_)
        | Request::CreateContainer(_)
        | Request::CreateTtl(_)
        | Request::Delete(_)
        | Request::SetData(_)
        | Request::SetAcl(_)
        | Request::Check(_)
        | Request::Multi(_)
        | Request::Sync(_)
        | Request::CloseSession
        | Request::Auth(_)
        | Request::Reconfig(_)
        | Request::DeleteRecursive(_)
        | Request::Ensure(_)
        | Request::Unknown(_) => Err(ErrorCode::UNIMPLEMENTED),
    }
}

fn get_data(read: &PathWatch<'_>, who: &Who, view: &View<'_>, out: &mut BytesMut) -> Result<(), ErrorCode> {
    let node = view.tree().data(read.path, &who.identities).map_err(wire_code)?;
    watch(read, WatchKind::Data, view)?;
    let data = node.data.map(|data| &data[..]);
    out.reserve(data.map_or(0, <[u8]>::len) + 80);
    out.put_buffer(data);
    stat(&node.stat).encode(out);
    Ok(())
}

/// A missing znode can be watched too: for its creation.
fn exists(read: &PathWatch<'_>, who: &Who, view: &View<'_>, out: &mut BytesMut) -> Result<(), ErrorCode> {
    let found = view.tree().exists(read.path, &who.identities);
    if matches!(found, Ok(_) | Err(tree::ErrorCode::NoNode)) {
        watch(read, WatchKind::Exists, view)?;
    }
    stat(&found.map_err(wire_code)?).encode(out);
    Ok(())
}

fn get_children(
    read: &PathWatch<'_>,
    who: &Who,
    view: &View<'_>,
    out: &mut BytesMut,
    with_stat: bool,
) -> Result<(), ErrorCode> {
    let (names, node) = view.tree().children(read.path, &who.identities).map_err(wire_code)?;
    watch(read, WatchKind::Child, view)?;
    out.put_vector(names.iter(), |out, name| out.put_string(name));
    if with_stat {
        stat(&node).encode(out);
    }
    Ok(())
}

fn get_acl(path: &str, who: &Who, view: &View<'_>, out: &mut BytesMut) -> Result<(), ErrorCode> {
    let (acl, node) = view.tree().acl(path, &who.identities).map_err(wire_code)?;
    let acl: Vec<Acl<'_>> = acl.iter().map(wire_acl).collect();
    ReplyBody::Acl(acl, stat(&node)).encode(out);
    Ok(())
}

fn watch(read: &PathWatch<'_>, kind: WatchKind, view: &View<'_>) -> Result<(), ErrorCode> {
    if read.watch { view.watch(read.path, kind).map_err(no_room) } else { Ok(()) }
}

/// Parts fail one by one.
fn read_part(part: &ReadPart<'_>, who: &Who, view: &View<'_>, out: &mut BytesMut) {
    let failed = |error| PartReply::Error(wire_code(error));
    match part {
        ReadPart::GetData(read) => match view.tree().data(read.path, &who.identities) {
            Ok(node) => PartReply::GetData(node.data.map(|data| &data[..]), stat(&node.stat)).encode(out),
            Err(error) => failed(error).encode(out),
        },
        ReadPart::GetChildren(read) => match view.tree().children(read.path, &who.identities) {
            Ok((names, _)) => PartReply::GetChildren(names.iter().collect()).encode(out),
            Err(error) => failed(error).encode(out),
        },
    }
}

/// A digest's secret half stays here.
fn client_info(identity: &Identity) -> ClientInfo<'_> {
    let id = identity.id.as_str();
    let user = if identity.scheme == "digest" { id.split(':').next().unwrap_or_default() } else { id };
    ClientInfo { scheme: &identity.scheme, user }
}

/// Whether a request is answered here, from the replica; `false` for those that go through the log or concern the
/// connection itself.
pub(crate) const fn is_read(op: OpCode) -> bool {
    !matches!(
        op,
        OpCode::Create
            | OpCode::Create2
            | OpCode::CreateContainer
            | OpCode::CreateTtl
            | OpCode::Delete
            | OpCode::SetData
            | OpCode::SetAcl
            | OpCode::Multi
            | OpCode::DeleteRecursive
            | OpCode::Ensure
            | OpCode::Sync
            | OpCode::Reconfig
            | OpCode::CloseSession
            | OpCode::Auth
            | OpCode::Check
            | OpCode::Notification
            | OpCode::DeleteContainer
            | OpCode::CreateSession
            | OpCode::Unknown(_)
    )
}
