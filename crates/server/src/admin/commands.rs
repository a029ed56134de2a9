//! `/commands`, as ZooKeeper's AdminServer answers it: monitors, dashboards and scripts ask there.
//!
//! Resetting counts is asked for with GET, as it is there. Nothing else changes anything.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use zookeeper::Server;

use super::jackson;
use crate::node::Parts;

/// A page with links to all commands.
pub(super) fn index() -> MethodRouter<Arc<Parts>> {
    get(links).post(links)
}

async fn links() -> Html<String> {
    let link = |name| format!("<a href=\"/commands/{name}\">{name}</a>\n<br/>\n");
    Html(Server::command_names().map(link).collect())
}

/// A command by its name.
pub(super) fn one() -> MethodRouter<Arc<Parts>> {
    get(run).post(refuse)
}

async fn run(State(parts): State<Arc<Parts>>, Path(name): Path<String>) -> Response {
    let answer = parts.zookeeper.command(&name);
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], jackson::text(&answer.body)).into_response()
}

/// No command takes a body but `restore`, which says why it does not either. ZooKeeper fails here with a stack trace.
async fn refuse(parts: State<Arc<Parts>>, name: Path<String>) -> Response {
    if Server::has_command(&name) && !matches!(name.as_str(), "restore" | "rest") {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    run(parts, name).await
}
