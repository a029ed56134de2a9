//! Requests that become commands.

use bytes::Bytes;
use tree::{CreateMode, Extent, Operation, SubOperation, Ttl};

use super::convert::tree_acl;
use crate::codec::{
    Create, CreateTtl, Ensure, ErrorCode, Multi, OpCode, PathVersion, Reader, Request, SetData, WritePart,
};

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
        Request::CreateContainer(create) => {
            create_operation(&create, true, ErrorCode::BAD_ARGUMENTS).map(Operation::Create)
        }
        Request::CreateTtl(create) => {
            create_with_ttl(&create, ErrorCode::BAD_ARGUMENTS).map(Operation::Create)
        }
        Request::Delete(at) => Ok(Operation::Delete(delete(&at))),
        Request::SetData(set) => Ok(Operation::SetData(set_data(&set))),
        Request::SetAcl(set) => Ok(Operation::SetAcl(tree::SetAcl {
            path: set.path.into(),
            acl: set.acl.iter().map(tree_acl).collect(),
            version: set.version,
        })),
        Request::DeleteRecursive(at) => Ok(Operation::DeleteRecursive(tree::DeleteRecursive {
            path: at.path.into(),
            version: at.version,
            limit: Extent::MAX,
        })),
        Request::Ensure(request) => Ok(Operation::Ensure(ensure(&request))),
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
        WritePart::CreateContainer(create) => {
            SubOperation::Create(create_operation(create, true, ErrorCode::MARSHALLING_ERROR)?)
        }
        WritePart::CreateTtl(create) => {
            SubOperation::Create(create_with_ttl(create, ErrorCode::MARSHALLING_ERROR)?)
        }
    })
}

/// `bad_flags` is what flags without a meaning are: alone a bad argument, in a multi a multi that does not parse.
fn create_operation(
    create: &Create<'_>,
    want_stat: bool,
    bad_flags: ErrorCode,
) -> Result<tree::Create, Refusal> {
    let mode = CreateMode::from_flags(create.flags, None).ok_or(Refusal(bad_flags))?;
    Ok(create_in_mode(create, mode, want_stat))
}

/// Only modes with a time to live take one.
fn create_with_ttl(create: &CreateTtl<'_>, bad_flags: ErrorCode) -> Result<tree::Create, Refusal> {
    let ttl = u64::try_from(create.ttl_ms).ok().and_then(Ttl::from_ms);
    let ttl = ttl.ok_or(Refusal(ErrorCode::BAD_ARGUMENTS))?;
    let mode = CreateMode::from_flags(create.create.flags, Some(ttl)).ok_or(Refusal(bad_flags))?;
    Ok(create_in_mode(&create.create, mode, true))
}

fn create_in_mode(create: &Create<'_>, mode: CreateMode, want_stat: bool) -> tree::Create {
    tree::Create {
        mode,
        path: create.path.into(),
        data: copy(create.data),
        acl: create.acl.iter().map(tree_acl).collect(),
        want_stat,
    }
}

fn ensure(request: &Ensure<'_>) -> tree::Ensure {
    tree::Ensure {
        path: request.path.into(),
        data: copy(request.data),
        acl: request.acl.iter().map(tree_acl).collect(),
        parents: request.parents,
        limit: Extent::MAX,
    }
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
