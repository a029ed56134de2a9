//! From commands to bytes of the log.

use bytes::{Bytes, BytesMut};
use prost::Message;

use super::{
    Check, Command, Create, Delete, DeleteRecursive, Ensure, Extent, Operation, SetAcl, SetData, SubOperation,
};
use crate::acl::{Acl, Identity};
use crate::proto::command as record;
use crate::text::Text;

/// The highest level of commands that this version can apply, and the newest format that it reads.
pub const LEVEL_MAX: u32 = 3;

/// The largest data of the levels before the third.
const EARLIER_DATA_BYTES_MAX: usize = 1 << 20;

impl Operation {
    /// The level that it needs: the lowest format that has it, in which it is also written. 1 has everything that ZooKeeper
    /// has, 2 the extensions that write, 3 data of more than 1 MiB.
    ///
    /// An operation that is new, or has a new field that changes what it does, needs a new level; with it goes
    /// [`LEVEL_MAX`].
    pub fn level(&self) -> u32 {
        match self {
            _ if has_large_data(self) => 3,
            Operation::DeleteRecursive(_) | Operation::Ensure(_) => 2,
            Operation::Create(_)
            | Operation::Delete(_)
            | Operation::SetData(_)
            | Operation::SetAcl(_)
            | Operation::Multi(_)
            | Operation::CreateSession { .. }
            | Operation::AttachSession { .. }
            | Operation::CloseSession
            | Operation::ExpireSession { .. }
            | Operation::Announce { .. }
            | Operation::Reap { .. } => 1,
        }
    }
}

/// Earlier versions would refuse to apply what this one applies, and the replicas would differ.
fn has_large_data(operation: &Operation) -> bool {
    let is_large =
        |data: &Option<Bytes>| data.as_ref().is_some_and(|data| data.len() > EARLIER_DATA_BYTES_MAX);
    match operation {
        Operation::Create(create) => is_large(&create.data),
        Operation::Ensure(ensure) => is_large(&ensure.data),
        Operation::SetData(set) => is_large(&set.data),
        Operation::Multi(parts) => parts.iter().any(|part| match part {
            SubOperation::Create(create) => is_large(&create.data),
            SubOperation::SetData(set) => is_large(&set.data),
            SubOperation::Delete(_) | SubOperation::Check(_) => false,
        }),
        _ => false,
    }
}

impl Command {
    /// Appends the command as it stands in the log. Data and paths are shared until they are written, not copied twice.
    pub fn encode(&self, buffer: &mut BytesMut) {
        let record = record::Command {
            format: self.operation.level(),
            session: self.session.0.cast_unsigned(),
            node: self.origin.node,
            connection: self.origin.connection,
            identities: self.identities.iter().map(identity).collect(),
            enforce_quotas: self.enforce_quotas,
            operation: Some(operation(&self.operation)),
        };
        record.encode(buffer).expect("a BytesMut grows as needed");
    }
}

fn operation(operation: &Operation) -> record::command::Operation {
    use record::command::Operation as Record;
    match operation {
        Operation::Create(operation) => Record::Create(create(operation)),
        Operation::Delete(operation) => Record::Delete(delete(operation)),
        Operation::SetData(operation) => Record::SetData(set_data(operation)),
        Operation::SetAcl(operation) => Record::SetAcl(set_acl(operation)),
        Operation::Multi(operations) => {
            Record::Multi(record::Multi { operations: operations.iter().map(sub_operation).collect() })
        }
        Operation::CreateSession { timeout_ms, password } => Record::CreateSession(record::CreateSession {
            timeout_ms: *timeout_ms,
            password: password.0.to_vec().into(),
        }),
        Operation::AttachSession { session, password, timeout_ms } => {
            Record::AttachSession(record::AttachSession {
                session: session.0.cast_unsigned(),
                password: password.0.to_vec().into(),
                timeout_ms: *timeout_ms,
            })
        }
        Operation::CloseSession => Record::CloseSession(record::CloseSession {}),
        Operation::ExpireSession { session, generation, epoch } => {
            Record::ExpireSession(record::ExpireSession {
                session: session.0.cast_unsigned(),
                generation: *generation,
                epoch: *epoch,
            })
        }
        Operation::Announce { node, client_address } => Record::Announce(record::Announce {
            node: *node,
            client_address: client_address.clone().map(Text::into_bytes),
        }),
        Operation::DeleteRecursive(operation) => Record::DeleteRecursive(delete_recursive(operation)),
        Operation::Ensure(operation) => Record::Ensure(ensure(operation)),
        Operation::Reap { path } => Record::Reap(record::Reap { path: path.clone().into_bytes() }),
    }
}

fn sub_operation(operation: &SubOperation) -> record::SubOperation {
    use record::sub_operation::Operation as Record;
    let operation = match operation {
        SubOperation::Create(operation) => Record::Create(create(operation)),
        SubOperation::Delete(operation) => Record::Delete(delete(operation)),
        SubOperation::SetData(operation) => Record::SetData(set_data(operation)),
        SubOperation::Check(operation) => Record::Check(check(operation)),
    };
    record::SubOperation { operation: Some(operation) }
}

fn create(create: &Create) -> record::Create {
    record::Create {
        path: create.path.clone().into_bytes(),
        data: create.data.clone(),
        acl: create.acl.iter().map(acl).collect(),
        mode: create.mode.flags().cast_unsigned(),
        ttl_ms: create.mode.ttl().map(|ttl| ttl.ms()),
        want_stat: create.want_stat,
    }
}

fn delete(delete: &Delete) -> record::Delete {
    record::Delete { path: delete.path.clone().into_bytes(), version: delete.version }
}

fn delete_recursive(delete: &DeleteRecursive) -> record::DeleteRecursive {
    record::DeleteRecursive {
        path: delete.path.clone().into_bytes(),
        version: delete.version,
        limit: Some(extent(delete.limit)),
    }
}

fn ensure(ensure: &Ensure) -> record::Ensure {
    record::Ensure {
        path: ensure.path.clone().into_bytes(),
        data: ensure.data.clone(),
        acl: ensure.acl.iter().map(acl).collect(),
        parents: ensure.parents,
        limit: Some(extent(ensure.limit)),
    }
}

fn extent(extent: Extent) -> record::Extent {
    record::Extent { znodes: extent.znodes, path_bytes: extent.path_bytes }
}

fn set_data(set: &SetData) -> record::SetData {
    record::SetData { path: set.path.clone().into_bytes(), data: set.data.clone(), version: set.version }
}

fn set_acl(set: &SetAcl) -> record::SetAcl {
    let acl = set.acl.iter().map(acl).collect();
    record::SetAcl { path: set.path.clone().into_bytes(), acl, version: set.version }
}

fn check(check: &Check) -> record::Check {
    record::Check { path: check.path.clone().into_bytes(), version: check.version }
}

fn identity(identity: &Identity) -> record::Identity {
    record::Identity { scheme: identity.scheme.clone().into_bytes(), id: identity.id.clone().into_bytes() }
}

fn acl(acl: &Acl) -> record::Acl {
    let record::Identity { scheme, id } = identity(&acl.identity);
    record::Acl { permissions: acl.permissions.0.cast_unsigned(), scheme, id }
}
