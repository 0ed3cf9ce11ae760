//! Reading a body: so many bytes, in so much time, in as much room as is left.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::{Error, Kind, Result};
use crate::state::App;

/// The longest pause between two pieces of a body.
const PAUSE: Duration = Duration::from_secs(30);
/// A whole body, before the deadline of the request comes.
const ORDINARY: Duration = Duration::from_secs(20);
/// A whole body of an OpenAI route, which may hold pictures.
const LARGE: Duration = Duration::from_mins(2);

/// A JSON body on the OpenAI-compatible routes, as the bytes that came.
#[derive(Debug)]
pub struct Raw(pub Bytes);

impl FromRequest<App> for Raw {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let (parts, body) = request.into_parts();
        require_json(&parts.headers)?;
        let limits = Limits {
            bytes: app.config.http.max_openai_body_bytes,
            time: LARGE,
            room: app.vitals.body_room.clone(),
        };
        limits.read(&parts.headers, body).await.map(Self)
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

/// What one body may take.
#[derive(Debug)]
pub(super) struct Limits {
    bytes: usize,
    time: Duration,
    room: Arc<Semaphore>,
}

/// What has come of a body, and the room that it takes until the last of its bytes is let go.
struct Held {
    whole: BytesMut,
    room: Option<OwnedSemaphorePermit>,
}

impl Limits {
    pub(super) fn ordinary(app: &App) -> Self {
        Self {
            bytes: app.config.http.max_body_bytes,
            time: ORDINARY,
            room: app.vitals.body_room.clone(),
        }
    }

    /// The whole body, or why not.
    pub(super) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Bytes> {
        refuse_encoded(headers)?;
        let announced = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<usize>().ok())
            .unwrap_or(0);
        if announced > self.bytes {
            return Err(too_large(self.bytes));
        }
        let whole = timeout(self.time, self.collect(body, announced));
        whole.await.map_err(|_| slow())?
    }

    async fn collect(&self, mut body: Body, announced: usize) -> Result<Bytes> {
        let mut held = Held {
            whole: BytesMut::with_capacity(announced),
            room: None,
        };
        while let Some(piece) = next(&mut body).await? {
            if held.whole.len() + piece.len() > self.bytes {
                return Err(too_large(self.bytes));
            }
            held.make_room(&self.room, piece.len())?;
            held.whole.extend_from_slice(&piece);
        }
        Ok(Bytes::from_owner(held))
    }
}

impl Held {
    /// Room is taken as bytes come: to announce many costs nothing, so it must not take any.
    fn make_room(&mut self, room: &Arc<Semaphore>, bytes: usize) -> Result<()> {
        let bytes = u32::try_from(bytes).map_err(Error::internal)?;
        let more = room.clone().try_acquire_many_owned(bytes);
        let more = more.map_err(|error| full().because(error))?;
        match &mut self.room {
            Some(room) => room.merge(more),
            None => self.room = Some(more),
        }
        Ok(())
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.whole
    }
}

/// RFC 9110 §8.4: bytes in a coding that is not read here are refused by name.
fn refuse_encoded(headers: &HeaderMap) -> Result<()> {
    let is_plain = |value: &HeaderValue| {
        let coding = value.as_bytes().trim_ascii();
        coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")
    };
    if headers.get_all(CONTENT_ENCODING).iter().all(is_plain) {
        return Ok(());
    }
    Err(unsupported(
        "The body must be sent without a content coding.",
    ))
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

fn full() -> Error {
    Error::unavailable(
        "service_unavailable",
        "Too many bodies are being read; try again in a moment.",
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

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream};

    use super::*;
    use crate::error::Kind;

    fn limits(time: Duration) -> Limits {
        Limits {
            bytes: 1 << 20,
            time,
            room: Arc::new(Semaphore::new(1 << 20)),
        }
    }

    #[tokio::test]
    async fn a_body_that_trickles_is_408_however_short_its_pauses_are() {
        let limits = limits(Duration::from_millis(60));
        let trickle = stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok::<_, std::io::Error>(Bytes::from_static(b" "))
        });

        let headers = HeaderMap::new();
        let read = limits.read(&headers, Body::from_stream(trickle)).await;
        let error = read.unwrap_err();

        assert_eq!((error.kind, error.code), (Kind::Slow, "request_timeout"));
        assert_eq!(limits.room.available_permits(), 1 << 20);
    }

    #[tokio::test]
    async fn a_body_takes_its_room_until_its_last_bytes_are_let_go() {
        let limits = limits(ORDINARY);

        let headers = HeaderMap::new();
        let whole = limits.read(&headers, Body::from("0123456789")).await;
        let whole = whole.unwrap();
        let part = whole.slice(2..4);
        drop(whole);

        assert_eq!(limits.room.available_permits(), (1 << 20) - 10);
        drop(part);
        assert_eq!(limits.room.available_permits(), 1 << 20);
    }

    #[test]
    fn an_ordinary_body_is_refused_before_its_request_is() {
        assert!(ORDINARY < crate::api::layers::deadline::LONGEST);
    }
}
