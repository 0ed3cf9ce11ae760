//! Reading a body: so many bytes, in so much time.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::error::{Error, Kind, Result};
use crate::state::App;

/// The longest pause between two pieces of a body.
const PAUSE: Duration = Duration::from_secs(30);

/// A JSON body on the OpenAI-compatible routes, as the bytes that came.
#[derive(Debug)]
pub struct Raw(pub Bytes);

impl FromRequest<App> for Raw {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let limit = app.config.http.max_openai_body_bytes;
        require_json(&parts.headers)?;
        read(&parts.headers, body, limit).await.map(Self)
    }
}

/// RFC 6838: `application/json`, or anything that says it is JSON underneath.
pub(super) fn require_json(headers: &HeaderMap) -> Result<()> {
    let essence = essence(headers);
    if essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
    {
        Ok(())
    } else {
        Err(unsupported("The body must be sent as application/json."))
    }
}

pub(super) fn unsupported(message: &'static str) -> Error {
    Error::new(Kind::Unsupported, "unsupported_media_type", message)
}

/// The content type without its parameters, lower-cased; empty where there is none.
pub fn essence(headers: &HeaderMap) -> String {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// The whole body, or why not.
pub(super) async fn read(headers: &HeaderMap, mut body: Body, limit: usize) -> Result<Bytes> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let Some(first) = next(&mut body).await? else {
        return Ok(Bytes::new());
    };
    if announced == Some(first.len()) {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(announced.unwrap_or(first.len()));
    whole.extend_from_slice(&first);
    while let Some(piece) = next(&mut body).await? {
        if whole.len() + piece.len() > limit {
            return Err(too_large(limit));
        }
        whole.extend_from_slice(&piece);
    }
    if whole.len() > limit {
        return Err(too_large(limit));
    }
    Ok(whole.freeze())
}

async fn next(body: &mut Body) -> Result<Option<Bytes>> {
    loop {
        let frame = timeout(PAUSE, body.frame()).await.map_err(|_| slow())?;
        let Some(frame) = frame else { return Ok(None) };
        if let Ok(piece) = frame.map_err(broken)?.into_data() {
            return Ok(Some(piece));
        }
    }
}

fn too_large(limit: usize) -> Error {
    Error::new(
        Kind::TooLarge,
        "payload_too_large",
        format!("The body is over the limit of {limit} bytes."),
    )
}

fn slow() -> Error {
    Error::new(
        Kind::Slow,
        "request_timeout",
        "The body did not arrive in time.",
    )
}

fn broken(error: axum::Error) -> Error {
    Error::new(Kind::Malformed, "invalid_request", "The body broke off.").because(error)
}
