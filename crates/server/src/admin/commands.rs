//! `/commands`, as ZooKeeper's AdminServer answers it: monitors, dashboards and scripts ask there.
//!
//! Resetting counts is asked for with GET, as it is there. Nothing else changes anything. `snapshot` is no JSON, and for the
//! superuser only (`backup`).

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde::Deserialize;
use serde_json::json;
use zookeeper::{CommandAnswer, Server};

use super::{backup, jackson};
use crate::node::Parts;

/// What comes behind the question mark; of all commands `snapshot` alone looks at it.
#[derive(Deserialize)]
struct Asked {
    /// `false`: the snapshot stays on the node's disk.
    streaming: Option<String>,
}

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

async fn run(
    State(parts): State<Arc<Parts>>,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    match name.as_str() {
        "snapshot" | "snap" => snapshot(&parts, &asked, &headers).await,
        name => in_json(parts.zookeeper.command(name)),
    }
}

/// A backup, where ZooKeeper gives a snapshot.
async fn snapshot(parts: &Parts, asked: &Asked, headers: &HeaderMap) -> Response {
    let told = |status: StatusCode, error| {
        let body = json!({ "command": "snapshot", "error": error });
        (status, [(header::CONTENT_TYPE, "application/json")], jackson::text(&body))
    };
    let is_streamed = asked.streaming.as_ref().is_none_or(|streaming| streaming.eq_ignore_ascii_case("true"));
    match backup::take(parts, headers).await {
        Ok(backup) if is_streamed => backup::streamed(backup),
        Ok(backup) => (backup::marks(&backup), told(StatusCode::OK, None)).into_response(),
        Err(refusal) => told(refusal.status, Some(refusal.error)).into_response(),
    }
}

fn in_json(answer: CommandAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], jackson::text(&answer.body)).into_response()
}

/// No command takes a body but `restore`, which says why it does not either. ZooKeeper fails here with a stack trace.
async fn refuse(State(parts): State<Arc<Parts>>, Path(name): Path<String>) -> Response {
    if Server::has_command(&name) && !matches!(name.as_str(), "restore" | "rest") {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    in_json(parts.zookeeper.command(&name))
}
