//! Exchanges and bindings.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json};
use catalog::{
    Action, Binding, BindingSpec, CatalogError, DestinationName, Exchange, ExchangeSpec, Target, Vhost,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::name;
use super::listing::Wanted;
use super::values::{json_of_table, request_of, table_of};
use super::{Answer, Caller, Refusal, done, made};

fn json_of_exchange(exchange: &Exchange) -> Value {
    json!({
        "name": exchange.name.to_string(),
        "vhost": exchange.vhost.to_string(),
        "type": exchange.kind.name(),
        "durable": exchange.durable,
        "auto_delete": exchange.auto_delete,
        "internal": exchange.internal,
        "arguments": json_of_table(exchange.arguments.table()),
    })
}

/// The default exchange is none, and everybody sees it.
fn default_exchange(vhost: &Vhost) -> Value {
    json!({
        "name": "", "vhost": vhost.name.to_string(), "type": "direct", "durable": true, "auto_delete": false,
        "internal": false, "arguments": {},
    })
}

fn json_of_binding(vhost: &Vhost, binding: &Binding) -> Value {
    json!({
        "source": binding.source.to_string(),
        "vhost": vhost.name.to_string(),
        "destination": binding.destination.name().to_string(),
        "destination_type": if binding.destination.is_queue() { "queue" } else { "exchange" },
        "routing_key": binding.key.to_string(),
        "arguments": json_of_table(binding.arguments.table()),
        "properties_key": if binding.key.is_empty() { "~".to_owned() } else { binding.key.to_string() },
    })
}

pub(super) async fn list(caller: Caller, Query(wanted): Query<Wanted>) -> Answer {
    listed(&caller.vhosts(), &wanted)
}

pub(super) async fn of_vhost(
    caller: Caller,
    Path(vhost): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    listed(&[caller.vhost(&vhost)?], &wanted)
}

fn listed(vhosts: &[&Arc<Vhost>], wanted: &Wanted) -> Answer {
    let is_wanted = wanted.filter()?;
    let all = vhosts.iter().flat_map(|vhost| {
        let others = vhost.exchanges().into_iter().map(|exchange| json_of_exchange(exchange));
        std::iter::once(default_exchange(vhost)).chain(others)
    });
    let mut items: Vec<Value> = all.collect();
    let total = items.len();
    items.retain(|item| is_wanted(item["name"].as_str().unwrap_or_default()));
    wanted.answer(items, total)
}

pub(super) async fn one(caller: Caller, Path((vhost, exchange)): Path<(String, String)>) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let found = vhost.exchange(exchange.as_bytes()).ok_or_else(Refusal::not_found)?;
    Ok(Json(json_of_exchange(found)).into_response())
}

pub(super) async fn make(
    caller: Caller,
    Path((vhost, exchange)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    caller.check(vhost, Action::Configure, Target::Exchange(exchange.as_bytes()))?;
    let wanted = request_of(&body)?;
    if let Some(alternate) = wanted["arguments"]["alternate-exchange"].as_str() {
        caller.check(vhost, Action::Read, Target::Exchange(exchange.as_bytes()))?;
        caller.check(vhost, Action::Write, Target::Exchange(alternate.as_bytes()))?;
    }
    let arguments = table_of(&wanted["arguments"])?;
    let spec = ExchangeSpec {
        kind: wanted["type"].as_str().unwrap_or("direct").to_owned(),
        durable: wanted["durable"].as_bool().unwrap_or(true),
        auto_delete: wanted["auto_delete"].as_bool().unwrap_or(false),
        internal: wanted["internal"].as_bool().unwrap_or(false),
        arguments: arguments.as_table().into(),
    };
    let declared = caller.catalog().declare_exchange(&vhost.name, &name(&exchange), &spec).await?;
    Ok(made(declared.created))
}

#[derive(Deserialize)]
pub(super) struct Conditions {
    #[serde(rename = "if-unused")]
    if_unused: Option<String>,
}

pub(super) async fn delete(
    caller: Caller,
    Path((vhost, exchange)): Path<(String, String)>,
    Query(conditions): Query<Conditions>,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let found = vhost.exchange(exchange.as_bytes()).ok_or_else(Refusal::not_found)?;
    caller.check(vhost, Action::Configure, Target::Exchange(&found.name))?;
    let if_unused = conditions.if_unused.as_deref() == Some("true");
    caller.catalog().delete_exchange(&vhost.name, &found.name, if_unused).await?;
    Ok(done())
}

/// All queues are bound to the default exchange by their names.
fn implicit(vhost: &Vhost, queue: &catalog::Queue) -> Value {
    let queue = queue.name.to_string();
    json!({
        "source": "", "vhost": vhost.name.to_string(), "destination": queue, "destination_type": "queue",
        "routing_key": queue, "arguments": {}, "properties_key": queue,
    })
}

fn all_bindings(vhost: &Vhost) -> Vec<Value> {
    let mut all: Vec<Value> = vhost.queues().into_iter().map(|queue| implicit(vhost, queue)).collect();
    for exchange in vhost.exchanges() {
        all.extend(vhost.bindings_from(&exchange.name).into_iter().map(|it| json_of_binding(vhost, it)));
    }
    all
}

pub(super) async fn bindings(caller: Caller, Query(wanted): Query<Wanted>) -> Answer {
    let all: Vec<Value> = caller.vhosts().iter().flat_map(|vhost| all_bindings(vhost)).collect();
    let total = all.len();
    wanted.answer(all, total)
}

pub(super) async fn bindings_of_vhost(
    caller: Caller,
    Path(vhost): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    let all = all_bindings(caller.vhost(&vhost)?);
    let total = all.len();
    wanted.answer(all, total)
}

pub(super) async fn bindings_of_queue(
    caller: Caller,
    Path((vhost, queue)): Path<(String, String)>,
) -> Answer {
    let (vhost, queue) = caller.queue(&vhost, &queue)?;
    let own = vhost.bindings_to(&DestinationName::Queue(queue.name.clone()));
    let own = own.into_iter().map(|binding| json_of_binding(vhost, binding));
    Ok(Json(std::iter::once(implicit(vhost, queue)).chain(own).collect::<Vec<_>>()).into_response())
}

pub(super) async fn bindings_from(caller: Caller, Path((vhost, exchange)): Path<(String, String)>) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    vhost.exchange(exchange.as_bytes()).ok_or_else(Refusal::not_found)?;
    let found = vhost.bindings_from(exchange.as_bytes());
    Ok(Json(found.into_iter().map(|it| json_of_binding(vhost, it)).collect::<Vec<_>>()).into_response())
}

pub(super) async fn bindings_to(caller: Caller, Path((vhost, exchange)): Path<(String, String)>) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    vhost.exchange(exchange.as_bytes()).ok_or_else(Refusal::not_found)?;
    let found = vhost.bindings_to(&DestinationName::Exchange(name(&exchange)));
    Ok(Json(found.into_iter().map(|it| json_of_binding(vhost, it)).collect::<Vec<_>>()).into_response())
}

/// `kind` is `q` or `e`.
pub(super) async fn bind(
    caller: Caller,
    Path((vhost, source, kind, destination)): Path<(String, String, String, String)>,
    body: Bytes,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let wanted = request_of(&body)?;
    let arguments = table_of(&wanted["arguments"])?;
    let key = wanted["routing_key"].as_str().unwrap_or_default();
    let (target, spec) = match kind.as_str() {
        "q" => {
            let spec =
                BindingSpec::of_queue(source.as_str(), destination.as_str(), key, arguments.as_table());
            (Target::Queue(destination.as_bytes()), spec)
        }
        "e" => {
            let spec =
                BindingSpec::of_exchange(source.as_str(), destination.as_str(), key, arguments.as_table());
            (Target::Exchange(destination.as_bytes()), spec)
        }
        _ => return Err(Refusal::not_found()),
    };
    caller.check(vhost, Action::Write, target)?;
    caller.check(vhost, Action::Read, Target::Exchange(source.as_bytes()))?;
    caller.check_topic(vhost, Action::Read, source.as_bytes(), key)?;
    if let Some(queue) =
        vhost.queue(destination.as_bytes()).filter(|it| kind == "q" && it.exclusive.is_some())
    {
        return Err(CatalogError::Locked(queue.resource()).into());
    }
    caller.catalog().bind(&vhost.name, &spec, None).await?;
    let at = if key.is_empty() { "~" } else { key };
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("{}/{}", encoded(&destination), encoded(at)))])
        .into_response())
}

/// As a part of a path.
fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
