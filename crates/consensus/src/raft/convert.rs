//! Between openraft's types and the wire's.

use std::collections::{BTreeMap, BTreeSet};

use openraft::entry::RaftEntry;
use openraft::vote::RaftLeaderId;
use openraft::{BasicNode, EntryPayload as Payload};

use super::{
    BatchBytes, CommittedLeaderId, Entry, LeaderId, LogId, Membership, SnapshotMeta, StoredMembership, Vote,
};
use crate::identity::NodeId;
use crate::node::Member;
use crate::wire;

/// Bytes that do not mean what they should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

pub(crate) fn log_id_to_wire(id: &LogId) -> wire::LogId {
    wire::LogId { term: **id.committed_leader_id(), index: id.index }
}

pub(crate) fn log_id_from_wire(id: wire::LogId) -> LogId {
    LogId::new(committed_leader(id.term), id.index)
}

/// Leadership of a term, once a quorum granted it.
pub(crate) fn committed_leader(term: u64) -> CommittedLeaderId {
    LeaderId { term, voted_for: 0 }.to_committed()
}

pub(crate) fn vote_to_wire(vote: &Vote) -> wire::Vote {
    wire::Vote { term: vote.leader_id.term, node: vote.leader_id.voted_for, committed: vote.committed }
}

pub(crate) fn vote_from_wire(vote: wire::Vote) -> Vote {
    if vote.committed { Vote::new_committed(vote.term, vote.node) } else { Vote::new(vote.term, vote.node) }
}

/// The vote of a message that must have one.
pub(crate) fn required_vote(vote: Option<wire::Vote>) -> Result<Vote, Malformed> {
    vote.map(vote_from_wire).ok_or(Malformed("message: no vote"))
}

/// Who is in it, by number; of two sets of voters both count.
pub(crate) fn members_of(membership: &Membership) -> Vec<Member> {
    let voters: BTreeSet<u64> = membership.voter_ids().collect();
    let member = |(node, basic): (&u64, &BasicNode)| Member {
        node: NodeId(*node),
        address: basic.addr.clone(),
        voter: voters.contains(node),
    };
    membership.nodes().map(member).collect()
}

pub(crate) fn membership_to_wire(membership: &Membership) -> wire::Membership {
    let voters = |set: &BTreeSet<u64>| wire::VoterSet { voters: set.iter().copied().collect() };
    wire::Membership {
        configs: membership.get_joint_config().iter().map(voters).collect(),
        members: membership
            .nodes()
            .map(|(node, basic)| wire::Member { node: *node, address: basic.addr.clone() })
            .collect(),
    }
}

pub(crate) fn membership_from_wire(membership: wire::Membership) -> Result<Membership, Malformed> {
    let configs: Vec<BTreeSet<u64>> =
        membership.configs.into_iter().map(|set| set.voters.into_iter().collect()).collect();
    let nodes: BTreeMap<u64, BasicNode> =
        membership.members.into_iter().map(|member| (member.node, BasicNode::new(member.address))).collect();
    if configs.is_empty() && nodes.is_empty() {
        return Ok(Membership::default());
    }
    Membership::new(configs, nodes).map_err(|_| Malformed("membership"))
}

/// About how long it is.
pub(crate) fn entry_bytes(entry: &Entry) -> usize {
    match &entry.payload {
        Payload::Normal(batch) => batch.0.len(),
        Payload::Blank | Payload::Membership(_) => 0,
    }
}

pub(crate) fn entry_to_wire(entry: &Entry) -> wire::Entry {
    let payload = match &entry.payload {
        Payload::Blank => None,
        Payload::Normal(batch) => Some(wire::entry::Payload::Batch(batch.0.clone())),
        Payload::Membership(membership) => {
            Some(wire::entry::Payload::Membership(membership_to_wire(membership)))
        }
    };
    wire::Entry { id: Some(log_id_to_wire(&entry.log_id)), payload }
}

pub(crate) fn entry_from_wire(entry: wire::Entry) -> Result<Entry, Malformed> {
    let id = entry.id.ok_or(Malformed("log entry: no id"))?;
    let payload = match entry.payload {
        None => Payload::Blank,
        Some(wire::entry::Payload::Batch(batch)) => Payload::Normal(BatchBytes(batch)),
        Some(wire::entry::Payload::Membership(membership)) => {
            Payload::Membership(membership_from_wire(membership)?)
        }
    };
    Ok(Entry::new(log_id_from_wire(id), payload))
}

pub(crate) fn snapshot_meta_from_wire(header: &wire::SnapshotHeader) -> Result<SnapshotMeta, Malformed> {
    let membership = membership_from_wire(header.membership.clone().unwrap_or_default())?;
    Ok(SnapshotMeta {
        last_log_id: header.last.map(log_id_from_wire),
        last_membership: StoredMembership::new(header.membership_id.map(log_id_from_wire), membership),
    })
}
