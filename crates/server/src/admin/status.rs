//! `GET /status`.

use consensus::{GroupStatus, Member};
use serde::Serialize;

use crate::node::Parts;

/// The body of `/status`; scripts depend on its keys.
#[derive(Serialize)]
pub(super) struct Status {
    node: u64,
    role: &'static str,
    version: &'static str,
    ready: bool,
    zxid: String,
    groups: Vec<Group>,
}

#[derive(Serialize)]
struct Group {
    group: u32,
    leader: Option<u64>,
    term: u64,
    last_index: Option<u64>,
    committed_index: Option<u64>,
    applied_index: Option<u64>,
    snapshot_index: Option<u64>,
    members: Vec<Node>,
    replicas: Vec<Replica>,
}

/// A member, as `/status` and `/members` show it.
#[derive(Serialize)]
pub(super) struct Node {
    node: u64,
    address: String,
    role: &'static str,
}

#[derive(Serialize)]
struct Replica {
    node: u64,
    matched_index: Option<u64>,
}

impl Status {
    pub(super) fn of(parts: &Parts) -> Self {
        let group = parts.group.status();
        let own = group.members.iter().find(|member| member.node == parts.identity.node);
        Self {
            node: parts.identity.node.0,
            role: role(own),
            version: env!("CARGO_PKG_VERSION"),
            ready: parts.not_ready().is_none(),
            zxid: format!("{:#x}", parts.control.zxid().0),
            groups: vec![Group::of(group)],
        }
    }
}

/// What a node is to its group; a node that no group knows yet is joining.
fn role(member: Option<&Member>) -> &'static str {
    match member {
        Some(Member { voter: true, .. }) => "voter",
        Some(_) => "observer",
        None => "joining",
    }
}

impl Node {
    pub(super) fn of(member: &Member) -> Self {
        Self { node: member.node.0, address: member.address.clone(), role: role(Some(member)) }
    }
}

impl Group {
    fn of(status: GroupStatus) -> Self {
        Self {
            group: status.group,
            leader: status.leadership.leader.map(|node| node.0),
            term: status.leadership.term,
            last_index: status.last_index,
            committed_index: status.committed_index,
            applied_index: status.applied_index,
            snapshot_index: status.snapshot_index,
            members: status.members.iter().map(Node::of).collect(),
            replicas: status
                .replicas
                .iter()
                .map(|replica| Replica { node: replica.node.0, matched_index: replica.matched_index })
                .collect(),
        }
    }
}
