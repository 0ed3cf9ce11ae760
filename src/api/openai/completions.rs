//! Chat completions: bytes in, bytes out.

use axum::Extension;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::api::kit::extract::Raw;
use crate::api::kit::frames::Frames;
use crate::api::kit::refusals::{OpenAiFailures, RelayFailures};
use crate::api::kit::scoped::{Completions, Scoped};
use crate::api::openai::document::{ChatChunk, ChatCompletion, ChatRequestBody};
use crate::domain::RequestId;
use crate::error::Result;
use crate::llm::ChatRequest;
use crate::relay::{Answer, Ask};
use crate::state::App;

/// Tells nginx and its like to pass each frame on as it comes.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Create a chat completion
///
/// Relays the request to the model's upstream, byte for byte but for the model's name. With
/// `stream: true` the answer comes as server-sent events that end with `data: [DONE]`; one that
/// breaks off ends with an `error` event instead.
#[utoipa::path(post, path = "/api/v1/chat/completions", operation_id = "chat_completions_create",
    tag = "completions", request_body = ChatRequestBody,
    responses(
        (status = 200, description = "The answer, whole or as a stream.", content(
            (ChatCompletion = "application/json"), (ChatChunk = "text/event-stream"))),
        OpenAiFailures, RelayFailures))]
pub async fn create(
    caller: Scoped<Completions>,
    app: App,
    Extension(request_id): Extension<RequestId>,
    Raw(body): Raw,
) -> Result<Response> {
    let request = ChatRequest::view(body)?;
    let ask = Ask {
        principal: caller.principal,
        request,
        request_id,
    };

    Ok(answered(app.relay.complete(ask).await))
}

fn answered(answer: Answer) -> Response {
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
            let mut response = (StatusCode::OK, Body::new(Frames::new(frames))).into_response();
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
