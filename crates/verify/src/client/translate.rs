//! Between what the history says and what the protocol's records say.

use std::rc::Rc;

use zookeeper::codec::{
    Acl, Create, ErrorCode, Multi, OpCode, PartReply, PathOnly, PathVersion, PathWatch, Reader, ReplyBody,
    ReplyHeader, Request, SetData, SetWatches, Stat, WritePart,
};

use super::watches::Watches;
use crate::history::{Answer, Failure, Kind, Op, Outcome, PartAnswer, Seen, Tag, Write};

/// A version that matches any.
const ANY_VERSION: i32 = -1;

/// A request as the protocol has it.
pub(super) fn request<'a>(op: &'a Op, data: &'a [Vec<u8>], watches: &'a Watches) -> Request<'a> {
    match op {
        Op::Write(write) => match part(write, &data[0]) {
            WritePart::Create2(create) => Request::Create2(create),
            WritePart::SetData(set) => Request::SetData(set),
            WritePart::Delete(at) => Request::Delete(at),
            WritePart::Check(at) => Request::Check(at),
            other => unreachable!("no write is made into {other:?}"),
        },
        Op::Multi(writes) => {
            let parts = writes.iter().zip(data).map(|(write, data)| part(write, data));
            Request::Multi(Multi { parts: parts.collect() })
        }
        Op::DeleteFamily(writes) => {
            let root = writes.last().expect("a family has a root").path();
            Request::DeleteRecursive(PathVersion { path: root, version: ANY_VERSION })
        }
        Op::Get { path, watch } => Request::GetData(PathWatch { path, watch: *watch }),
        Op::Exists { path, watch } => Request::Exists(PathWatch { path, watch: *watch }),
        Op::Children { path, watch } => Request::GetChildren2(PathWatch { path, watch: *watch }),
        Op::Sync => Request::Sync(PathOnly { path: "/" }),
        Op::SetWatches { since } => Request::SetWatches(SetWatches {
            relative_zxid: *since,
            data: watches.data().collect(),
            exist: watches.exist().collect(),
            child: watches.child().collect(),
        }),
        Op::Close => Request::CloseSession,
    }
}

fn part<'a>(write: &'a Write, data: &'a [u8]) -> WritePart<'a> {
    let at =
        |path: &'a str, version: Option<i32>| PathVersion { path, version: version.unwrap_or(ANY_VERSION) };
    match write {
        Write::Create { path, kind, .. } => {
            let flags = match kind {
                Kind::Persistent => 0,
                Kind::Ephemeral => 1,
                Kind::Sequential => 2,
                Kind::EphemeralSequential => 3,
            };
            WritePart::Create2(Create { path, data: Some(data), acl: vec![Acl::OPEN], flags })
        }
        Write::Set { path, version, .. } => {
            WritePart::SetData(SetData { path, data: Some(data), version: version.unwrap_or(ANY_VERSION) })
        }
        Write::Delete { path, version } => WritePart::Delete(at(path, *version)),
        Write::Check { path, version } => WritePart::Check(at(path, Some(*version))),
    }
}

/// The operation whose reply answers `op`.
pub(super) fn op_code(op: &Op) -> OpCode {
    match op {
        Op::Write(Write::Create { .. }) => OpCode::Create2,
        Op::Write(Write::Set { .. }) => OpCode::SetData,
        Op::Write(Write::Delete { .. }) => OpCode::Delete,
        Op::Write(Write::Check { .. }) => OpCode::Check,
        Op::Multi(_) => OpCode::Multi,
        Op::DeleteFamily(_) => OpCode::DeleteRecursive,
        Op::Get { .. } => OpCode::GetData,
        Op::Exists { .. } => OpCode::Exists,
        Op::Children { .. } => OpCode::GetChildren2,
        Op::Sync => OpCode::Sync,
        Op::SetWatches { .. } => OpCode::SetWatches,
        Op::Close => OpCode::CloseSession,
    }
}

/// What a reply says. An error if it is none to `op`.
pub(super) fn outcome(op: &Op, header: ReplyHeader, body: &mut Reader<'_>) -> Result<Outcome, String> {
    let zxid = header.zxid;
    if header.error != ErrorCode::OK {
        return Ok(Outcome::Failed { zxid, failure: Failure::Code(header.error) });
    }
    let reply = ReplyBody::decode(op_code(op), body).map_err(|error| error.to_string())?;
    let answer = match (op, reply) {
        (Op::Write(Write::Create { .. }), ReplyBody::PathStat(path, stat)) => {
            Answer::Part(PartAnswer::Created(path.into(), seen(stat)))
        }
        (Op::Write(Write::Set { .. }), ReplyBody::Stat(stat)) => Answer::Part(PartAnswer::Set(seen(stat))),
        (Op::Write(Write::Delete { .. }), ReplyBody::Empty) => Answer::Part(PartAnswer::Deleted),
        (Op::Multi(writes), ReplyBody::Multi(reply)) => return parts(zxid, writes, reply.parts),
        (Op::DeleteFamily(writes), ReplyBody::Count(count)) if usize::try_from(count) == Ok(writes.len()) => {
            Answer::Parts(vec![PartAnswer::Deleted; writes.len()])
        }
        (Op::Get { .. }, ReplyBody::Data(data, stat)) => {
            Answer::Data { tag: data.and_then(Tag::decode), seen: seen(stat) }
        }
        (Op::Exists { .. }, ReplyBody::Stat(stat)) => Answer::Stat(seen(stat)),
        (Op::Children { .. }, ReplyBody::NamesStat(names, stat)) => {
            let mut names: Vec<Rc<str>> = names.into_iter().map(Rc::from).collect();
            names.sort();
            Answer::Names { names, seen: seen(stat) }
        }
        (Op::Sync, ReplyBody::Path(_)) | (Op::SetWatches { .. } | Op::Close, ReplyBody::Empty) => {
            Answer::Done
        }
        (op, reply) => return Err(format!("{op:?} was answered with {reply:?}")),
    };
    Ok(Outcome::Ok { zxid, answer })
}

fn parts(zxid: i64, writes: &[Write], replies: Vec<PartReply<'_>>) -> Result<Outcome, String> {
    if replies.len() != writes.len() {
        return Err(format!("a multi of {} was answered with {} parts", writes.len(), replies.len()));
    }
    let is_cause = |reply: &PartReply<'_>| matches!(reply, PartReply::Error(code) if *code != ErrorCode::OK && *code != ErrorCode::RUNTIME_INCONSISTENCY);
    if let Some(at) = replies.iter().position(is_cause)
        && let PartReply::Error(code) = replies[at]
    {
        return Ok(Outcome::Failed { zxid, failure: Failure::Part { at, code } });
    }
    let answers: Result<Vec<_>, String> = writes.iter().zip(replies).map(part_answer).collect();
    Ok(Outcome::Ok { zxid, answer: Answer::Parts(answers?) })
}

fn part_answer((write, reply): (&Write, PartReply<'_>)) -> Result<PartAnswer, String> {
    match (write, reply) {
        (Write::Create { .. }, PartReply::Create2(path, stat)) => {
            Ok(PartAnswer::Created(path.into(), seen(stat)))
        }
        (Write::Set { .. }, PartReply::SetData(stat)) => Ok(PartAnswer::Set(seen(stat))),
        (Write::Delete { .. }, PartReply::Delete) => Ok(PartAnswer::Deleted),
        (Write::Check { .. }, PartReply::Check) => Ok(PartAnswer::Checked),
        (write, reply) => Err(format!("in a multi, {write:?} was answered with {reply:?}")),
    }
}

fn seen(stat: Stat) -> Seen {
    Seen {
        czxid: stat.czxid,
        mzxid: stat.mzxid,
        version: stat.version,
        owner: stat.ephemeral_owner,
        pzxid: stat.pzxid,
        cversion: stat.cversion,
    }
}
