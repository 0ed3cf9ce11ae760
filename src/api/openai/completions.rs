//! Chat completions: bytes in, bytes out.

use axum::Extension;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::time::Instant;

use crate::api::kit::extract::Raw;
use crate::api::kit::frames::Frames;
use crate::api::kit::idempotency::{Once, OnceHeader};
use crate::api::kit::refusals::{OpenAiFailures, RelayFailures};
use crate::api::kit::scoped::{Completions, Scoped};
use crate::api::openai::document::{ChatChunk, ChatCompletion, ChatRequestBody};
use crate::domain::RequestId;
use crate::error::Result;
use crate::llm::ChatRequest;
use crate::relay::{Answer, Ask, Relayed};
use crate::state::App;

const PROCESSING_MS: HeaderName = HeaderName::from_static("openai-processing-ms");
/// Tells nginx and its like to pass each frame on as it comes.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Create a chat completion
///
/// Relays the request to the model's upstream, byte for byte but for the model's name. With
/// `stream: true` the answer comes as server-sent events that end with `data: [DONE]`; one that
/// breaks off ends with an `error` event instead. A stream that has nothing to say for a while sends
/// comments, and answers 200 by then: what fails later is an `error` event, too.
#[utoipa::path(post, path = "/api/v1/chat/completions", operation_id = "chat_completions_create",
    tag = "completions", request_body = ChatRequestBody, params(OnceHeader),
    responses(
        (status = 200, description = "The answer, whole or as a stream.", content(
            (ChatCompletion = "application/json"), (ChatChunk = "text/event-stream"))),
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
        request: ChatRequest::view(body)?,
        request_id,
        idempotency_key,
        arrived: Instant::now(),
    };

    Ok(relayed(&app, ask).await)
}

/// What the relay answers, and how long it took where the upstream has not said so itself.
pub(super) async fn relayed(app: &App, ask: Ask) -> Response {
    let arrived = ask.arrived;
    let mut response = rendered(app, app.relay.complete(ask).await);
    response
        .headers_mut()
        .entry(PROCESSING_MS)
        .or_insert_with(|| millis_since(arrived).into());
    response
}

fn millis_since(arrived: Instant) -> u64 {
    u64::try_from(arrived.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn rendered(app: &App, answer: Answer) -> Response {
    match answer {
        Answer::Whole {
            status,
            headers,
            body,
        } => {
            let mut response = (status, body).into_response();
            let kind = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response.headers_mut().extend(headers);
            response
        }
        Answer::Stream { headers, frames } => {
            // The relay's own clock ends an answer that is read sooner, and says so in a frame.
            let until = Instant::now() + app.config.relay.total_timeout * 2;
            let frames = Frames::new(frames, until, &app.shutdown, Relayed::overdue);
            let mut response = (StatusCode::OK, Body::new(frames)).into_response();
            let own = response.headers_mut();
            own.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            own.insert(
                CACHE_CONTROL,
                HeaderValue::from_static("no-cache, no-store"),
            );
            own.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
            own.extend(headers);
            response
        }
        Answer::Failed { error, headers } => {
            let mut response = error.into_response();
            response.headers_mut().extend(headers);
            response
        }
    }
}
