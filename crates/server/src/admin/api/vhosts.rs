//! Virtual hosts and policies.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Json};
use catalog::{Policy, Vhost, VhostSpec};
use serde_json::{Value, json};

use super::caller::name;
use super::values::request_of;
use super::{Answer, Caller, Refusal, done, made};

fn json_of_vhost(vhost: &Vhost) -> Value {
    json!({
        "name": vhost.name.to_string(),
        "description": vhost.record.description,
        "tags": vhost.record.tags,
        "default_queue_type": vhost.record.default_queue_type.as_deref().unwrap_or("classic"),
        "metadata": {
            "description": vhost.record.description,
            "tags": vhost.record.tags,
        },
        "tracing": false,
    })
}

pub(super) async fn list(caller: Caller) -> Answer {
    Ok(Json(caller.vhosts().iter().map(|vhost| json_of_vhost(vhost)).collect::<Vec<_>>()).into_response())
}

pub(super) async fn one(caller: Caller, Path(vhost): Path<String>) -> Answer {
    Ok(Json(json_of_vhost(caller.vhost(&vhost)?)).into_response())
}

pub(super) async fn make(caller: Caller, Path(vhost): Path<String>, body: Bytes) -> Answer {
    caller.must_be_administrator()?;
    let wanted = request_of(&body)?;
    let text = |key: &str| wanted[key].as_str().map(str::to_owned);
    let tags = match &wanted["tags"] {
        Value::Null => Vec::new(),
        Value::String(list) => list.split(',').map(|tag| tag.trim().to_owned()).collect(),
        Value::Array(list) => list.iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect(),
        _ => return Err(Refusal::bad_request("tags are a list of strings")),
    };
    let spec = VhostSpec {
        description: text("description").unwrap_or_default(),
        tags,
        default_queue_type: text("default_queue_type"),
    };
    let vhost = name(&vhost);
    let created = caller.catalog().put_vhost(&vhost, &spec).await?;
    if created {
        // As in RabbitMQ: whoever made it may use it.
        caller.catalog().set_permission(&vhost, &caller.user.name, ".*", ".*", ".*").await?;
    }
    Ok(made(created))
}

pub(super) async fn delete(caller: Caller, Path(vhost): Path<String>) -> Answer {
    caller.must_be_administrator()?;
    caller.server().delete_vhost(&name(&vhost)).await?;
    Ok(done())
}

pub(super) fn json_of_policy(vhost: &Vhost, policy: &Policy) -> Value {
    json!({
        "vhost": vhost.name.to_string(),
        "name": policy.name.to_string(),
        "pattern": policy.pattern.as_str(),
        "apply-to": policy.apply_to,
        "priority": policy.priority,
        "definition": policy.definition,
    })
}

pub(super) fn policies_in(vhost: &Vhost) -> Vec<Value> {
    vhost.policies().iter().map(|policy| json_of_policy(vhost, policy)).collect()
}

pub(super) async fn policies(caller: Caller) -> Answer {
    let vhosts: Vec<&Arc<Vhost>> = caller.vhosts();
    Ok(Json(vhosts.iter().flat_map(|vhost| policies_in(vhost)).collect::<Vec<_>>()).into_response())
}

pub(super) async fn policies_of_vhost(caller: Caller, Path(vhost): Path<String>) -> Answer {
    Ok(Json(policies_in(caller.vhost(&vhost)?)).into_response())
}
