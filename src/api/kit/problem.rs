//! How an [`Error`] leaves: its status and headers. How it looks is `dialect`'s matter.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::error::{Error, Kind, Quota};

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
        if let Kind::TooMany {
            quota: Some(quota), ..
        } = self.kind
        {
            tell_quota(response.headers_mut(), quota);
        }
        let refusal = Refusal(std::sync::Arc::new(self));
        response.extensions_mut().insert(refusal);
        response
    }
}

/// What is left of a limit by address; the reset in seconds from now.
pub fn tell_quota(headers: &mut HeaderMap, quota: Quota) {
    for (name, value) in [
        ("x-ratelimit-limit", quota.limit),
        ("x-ratelimit-remaining", quota.remaining),
        ("x-ratelimit-reset", quota.reset),
    ] {
        headers.insert(HeaderName::from_static(name), value.into());
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
        Kind::Gone => StatusCode::GONE,
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

/// Rounded up: to come a moment early would be in vain.
pub fn whole_seconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX)
}

fn retry_after(kind: Kind) -> Option<u64> {
    match kind {
        Kind::TooMany { retry_after, .. } => Some(whole_seconds(retry_after).max(1)),
        Kind::Unavailable => Some(1),
        _ => None,
    }
}
