//! What is left when a majority of the voters is lost for ever: a survivor founds the cluster anew, from what it has; or, with
//! nothing left but a copy of the state, an empty directory does.
//!
//! Nothing can tell whether the lost voters had acknowledged something that the survivor lacks; so this is never done by
//! itself. The cluster gets another id: whoever belonged to the old one is a stranger, and can't come back with a vote that
//! contradicts the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use journal::{GroupId, Journal};
use openraft::entry::RaftEntry;
use openraft::storage::RaftLogStorage;
use openraft::{BasicNode, EntryPayload, RaftLogReader};
use runtime::Runtime;

use crate::ConsensusError;
use crate::export::SnapshotCopy;
use crate::group::EntryId;
use crate::identity::{ClusterId, Identity, NODE_GROUP, NodeId};
use crate::node::Member;
use crate::raft::{
    Entry, LogId, Membership, Vote, committed_leader, log_id_to_wire, members_of, membership_to_wire,
};
use crate::state_machine::SnapshotSource;
use crate::storage::{LogStore, SNAPSHOT_FORMAT, SnapshotStore, group_dir};
use crate::wire;

/// What a data directory has of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remains {
    /// The group.
    pub group: GroupId,
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
        group,
        node,
        cluster,
        term: vote.map_or(0, |vote| vote.leader_id.term),
        last: state.last_log_id.map(entry),
        committed: committed.map(entry),
        members,
    })
}

/// Looks at all groups of a directory that no node uses, by number.
///
/// # Errors
/// As [`look`].
pub async fn look_at_all(journal: &Journal) -> Result<Vec<Remains>, ConsensusError> {
    let mut groups: Vec<GroupId> =
        journal.groups().into_iter().filter(|group| *group != NODE_GROUP).collect();
    groups.sort_by_key(|group| group.0);
    let mut all = Vec::with_capacity(groups.len());
    for group in groups {
        all.push(look(journal, group).await?);
    }
    Ok(all)
}

/// Makes the node of this directory the only member of all its groups, in a cluster of its own, with all that their logs have.
/// It is reached by others at `address`. Says what was there before. Broken off, it is to be repeated.
///
/// # Errors
/// As [`look`]; or if it can't be written.
pub async fn found_anew(
    runtime: &Runtime,
    journal: &Journal,
    address: &str,
) -> Result<Vec<Remains>, ConsensusError> {
    let all = look_at_all(journal).await?;
    // In this order: the new id before anything that the old cluster must not see. And group 0 last: without it, no node serves
    // on a directory that is half done.
    Identity::change_cluster(runtime, journal).await?;
    for remains in all.iter().rev() {
        let founder = Founder { node: remains.node, address };
        let term = remains.term.max(remains.last.map_or(0, |last| last.term)) + 1;
        let index = remains.last.map_or(0, |last| last.index + 1);
        be_alone(LogStore::new(journal.group(remains.group)), founder, EntryId { term, index }).await?;
    }
    Ok(all)
}

/// Who founds a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Founder<'a> {
    /// The node.
    pub node: NodeId,
    /// Where others reach it, `HOST:PORT`.
    pub address: &'a str,
}

/// Makes an empty directory, whose `journal` this is, that of the only member of a new cluster whose group has the state that
/// `source` gives. The group's log goes on behind `last`. Gives the cluster's id.
///
/// # Errors
/// If the directory belongs to a node already, or can't be written.
pub async fn found_with(
    runtime: &Runtime,
    journal: &Journal,
    snapshot_dir: &Path,
    group: GroupId,
    founder: Founder<'_>,
    last: EntryId,
    source: &mut dyn SnapshotSource,
) -> Result<ClusterId, ConsensusError> {
    if Identity::is_kept(journal) {
        return Err(ConsensusError::Identity("the data directory belongs to a node already".into()));
    }
    let last_id = LogId::new(committed_leader(last.term), last.index);
    let header = wire::SnapshotHeader {
        format: SNAPSHOT_FORMAT,
        group: group.0,
        last: Some(log_id_to_wire(&last_id)),
        membership_id: Some(log_id_to_wire(&last_id)),
        membership: Some(membership_to_wire(&alone(founder))),
        // Nodes count their commands from one again.
        applied: Vec::new(),
        // The founder raises it to its own.
        level: None,
        attached: Vec::new(),
    };
    write_snapshot(runtime, &group_dir(snapshot_dir, group), header, source)
        .await
        .map_err(|source| ConsensusError::Io { doing: "write the snapshot".into(), source })?;
    let cluster = Identity::found(runtime, journal, founder.node).await?;
    be_alone_behind(journal, group, founder, last).await?;
    Ok(cluster)
}

/// Gives the node of a directory, whose `journal` this is, another group of which it is the only member: with the state of a
/// snapshot that was copied out of a node, its attached files included.
///
/// # Errors
/// If the copy is damaged, or the directory can't be written.
pub async fn found_with_copy(
    runtime: &Runtime,
    journal: &Journal,
    snapshot_dir: &Path,
    group: GroupId,
    founder: Founder<'_>,
    copy: SnapshotCopy,
) -> Result<(), ConsensusError> {
    let failed = |source| ConsensusError::Io { doing: format!("restore group {}", group.0), source };
    let last = copy.last().ok_or_else(|| failed(std::io::Error::other("it is of no place in the log")))?;
    let last_id = LogId::new(committed_leader(last.term), last.index);
    let header = wire::SnapshotHeader {
        group: group.0,
        membership_id: Some(log_id_to_wire(&last_id)),
        membership: Some(membership_to_wire(&alone(founder))),
        // Nodes count their commands from one again.
        applied: Vec::new(),
        ..copy.header().clone()
    };
    let store =
        SnapshotStore::open(runtime.disk.clone(), group_dir(snapshot_dir, group)).await.map_err(failed)?;
    copy.write_into(&store, header).await.map_err(failed)?;
    be_alone_behind(journal, group, founder, last).await
}

async fn be_alone_behind(
    journal: &Journal,
    group: GroupId,
    founder: Founder<'_>,
    last: EntryId,
) -> Result<(), ConsensusError> {
    let log = LogStore::new(journal.group(group));
    log.begin_behind(&LogId::new(committed_leader(last.term), last.index));
    be_alone(log, founder, EntryId { term: last.term + 1, index: last.index + 1 }).await
}

async fn write_snapshot(
    runtime: &Runtime,
    dir: &Path,
    header: wire::SnapshotHeader,
    source: &mut dyn SnapshotSource,
) -> std::io::Result<()> {
    let store = SnapshotStore::open(runtime.disk.clone(), dir.to_owned()).await?;
    let attached = source.attach().await?.into_iter().map(wire::AttachedFile::from).collect();
    let mut writer = store.create(wire::SnapshotHeader { attached, ..header }).await?;
    while let Some(chunk) = source.next_chunk() {
        writer.push(&chunk).await?;
    }
    writer.finish().await.map(drop)
}

fn alone(founder: Founder<'_>) -> Membership {
    let node = founder.node.0;
    let nodes = BTreeMap::from([(node, BasicNode::new(founder.address))]);
    Membership::new(vec![BTreeSet::from([node])], nodes).expect("the voter is a node")
}

/// Ends a log with an entry that makes `founder` the only member; durably.
async fn be_alone(mut log: LogStore, founder: Founder<'_>, at: EntryId) -> Result<(), ConsensusError> {
    let failed = |error: std::io::Error| ConsensusError::HardState(error.to_string());
    let id = LogId::new(committed_leader(at.term), at.index);
    log.save_vote(&Vote::new(at.term, founder.node.0)).await.map_err(failed)?;
    log.append_durably(Entry::new_membership(id, alone(founder))).await.map_err(failed)
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
