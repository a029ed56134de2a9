//! `GET /status`.

use consensus::{GroupStatus, Member};
use serde::Serialize;

use crate::data::DataPlane;
use crate::data::leaders::{self, Move};
use crate::node::Parts;

/// The body of `/status`; scripts depend on its keys.
#[derive(Serialize)]
pub(super) struct Status {
    node: u64,
    role: &'static str,
    version: &'static str,
    /// Up to which level this binary can apply commands.
    level_max: u32,
    ready: bool,
    zxid: String,
    /// What this node is short of, so that publishers of the whole cluster are held up: `memory`, `disk`.
    alarms: Vec<&'static str>,
    /// The control plane's group first, then the shards that are open here.
    groups: Vec<Group>,
    /// How the leaders of the shards are spread; null where no queues are served.
    shard_leaders: Option<ShardLeaders>,
}

/// How the leaders of the shards are spread over the nodes, as this one sees it.
#[derive(Serialize)]
struct ShardLeaders {
    nodes: Vec<Load>,
    /// The leader that is to be moved next; null when each node leads its share.
    next: Option<Move>,
    /// Why that has to wait, if this node decides and was told so.
    waits_for: Option<String>,
}

/// How many shards a node leads.
#[derive(Serialize)]
struct Load {
    node: u64,
    shards: usize,
}

#[derive(Serialize)]
struct Group {
    group: u32,
    leader: Option<u64>,
    term: u64,
    /// The level of commands that are allowed.
    level: u32,
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
    /// Of its binary, as it said itself; null while it is not connected, and if it does not say.
    version: Option<String>,
    /// Up to which level it can apply commands.
    level_max: Option<u32>,
}

#[derive(Serialize)]
struct Replica {
    node: u64,
    matched_index: Option<u64>,
}

impl Status {
    pub(super) fn of(parts: &Parts) -> Self {
        let groups = parts.groups();
        let group = groups[0].status();
        let own = group.members.iter().find(|member| member.node == parts.identity.node);
        Self {
            node: parts.identity.node.0,
            role: role(own),
            version: env!("CARGO_PKG_VERSION"),
            level_max: stated_level(parts),
            ready: parts.not_ready().is_none(),
            zxid: format!("{:#x}", parts.control.zxid().0),
            alarms: alarms(parts),
            groups: groups.iter().map(|group| Group::of(parts, group.status())).collect(),
            shard_leaders: parts.data.as_deref().map(|data| ShardLeaders::of(parts, data)),
        }
    }
}

impl ShardLeaders {
    fn of(parts: &Parts, data: &DataPlane) -> Self {
        let led = leaders::led(&data.groups());
        let loads = leaders::loads(&led);
        Self {
            nodes: loads.into_iter().map(|(node, shards)| Load { node, shards }).collect(),
            next: leaders::next_move(&led, &leaders::members(&parts.group)),
            waits_for: data.spreading.waits_for.lock().clone(),
        }
    }
}

fn alarms(parts: &Parts) -> Vec<&'static str> {
    let own = parts.data.as_ref().map(|data| data.amqp.alarms().own()).unwrap_or_default();
    own.into_iter().map(amqp::Resource::name).collect()
}

/// What a node is to its group; a node that no group knows yet is joining.
fn role(member: Option<&Member>) -> &'static str {
    match member {
        Some(Member { voter: true, .. }) => "voter",
        Some(_) => "observer",
        None => "joining",
    }
}

/// Up to which level this binary can apply commands.
fn stated_level(parts: &Parts) -> u32 {
    let own = parts.group.stated_level(parts.identity.node);
    own.map_or(0, |level| level.number)
}

impl Node {
    pub(super) fn of(parts: &Parts, member: &Member) -> Self {
        let stated = parts.group.stated_level(member.node);
        Self {
            node: member.node.0,
            address: member.address.clone(),
            role: role(Some(member)),
            level_max: stated.as_ref().map(|level| level.number),
            version: stated.map(|level| level.version).filter(|version| !version.is_empty()),
        }
    }
}

impl Group {
    fn of(parts: &Parts, status: GroupStatus) -> Self {
        Self {
            group: status.group,
            leader: status.leadership.leader.map(|node| node.0),
            term: status.leadership.term,
            level: status.level,
            last_index: status.last_index,
            committed_index: status.committed_index,
            applied_index: status.applied_index,
            snapshot_index: status.snapshot_index,
            members: status.members.iter().map(|member| Node::of(parts, member)).collect(),
            replicas: status
                .replicas
                .iter()
                .map(|replica| Replica { node: replica.node.0, matched_index: replica.matched_index })
                .collect(),
        }
    }
}
