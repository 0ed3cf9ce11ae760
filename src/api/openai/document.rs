//! The OpenAI shapes, as far as the document tells them. The relay reads none of these: what a
//! client sends and an upstream answers passes as it is.

use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoResponses, ToSchema};

use crate::api::kit::problem::OpenAiEnvelope;

/// A chat-completion request as OpenAI defines it; members that are not named here pass untouched.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatCompletionRequest, examples(json!({
    "model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say hello."}]
})))]
pub struct ChatRequestBody {
    /// A public model name, or `provider/model`.
    model: String,
    messages: Vec<ChatMessage>,
    /// Whether the answer comes as it is written.
    stream: Option<bool>,
    /// The most tokens of the answer.
    max_completion_tokens: Option<u64>,
    /// How many answers.
    n: Option<u64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ChatMessage {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    role: String,
    /// Text, or a list of parts.
    #[schema(value_type = Value)]
    content: Option<Value>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1_795_253_400, "model": "gpt-4o-mini",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
})))]
pub struct ChatCompletion {
    id: String,
    object: String,
    /// Seconds since the epoch.
    created: u64,
    model: String,
    choices: Vec<Value>,
    usage: Option<Value>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatCompletionChunk, examples(json!({
    "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_795_253_400,
    "model": "gpt-4o-mini", "choices": [{"index": 0, "delta": {"content": "Hel"}, "finish_reason": null}]
})))]
pub struct ChatChunk {
    id: String,
    object: String,
    created: u64,
    model: String,
    choices: Vec<Value>,
}

/// What an OpenAI-compatible route may answer besides success.
#[derive(Debug, IntoResponses)]
pub enum OpenAiFailures {
    #[response(
        status = 400,
        description = "The body is not JSON, or a member breaks a rule; or the upstream says so."
    )]
    Malformed(#[to_schema] OpenAiEnvelope<'static>),
    #[response(
        status = 401,
        description = "There are no credentials, or they are not (or no longer) good."
    )]
    Unauthenticated(#[to_schema] OpenAiEnvelope<'static>),
    #[response(
        status = 403,
        description = "The API key lacks the scope, or the request comes from a foreign site."
    )]
    Forbidden(#[to_schema] OpenAiEnvelope<'static>),
    #[response(status = 404, description = "`model_not_found`.")]
    NotFound(#[to_schema] OpenAiEnvelope<'static>),
    #[response(status = 408, description = "The body did not arrive in time.")]
    Slow(#[to_schema] OpenAiEnvelope<'static>),
    #[response(status = 413, description = "The body is over the limit.")]
    TooLarge(#[to_schema] OpenAiEnvelope<'static>),
    #[response(status = 415, description = "The body is not sent as JSON.")]
    Unsupported(#[to_schema] OpenAiEnvelope<'static>),
    #[response(
        status = 429,
        description = "The upstream is asked too often; `Retry-After` says when to come back."
    )]
    TooMany(#[to_schema] OpenAiEnvelope<'static>),
    #[response(
        status = 500,
        description = "Something went wrong on our side, or on the upstream's."
    )]
    Internal(#[to_schema] OpenAiEnvelope<'static>),
    #[response(
        status = 502,
        description = "`upstream_error` or `upstream_auth`: the upstream's answer cannot be used."
    )]
    Upstream(#[to_schema] OpenAiEnvelope<'static>),
    #[response(
        status = 503,
        description = "`ai_not_configured`, `upstream_quota`, or a database cannot be reached."
    )]
    Unavailable(#[to_schema] OpenAiEnvelope<'static>),
    #[response(status = 504, description = "`upstream_timeout`.")]
    Timeout(#[to_schema] OpenAiEnvelope<'static>),
}
