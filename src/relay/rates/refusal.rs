//! What those are told who may not ask now.

use std::time::Duration;

use super::headers::{millis, span};
use super::limit::{Family, Limit, MINUTE};
use crate::cache::Level;
use crate::error::{Error, Kind};

/// Why a request may not run, and when it may.
pub(super) fn refusal(
    limits: &[Limit],
    levels: &[Level],
    tokens: u64,
) -> (Error, Option<Duration>) {
    let mut worst: Option<(&Limit, Duration)> = None;
    for (limit, level) in limits.iter().zip(levels) {
        let wait = match (level.fits_in, limit.family) {
            (Some(wait), _) => wait,
            (None, Family::Requests) => MINUTE,
            (None, Family::Tokens) => return (too_large(limit, tokens), None),
        };
        if worst.is_none_or(|(_, longest)| wait > longest) {
            worst = Some((limit, wait));
        }
    }
    match worst {
        Some((limit, wait)) => (too_many(limit, wait, tokens), Some(wait)),
        None => (Error::internal("refused by no limit"), None),
    }
}

fn too_many(limit: &Limit, wait: Duration, tokens: u64) -> Error {
    let retry_after = Duration::from_millis(millis(wait));
    let (code, need) = match limit.family {
        Family::Requests => ("rate_limited", String::new()),
        Family::Tokens => (
            "token_rate_limited",
            format!(", and this request may need {tokens}"),
        ),
    };
    let message = format!("{}{need}. Try again in {}.", limit.said(), span(wait));
    Error::new(
        Kind::TooMany {
            retry_after,
            quota: None,
        },
        code,
        message,
    )
}

/// Never mind when it comes back. What it is by, mostly, is the room for the answer.
fn too_large(limit: &Limit, tokens: u64) -> Error {
    let message = format!(
        "{}, and this request may need {tokens}. Ask for fewer by `max_tokens`, or send less.",
        limit.said()
    );
    Error::new(Kind::Malformed, "request_exceeds_tpm", message).at("max_tokens")
}
