//! `/shards`: who replicates the shards of queues, and how many are to vote.
//!
//! Changes are PUT, as those of members.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use catalog::CatalogError;
use serde::Serialize;
use serde_json::json;

use crate::node::Parts;

#[derive(Serialize)]
struct Listed {
    /// How many nodes are to vote in each shard, or all if there are fewer.
    replication_factor: u32,
    shards: Vec<Shard>,
}

#[derive(Serialize)]
struct Shard {
    shard: u32,
    leader: Option<u64>,
    voters: Vec<u64>,
    observers: Vec<u64>,
    /// Who is to vote; null if they do.
    wanted: Option<Vec<u64>>,
}

pub(super) async fn list(State(parts): State<Arc<Parts>>) -> Response {
    let Some(data) = &parts.data else { return no_queues() };
    let shards = data.placed().into_iter().map(|(status, wanted)| {
        let nodes = |voter: bool| {
            let nodes = status.members.iter().filter(move |member| member.voter == voter);
            nodes.map(|member| member.node.0).collect::<Vec<_>>()
        };
        let voters = nodes(true);
        let wanted = wanted.map(|wanted| wanted.into_iter().collect::<Vec<_>>());
        let wanted = wanted
            .filter(|wanted| voters.iter().any(|it| !wanted.contains(it)) || wanted.len() != voters.len());
        let leader = status.leadership.leader.map(|node| node.0);
        Shard { shard: status.group, leader, voters, observers: nodes(false), wanted }
    });
    let replication_factor = data.catalog.topology().replication_factor();
    Json(Listed { replication_factor, shards: shards.collect() }).into_response()
}

/// 204 when it is so, 400 for a number that makes no sense, 503 when nobody knows.
pub(super) async fn set_replication_factor(
    State(parts): State<Arc<Parts>>,
    Json(replication_factor): Json<u32>,
) -> Response {
    let Some(data) = &parts.data else { return no_queues() };
    tracing::info!(replication_factor, "asked to change how many nodes vote in a shard");
    let (code, error) = match data.catalog.set_replication_factor(replication_factor).await {
        Ok(()) => return StatusCode::NO_CONTENT.into_response(),
        Err(error @ CatalogError::Invalid(_)) => (StatusCode::BAD_REQUEST, error),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error),
    };
    (code, Json(json!({ "error": error.to_string() }))).into_response()
}

fn no_queues() -> Response {
    let error = "this node serves no queues; ask one that does";
    (StatusCode::NOT_FOUND, Json(json!({ "error": error }))).into_response()
}
