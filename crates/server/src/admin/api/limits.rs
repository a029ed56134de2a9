//! Limits of users and virtual hosts: for administrators.

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Json};
use catalog::{Limit, Limits};
use serde_json::{Value, json};

use super::caller::name;
use super::values::request_of;
use super::{Answer, Caller, Refusal, done};

fn json_of(key: &str, whose: &str, limits: &Limits) -> Option<Value> {
    (!limits.is_empty()).then(|| json!({ key: whose, "value": limits }))
}

pub(super) async fn of_users(caller: Caller) -> Answer {
    caller.must_be_administrator()?;
    let users = caller.topology.users();
    let all = users.iter().filter_map(|user| json_of("user", &user.name.to_string(), &user.limits));
    Ok(Json(all.collect::<Vec<_>>()).into_response())
}

pub(super) async fn of_user(caller: Caller, Path(user): Path<String>) -> Answer {
    caller.must_be_administrator()?;
    let found = caller.topology.user(user.as_bytes()).ok_or_else(Refusal::not_found)?;
    Ok(Json(json_of("user", &user, &found.limits).into_iter().collect::<Vec<_>>()).into_response())
}

pub(super) async fn of_vhosts(caller: Caller) -> Answer {
    caller.must_be_administrator()?;
    let vhosts = caller.topology.vhosts();
    let all =
        vhosts.iter().filter_map(|vhost| json_of("vhost", &vhost.name.to_string(), &vhost.record.limits));
    Ok(Json(all.collect::<Vec<_>>()).into_response())
}

pub(super) async fn of_vhost(caller: Caller, Path(vhost): Path<String>) -> Answer {
    caller.must_be_administrator()?;
    let found = caller.topology.vhost(vhost.as_bytes()).ok_or_else(Refusal::not_found)?;
    Ok(Json(json_of("vhost", &vhost, &found.record.limits).into_iter().collect::<Vec<_>>()).into_response())
}

/// The number in a request.
fn number_of(limit: &str, body: &Bytes) -> Result<Value, Refusal> {
    match &request_of(body)?["value"] {
        Value::Null => Err(Refusal::bad_request("[{key_missing,value}]")),
        number if number.is_i64() => Ok(number.clone()),
        other => Err(Refusal::bad_request(format!("{limit} should be a number, actually was {other}"))),
    }
}

/// The limit of this name.
fn find(name: &str, known: &[Limit]) -> Result<Limit, Refusal> {
    let found = known.iter().find(|limit| limit.name() == name);
    found.copied().ok_or_else(|| Refusal::bad_request(format!("Unrecognised limit {name}")))
}

pub(super) async fn limit_user(
    caller: Caller,
    Path((user, limit)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    caller.must_be_administrator()?;
    let number = number_of(&limit, &body)?.as_i64();
    let limit = find(&limit, &Limit::OF_USERS)?;
    if caller.topology.user(user.as_bytes()).is_none() {
        return Err(Refusal::bad_request(format!("no_such_user: {user}")));
    }
    caller.catalog().set_user_limit(&name(&user), limit, number).await?;
    Ok(done())
}

pub(super) async fn limit_vhost(
    caller: Caller,
    Path((vhost, limit)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    caller.must_be_administrator()?;
    let number = number_of(&limit, &body)?.as_i64();
    caller.catalog().set_vhost_limit(&name(&vhost), find(&limit, &Limit::OF_VHOSTS)?, number).await?;
    Ok(done())
}

/// A limit that was not set, or that there is not, is none afterwards either.
pub(super) async fn free_user(caller: Caller, Path((user, limit)): Path<(String, String)>) -> Answer {
    caller.must_be_administrator()?;
    if let Ok(limit) = find(&limit, &Limit::OF_USERS) {
        caller.catalog().set_user_limit(&name(&user), limit, None).await?;
    }
    Ok(done())
}

/// Likewise.
pub(super) async fn free_vhost(caller: Caller, Path((vhost, limit)): Path<(String, String)>) -> Answer {
    caller.must_be_administrator()?;
    if let Ok(limit) = find(&limit, &Limit::OF_VHOSTS) {
        caller.catalog().set_vhost_limit(&name(&vhost), limit, None).await?;
    }
    Ok(done())
}
