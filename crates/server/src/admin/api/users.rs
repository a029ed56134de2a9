//! Users and their permissions: for administrators.

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Json};
use catalog::{Action, Name, PasswordHash, Permission, Tag, User, UserSpec, Vhost};
use serde_json::{Value, json};

use super::caller::name;
use super::values::request_of;
use super::{Answer, Caller, Refusal, done, made};

fn tags(user: &User) -> Vec<&str> {
    user.tags.iter().map(Tag::name).collect()
}

pub(super) fn json_of_user(user: &User) -> Value {
    let hash = user.password_hash();
    json!({
        "name": user.name.to_string(),
        "password_hash": hash.map_or(String::new(), PasswordHash::export),
        "hashing_algorithm": hash.map(PasswordHash::algorithm),
        "tags": tags(user),
        "limits": user.limits,
    })
}

pub(super) fn json_of_permission(vhost: &Vhost, user: &Name, permission: &Permission) -> Value {
    json!({
        "user": user.to_string(),
        "vhost": vhost.name.to_string(),
        "configure": permission.pattern(Action::Configure),
        "write": permission.pattern(Action::Write),
        "read": permission.pattern(Action::Read),
    })
}

pub(super) fn permissions_in(vhost: &Vhost) -> Vec<Value> {
    let permissions = vhost.permissions().into_iter();
    permissions.map(|(user, permission)| json_of_permission(vhost, user, permission)).collect()
}

pub(super) async fn whoami(caller: Caller) -> Answer {
    let user = &caller.user;
    Ok(Json(json!({ "name": user.name.to_string(), "tags": tags(user) })).into_response())
}

pub(super) async fn list(caller: Caller) -> Answer {
    caller.must_be_administrator()?;
    let users = caller.topology.users();
    Ok(Json(users.iter().map(|user| json_of_user(user)).collect::<Vec<_>>()).into_response())
}

pub(super) async fn one(caller: Caller, Path(user): Path<String>) -> Answer {
    caller.must_be_administrator()?;
    let user = caller.topology.user(user.as_bytes()).ok_or_else(Refusal::not_found)?;
    Ok(Json(json_of_user(user)).into_response())
}

pub(super) async fn make(caller: Caller, Path(user): Path<String>, body: Bytes) -> Answer {
    caller.must_be_administrator()?;
    let wanted = request_of(&body)?;
    let there = caller.topology.user(user.as_bytes());
    let password = match (wanted["password"].as_str(), wanted["password_hash"].as_str()) {
        (Some(password), _) => Some(PasswordHash::new(password.as_bytes(), &*caller.data.runtime().entropy)),
        (None, Some("")) => None,
        (None, Some(hash)) => {
            let imported = PasswordHash::import(hash, wanted["hashing_algorithm"].as_str());
            Some(imported.ok_or_else(|| Refusal::bad_request("password_hash can't be read"))?)
        }
        (None, None) => there.and_then(|user| user.password_hash().cloned()),
    };
    let tags: Vec<Tag> = match &wanted["tags"] {
        Value::String(list) => {
            list.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(Tag::parse).collect()
        }
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(Tag::parse).collect(),
        _ => return Err(Refusal::bad_request("tags are missing")),
    };
    let loopback_only = there.is_some_and(|user| user.loopback_only);
    let created =
        caller.catalog().put_user(&name(&user), &UserSpec { password, tags, loopback_only }).await?;
    Ok(made(created))
}

pub(super) async fn delete(caller: Caller, Path(user): Path<String>) -> Answer {
    caller.must_be_administrator()?;
    caller.catalog().delete_user(&name(&user)).await?;
    Ok(done())
}

pub(super) async fn permissions(caller: Caller) -> Answer {
    caller.must_be_administrator()?;
    let vhosts = caller.topology.vhosts();
    Ok(Json(vhosts.iter().flat_map(|vhost| permissions_in(vhost)).collect::<Vec<_>>()).into_response())
}

pub(super) async fn permissions_of_vhost(caller: Caller, Path(vhost): Path<String>) -> Answer {
    caller.must_be_administrator()?;
    Ok(Json(permissions_in(caller.vhost(&vhost)?)).into_response())
}

pub(super) async fn permissions_of_user(caller: Caller, Path(user): Path<String>) -> Answer {
    caller.must_be_administrator()?;
    let user = caller.topology.user(user.as_bytes()).ok_or_else(Refusal::not_found)?;
    let vhosts = caller.topology.vhosts();
    let own = vhosts
        .iter()
        .filter_map(|vhost| Some(json_of_permission(vhost, &user.name, vhost.permission(&user.name)?)));
    Ok(Json(own.collect::<Vec<_>>()).into_response())
}

pub(super) async fn permission(caller: Caller, Path((vhost, user)): Path<(String, String)>) -> Answer {
    caller.must_be_administrator()?;
    let vhost = caller.vhost(&vhost)?;
    let permission = vhost.permission(user.as_bytes()).ok_or_else(Refusal::not_found)?;
    Ok(Json(json_of_permission(vhost, &name(&user), permission)).into_response())
}

pub(super) async fn permit(
    caller: Caller,
    Path((vhost, user)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    caller.must_be_administrator()?;
    let wanted = request_of(&body)?;
    let pattern = |key: &str| {
        wanted[key].as_str().ok_or_else(|| Refusal::bad_request(format!("[{{key_missing,{key}}}]")))
    };
    let (configure, write, read) = (pattern("configure")?, pattern("write")?, pattern("read")?);
    let (vhost, user) = (name(&vhost), name(&user));
    Ok(made(caller.catalog().set_permission(&vhost, &user, configure, write, read).await?))
}

pub(super) async fn forbid(caller: Caller, Path((vhost, user)): Path<(String, String)>) -> Answer {
    caller.must_be_administrator()?;
    match caller.catalog().clear_permission(&name(&vhost), &name(&user)).await? {
        true => Ok(done()),
        false => Err(Refusal::not_found()),
    }
}
