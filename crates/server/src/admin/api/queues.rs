//! Queues.

use std::collections::BTreeMap;
use std::sync::Arc;

use amqp::QueueCounts;
use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Json};
use catalog::{Action, Queue, QueueSpec, QueueType, Target, Vhost};
use consensus::GroupStatus;
use serde::Deserialize;
use serde_json::{Value, json};
use streams::{GroupId, PartitionId};

use super::caller::name;
use super::clients::consumer_name;
use super::listing::Wanted;
use super::values::{json_of_table, request_of, table_of};
use super::{Answer, Caller, done, made, node_name};
use crate::data::DataPlane;

/// The shards' groups, looked at once for a whole list.
pub(super) struct Groups(BTreeMap<u32, GroupStatus>);

impl Groups {
    pub(super) fn of(data: &DataPlane) -> Self {
        let statuses = data.groups().into_iter().map(|group| group.status());
        Self(statuses.map(|status| (status.group, status)).collect())
    }

    fn leader(&self, shard: u32) -> Option<u64> {
        Some(self.0.get(&shard)?.leadership.leader?.0)
    }

    fn members(&self, shard: u32) -> Vec<String> {
        let members = self.0.get(&shard).into_iter().flat_map(|status| &status.members);
        members.map(|member| node_name(member.node.0)).collect()
    }
}

/// A queue as RabbitMQ shows it. What is not known is absent.
fn json_of_queue(caller: &Caller, groups: &Groups, vhost: &Vhost, queue: &Queue) -> Value {
    let counted = QueueCounts::of(&caller.data.shards, queue);
    let leader = groups.leader(queue.shard);
    let policy = vhost.policy_of_queue(queue);
    let mut shown = json!({
        "name": queue.name.to_string(),
        "vhost": queue.vhost.to_string(),
        "type": type_name(queue.options.queue_type),
        "durable": queue.durable,
        "auto_delete": queue.auto_delete,
        "exclusive": queue.exclusive.is_some(),
        "arguments": json_of_table(queue.arguments.table()),
        "node": leader.map(node_name),
        "leader": leader.map(node_name),
        "members": groups.members(queue.shard),
        "state": if leader.is_some() { "running" } else { "down" },
        "policy": policy.map(|policy| policy.name.to_string()),
        "operator_policy": null,
        "effective_policy_definition": policy.map_or(json!({}), |policy| json!(policy.definition)),
        "shard": queue.shard,
    });
    if let (Some(counted), Some(shown)) = (counted, shown.as_object_mut()) {
        shown.extend(counts(&counted));
    }
    shown
}

/// The partitions of a queue that has several, and who consumes them. RabbitMQ has no such thing.
fn json_of_partitions(caller: &Caller, queue: &Queue) -> Option<Value> {
    queue.partitions?;
    let replica = caller.data.shards.replica(queue.shard)?;
    let (stats, group) = replica.read(|shard| {
        let stats: Vec<_> = queue.partition_ids().map(|id| shard.stats(PartitionId(id))).collect();
        (stats, shard.group(GroupId(queue.id)))
    });
    let subscribers = group.map(|group| group.subscribers).unwrap_or_default();
    let shown = queue.partition_ids().zip(stats).zip(0..).filter_map(|((id, stats), number)| {
        let stats = stats?;
        let owner = subscribers.iter().find(|known| known.partitions.contains(&PartitionId(id)));
        Some(json!({
            "partition": number,
            "messages_ready": stats.ready,
            "messages_unacknowledged": stats.unsettled,
            "consumer": owner.map(|owner| consumer_name(owner.id)),
            "epoch": stats.epoch,
        }))
    });
    Some(shown.collect())
}

fn counts(stats: &QueueCounts) -> serde_json::Map<String, Value> {
    let counts = json!({
        "messages": stats.ready + stats.unsettled,
        "messages_ready": stats.ready,
        "messages_unacknowledged": stats.unsettled,
        "message_bytes_ready": stats.ready_bytes,
        "messages_delayed": stats.delayed,
        "messages_dlx": stats.dead,
        "consumers": stats.consumers,
        "message_stats": { "publish": stats.published },
    });
    match counts {
        Value::Object(counts) => counts,
        _ => unreachable!("it is written as an object"),
    }
}

fn type_name(queue_type: QueueType) -> &'static str {
    match queue_type {
        QueueType::Classic => "classic",
        QueueType::Quorum => "quorum",
        QueueType::Stream => "stream",
    }
}

pub(super) async fn list(caller: Caller, Query(wanted): Query<Wanted>) -> Answer {
    listed(&caller, &caller.vhosts(), &wanted)
}

pub(super) async fn of_vhost(
    caller: Caller,
    Path(vhost): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    listed(&caller, &[caller.vhost(&vhost)?], &wanted)
}

fn listed(caller: &Caller, vhosts: &[&Arc<Vhost>], wanted: &Wanted) -> Answer {
    let (groups, is_wanted) = (Groups::of(&caller.data), wanted.filter()?);
    let total = vhosts.iter().map(|vhost| vhost.queue_count()).sum();
    let queues = vhosts.iter().flat_map(|vhost| vhost.queues().into_iter().map(move |queue| (vhost, queue)));
    let queues = queues.filter(|(_, queue)| is_wanted(&queue.name.to_string()));
    let items = queues.map(|(vhost, queue)| json_of_queue(caller, &groups, vhost, queue)).collect();
    wanted.answer(items, total)
}

pub(super) async fn one(caller: Caller, Path((vhost, queue)): Path<(String, String)>) -> Answer {
    let (vhost, queue) = caller.queue(&vhost, &queue)?;
    let mut shown = json_of_queue(&caller, &Groups::of(&caller.data), vhost, queue);
    if let Some(partitions) = json_of_partitions(&caller, queue) {
        shown["partitions"] = partitions;
    }
    Ok(Json(shown).into_response())
}

pub(super) async fn make(
    caller: Caller,
    Path((vhost, queue)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    caller.check(vhost, Action::Configure, Target::Queue(queue.as_bytes()))?;
    let wanted = request_of(&body)?;
    let arguments = table_of(&wanted["arguments"])?;
    // Whoever has dead letters sent somewhere could publish there.
    if let Some(exchange) = wanted["arguments"]["x-dead-letter-exchange"].as_str() {
        caller.check(vhost, Action::Read, Target::Queue(queue.as_bytes()))?;
        caller.check(vhost, Action::Write, Target::Exchange(exchange.as_bytes()))?;
    }
    let spec = QueueSpec {
        durable: wanted["durable"].as_bool().unwrap_or(true),
        exclusive: false,
        auto_delete: wanted["auto_delete"].as_bool().unwrap_or(false),
        arguments: arguments.as_table().into(),
    };
    let declared = caller.server().declare(&vhost.name, &name(&queue), &spec).await?;
    Ok(made(declared.created))
}

#[derive(Deserialize)]
pub(super) struct Conditions {
    #[serde(rename = "if-unused")]
    if_unused: Option<String>,
    #[serde(rename = "if-empty")]
    if_empty: Option<String>,
}

pub(super) async fn delete(
    caller: Caller,
    Path((vhost, queue)): Path<(String, String)>,
    Query(conditions): Query<Conditions>,
) -> Answer {
    let queue = caller.open_queue(&vhost, &queue, Action::Configure)?;
    let is_set = |flag: &Option<String>| flag.as_deref() == Some("true");
    caller.server().delete(queue, is_set(&conditions.if_unused), is_set(&conditions.if_empty)).await?;
    Ok(done())
}

pub(super) async fn purge(caller: Caller, Path((vhost, queue)): Path<(String, String)>) -> Answer {
    let queue = caller.open_queue(&vhost, &queue, Action::Read)?;
    caller.server().purge(queue).await?;
    Ok(done())
}
