//! Any request, as one type.

use bytes::BytesMut;

use super::{
    AddWatch, Auth, Create, CreateTtl, DecodeError, Ensure, GetEphemerals, ListChildren, Multi, MultiRead,
    OpCode, PathOnly, PathVersion, PathWatch, PathWatcherType, Reader, Reconfig, Record, RequestHeader,
    SaslToken, SetAcl, SetData, SetWatches, SetWatches2, Xid, put_frame,
};

/// What a client asks, without its header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request<'a> {
    /// Create a znode; answered with its path.
    Create(Create<'a>),
    /// Create a znode; answered with its path and stat.
    Create2(Create<'a>),
    /// Create a container; answered with its path and stat.
    CreateContainer(Create<'a>),
    /// Create a znode with a time to live; answered with its path and stat.
    CreateTtl(CreateTtl<'a>),
    /// Delete a znode.
    Delete(PathVersion<'a>),
    /// Replace data; answered with the stat.
    SetData(SetData<'a>),
    /// Replace the access control list; answered with the stat.
    SetAcl(SetAcl<'a>),
    /// Outside a multi a server refuses this.
    Check(PathVersion<'a>),
    /// All of several writes, or none.
    Multi(Multi<'a>),
    /// Change the ensemble.
    Reconfig(Reconfig<'a>),
    /// The stat.
    Exists(PathWatch<'a>),
    /// Data and stat.
    GetData(PathWatch<'a>),
    /// Names of children.
    GetChildren(PathWatch<'a>),
    /// Names of children and stat.
    GetChildren2(PathWatch<'a>),
    /// Access control list and stat.
    GetAcl(PathOnly<'a>),
    /// Number of descendants.
    GetAllChildrenNumber(PathOnly<'a>),
    /// Paths of the session's ephemerals.
    GetEphemerals(GetEphemerals<'a>),
    /// Several reads of one state.
    MultiRead(MultiRead<'a>),
    /// Wait for what was committed before; answered with the path.
    Sync(PathOnly<'a>),
    /// Sign of life.
    Ping,
    /// End the session.
    CloseSession,
    /// Add an identity.
    Auth(Auth<'a>),
    /// One step of a SASL exchange.
    Sasl(SaslToken<'a>),
    /// The connection's identities.
    WhoAmI,
    /// Watches of a client that has reconnected.
    SetWatches(SetWatches<'a>),
    /// The same, with persistent ones.
    SetWatches2(SetWatches2<'a>),
    /// Set a persistent watch.
    AddWatch(AddWatch<'a>),
    /// Ask whether there is such a watch.
    CheckWatches(PathWatcherType<'a>),
    /// Remove watches.
    RemoveWatches(PathWatcherType<'a>),
    /// An extension: delete a znode and all below it; answered with how many that were.
    DeleteRecursive(PathVersion<'a>),
    /// An extension: create a znode unless it is there; answered with whether it was made, and its stat.
    Ensure(Ensure<'a>),
    /// An extension: some of a znode's children.
    ListChildren(ListChildren<'a>),
    /// An operation that clients can not ask for: a server's own, or a number without meaning.
    Unknown(OpCode),
}

impl<'a> Request<'a> {
    /// The number of the operation.
    pub fn op(&self) -> OpCode {
        match self {
            Request::Create(_) => OpCode::Create,
            Request::Create2(_) => OpCode::Create2,
            Request::CreateContainer(_) => OpCode::CreateContainer,
            Request::CreateTtl(_) => OpCode::CreateTtl,
            Request::Delete(_) => OpCode::Delete,
            Request::SetData(_) => OpCode::SetData,
            Request::SetAcl(_) => OpCode::SetAcl,
            Request::Check(_) => OpCode::Check,
            Request::Multi(_) => OpCode::Multi,
            Request::Reconfig(_) => OpCode::Reconfig,
            Request::Exists(_) => OpCode::Exists,
            Request::GetData(_) => OpCode::GetData,
            Request::GetChildren(_) => OpCode::GetChildren,
            Request::GetChildren2(_) => OpCode::GetChildren2,
            Request::GetAcl(_) => OpCode::GetAcl,
            Request::GetAllChildrenNumber(_) => OpCode::GetAllChildrenNumber,
            Request::GetEphemerals(_) => OpCode::GetEphemerals,
            Request::MultiRead(_) => OpCode::MultiRead,
            Request::Sync(_) => OpCode::Sync,
            Request::Ping => OpCode::Ping,
            Request::CloseSession => OpCode::CloseSession,
            Request::Auth(_) => OpCode::Auth,
            Request::Sasl(_) => OpCode::Sasl,
            Request::WhoAmI => OpCode::WhoAmI,
            Request::SetWatches(_) => OpCode::SetWatches,
            Request::SetWatches2(_) => OpCode::SetWatches2,
            Request::AddWatch(_) => OpCode::AddWatch,
            Request::CheckWatches(_) => OpCode::CheckWatches,
            Request::RemoveWatches(_) => OpCode::RemoveWatches,
            Request::DeleteRecursive(_) => OpCode::DeleteRecursive,
            Request::Ensure(_) => OpCode::Ensure,
            Request::ListChildren(_) => OpCode::ListChildren,
            Request::Unknown(op) => *op,
        }
    }

    /// Reads the body that follows a header with `op`. Bytes behind the body are ignored, as servers do.
    pub fn decode(op: OpCode, input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match op {
            OpCode::Create => Request::Create(input.record()?),
            OpCode::Create2 => Request::Create2(input.record()?),
            OpCode::CreateContainer => Request::CreateContainer(input.record()?),
            OpCode::CreateTtl => Request::CreateTtl(input.record()?),
            OpCode::Delete => Request::Delete(input.record()?),
            OpCode::SetData => Request::SetData(input.record()?),
            OpCode::SetAcl => Request::SetAcl(input.record()?),
            OpCode::Check => Request::Check(input.record()?),
            OpCode::Multi => Request::Multi(input.record()?),
            OpCode::Reconfig => Request::Reconfig(input.record()?),
            OpCode::Exists => Request::Exists(input.record()?),
            OpCode::GetData => Request::GetData(input.record()?),
            OpCode::GetChildren => Request::GetChildren(input.record()?),
            OpCode::GetChildren2 => Request::GetChildren2(input.record()?),
            OpCode::GetAcl => Request::GetAcl(input.record()?),
            OpCode::GetAllChildrenNumber => Request::GetAllChildrenNumber(input.record()?),
            OpCode::GetEphemerals => Request::GetEphemerals(input.record()?),
            OpCode::MultiRead => Request::MultiRead(input.record()?),
            OpCode::Sync => Request::Sync(input.record()?),
            OpCode::Ping => Request::Ping,
            OpCode::CloseSession => Request::CloseSession,
            OpCode::Auth => Request::Auth(input.record()?),
            OpCode::Sasl => Request::Sasl(input.record()?),
            OpCode::WhoAmI => Request::WhoAmI,
            OpCode::SetWatches => Request::SetWatches(input.record()?),
            OpCode::SetWatches2 => Request::SetWatches2(input.record()?),
            OpCode::AddWatch => Request::AddWatch(input.record()?),
            OpCode::CheckWatches => Request::CheckWatches(input.record()?),
            OpCode::RemoveWatches => Request::RemoveWatches(input.record()?),
            OpCode::DeleteRecursive => Request::DeleteRecursive(input.record()?),
            OpCode::Ensure => Request::Ensure(input.record()?),
            OpCode::ListChildren => Request::ListChildren(input.record()?),
            OpCode::Notification | OpCode::DeleteContainer | OpCode::CreateSession | OpCode::Unknown(_) => {
                Request::Unknown(op)
            }
        })
    }

    /// Appends the body, without header and frame.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Request::Create(create) | Request::Create2(create) | Request::CreateContainer(create) => {
                create.encode(out);
            }
            Request::CreateTtl(create) => create.encode(out),
            Request::Delete(at) | Request::Check(at) | Request::DeleteRecursive(at) => at.encode(out),
            Request::SetData(set) => set.encode(out),
            Request::SetAcl(set) => set.encode(out),
            Request::Multi(multi) => multi.encode(out),
            Request::Reconfig(reconfig) => reconfig.encode(out),
            Request::Exists(read)
            | Request::GetData(read)
            | Request::GetChildren(read)
            | Request::GetChildren2(read) => read.encode(out),
            Request::GetAcl(at) | Request::GetAllChildrenNumber(at) | Request::Sync(at) => at.encode(out),
            Request::GetEphemerals(get) => get.encode(out),
            Request::MultiRead(multi) => multi.encode(out),
            Request::Auth(auth) => auth.encode(out),
            Request::Sasl(token) => token.encode(out),
            Request::SetWatches(watches) => watches.encode(out),
            Request::SetWatches2(watches) => watches.encode(out),
            Request::AddWatch(watch) => watch.encode(out),
            Request::CheckWatches(watch) | Request::RemoveWatches(watch) => watch.encode(out),
            Request::Ensure(ensure) => ensure.encode(out),
            Request::ListChildren(list) => list.encode(out),
            Request::Ping | Request::CloseSession | Request::WhoAmI | Request::Unknown(_) => {}
        }
    }

    /// Appends a whole frame: what a client sends.
    pub fn put_frame(&self, xid: Xid, out: &mut BytesMut) {
        put_frame(out, |out| {
            RequestHeader { xid, op: self.op() }.encode(out);
            self.encode(out);
        });
    }
}
