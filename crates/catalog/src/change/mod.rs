//! Changes, each planned as one transaction on a picture of what exists.
//!
//! A plan names what it relies on, so that the transaction fails if that is no longer so; it is then planned anew. So whoever calls learns
//! what would have happened had it been alone.

mod binding;
mod exchange;
mod operator;
mod queue;
mod removal;
mod user;
mod vhost;

use bytes::Bytes;
pub use exchange::ExchangeSpec;
pub use operator::{PolicySpec, REPLICATION_FACTOR_MAX};
pub use queue::{Deletion, QueueSpec};
use serde::Serialize;
use tree::{ANY_VERSION, Acl, Check, Create, CreateMode, Delete, Permissions, SetData, SubOperation};
pub use user::UserSpec;
pub use vhost::VhostSpec;
pub(crate) use vhost::vhost_operations;

use crate::error::CatalogError;
use crate::name::Name;
use crate::node::IdsRecord;
use crate::place::{FORMAT, Place};
use crate::topology::Topology;

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = amqp091::SHORT_BYTES_MAX;

/// What a declaration found or made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared<T> {
    /// It.
    pub value: T,
    /// Whether it was made; otherwise it was there.
    pub created: bool,
}

/// What is to be done.
pub(crate) enum Plan<T> {
    /// Nothing.
    Done(T),
    /// A transaction.
    Commit {
        operations: Vec<SubOperation>,
        /// The session that it relies on.
        session: Option<i64>,
        then: Then<T>,
    },
}

/// What follows a transaction that was made.
pub(crate) enum Then<T> {
    /// The answer.
    Return(T),
    /// Another plan, on what is there now.
    LookAgain,
}

impl<T> Plan<T> {
    pub(crate) fn commit(operations: Vec<SubOperation>, value: T) -> Self {
        Plan::Commit { operations, session: None, then: Then::Return(value) }
    }

    /// With another answer.
    fn map<R>(self, change: impl FnOnce(T) -> R) -> Plan<R> {
        match self {
            Plan::Done(value) => Plan::Done(change(value)),
            Plan::Commit { operations, session, then } => {
                let then = match then {
                    Then::Return(value) => Then::Return(change(value)),
                    Then::LookAgain => Then::LookAgain,
                };
                Plan::Commit { operations, session, then }
            }
        }
    }

    /// What there is to say without a transaction.
    pub(crate) fn into_done(self) -> T {
        match self {
            Plan::Done(value) => value,
            Plan::Commit { .. } => unreachable!("a transaction is made before there is anything to say"),
        }
    }
}

/// A record, as it is stored.
pub(crate) fn data(record: &impl Serialize) -> Option<Bytes> {
    let json = serde_json::to_vec(record).expect("records are made of what JSON has");
    Some(json.into())
}

/// Everybody may read the catalog, and only the cluster and the super user, whom no list binds, change it.
pub(crate) fn readable() -> Vec<Acl> {
    vec![Acl::anyone(Permissions::READ)]
}

/// Only the cluster and the super user may even read it.
pub(crate) fn secret() -> Vec<Acl> {
    vec![Acl::anyone(Permissions(0))]
}

pub(crate) fn create(place: &Place, record: &impl Serialize, mode: CreateMode) -> SubOperation {
    create_at(place.path(), data(record), mode, readable())
}

pub(crate) fn create_at(path: String, data: Option<Bytes>, mode: CreateMode, acl: Vec<Acl>) -> SubOperation {
    SubOperation::Create(Create { path: path.into(), data, acl, mode, want_stat: false })
}

pub(crate) fn set(place: &Place, record: &impl Serialize, version: i32) -> SubOperation {
    SubOperation::SetData(SetData { path: place.path().into(), data: data(record), version })
}

pub(crate) fn delete(place: &Place, version: i32) -> SubOperation {
    SubOperation::Delete(Delete { path: place.path().into(), version })
}

fn check(place: &Place, version: i32) -> SubOperation {
    SubOperation::Check(Check { path: place.path().into(), version })
}

/// Fails a transaction unless it is there.
fn check_there(place: &Place) -> SubOperation {
    check(place, ANY_VERSION)
}

fn check_name(name: &Name) -> Result<(), CatalogError> {
    match name.len() {
        ..=NAME_BYTES_MAX => Ok(()),
        length => Err(CatalogError::NameTooLong(length)),
    }
}

const RESERVED: &[u8] = b"amq.";

impl Topology {
    /// Takes ids.
    pub(crate) fn plan_ids(&self, count: u64) -> Plan<std::ops::Range<u64>> {
        let (next, version) = self.ids;
        let record = IdsRecord { format: FORMAT, next: next + count };
        Plan::commit(vec![set(&Place::Ids, &record, version)], next..next + count)
    }
}
