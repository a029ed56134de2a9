//! Connections of this node, and consumers of all nodes.

use std::sync::Arc;

use amqp::ConnectionInfo;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Json};
use catalog::{Queue, Vhost};
use serde_json::{Value, json};
use streams::{ConsumerId, ConsumerInfo, GroupId, PartitionId, SubscriberInfo};

use super::{Answer, Caller, Refusal, done, node_name};

fn name_of(caller: &Caller, connection: &ConnectionInfo) -> String {
    format!("{} -> {}", connection.peer, node_name(caller.parts.identity.node.0))
}

fn json_of_connection(caller: &Caller, connection: &ConnectionInfo) -> Value {
    let state = connection.state();
    json!({
        "name": name_of(caller, connection),
        "user_provided_name": state.name,
        "user": state.user,
        "vhost": state.vhost,
        "node": node_name(caller.parts.identity.node.0),
        "peer_host": connection.peer.ip().to_string(),
        "peer_port": connection.peer.port(),
        "connected_at": connection.since_ms,
        "protocol": "AMQP 0-9-1",
        "type": "network",
        "ssl": state.is_secure,
        "peer_cert_subject": state.certificate,
        "auth_mechanism": state.mechanism,
        "channels": state.channels,
        "state": if state.blocked { "blocked" } else { "running" },
        "client_properties": { "product": state.product, "connection_name": state.name },
    })
}

/// Those that the caller sees: its own, or all.
fn seen(caller: &Caller) -> Vec<Arc<ConnectionInfo>> {
    let mut all = caller.server().connections();
    let own = caller.user.name.to_string();
    all.retain(|connection| caller.sees_all() || connection.state().user.as_deref() == Some(&own));
    all
}

pub(super) async fn connections(caller: Caller) -> Answer {
    let all = seen(&caller);
    Ok(Json(all.iter().map(|it| json_of_connection(&caller, it)).collect::<Vec<_>>()).into_response())
}

fn found(caller: &Caller, name: &str) -> Result<Arc<ConnectionInfo>, Refusal> {
    let mut all = seen(caller).into_iter();
    all.find(|connection| name_of(caller, connection) == name).ok_or_else(Refusal::not_found)
}

pub(super) async fn connection(caller: Caller, Path(name): Path<String>) -> Answer {
    Ok(Json(json_of_connection(&caller, &*found(&caller, &name)?)).into_response())
}

pub(super) async fn close(caller: Caller, Path(name): Path<String>, headers: HeaderMap) -> Answer {
    let reason = headers.get("x-reason").and_then(|reason| reason.to_str().ok());
    found(&caller, &name)?.close(reason.unwrap_or("Closed via management plugin"));
    Ok(done())
}

fn consumers_in(caller: &Caller, vhost: &Vhost) -> Vec<Value> {
    let mut all = Vec::new();
    for queue in vhost.queues() {
        let Some(replica) = caller.data.shards.replica(queue.shard) else { continue };
        if queue.partitions.is_some() {
            let group = replica.read(|shard| shard.group(GroupId(queue.id)));
            let subscribers = group.map(|group| group.subscribers).unwrap_or_default();
            all.extend(subscribers.into_iter().map(|known| json_of_subscriber(caller, queue, &known)));
        } else {
            let consumers: Vec<_> = replica
                .read(|shard| shard.consumers(PartitionId(queue.id)).filter(|it| it.attached).collect());
            all.extend(consumers.into_iter().map(|known| json_of_consumer(caller, queue, &known)));
        }
    }
    all
}

/// A consumer's name that no other has.
pub(super) fn consumer_name(id: ConsumerId) -> String {
    format!("{:x}-{}", id.owner.0, id.number)
}

fn json_of_consumer(caller: &Caller, queue: &Queue, consumer: &ConsumerInfo) -> Value {
    json!({
        "queue": { "name": queue.name.to_string(), "vhost": queue.vhost.to_string() },
        "node": caller.topology.node_of_session(consumer.id.owner.0).map(node_name),
        "consumer": consumer_name(consumer.id),
        "active": consumer.active,
        "activity_status": if consumer.active { "up" } else { "waiting" },
        "prefetch_count": consumer.window,
        "priority": consumer.priority,
        "messages_unacknowledged": consumer.unsettled,
    })
}

/// A consumer of a queue with partitions, and which of them are its.
fn json_of_subscriber(caller: &Caller, queue: &Queue, subscriber: &SubscriberInfo) -> Value {
    let is_active = !subscriber.partitions.is_empty();
    let partitions = subscriber.partitions.iter().filter_map(|id| queue.partition_number(id.0));
    json!({
        "queue": { "name": queue.name.to_string(), "vhost": queue.vhost.to_string() },
        "node": caller.topology.node_of_session(subscriber.id.owner.0).map(node_name),
        "consumer": consumer_name(subscriber.id),
        "active": is_active,
        "activity_status": if is_active { "up" } else { "waiting" },
        "prefetch_count": subscriber.window,
        "priority": 0,
        "messages_unacknowledged": subscriber.unsettled,
        "partitions": partitions.collect::<Vec<_>>(),
    })
}

pub(super) async fn consumers(caller: Caller) -> Answer {
    let all = caller.vhosts().into_iter().flat_map(|vhost| consumers_in(&caller, vhost));
    Ok(Json(all.collect::<Vec<_>>()).into_response())
}

pub(super) async fn consumers_of_vhost(caller: Caller, Path(vhost): Path<String>) -> Answer {
    Ok(Json(consumers_in(&caller, caller.vhost(&vhost)?)).into_response())
}
