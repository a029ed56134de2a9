//! What was not done, in RabbitMQ's words.

use amqp::OperatorError;
use amqp091::ReplyCode;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use catalog::CatalogError;
use serde_json::json;

/// A refused request.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: &'static str,
    reason: String,
}

impl Refusal {
    pub(super) fn not_found() -> Self {
        Self { status: StatusCode::NOT_FOUND, error: "Object Not Found", reason: "Not Found".into() }
    }

    pub(super) fn no_such_method() -> Self {
        let reason = "This is not served with this method".into();
        Self { status: StatusCode::METHOD_NOT_ALLOWED, error: "Method Not Allowed", reason }
    }

    pub(super) fn bad_request(reason: impl ToString) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: "bad_request", reason: reason.to_string() }
    }

    pub(super) fn not_authorised(reason: impl ToString) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, error: "not_authorized", reason: reason.to_string() }
    }

    pub(super) fn forbidden(reason: impl ToString) -> Self {
        Self { status: StatusCode::FORBIDDEN, error: "forbidden", reason: reason.to_string() }
    }

    pub(super) fn unavailable(reason: impl ToString) -> Self {
        let (status, error) = (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable");
        Self { status, error, reason: reason.to_string() }
    }
}

impl From<CatalogError> for Refusal {
    fn from(error: CatalogError) -> Self {
        if matches!(error, CatalogError::NoVhost(_)) {
            return Self::not_found();
        }
        match error.reply_code() {
            ReplyCode::NotFound => Self::not_found(),
            ReplyCode::AccessRefused | ReplyCode::NotAllowed => Self::not_authorised(error),
            ReplyCode::InternalError | ReplyCode::ResourceError => Self::unavailable(error),
            _ => Self::bad_request(error),
        }
    }
}

impl From<OperatorError> for Refusal {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::Catalog(error) => error.into(),
            OperatorError::BadMessage(_) | OperatorError::Full | OperatorError::SingleActive => {
                Self::bad_request(error)
            }
            OperatorError::Unknown | OperatorError::Unreadable(_) | OperatorError::Damaged(_) => {
                Self::unavailable(error)
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.error, "reason": self.reason }));
        let mut response = (self.status, body).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Basic realm=\"Quorate\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
