//! The OpenAI shapes, as far as the document tells them. The relay reads none of these: what a
//! client sends and an upstream answers passes as it is.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

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
    /// Text, or a list of parts; null beside tool calls.
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

/// A request for embeddings as OpenAI defines it; members that are not named here pass untouched.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EmbeddingRequest, examples(json!({
    "model": "text-embedding-3-small", "input": ["Say hello."]
})))]
pub struct EmbeddingRequestBody {
    /// A public model name, or `provider/model`.
    model: String,
    /// A text, tokens, or a list of either.
    input: Value,
    /// How long the vectors are.
    dimensions: Option<u64>,
    /// `float`, or `base64` of little-endian 32-bit floats.
    encoding_format: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "object": "list", "model": "text-embedding-3-small",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.6, -0.8]}],
    "usage": {"prompt_tokens": 3, "total_tokens": 3}
})))]
pub struct EmbeddingList {
    object: String,
    /// A vector for each input, in their order.
    data: Vec<Value>,
    model: String,
    usage: Option<Value>,
}
