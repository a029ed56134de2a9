//! What a command did, as its reply.

use bytes::BytesMut;
use tree::{MultiFailure, Reply, Zxid};

use super::convert::stat;
use crate::codec::{
    ErrorCode, JuteWrite, MultiReply, PartReply, Record, ReplyBody, ReplyHeader, Xid, put_error_frame,
    put_frame,
};
use crate::errors::wire_code;

/// Appends the reply frame to a write.
pub(crate) fn put_outcome(xid: Xid, zxid: Zxid, result: &Result<Reply, tree::ErrorCode>, out: &mut BytesMut) {
    match result {
        Err(error) => put_error_frame(xid, zxid.0, wire_code(*error), out),
        Ok(reply) => put_frame(out, |out| {
            ReplyHeader { xid, zxid: zxid.0, error: ErrorCode::OK }.encode(out);
            put_reply(reply, out);
        }),
    }
}

fn put_reply(reply: &Reply, out: &mut BytesMut) {
    match reply {
        Reply::Created { path, stat: None } => ReplyBody::Path(path).encode(out),
        Reply::Created { path, stat: Some(node) } => ReplyBody::PathStat(path, stat(node)).encode(out),
        Reply::DataSet(node) | Reply::AclSet(node) => stat(node).encode(out),
        Reply::DeletedAll { znodes } => out.put_int(i32::try_from(*znodes).unwrap_or(i32::MAX)),
        Reply::Ensured { created, stat: node } => ReplyBody::Ensured(*created, stat(node)).encode(out),
        Reply::Multi(Ok(replies)) => {
            for reply in replies {
                put_part(reply, out);
            }
            MultiReply::put_end(out);
        }
        Reply::Multi(Err(failure)) => put_failed_multi(failure, out),
        Reply::Deleted
        | Reply::Checked
        | Reply::SessionCreated { .. }
        | Reply::SessionAttached { .. }
        | Reply::SessionClosed
        | Reply::SessionExpired
        | Reply::EnsembleChanged => {}
    }
}

fn put_part(reply: &Reply, out: &mut BytesMut) {
    match reply {
        Reply::Created { path, stat: None } => PartReply::Create(path).encode(out),
        Reply::Created { path, stat: Some(node) } => PartReply::Create2(path, stat(node)).encode(out),
        Reply::DataSet(node) => PartReply::SetData(stat(node)).encode(out),
        Reply::Deleted => PartReply::Delete.encode(out),
        Reply::Checked => PartReply::Check.encode(out),
        Reply::AclSet(_)
        | Reply::DeletedAll { .. }
        | Reply::Ensured { .. }
        | Reply::Multi(_)
        | Reply::SessionCreated { .. }
        | Reply::SessionAttached { .. }
        | Reply::SessionClosed
        | Reply::SessionExpired
        | Reply::EnsembleChanged => {
            debug_assert!(false, "a multi holds creates, deletes, sets of data and checks")
        }
    }
}

fn put_failed_multi(failure: &MultiFailure, out: &mut BytesMut) {
    for position in 0..failure.of {
        let error = match position.cmp(&failure.at) {
            std::cmp::Ordering::Less => ErrorCode::OK,
            std::cmp::Ordering::Equal => wire_code(failure.error),
            std::cmp::Ordering::Greater => ErrorCode::RUNTIME_INCONSISTENCY,
        };
        PartReply::Error(error).encode(out);
    }
    MultiReply::put_end(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Reader;

    #[test]
    fn a_failed_multi_tells_of_every_part() {
        let failure = MultiFailure { at: 1, of: 3, error: tree::ErrorCode::BadVersion };
        let mut out = BytesMut::new();
        put_reply(&Reply::Multi(Err(failure)), &mut out);
        let parts = [ErrorCode::OK, ErrorCode::BAD_VERSION, ErrorCode::RUNTIME_INCONSISTENCY];
        let expected = parts.map(PartReply::Error).to_vec();
        assert_eq!(MultiReply::decode(&mut Reader::new(&out)).unwrap().parts, expected);
    }
}
