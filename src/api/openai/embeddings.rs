//! Embeddings: the way of the completions, without streams.

use axum::Extension;
use axum::response::Response;
use tokio::time::Instant;

use super::completions::relayed;
use crate::api::kit::extract::Raw;
use crate::api::kit::idempotency::{Once, OnceHeader};
use crate::api::kit::refusals::{OpenAiFailures, RelayFailures};
use crate::api::kit::scoped::{Completions, Scoped};
use crate::api::openai::document::{EmbeddingList, EmbeddingRequestBody};
use crate::domain::RequestId;
use crate::error::Result;
use crate::llm::ChatRequest;
use crate::relay::Ask;
use crate::state::App;

/// Create embeddings
///
/// Relays the request to the model's upstream as a chat completion is relayed: byte for byte but for
/// the model's name, and counted by its prompt alone.
#[utoipa::path(post, path = "/api/v1/embeddings", operation_id = "embeddings_create",
    tag = "completions", request_body = EmbeddingRequestBody, params(OnceHeader),
    responses(
        (status = 200, description = "A vector for each input.", body = EmbeddingList),
        OpenAiFailures, RelayFailures))]
pub async fn create(
    caller: Scoped<Completions>,
    app: App,
    Extension(request_id): Extension<RequestId>,
    Once(idempotency_key): Once,
    Raw(body): Raw,
) -> Result<Response> {
    let ask = Ask {
        principal: caller.principal,
        request: ChatRequest::view_embeddings(body)?,
        request_id,
        idempotency_key,
        arrived: Instant::now(),
    };

    Ok(relayed(&app, ask).await)
}
