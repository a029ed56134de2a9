//! `/api`: the part of RabbitMQ's management HTTP API that monitoring and scripts use, with RabbitMQ's names.
//!
//! What is not served is answered with 404 and RabbitMQ's words for it. docs/queues-operators.md lists what is.

mod caller;
mod clients;
mod definitions;
mod exchanges;
mod health;
mod limits;
mod listing;
mod messages;
mod overview;
mod queues;
mod refusal;
mod users;
mod values;
mod vhosts;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};

use self::caller::Caller;
use self::refusal::Refusal;
use crate::node::Parts;

/// What a handler answers with.
type Answer = Result<Response, Refusal>;

pub(super) fn routes() -> Router<Arc<Parts>> {
    Router::new()
        .route("/overview", get(overview::overview))
        .route("/cluster-name", get(overview::cluster_name))
        .route("/whoami", get(users::whoami))
        .route("/nodes", get(overview::nodes))
        .route("/nodes/{node}", get(overview::node))
        .route("/vhosts", get(vhosts::list))
        .route("/vhosts/{vhost}", get(vhosts::one).put(vhosts::make).delete(vhosts::delete))
        .route("/vhosts/{vhost}/permissions", get(users::permissions_of_vhost))
        .route("/queues", get(queues::list))
        .route("/queues/{vhost}", get(queues::of_vhost))
        .route("/queues/{vhost}/{queue}", get(queues::one).put(queues::make).delete(queues::delete))
        .route("/queues/{vhost}/{queue}/contents", delete(queues::purge))
        .route("/queues/{vhost}/{queue}/bindings", get(exchanges::bindings_of_queue))
        .route("/queues/{vhost}/{queue}/get", post(messages::take))
        .route("/queues/{vhost}/{queue}/peek", get(messages::peek))
        .route("/exchanges", get(exchanges::list))
        .route("/exchanges/{vhost}", get(exchanges::of_vhost))
        .route(
            "/exchanges/{vhost}/{exchange}",
            get(exchanges::one).put(exchanges::make).delete(exchanges::delete),
        )
        .route("/exchanges/{vhost}/{exchange}/publish", post(messages::publish))
        .route("/exchanges/{vhost}/{exchange}/bindings/source", get(exchanges::bindings_from))
        .route("/exchanges/{vhost}/{exchange}/bindings/destination", get(exchanges::bindings_to))
        .route("/bindings", get(exchanges::bindings))
        .route("/bindings/{vhost}", get(exchanges::bindings_of_vhost))
        .route("/bindings/{vhost}/e/{source}/{kind}/{destination}", post(exchanges::bind))
        .route("/users", get(users::list))
        .route("/users/{user}", get(users::one).put(users::make).delete(users::delete))
        .route("/users/{user}/permissions", get(users::permissions_of_user))
        .route("/permissions", get(users::permissions))
        .route("/permissions/{vhost}/{user}", get(users::permission).put(users::permit).delete(users::forbid))
        .route("/policies", get(vhosts::policies))
        .route("/policies/{vhost}", get(vhosts::policies_of_vhost))
        .route("/user-limits", get(limits::of_users))
        .route("/user-limits/{user}", get(limits::of_user))
        .route("/user-limits/{user}/{limit}", put(limits::limit_user).delete(limits::free_user))
        .route("/vhost-limits", get(limits::of_vhosts))
        .route("/vhost-limits/{vhost}", get(limits::of_vhost))
        .route("/vhost-limits/{vhost}/{limit}", put(limits::limit_vhost).delete(limits::free_vhost))
        .route("/connections", get(clients::connections))
        .route("/connections/{name}", get(clients::connection).delete(clients::close))
        .route("/consumers", get(clients::consumers))
        .route("/consumers/{vhost}", get(clients::consumers_of_vhost))
        .route("/definitions", get(definitions::export))
        .route("/aliveness-test/{vhost}", get(health::aliveness))
        .route("/healthchecks/node", get(health::old_node))
        .route("/health/checks/alarms", get(health::alarms))
        .route("/health/checks/local-alarms", get(health::local_alarms))
        .route("/health/checks/virtual-hosts", get(health::serves))
        .route("/health/checks/is-in-service", get(health::serves))
        .route("/health/checks/ready-to-serve-clients", get(health::serves))
        .route("/health/checks/quorum-queues-without-elected-leaders/all-vhosts", get(health::leaders))
        .fallback(async || Refusal::not_found())
        .method_not_allowed_fallback(async || Refusal::no_such_method())
}

fn made(created: bool) -> Response {
    if created { StatusCode::CREATED.into_response() } else { StatusCode::NO_CONTENT.into_response() }
}

fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// How a node is called.
fn node_name(node: u64) -> String {
    format!("quorate@{node}")
}
