//! Requests that become commands.

use bytes::Bytes;
use tree::{CreateMode, Operation, SubOperation};

use super::convert::tree_acl;
use crate::codec::{Create, ErrorCode, Multi, OpCode, PathVersion, Reader, Request, SetData, WritePart};

/// A write that is answered here: it makes no sense to any replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) ErrorCode);

/// The operation that a write asks for. `body` is at the request's record.
pub(crate) fn operation(op: OpCode, body: &mut Reader<'_>) -> Result<Operation, Refusal> {
    let request = Request::decode(op, body).map_err(|_| Refusal(ErrorCode::MARSHALLING_ERROR))?;
    match request {
        Request::Create(create) => {
            create_operation(&create, false, ErrorCode::BAD_ARGUMENTS).map(Operation::Create)
        }
        Request::Create2(create) => {
            create_operation(&create, true, ErrorCode::BAD_ARGUMENTS).map(Operation::Create)
        }
        Request::Delete(at) => Ok(Operation::Delete(delete(&at))),
        Request::SetData(set) => Ok(Operation::SetData(set_data(&set))),
        Request::SetAcl(set) => Ok(Operation::SetAcl(tree::SetAcl {
            path: set.path.into(),
            acl: set.acl.iter().map(tree_acl).collect(),
            version: set.version,
        })),
        Request::Multi(multi) => sub_operations(&multi).map(Operation::Multi),
        _ => Err(Refusal(ErrorCode::UNIMPLEMENTED)),
    }
}

fn sub_operations(multi: &Multi<'_>) -> Result<Vec<SubOperation>, Refusal> {
    multi.parts.iter().map(sub_operation).collect()
}

fn sub_operation(part: &WritePart<'_>) -> Result<SubOperation, Refusal> {
    Ok(match part {
        WritePart::Create(create) => {
            SubOperation::Create(create_operation(create, false, ErrorCode::MARSHALLING_ERROR)?)
        }
        WritePart::Create2(create) => {
            SubOperation::Create(create_operation(create, true, ErrorCode::MARSHALLING_ERROR)?)
        }
        WritePart::Delete(at) => SubOperation::Delete(delete(at)),
        WritePart::SetData(set) => SubOperation::SetData(set_data(set)),
        WritePart::Check(at) => {
            SubOperation::Check(tree::Check { path: at.path.into(), version: at.version })
        }
        WritePart::CreateContainer(_) | WritePart::CreateTtl(_) => {
            return Err(Refusal(ErrorCode::UNIMPLEMENTED));
        }
    })
}

/// `bad_flags` is what flags without a meaning are: alone a bad argument, in a multi a multi that does not parse.
fn create_operation(
    create: &Create<'_>,
    want_stat: bool,
    bad_flags: ErrorCode,
) -> Result<tree::Create, Refusal> {
    Ok(tree::Create {
        mode: CreateMode::from_flags(create.flags).ok_or(Refusal(bad_flags))?,
        path: create.path.into(),
        data: copy(create.data),
        acl: create.acl.iter().map(tree_acl).collect(),
        want_stat,
    })
}

fn delete(at: &PathVersion<'_>) -> tree::Delete {
    tree::Delete { path: at.path.into(), version: at.version }
}

fn set_data(set: &SetData<'_>) -> tree::SetData {
    tree::SetData { path: set.path.into(), data: copy(set.data), version: set.version }
}

fn copy(data: Option<&[u8]>) -> Option<Bytes> {
    data.map(Bytes::copy_from_slice)
}
