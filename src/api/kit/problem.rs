//! How an [`Error`] leaves: its status and headers. How it looks is `dialect`'s matter.

use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::domain::Ts;
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

/// The error envelope of every route but the OpenAI-compatible ones.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error, examples(json!({
    "error": "Field 'email' must be an e-mail address, such as ada@example.com.",
    "code": "validation_error",
    "details": {"fields": [{"field": "email", "location": "body", "code": "invalid",
        "message": "must be an e-mail address, such as ada@example.com"}]},
    "timestamp": "2026-11-21T09:30:00.25Z",
    "request_id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55"
})))]
pub struct Envelope<'a> {
    /// For people.
    pub error: &'a str,
    /// Stable, for programs.
    pub code: &'a str,
    #[schema(required = true)]
    pub details: Option<Details<'a>>,
    pub timestamp: Ts,
    /// As in the `X-Request-Id` header and in our logs.
    pub request_id: &'a str,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErrorDetails)]
pub struct Details<'a> {
    /// The fields at fault.
    pub fields: Vec<FieldAtFault<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FieldError)]
pub struct FieldAtFault<'a> {
    /// Dotted for nested values: `items.0.title`.
    pub field: &'a str,
    /// `body`, `query`, `path` or `header`.
    pub location: &'static str,
    /// Stable, for programs: `too_short`.
    pub code: &'a str,
    pub message: &'a str,
}

/// The error envelope of the OpenAI-compatible routes. All four members are always there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiError, examples(json!({
    "error": {"message": "There is no model 'gpt-9'.", "type": "invalid_request_error",
        "param": "model", "code": "model_not_found"}
})))]
pub struct OpenAiEnvelope<'a> {
    pub error: OpenAiProblem<'a>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiErrorBody)]
pub struct OpenAiProblem<'a> {
    pub message: &'a str,
    pub r#type: &'a str,
    /// The field at fault.
    #[schema(required = true)]
    pub param: Option<&'a str>,
    #[schema(required = true)]
    pub code: Option<&'a str>,
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $status:literal, $what:literal;)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, IntoResponses)]
        pub enum $name {$(
            #[response(status = $status, description = $what)]
            $variant(#[to_schema] Envelope<'static>),
        )*}
    )*};
}

refusals! {
    /// What any operation may answer when something of ours fails.
    Failures {
        Internal = 500, "Something went wrong on our side.";
        Unavailable = 503, "A database cannot be reached, or too much is asked at once.";
    }
    /// What an operation that needs a caller may answer.
    Unauthenticated {
        Malformed = 400, "Credentials stand in two places, or in the query.";
        Unauthorized = 401, "There are no credentials, or they are not (or no longer) good.";
        Forbidden = 403, "The caller may not do this, or the request comes from a foreign site.";
    }
    /// What an operation that takes a body may answer.
    BadBody {
        Malformed = 400, "The body is not JSON, or credentials stand in two places.";
        TooLarge = 413, "The body is over the limit.";
        Unsupported = 415, "The body is of a content type that is not taken here.";
        Invalid = 422, "A field breaks a rule; `details.fields` names it.";
    }
    /// What an operation with parameters may answer.
    BadParameters {
        Invalid = 422, "A parameter breaks a rule; `details.fields` names it.";
    }
    /// What an operation on one thing may answer.
    Missing {
        NotFound = 404, "There is no such thing, or it is another's.";
    }
}
