//! A request under an Idempotency-Key: asked upstream once, answered the same each time.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use super::begin::permitted;
use super::rates::Told;
use super::{Answer, Ask, Relay, Relayed, Tap};
use crate::domain::IdempotencyKey;
use crate::llm::{ChatRequest, Task};
use crate::replays::{Kept, LONGEST_BODY, Place, Room, Run, Taken};

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

impl Relay {
    /// What was answered before under the same key, or an answer.
    pub(super) async fn answer_or_replay(self, mut ask: Ask, told: Told) -> Answer {
        match ask.idempotency_key.take() {
            None => self.answer(ask, told).await,
            Some(key) => Box::pin(self.answer_once(key, ask, told)).await,
        }
    }

    /// Asks upstream if nobody else has, or does. What is replayed costs nothing and has no row.
    async fn answer_once(self, key: IdempotencyKey, ask: Ask, told: Told) -> Answer {
        if let Err(error) = permitted(&ask) {
            return error.into();
        }
        match self.0.replays.take(place(key, &ask)).await {
            Ok(Taken::Replay(kept)) => again(&kept, &ask.request),
            Ok(Taken::Run(run)) => {
                let room = self.0.replays.room();
                keep(run, room, self.answer(ask, told).await).await
            }
            Err(error) => error.into(),
        }
    }
}

/// The same under each of the route's names.
fn place(key: IdempotencyKey, ask: &Ask) -> Place {
    Place {
        user: ask.principal.user.clone(),
        operation: match ask.request.task() {
            Task::Chat => "chat_completions_create",
            Task::Embeddings => "embeddings_create",
        },
        key,
        fingerprint: Sha256::digest(ask.request.body()).into(),
    }
}

/// The answer once more.
fn again(kept: &Kept, request: &ChatRequest) -> Answer {
    let status = StatusCode::from_u16(kept.status).unwrap_or_default();
    let mut headers = headers(kept);
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    let body = kept.body.clone();
    if request.is_stream() && status.is_success() {
        return Answer::Stream {
            headers,
            frames: Box::new(Relayed::stored(body)),
        };
    }
    Answer::Whole {
        status,
        headers,
        body,
    }
}

/// Keeps the answer if it is worth keeping, a stream when it has come to its end; else whoever asks
/// next runs anew.
async fn keep(run: Run, mut room: Room, mut answer: Answer) -> Answer {
    match &mut answer {
        Answer::Whole {
            status,
            headers,
            body,
        } if is_final(*status) && body.len() <= LONGEST_BODY => {
            if room.grow(body.len()) {
                let kept = kept(*status, lasting(headers), body.clone());
                run.keep(kept, room).await;
            }
        }
        Answer::Stream { headers, frames } => {
            let tape = Tape::new(run, room, lasting(headers));
            frames.tapped(Box::new(tape));
        }
        Answer::Whole { .. } | Answer::Failed { .. } => {}
    }
    answer
}

/// Whether the same request would be answered the same: a success, or the upstream's verdict on the
/// request. What clients send again of themselves is none.
fn is_final(status: StatusCode) -> bool {
    let passes = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::CONFLICT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    status.is_success() || (status.is_client_error() && !passes.contains(&status))
}

fn kept(status: StatusCode, headers: Vec<(String, String)>, body: Bytes) -> Kept {
    Kept {
        status: status.as_u16(),
        headers,
        body,
    }
}

/// Those that are still true a day later: limits and times are not.
fn lasting(headers: &HeaderMap) -> Vec<(String, String)> {
    let is_lasting = |name: &HeaderName| match name.as_str() {
        "openai-processing-ms" => false,
        name => {
            ["content-type", "x-upstream-request-id"].contains(&name) || name.starts_with("openai-")
        }
    };
    headers
        .iter()
        .filter(|(name, _)| is_lasting(name))
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect()
}

fn headers(kept: &Kept) -> HeaderMap {
    let pairs = kept.headers.iter();
    pairs
        .filter_map(|(name, value)| Some((name.parse::<HeaderName>().ok()?, value.parse().ok()?)))
        .collect()
}

/// What a stream has passed on so far.
struct Tape {
    run: Option<Run>,
    headers: Vec<(String, String)>,
    /// None once it is too long to be kept, or there is no room for it.
    body: Option<(Vec<u8>, Room)>,
}

impl Tape {
    fn new(run: Run, room: Room, headers: Vec<(String, String)>) -> Self {
        Self {
            run: Some(run),
            headers,
            body: Some((Vec::new(), room)),
        }
    }
}

impl Tap for Tape {
    fn passed(&mut self, bytes: &Bytes) {
        let Some((mut body, mut room)) = self.body.take() else {
            return;
        };
        if body.len() + bytes.len() <= LONGEST_BODY && room.grow(bytes.len()) {
            body.extend_from_slice(bytes);
            self.body = Some((body, room));
        }
    }

    fn ended(&mut self, is_complete: bool) {
        let (Some(run), Some((body, room))) = (self.run.take(), self.body.take()) else {
            return;
        };
        if is_complete {
            let headers = std::mem::take(&mut self.headers);
            run.keep_later(kept(StatusCode::OK, headers, body.into()), room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_kept_and_a_moments_refusal_is_not() {
        for (code, is_kept) in [
            (200, true),
            (201, true),
            (400, true),
            (404, true),
            (422, true),
            (408, false),
            (409, false),
            (425, false),
            (429, false),
            (500, false),
            (503, false),
        ] {
            let status = StatusCode::from_u16(code).unwrap();
            assert_eq!(is_final(status), is_kept, "{code}");
        }
    }

    #[test]
    fn headers_come_back_without_those_of_the_moment() {
        let mut said = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/json; charset=utf-8"),
            ("x-upstream-request-id", "req_1"),
            ("openai-version", "2020-10-01"),
            ("openai-processing-ms", "17"),
            ("x-ratelimit-remaining-tokens", "9"),
            ("retry-after", "1"),
        ] {
            said.insert(HeaderName::from_static(name), value.parse().unwrap());
        }

        let kept = kept(StatusCode::OK, lasting(&said), Bytes::new());

        let back = headers(&kept);
        assert_eq!(back.len(), 3);
        for name in ["content-type", "x-upstream-request-id", "openai-version"] {
            assert_eq!(back[name], said[name]);
        }
    }
}
