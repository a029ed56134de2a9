//! What is left when a majority of the voters is lost for ever: a survivor founds the cluster anew, from what it has.
//!
//! Nothing can tell whether the lost voters had acknowledged something that the survivor lacks; so this is never done by
//! itself. The cluster gets another id: whoever belonged to the old one is a stranger, and can't come back with a vote that
//! contradicts the new one.

use std::collections::{BTreeMap, BTreeSet};

use journal::{GroupId, Journal};
use openraft::entry::RaftEntry;
use openraft::storage::RaftLogStorage;
use openraft::{BasicNode, EntryPayload, RaftLogReader};
use runtime::Runtime;

use crate::ConsensusError;
use crate::group::EntryId;
use crate::identity::{ClusterId, Identity, NodeId};
use crate::node::Member;
use crate::raft::{Entry, LogId, Membership, Vote, committed_leader, members_of};
use crate::storage::LogStore;

/// What a data directory has of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remains {
    /// Whose directory it is.
    pub node: NodeId,
    /// The cluster that it belongs to.
    pub cluster: ClusterId,
    /// The newest term that it has seen.
    pub term: u64,
    /// The last entry in its log. Of several survivors, the one whose last entry has the highest term, and of those the
    /// highest index, lacks the least.
    pub last: Option<EntryId>,
    /// The last entry that it knows to be committed; usually it has more.
    pub committed: Option<EntryId>,
    /// Who belonged to the group, if its log still tells; otherwise its snapshot does.
    pub members: Option<Vec<Member>>,
}

/// Looks at a directory that no node uses.
///
/// # Errors
/// If it belongs to no node yet, or can't be read.
pub async fn look(journal: &Journal, group: GroupId) -> Result<Remains, ConsensusError> {
    let (node, cluster) = Identity::kept(journal)?
        .ok_or_else(|| ConsensusError::Identity("the data directory belongs to no node yet".into()))?;
    let mut log = LogStore::new(journal.group(group));
    let failed = |error: std::io::Error| ConsensusError::HardState(error.to_string());
    let state = log.get_log_state().await.map_err(failed)?;
    let vote = log.read_vote().await.map_err(failed)?;
    let committed = log.read_committed().await.map_err(failed)?;
    let members = newest_members(&mut log).await.map_err(failed)?;
    let entry = |id: LogId| EntryId { term: **id.committed_leader_id(), index: id.index };
    Ok(Remains {
        node,
        cluster,
        term: vote.map_or(0, |vote| vote.leader_id.term),
        last: state.last_log_id.map(entry),
        committed: committed.map(entry),
        members,
    })
}

/// Makes the node of this directory the only member of its group, in a cluster of its own, with all that its log has. It is
/// reached by others at `address`. Says what was there before.
///
/// # Errors
/// As [`look`]; or if it can't be written.
pub async fn found_anew(
    runtime: &Runtime,
    journal: &Journal,
    group: GroupId,
    address: &str,
) -> Result<Remains, ConsensusError> {
    let remains = look(journal, group).await?;
    let mut log = LogStore::new(journal.group(group));
    let term = remains.term.max(remains.last.map_or(0, |last| last.term)) + 1;
    let index = remains.last.map_or(0, |last| last.index + 1);
    let node = remains.node.0;
    let nodes = BTreeMap::from([(node, BasicNode::new(address))]);
    let alone = Membership::new(vec![BTreeSet::from([node])], nodes).expect("the voter is a node");
    let entry = Entry::new_membership(LogId::new(committed_leader(term), index), alone);
    // In this order: the new id before anything that the old cluster must not see.
    Identity::change_cluster(runtime, journal).await?;
    let failed = |error: std::io::Error| ConsensusError::HardState(error.to_string());
    log.save_vote(&Vote::new(term, node)).await.map_err(failed)?;
    log.append_durably(entry).await.map_err(failed)?;
    Ok(remains)
}

async fn newest_members(log: &mut LogStore) -> std::io::Result<Option<Vec<Member>>> {
    const PIECE: u64 = 1000;
    let state = log.get_log_state().await?;
    let first = state.last_purged_log_id.map_or(0, |id| id.index + 1);
    let mut end = state.last_log_id.map_or(0, |id| id.index + 1);
    while end > first {
        let start = end.saturating_sub(PIECE).max(first);
        let entries = log.try_get_log_entries(start..end).await?;
        let newest = entries.iter().rev().find_map(|entry| match &entry.payload {
            EntryPayload::Membership(membership) => Some(members_of(membership)),
            _ => None,
        });
        if newest.is_some() {
            return Ok(newest);
        }
        end = start;
    }
    Ok(None)
}
