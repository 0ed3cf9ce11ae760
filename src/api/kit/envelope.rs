//! What an error looks like on the wire: ours, RFC 9457's, and OpenAI's.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::Ts;

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
    /// Dotted for nested values: `items.0.title`. Empty for the whole body.
    pub field: &'a str,
    /// `body`, `query`, `path` or `header`.
    pub location: &'static str,
    /// Stable, for programs: `too_short`.
    pub code: &'a str,
    pub message: &'a str,
}

/// The same error for those who ask for `application/problem+json` (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "type": "about:blank", "title": "Unprocessable Entity", "status": 422,
    "detail": "Field 'email' is missing.", "code": "validation_error",
    "errors": [{"detail": "is missing", "code": "missing", "pointer": "#/email"}],
    "timestamp": "2026-11-21T09:30:00.25Z",
    "request_id": "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55"
})))]
pub struct Problem<'a> {
    pub r#type: &'static str,
    pub title: &'static str,
    pub status: u16,
    /// For people.
    pub detail: &'a str,
    /// Stable, for programs.
    pub code: &'a str,
    /// The fields at fault.
    pub errors: Vec<ProblemField<'a>>,
    pub timestamp: Ts,
    /// As in the `X-Request-Id` header and in our logs.
    pub request_id: &'a str,
}

/// One field at fault: it is a member of the body, a parameter, or a header.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemField<'a> {
    pub detail: &'a str,
    /// Stable, for programs: `too_short`.
    pub code: &'a str,
    /// RFC 6901, as a fragment: `#/items/0/title`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pointer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub parameter: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub header: Option<&'a str>,
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
