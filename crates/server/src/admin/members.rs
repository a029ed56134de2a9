//! `/members`: who belongs to the cluster, and changes of it.
//!
//! Changes are PUT and DELETE, which a page in a browser can't send to another origin without being let: a web page that
//! an operator has open can't change the cluster.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use consensus::{MemberChange, MembershipError, NodeId};
use serde::{Deserialize, Serialize};

use super::status::Node;
use crate::node::Parts;

/// The body of `PUT /members/N/role`: `"voter"` or `"observer"`.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Voter,
    Observer,
}

/// What came of a change that was not made.
#[derive(Serialize)]
struct Refusal {
    error: String,
}

pub(super) async fn list(State(parts): State<Arc<Parts>>) -> Response {
    let members = parts.group.status().members;
    Json(members.iter().map(|member| Node::of(&parts, member)).collect::<Vec<_>>()).into_response()
}

pub(super) async fn set_role(
    State(parts): State<Arc<Parts>>,
    Path(node): Path<u64>,
    Json(role): Json<Role>,
) -> Response {
    let change = match role {
        Role::Voter => MemberChange::Promote(NodeId(node)),
        Role::Observer => MemberChange::Demote(NodeId(node)),
    };
    change_members(&parts, change).await
}

pub(super) async fn remove(State(parts): State<Arc<Parts>>, Path(node): Path<u64>) -> Response {
    change_members(&parts, MemberChange::Remove(NodeId(node))).await
}

/// 204 when it is done, 409 when it can't be, 503 when nobody knows.
async fn change_members(parts: &Parts, change: MemberChange) -> Response {
    tracing::info!(?change, "asked to change the members");
    let (code, error) = match parts.group.change_members(change).await {
        Ok(()) => return StatusCode::NO_CONTENT.into_response(),
        Err(error @ MembershipError::Unavailable(_)) => (StatusCode::SERVICE_UNAVAILABLE, error),
        Err(error) => (StatusCode::CONFLICT, error),
    };
    (code, Json(Refusal { error: error.to_string() })).into_response()
}
