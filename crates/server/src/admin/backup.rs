//! `/backup`, and the AdminServer command `snapshot`: all that this node has, as a file.
//!
//! Access lists keep nothing from whoever has a backup, so only the superuser gets one, who passes every check anyway. It is
//! asked for with GET, as in ZooKeeper: a page in a browser can't show the superuser's identity.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;
use tracing::{info, warn};
use zookeeper::NotSuperuser;

use crate::backup::{Backup, TakeError};
use crate::node::Parts;

/// The names that ZooKeeper gives them.
const LAST_ZXID: HeaderName = HeaderName::from_static("last_zxid");
const SNAPSHOT_SIZE: HeaderName = HeaderName::from_static("snapshot_size");

/// Why there is no backup, as HTTP has it.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error: String,
}

pub(super) async fn give(State(parts): State<Arc<Parts>>, headers: HeaderMap) -> Response {
    match take(&parts, &headers).await {
        Ok(backup) => streamed(backup),
        Err(Refusal { status, error }) => (status, Json(json!({ "error": error }))).into_response(),
    }
}

/// A backup for who asks with these headers.
pub(super) async fn take(parts: &Parts, headers: &HeaderMap) -> Result<Backup, Refusal> {
    let authorization = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
    if let Err(error) = parts.zookeeper.check_superuser(authorization) {
        let status = match error {
            NotSuperuser::Unnamed => StatusCode::UNAUTHORIZED,
            NotSuperuser::Other | NotSuperuser::Nobody => StatusCode::FORBIDDEN,
        };
        warn!(%error, "a backup was refused");
        return Err(Refusal { status, error: error.to_string() });
    }
    match Backup::take(parts).await {
        Ok(backup) => {
            info!(zxid = %backup.zxid, bytes = backup.length(), "a backup was taken");
            Ok(backup)
        }
        Err(error) => {
            let status = match error {
                TakeError::Busy => StatusCode::TOO_MANY_REQUESTS,
                TakeError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
                TakeError::Snapshot(_) | TakeError::Tree(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            warn!(%error, "no backup was taken");
            Err(Refusal { status, error: error.to_string() })
        }
    }
}

/// Both say what ZooKeeper's do.
pub(super) fn marks(backup: &Backup) -> [(HeaderName, String); 2] {
    [(LAST_ZXID, backup.zxid.to_string()), (SNAPSHOT_SIZE, backup.length().to_string())]
}

/// A backup as the body of an answer, which ends early if it can't be read to its end.
pub(super) fn streamed(backup: Backup) -> Response {
    let headers = marks(&backup);
    let length = backup.length();
    let body = futures::stream::try_unfold(backup, async |mut backup| {
        let next = backup.next().await.inspect_err(|error| warn!(%error, "a backup was broken off"))?;
        std::io::Result::Ok(next.map(|bytes| (bytes, backup)))
    });
    let kind = [(CONTENT_TYPE, "application/octet-stream".to_owned()), (CONTENT_LENGTH, length.to_string())];
    (headers, kind, Body::from_stream(body)).into_response()
}
