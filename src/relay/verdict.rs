//! What a caller is told when no target is left.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::plan::Setback;
use super::{Answer, last_words};
use crate::clock::Clock;
use crate::error::{Error, Kind};
use crate::llm::{Complaint, Failure, Refusal, Wait};

/// Words by which upstreams say that our key is bad.
const BAD_KEY: [&str; 3] = ["invalid_api_key", "authentication_error", "API_KEY_INVALID"];
const USED_UP: &str = "insufficient_quota";
/// Words of error events that are about our account, whatever stands beside them.
const OUR_ACCOUNT: [&str; 3] = [USED_UP, "billing_hard_limit_reached", "rate_limit_exceeded"];

const UNREADABLE: &str = "The model's answer cannot be read.";

/// What a failure means for the rest of its request.
pub(super) fn setback(failure: &Failure) -> Setback {
    match failure {
        Failure::Refused(refusal) => match Verdict::of(refusal) {
            // By its number, also where what it says cannot be passed on.
            Verdict::Callers | Verdict::Unread(Fault::Callers) => Setback::Request,
            Verdict::Busy | Verdict::Unread(Fault::Pace) => Setback::Busy,
            Verdict::Key | Verdict::Quota => Setback::Key,
            Verdict::Down(_) | Verdict::Redirect | Verdict::Foreign => Setback::Target,
        },
        Failure::Complained(complaint) if callers_fault(complaint).is_some() => Setback::Request,
        Failure::Late(_) => Setback::Slow,
        Failure::Unreachable(_)
        | Failure::Cut(_)
        | Failure::Complained(_)
        | Failure::Garbled(_) => Setback::Target,
    }
}

/// How long the upstream has asked to be left alone.
pub(super) fn retry_after(failure: &Failure, clock: &Clock) -> Option<Duration> {
    match failure {
        Failure::Refused(refusal) => refusal.retry_after(clock),
        _ => None,
    }
}

/// Whether the upstream has refused, or was never reached: it counts nothing then.
pub(super) fn was_not_begun(failure: &Failure) -> bool {
    match failure {
        Failure::Refused(_) | Failure::Unreachable(_) | Failure::Late(Wait::Connect) => true,
        Failure::Complained(complaint) => callers_fault(complaint).is_some(),
        Failure::Late(_) | Failure::Cut(_) | Failure::Garbled(_) => false,
    }
}

/// A word for what went wrong, for metrics and traces.
pub(super) fn word(failure: &Failure) -> &'static str {
    match failure {
        Failure::Refused(refusal) => match Verdict::of(refusal) {
            Verdict::Callers => "refused",
            Verdict::Busy => "busy",
            Verdict::Key => "auth",
            Verdict::Quota => "quota",
            Verdict::Down(_) => "failed",
            Verdict::Redirect | Verdict::Foreign | Verdict::Unread(_) => "unreadable",
        },
        Failure::Unreachable(_) | Failure::Late(Wait::Connect) => "unreachable",
        Failure::Late(_) => "late",
        Failure::Cut(_) => "cut",
        Failure::Complained(complaint) if callers_fault(complaint).is_some() => "refused",
        Failure::Complained(_) | Failure::Garbled(_) => "unreadable",
    }
}

/// The last verdict wins.
pub(super) fn of(failure: Failure) -> Answer {
    match failure {
        Failure::Refused(refusal) => refused(*refusal),
        Failure::Late(_) => failed(late(), failure),
        Failure::Unreachable(_) => failed(upstream_error("The model cannot be reached."), failure),
        Failure::Cut(_) => failed(upstream_error("The model's answer broke off."), failure),
        Failure::Complained(complaint) => complained(complaint),
        Failure::Garbled(_) => failed(upstream_error(UNREADABLE), failure),
    }
}

pub(super) fn late() -> Error {
    Error::new(
        Kind::Timeout,
        "upstream_timeout",
        "The model took too long to answer.",
    )
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
    /// It has refused, and what it said broke off or was too much.
    Unread(Fault),
}

/// What a refusal without words is about.
enum Fault {
    Callers,
    Pace,
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
            429 => Self::Unread(Fault::Pace),
            529 => Self::Down(503),
            400..=499 if !refusal.is_whole => Self::Unread(Fault::Callers),
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
        Verdict::Foreign | Verdict::Unread(_) => upstream_error(UNREADABLE),
        Verdict::Key => Error::new(
            Kind::Upstream { code: None },
            "upstream_auth",
            "The model's server does not accept our key.",
        ),
        Verdict::Quota => Error::new(
            Kind::Upstream { code: Some(503) },
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

/// The caller's own fault has the status that it would have had before a head of success.
fn complained(complaint: Box<Complaint>) -> Answer {
    match callers_fault(&complaint) {
        Some(status) => Answer::Whole {
            status,
            headers: HeaderMap::new(),
            body: last_words::envelope(status, &complaint),
        },
        None => failed(upstream_error(UNREADABLE), Failure::Complained(complaint)),
    }
}

/// The status that an error event stands for, if it tells that the request is at fault.
fn callers_fault(complaint: &Complaint) -> Option<StatusCode> {
    let (kind, code) = (complaint.kind.as_deref(), complaint.code.as_deref());
    let ours = BAD_KEY.iter().chain(&OUR_ACCOUNT);
    if ours
        .into_iter()
        .any(|word| [kind, code].contains(&Some(word)))
    {
        return None;
    }
    let number = code.and_then(|code| code.parse().ok());
    match number.and_then(|number| StatusCode::from_u16(number).ok()) {
        Some(status) => about_requests(status).then_some(status),
        None => (kind == Some("invalid_request_error")).then_some(StatusCode::BAD_REQUEST),
    }
}

/// Whether it says something of the request, and not of our key, our account or the moment.
fn about_requests(status: StatusCode) -> bool {
    let others = [401, 402, 403, 408, 429];
    status.is_client_error() && !others.contains(&status.as_u16())
}

fn names_our_key(refusal: &Refusal) -> bool {
    BAD_KEY.iter().any(|word| says(refusal, word))
}

/// Looked for in the bytes: dialects differ in where they put it. With its quotes, which are escaped
/// where a message tells what the caller has said.
fn says(refusal: &Refusal, word: &str) -> bool {
    let quoted = format!("\"{word}\"");
    memchr::memmem::find(&refusal.body, quoted.as_bytes()).is_some()
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
