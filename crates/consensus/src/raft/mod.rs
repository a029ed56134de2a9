//! openraft, and the types it is used with. Nothing outside this crate names it.

mod convert;
mod responder;

use std::fmt;

use bytes::Bytes;

pub(crate) use convert::*;
pub(crate) use responder::{Reply, Window};

/// The types of every group. Terms have one leader each, as in the Raft paper.
#[derive(Debug, Clone, Copy, Default, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) struct Types;

impl openraft::RaftTypeConfig for Types {
    type D = BatchBytes;
    type R = ();
    type NodeId = u64;
    type Node = openraft::BasicNode;
    type Term = u64;
    type LeaderId = LeaderId;
    type Vote = openraft::impls::Vote<LeaderId>;
    type Payload = openraft::EntryPayload<BatchBytes, u64, openraft::BasicNode>;
    type Entry = openraft::Entry<CommittedLeaderId, Self::Payload>;
    type Responder<T>
        = Reply<T>
    where
        T: Send + 'static;
    type Batch<T>
        = openraft::impls::InlineBatch<T>
    where
        T: Send + 'static;
    type AsyncRuntime = openraft::TokioRuntime;
    type ErrorSource = openraft::impls::BoxedErrorSource;
}

type LeaderId = openraft::impls::leader_id_std::LeaderId<u64, u64>;
type CommittedLeaderId = <LeaderId as openraft::vote::RaftLeaderId>::Committed;

/// An encoded `wire::Batch`, as the log keeps it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct BatchBytes(pub(crate) Bytes);

impl fmt::Debug for BatchBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchBytes({} bytes)", self.0.len())
    }
}

impl fmt::Display for BatchBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

pub(crate) type Raft = openraft::Raft<Types, crate::storage::StateMachineAdapter>;
pub(crate) type LogId = openraft::alias::LogIdOf<Types>;
pub(crate) type Vote = openraft::alias::VoteOf<Types>;
pub(crate) type Entry = openraft::alias::EntryOf<Types>;
pub(crate) type Membership = openraft::Membership<u64, openraft::BasicNode>;
pub(crate) type StoredMembership = openraft::alias::StoredMembershipOf<Types>;
pub(crate) type SnapshotMeta = openraft::alias::SnapshotMetaOf<Types>;
pub(crate) type Snapshot = openraft::alias::SnapshotOf<Types, crate::storage::SnapshotFile>;
