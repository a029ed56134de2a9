//! From bytes of the log to commands.

use bytes::Bytes;
use prost::Message;

use super::encode::LEVEL_MAX;
use super::{
    Check, Command, Create, CreateMode, Delete, DeleteRecursive, Ensure, Extent, Operation, SetAcl, SetData,
    SubOperation,
};
use crate::acl::{Acl, Identity, Permissions};
use crate::error::DecodeError;
use crate::proto::command as record;
use crate::session::{Owner, Password, SessionId};
use crate::text::Text;
use crate::znode::Ttl;

impl Command {
    /// The level that an encoded command needs, also one of a newer version that [`Command::decode`] refuses.
    ///
    /// # Errors
    /// [`DecodeError::Protobuf`]; the entry is damaged.
    pub fn level_of(mut bytes: &[u8]) -> Result<u32, DecodeError> {
        Ok(record::CommandHead::decode(&mut bytes)?.format)
    }

    /// Reads a command as [`Command::encode`] wrote it. Data and texts are slices of `bytes`, not copies.
    ///
    /// # Errors
    /// [`DecodeError`]; the entry is damaged or from a newer version, and the node must not apply anything after it.
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        let record = record::Command::decode(bytes)?;
        if !(1..=LEVEL_MAX).contains(&record.format) {
            return Err(DecodeError::Format { found: record.format, newest: LEVEL_MAX });
        }
        Ok(Self {
            session: session_id(record.session),
            origin: Owner { node: record.node, connection: record.connection },
            identities: record.identities.into_iter().map(identity).collect::<Result<_, _>>()?,
            enforce_quotas: record.enforce_quotas,
            operation: operation(record.operation.ok_or(DecodeError::Field { field: "operation" })?)?,
        })
    }
}

fn operation(record: record::command::Operation) -> Result<Operation, DecodeError> {
    use record::command::Operation as Record;
    Ok(match record {
        Record::Create(record) => Operation::Create(create(record)?),
        Record::Delete(record) => Operation::Delete(delete(record)?),
        Record::SetData(record) => Operation::SetData(set_data(record)?),
        Record::SetAcl(record) => Operation::SetAcl(set_acl(record)?),
        Record::Multi(record) => {
            Operation::Multi(record.operations.into_iter().map(sub_operation).collect::<Result<_, _>>()?)
        }
        Record::CreateSession(record) => {
            Operation::CreateSession { timeout_ms: record.timeout_ms, password: password(&record.password)? }
        }
        Record::AttachSession(record) => Operation::AttachSession {
            session: session_id(record.session),
            password: password(&record.password)?,
            timeout_ms: record.timeout_ms,
        },
        Record::CloseSession(record::CloseSession {}) => Operation::CloseSession,
        Record::ExpireSession(record) => Operation::ExpireSession {
            session: session_id(record.session),
            generation: record.generation,
            epoch: record.epoch,
        },
        Record::Announce(record) => {
            let client_address = record.client_address.map(|address| text(address, "client address"));
            Operation::Announce { node: record.node, client_address: client_address.transpose()? }
        }
        Record::DeleteRecursive(record) => Operation::DeleteRecursive(DeleteRecursive {
            path: text(record.path, "path")?,
            version: record.version,
            limit: extent(record.limit)?,
        }),
        Record::Ensure(record) => Operation::Ensure(Ensure {
            path: text(record.path, "path")?,
            data: record.data,
            acl: acl(record.acl)?,
            parents: record.parents,
            limit: extent(record.limit)?,
        }),
        Record::Reap(record) => Operation::Reap { path: text(record.path, "path")? },
    })
}

fn sub_operation(record: record::SubOperation) -> Result<SubOperation, DecodeError> {
    use record::sub_operation::Operation as Record;
    Ok(match record.operation.ok_or(DecodeError::Field { field: "operation of a multi" })? {
        Record::Create(record) => SubOperation::Create(create(record)?),
        Record::Delete(record) => SubOperation::Delete(delete(record)?),
        Record::SetData(record) => SubOperation::SetData(set_data(record)?),
        Record::Check(record) => SubOperation::Check(check(record)?),
    })
}

fn create(record: record::Create) -> Result<Create, DecodeError> {
    let ttl =
        record.ttl_ms.map(|ttl_ms| Ttl::from_ms(ttl_ms).ok_or(DecodeError::Field { field: "time to live" }));
    let ttl = ttl.transpose()?;
    let mode = i32::try_from(record.mode).ok().and_then(|flags| CreateMode::from_flags(flags, ttl));
    Ok(Create {
        path: text(record.path, "path")?,
        data: record.data,
        acl: acl(record.acl)?,
        mode: mode.ok_or(DecodeError::Field { field: "create mode" })?,
        want_stat: record.want_stat,
    })
}

fn delete(record: record::Delete) -> Result<Delete, DecodeError> {
    Ok(Delete { path: text(record.path, "path")?, version: record.version })
}

fn set_data(record: record::SetData) -> Result<SetData, DecodeError> {
    Ok(SetData { path: text(record.path, "path")?, data: record.data, version: record.version })
}

fn set_acl(record: record::SetAcl) -> Result<SetAcl, DecodeError> {
    Ok(SetAcl { path: text(record.path, "path")?, acl: acl(record.acl)?, version: record.version })
}

fn check(record: record::Check) -> Result<Check, DecodeError> {
    Ok(Check { path: text(record.path, "path")?, version: record.version })
}

fn extent(record: Option<record::Extent>) -> Result<Extent, DecodeError> {
    let record::Extent { znodes, path_bytes } = record.ok_or(DecodeError::Field { field: "limit" })?;
    Ok(Extent { znodes, path_bytes })
}

fn acl(records: Vec<record::Acl>) -> Result<Vec<Acl>, DecodeError> {
    let entries = records.into_iter().map(|record| {
        let permissions = Permissions(record.permissions.cast_signed());
        let identity = identity(record::Identity { scheme: record.scheme, id: record.id })?;
        Ok(Acl::new(permissions, identity))
    });
    entries.collect()
}

fn identity(record: record::Identity) -> Result<Identity, DecodeError> {
    Ok(Identity { scheme: text(record.scheme, "identity scheme")?, id: text(record.id, "identity")? })
}

fn text(bytes: Bytes, field: &'static str) -> Result<Text, DecodeError> {
    Text::from_utf8(bytes).map_err(|_| DecodeError::Field { field })
}

fn password(bytes: &Bytes) -> Result<Password, DecodeError> {
    bytes.as_ref().try_into().map(Password).map_err(|_| DecodeError::Field { field: "session password" })
}

fn session_id(id: u64) -> SessionId {
    SessionId(id.cast_signed())
}
