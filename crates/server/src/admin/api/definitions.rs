//! `GET /definitions`: what there is, as RabbitMQ exports and imports it.

use axum::response::{IntoResponse, Json};
use serde_json::{Value, json};

use super::users::{json_of_user, permissions_in};
use super::values::json_of_table;
use super::vhosts::policies_in;
use super::{Answer, Caller};

pub(super) async fn export(caller: Caller) -> Answer {
    caller.must_be_administrator()?;
    let vhosts = caller.topology.vhosts();
    let (mut queues, mut exchanges, mut bindings, mut topics) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for vhost in &vhosts {
        let of = vhost.name.to_string();
        // What is a connection's alone goes with it.
        for queue in vhost.queues().into_iter().filter(|queue| queue.exclusive.is_none()) {
            queues.push(json!({
                "name": queue.name.to_string(), "vhost": of, "durable": queue.durable,
                "auto_delete": queue.auto_delete, "arguments": json_of_table(queue.arguments.table()),
            }));
        }
        for exchange in vhost.exchanges() {
            bindings.extend(vhost.bindings_from(&exchange.name).into_iter().map(|binding| {
                json!({
                    "source": binding.source.to_string(), "vhost": of,
                    "destination": binding.destination.name().to_string(),
                    "destination_type": if binding.destination.is_queue() { "queue" } else { "exchange" },
                    "routing_key": binding.key.to_string(),
                    "arguments": json_of_table(binding.arguments.table()),
                })
            }));
            if exchange.name.starts_with(b"amq.") {
                continue;
            }
            exchanges.push(json!({
                "name": exchange.name.to_string(), "vhost": of, "type": exchange.kind.name(),
                "durable": exchange.durable, "auto_delete": exchange.auto_delete,
                "internal": exchange.internal, "arguments": json_of_table(exchange.arguments.table()),
            }));
        }
        topics.extend(vhost.topic_permissions().into_iter().map(|(user, exchange, permission)| {
            json!({
                "user": user.to_string(), "vhost": of, "exchange": exchange.to_string(),
                "write": permission.pattern(catalog::Action::Write),
                "read": permission.pattern(catalog::Action::Read),
            })
        }));
    }
    let named = |vhost: &&std::sync::Arc<catalog::Vhost>| json!({ "name": vhost.name.to_string() });
    Ok(Json(json!({
        "rabbit_version": super::overview::RABBITMQ_VERSION,
        "product_name": "Quorate",
        "product_version": env!("CARGO_PKG_VERSION"),
        "users": caller.topology.users().iter().map(|user| json_of_user(user)).collect::<Vec<_>>(),
        "vhosts": vhosts.iter().map(named).collect::<Vec<Value>>(),
        "permissions": vhosts.iter().flat_map(|vhost| permissions_in(vhost)).collect::<Vec<_>>(),
        "topic_permissions": topics,
        "parameters": [],
        "global_parameters": [],
        "policies": vhosts.iter().flat_map(|vhost| policies_in(vhost)).collect::<Vec<_>>(),
        "queues": queues,
        "exchanges": exchanges,
        "bindings": bindings,
    }))
    .into_response())
}
