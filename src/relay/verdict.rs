//! What a caller is told when no target is left.

use http::{HeaderMap, StatusCode};

use super::Answer;
use crate::error::{Error, Kind};
use crate::llm::{Failure, Refusal, Wait};

/// Words by which upstreams say that our key is bad.
const BAD_KEY: [&str; 3] = [
    r#""invalid_api_key""#,
    r#""authentication_error""#,
    r#""API_KEY_INVALID""#,
];
const USED_UP: &str = r#""insufficient_quota""#;

const UNREADABLE: &str = "The model's answer cannot be read.";

/// Whether another target would say the same: the request itself is at fault.
pub(super) fn is_final(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(refusal) if matches!(Verdict::of(refusal), Verdict::Callers))
}

/// Whether the upstream has refused, or was never reached: it counts nothing then.
pub(super) fn was_not_begun(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::Refused(_) | Failure::Unreachable(_) | Failure::Late(Wait::Connect)
    )
}

/// The last verdict wins.
pub(super) fn of(failure: Failure) -> Answer {
    match failure {
        Failure::Refused(refusal) => refused(*refusal),
        Failure::Late(_) => failed(
            Error::new(
                Kind::Timeout,
                "upstream_timeout",
                "The model took too long to answer.",
            ),
            failure,
        ),
        Failure::Unreachable(_) => failed(upstream_error("The model cannot be reached."), failure),
        Failure::Cut(_) => failed(upstream_error("The model's answer broke off."), failure),
        Failure::Garbled(_) => failed(upstream_error(UNREADABLE), failure),
    }
}

/// What a refusal is about.
enum Verdict {
    /// The caller's request: theirs to read.
    Callers,
    /// The upstream is asked too often.
    Busy,
    /// Our key is not good there.
    Key,
    /// Our money has run out there.
    Quota,
    /// The upstream has failed, and said so by this number.
    Down(u16),
    Redirect,
    /// It has answered by a number that means nothing here.
    Foreign,
}

impl Verdict {
    fn of(refusal: &Refusal) -> Self {
        match refusal.status.as_u16() {
            300..=399 => Self::Redirect,
            401 => Self::Key,
            400 | 403 if names_our_key(refusal) => Self::Key,
            402 => Self::Quota,
            429 if says(refusal, USED_UP) => Self::Quota,
            429 if refusal.is_whole => Self::Busy,
            529 => Self::Down(503),
            400..=499 if !refusal.is_whole => Self::Foreign,
            400..=499 => Self::Callers,
            code @ 500..=599 => Self::Down(code),
            _ => Self::Foreign,
        }
    }
}

fn refused(refusal: Refusal) -> Answer {
    let error = match Verdict::of(&refusal) {
        Verdict::Callers | Verdict::Busy => return as_it_is(refusal),
        Verdict::Redirect => upstream_error("The model's server has moved."),
        Verdict::Foreign => upstream_error(UNREADABLE),
        Verdict::Key => Error::new(
            Kind::Upstream { code: None },
            "upstream_auth",
            "The model's server does not accept our key.",
        ),
        Verdict::Quota => Error::unavailable(
            "upstream_quota",
            "Our account at the model's server is used up.",
        ),
        Verdict::Down(code) => Error::new(
            Kind::Upstream { code: Some(code) },
            "upstream_error",
            "The model's server has failed.",
        ),
    };
    let mut headers = refusal.headers.clone();
    headers.remove(http::header::CONTENT_TYPE);
    Answer::Failed {
        error: error.because(Failure::Refused(Box::new(refusal))),
        headers,
    }
}

fn as_it_is(refusal: Refusal) -> Answer {
    Answer::Whole {
        status: refusal.status,
        headers: refusal.headers,
        body: refusal.body,
    }
}

fn names_our_key(refusal: &Refusal) -> bool {
    BAD_KEY.iter().any(|word| says(refusal, word))
}

/// Looked for in the bytes: dialects differ in where they put it. With its quotes, which are escaped
/// where a message tells what the caller has said.
fn says(refusal: &Refusal, word: &str) -> bool {
    memchr::memmem::find(&refusal.body, word.as_bytes()).is_some()
}

fn upstream_error(message: &'static str) -> Error {
    Error::new(Kind::Upstream { code: None }, "upstream_error", message)
}

fn failed(error: Error, failure: Failure) -> Answer {
    Answer::Failed {
        error: error.because(failure),
        headers: HeaderMap::new(),
    }
}

/// The number that the caller gets.
pub(super) fn status(answer: &Answer) -> StatusCode {
    match answer {
        Answer::Whole { status, .. } => *status,
        Answer::Stream { .. } => StatusCode::OK,
        Answer::Failed { error, .. } => match error.kind {
            Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Upstream { code: Some(code) } => {
                StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY)
            }
            _ => StatusCode::BAD_GATEWAY,
        },
    }
}
