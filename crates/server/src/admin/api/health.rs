//! Health checks: 200, or 503 with a reason.

use amqp::{AfterGet, Post, Resource};
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use bytes::Bytes;
use catalog::{Action, QueueSpec, Target};
use serde_json::{Value, json};

use super::caller::name;
use super::{Answer, Caller, Refusal, node_name};

const ALIVENESS_QUEUE: &str = "aliveness-test";

fn healthy() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

fn failed(reason: &str) -> Response {
    let body = Json(json!({ "status": "failed", "reason": reason }));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

/// Publishes a message and takes it.
pub(super) async fn aliveness(caller: Caller, Path(vhost): Path<String>) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    for action in [Action::Configure, Action::Read] {
        caller.check(vhost, action, Target::Queue(ALIVENESS_QUEUE.as_bytes()))?;
    }
    caller.check(vhost, Action::Write, Target::Exchange(b""))?;
    let spec = QueueSpec { durable: true, ..QueueSpec::default() };
    let queue = caller.server().declare(&vhost.name, &name(ALIVENESS_QUEUE), &spec).await?.value;
    let topology = caller.catalog().topology();
    let vhost = topology.vhost(&queue.vhost).ok_or_else(Refusal::not_found)?;
    let (properties, body) = (Bytes::from_static(&[0, 0]), Bytes::from_static(b"test_message"));
    let user = caller.user.name.to_string();
    let key = ALIVENESS_QUEUE.as_bytes();
    let post = Post { user: &user, exchange: b"", key, properties: &properties, body: &body };
    let routed = caller.server().post(vhost, post).await?;
    let taken = caller.server().get(&queue, 1, AfterGet::Settle).await?;
    if routed && !taken.is_empty() { Ok(healthy()) } else { Ok(failed("the message did not come back")) }
}

/// Whether no node is short of anything.
pub(super) async fn alarms(caller: Caller) -> Answer {
    let own = own_alarms(&caller);
    let others = caller.server().alarms().others();
    let others = others.into_iter().map(|(node, resource)| json_of_alarm(node, resource));
    Ok(without_alarms("There are alarms in effect in the cluster", own.chain(others).collect()))
}

/// Whether this node is short of nothing.
pub(super) async fn local_alarms(caller: Caller) -> Answer {
    Ok(without_alarms("There are alarms in effect on the node", own_alarms(&caller).collect()))
}

fn own_alarms(caller: &Caller) -> impl Iterator<Item = Value> + use<> {
    let own = caller.parts.identity.node.0;
    caller.server().alarms().own().into_iter().map(move |resource| json_of_alarm(own, resource))
}

fn json_of_alarm(node: u64, resource: Resource) -> Value {
    json!({ "node": node_name(node), "resource": resource.name() })
}

fn without_alarms(reason: &str, alarms: Vec<Value>) -> Response {
    if alarms.is_empty() {
        return healthy();
    }
    let body = Json(json!({ "status": "failed", "reason": reason, "alarms": alarms }));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

/// Whether this node takes clients.
pub(super) async fn serves(caller: Caller) -> Answer {
    Ok(caller.parts.not_ready().map_or_else(healthy, failed))
}

pub(super) async fn old_node(caller: Caller) -> Answer {
    let why = caller.parts.not_ready().or_else(|| caller.server().alarms().reason());
    Ok(why.map_or_else(healthy, failed))
}

/// Whether all shards are led, as far as this node knows.
pub(super) async fn leaders(caller: Caller) -> Answer {
    let statuses = caller.parts.groups().into_iter().map(|group| group.status());
    let without: Vec<String> = statuses
        .filter(|status| status.leadership.leader.is_none())
        .map(|status| status.group.to_string())
        .collect();
    if without.is_empty() {
        return Ok(healthy());
    }
    Ok(failed(&format!("groups without a leader: {}", without.join(", "))))
}
