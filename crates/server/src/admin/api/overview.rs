//! The cluster as a whole, and its nodes.

use amqp::Resource;
use axum::extract::Path;
use axum::response::{IntoResponse, Json};
use serde_json::{Value, json};

use super::{Answer, Caller, Refusal, node_name};
use crate::data::shortage::queue_bytes;

/// Whose API this is like: tools ask before they use what older versions do not have.
pub(super) const RABBITMQ_VERSION: &str = "4.1.0";

pub(super) async fn overview(caller: Caller) -> Answer {
    let (mut ready, mut unacked, mut consumers) = (0, 0, 0);
    let (mut queues, mut exchanges) = (0, 0);
    for vhost in caller.vhosts() {
        // The default exchange is one, too.
        exchanges += vhost.exchanges().len() + 1;
        for queue in vhost.queues() {
            queues += 1;
            let counts = amqp::QueueCounts::of(&caller.data.shards, queue).unwrap_or_default();
            ready += counts.ready;
            unacked += counts.unsettled;
            consumers += counts.consumers;
        }
    }
    let connections = caller.server().connections();
    let channels: usize = connections.iter().map(|connection| connection.state().channels).sum();
    let metrics = caller.server().metrics();
    Ok(Json(json!({
        "management_version": RABBITMQ_VERSION,
        "rabbitmq_version": RABBITMQ_VERSION,
        "product_name": "Quorate",
        "product_version": env!("CARGO_PKG_VERSION"),
        "cluster_name": caller.server().cluster_name(),
        "node": node_name(caller.parts.identity.node.0),
        "rates_mode": "none",
        "disable_stats": false,
        "enable_queue_totals": true,
        "queue_totals": {
            "messages": ready + unacked,
            "messages_ready": ready,
            "messages_unacknowledged": unacked,
        },
        "object_totals": {
            "connections": connections.len(),
            "channels": channels,
            "exchanges": exchanges,
            "queues": queues,
            "consumers": consumers,
        },
        "message_stats": {
            "publish": metrics.published.get(),
            "confirm": metrics.confirmed.get(),
            "return_unroutable": metrics.returned.get(),
            "drop_unroutable": metrics.unroutable.get(),
            "deliver": metrics.delivered.get(),
            "redeliver": metrics.redelivered.get(),
            "get": metrics.got.get(),
            "get_empty": metrics.got_nothing.get(),
            "ack": metrics.acknowledged.get(),
            "deliver_get": metrics.delivered.get() + metrics.got.get(),
        },
        "listeners": [],
        "contexts": [],
    }))
    .into_response())
}

pub(super) async fn cluster_name(caller: Caller) -> Answer {
    Ok(Json(json!({ "name": caller.server().cluster_name() })).into_response())
}

/// All members of the cluster; of this one, what it knows of itself.
fn all_nodes(caller: &Caller) -> Vec<Value> {
    let own = caller.parts.identity.node;
    let others = caller.server().alarms().others();
    let node = |member: consensus::Member| {
        let is_there = caller.topology.nodes().contains_key(&member.node.0);
        let mut shown = json!({
            "name": node_name(member.node.0),
            "type": "disc",
            "running": is_there || member.node == own,
            "partitions": [],
        });
        let alarms: Vec<Resource> = match member.node == own {
            true => caller.server().alarms().own(),
            false => others.iter().filter(|(node, _)| *node == member.node.0).map(|(_, it)| *it).collect(),
        };
        shown["mem_alarm"] = alarms.contains(&Resource::Memory).into();
        shown["disk_free_alarm"] = alarms.contains(&Resource::Disk).into();
        if member.node == own {
            let shortage = &caller.data.shortage;
            shown["mem_used"] = queue_bytes(&caller.data.shards).into();
            shown["mem_limit"] = shortage.limits.queue_bytes.into();
            shown["disk_free"] = shortage.disk_free_bytes().into();
            shown["disk_free_limit"] = shortage.limits.disk_free_bytes.into();
            shown["sockets_used"] = caller.server().connections().len().into();
        }
        shown
    };
    caller.parts.group.status().members.into_iter().map(node).collect()
}

pub(super) async fn nodes(caller: Caller) -> Answer {
    caller.must_see_all()?;
    Ok(Json(all_nodes(&caller)).into_response())
}

pub(super) async fn node(caller: Caller, Path(name): Path<String>) -> Answer {
    caller.must_see_all()?;
    let found = all_nodes(&caller).into_iter().find(|node| node["name"].as_str() == Some(&name));
    found.map(|node| Json(node).into_response()).ok_or_else(Refusal::not_found)
}
