//! Messages: taken, looked at, published.

use amqp::{AfterGet, Got, Post};
use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Json};
use catalog::{Action, Target};
use serde::Deserialize;
use serde_json::{Value, json};

use super::values::{body_of, json_of_properties, lossy, payload, properties_of, request_of};
use super::{Answer, Caller, Refusal};

/// In one request.
const COUNT_MAX: u64 = 10_000;

fn json_of_message(got: &Got, base64: bool, bytes_max: usize) -> Value {
    let (payload, encoding) = payload(&got.body[..got.body.len().min(bytes_max)], base64);
    json!({
        "payload_bytes": got.body.len(),
        "redelivered": got.redelivered,
        "exchange": lossy(&got.exchange),
        "routing_key": lossy(&got.key),
        "properties": json_of_properties(&got.properties),
        "payload": payload,
        "payload_encoding": encoding,
        "offset": got.offset,
    })
}

/// `POST /queues/V/Q/get`
pub(super) async fn take(
    caller: Caller,
    Path((vhost, queue)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let queue = caller.open_queue(&vhost, &queue, Action::Read)?;
    let wanted = request_of(&body)?;
    let count = wanted["count"].as_u64().unwrap_or(1);
    if count > COUNT_MAX {
        return Err(Refusal::bad_request(format!("count is at most {COUNT_MAX}")));
    }
    let after = match wanted["ackmode"].as_str() {
        Some("ack_requeue_false") => AfterGet::Settle,
        Some("reject_requeue_false") => AfterGet::Reject,
        Some("ack_requeue_true" | "reject_requeue_true") => AfterGet::Return,
        other => return Err(Refusal::bad_request(format!("ackmode: {other:?}"))),
    };
    let base64 = match wanted["encoding"].as_str() {
        None | Some("auto") => false,
        Some("base64") => true,
        Some(other) => return Err(Refusal::bad_request(format!("unsupported encoding: {other}"))),
    };
    let bytes_max = wanted["truncate"].as_u64().map_or(usize::MAX, |max| max as usize);
    let taken = caller.server().get(queue, count as usize, after).await?;
    let shown = taken.iter().map(|got| {
        let mut shown = json_of_message(got, base64, bytes_max);
        shown["message_count"] = got.ready_left.into();
        shown
    });
    Ok(Json(shown.collect::<Vec<_>>()).into_response())
}

#[derive(Deserialize)]
pub(super) struct Peek {
    #[serde(default)]
    partition: u32,
    #[serde(default)]
    from: u64,
    count: Option<u64>,
    encoding: Option<String>,
    truncate: Option<usize>,
}

/// `GET /queues/V/Q/peek`, which RabbitMQ does not have.
pub(super) async fn peek(
    caller: Caller,
    Path((vhost, queue)): Path<(String, String)>,
    Query(wanted): Query<Peek>,
) -> Answer {
    let (vhost, queue) = caller.queue(&vhost, &queue)?;
    caller.check(vhost, Action::Read, Target::Queue(&queue.name))?;
    let count = wanted.count.unwrap_or(1);
    if count > COUNT_MAX {
        return Err(Refusal::bad_request(format!("count is at most {COUNT_MAX}")));
    }
    let base64 = wanted.encoding.as_deref() == Some("base64");
    let peeked = caller.server().peek(queue, wanted.partition, wanted.from, count as usize).await?;
    let bytes_max = wanted.truncate.unwrap_or(usize::MAX);
    let shown = peeked.messages.iter().map(|got| {
        let mut shown = json_of_message(got, base64, bytes_max);
        // Nobody was asked.
        shown.as_object_mut().map(|shown| shown.remove("redelivered"));
        shown
    });
    Ok(Json(json!({ "messages": shown.collect::<Vec<_>>(), "next": peeked.next })).into_response())
}

/// `POST /exchanges/V/E/publish`. The default exchange is `amq.default`.
pub(super) async fn publish(
    caller: Caller,
    Path((vhost, exchange)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let exchange = if exchange == "amq.default" { "" } else { exchange.as_str() };
    caller.check(vhost, Action::Write, Target::Exchange(exchange.as_bytes()))?;
    let wanted = request_of(&body)?;
    let key = wanted["routing_key"].as_str();
    let key = key.ok_or_else(|| Refusal::bad_request("routing_key is missing"))?;
    if vhost.exchange(exchange.as_bytes()).is_some_and(|found| found.internal) {
        return Err(Refusal::bad_request(format!("exchange '{exchange}' is internal")));
    }
    caller.check_topic(vhost, Action::Write, exchange.as_bytes(), key)?;
    let (properties, body) = (properties_of(&wanted["properties"])?, body_of(&wanted)?);
    let user = caller.user.name.to_string();
    let post = Post {
        user: &user,
        exchange: exchange.as_bytes(),
        key: key.as_bytes(),
        properties: &properties,
        body: &body,
    };
    let routed = caller.server().post(vhost, post).await?;
    Ok(Json(json!({ "routed": routed })).into_response())
}
