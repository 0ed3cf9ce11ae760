//! How an [`Error`] leaves: its status and headers. How it looks is `dialect`'s matter.

use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use crate::error::{Error, Kind};

/// What became of a request, for the layers that it leaves through.
#[derive(Clone, Debug)]
pub struct Refusal(pub std::sync::Arc<Error>);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = status(self.kind).into_response();
        if let Some(challenge) = challenge(&self) {
            let headers = response.headers_mut();
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = retry_after(self.kind) {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        let refusal = Refusal(std::sync::Arc::new(self));
        response.extensions_mut().insert(refusal);
        response
    }
}

pub fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::NotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Stale => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Exhausted => StatusCode::PAYMENT_REQUIRED,
        Kind::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        Kind::Slow => StatusCode::REQUEST_TIMEOUT,
        Kind::Upstream { code } => code
            .and_then(|code| StatusCode::from_u16(code).ok())
            .unwrap_or(StatusCode::BAD_GATEWAY),
        Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// RFC 6750 §3: the scheme always, the error only where a token was shown.
fn challenge(error: &Error) -> Option<&'static str> {
    match (error.kind, error.code) {
        (Kind::Unauthenticated, "invalid_token" | "token_expired") => {
            Some(r#"Bearer realm="api", error="invalid_token""#)
        }
        (Kind::Unauthenticated, _) => Some(r#"Bearer realm="api""#),
        (Kind::Forbidden, "insufficient_scope") => {
            Some(r#"Bearer realm="api", error="insufficient_scope""#)
        }
        _ => None,
    }
}

/// Whole seconds, rounded up: to come a moment early would be in vain.
fn retry_after(kind: Kind) -> Option<u64> {
    match kind {
        Kind::TooMany { retry_after } => Some(retry_after.as_millis().div_ceil(1_000))
            .and_then(|seconds| u64::try_from(seconds.max(1)).ok()),
        Kind::Unavailable => Some(1),
        _ => None,
    }
}
