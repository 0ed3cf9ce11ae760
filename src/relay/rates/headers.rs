//! What an answer's headers tell the caller of their limits.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::limit::{Family, Limit};
use crate::cache::Level;
use crate::relay::Answer;

/// Of a key's and a user's limit, the one of which less is left.
pub(super) fn headers(limits: &[Limit], levels: &[Level]) -> HeaderMap {
    const REQUESTS: [&str; 3] = [
        "x-ratelimit-limit-requests",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
    ];
    const TOKENS: [&str; 3] = [
        "x-ratelimit-limit-tokens",
        "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-tokens",
    ];
    let mut headers = HeaderMap::new();
    for (family, names) in [(Family::Requests, REQUESTS), (Family::Tokens, TOKENS)] {
        let levels = limits
            .iter()
            .zip(levels)
            .filter(|(limit, _)| limit.family == family);
        let tightest = levels.min_by_key(|(_, level)| (level.remaining, level.limit));
        let Some((_, level)) = tightest else { continue };
        let [limit, remaining, reset] = names.map(HeaderName::from_static);
        headers.insert(limit, level.limit.into());
        headers.insert(remaining, level.remaining.into());
        if let Ok(span) = HeaderValue::try_from(span(level.full_in)) {
            headers.insert(reset, span);
        }
    }
    headers
}

/// Rounded up: to come a moment early would be in vain.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// As OpenAI writes it: `12ms`, `1.5s`, `6m0s`.
pub(super) fn span(duration: Duration) -> String {
    let millis = millis(duration);
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let (seconds, rest) = (millis / 1_000 % 60, millis % 1_000);
    if (1..1_000).contains(&millis) {
        return format!("{millis}ms");
    }
    let fraction = match rest {
        0 => String::new(),
        _ => format!(".{rest:03}"),
    };
    let seconds = format!("{seconds}{}s", fraction.trim_end_matches('0'));
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, _) => format!("{minutes}m{seconds}"),
        _ => format!("{hours}h{minutes}m{seconds}"),
    }
}

/// What an answer's headers say of the caller's limits. It is known before the search for an answer
/// goes on, and so it can stand on a head that has to be sent in the meantime.
#[derive(Clone, Debug, Default)]
pub(in crate::relay) struct Told(pub(super) Option<Arc<OnceLock<HeaderMap>>>);

impl Told {
    pub(super) fn tell(&self, headers: HeaderMap) {
        if let Some(told) = &self.0 {
            told.set(headers).ok();
        }
    }

    /// What an upstream says of its own limit gives way to ours.
    pub(in crate::relay) fn put_into(&self, answer: &mut Answer) {
        let Some(told) = self.0.as_ref().and_then(|told| told.get()) else {
            return;
        };
        let (Answer::Whole { headers, .. }
        | Answer::Stream { headers, .. }
        | Answer::Failed { headers, .. }) = answer;
        for (name, value) in told {
            headers.insert(name, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_as_openai_writes_it() {
        for (micros, written) in [
            (0, "0s"),
            (1, "1ms"),
            (12_000, "12ms"),
            (999_001, "1s"),
            (1_500_000, "1.5s"),
            (8_064_000, "8.064s"),
            (90_500_000, "1m30.5s"),
            (360_000_000, "6m0s"),
            (3_600_000_000, "1h0m0s"),
            (86_399_999_000, "23h59m59.999s"),
        ] {
            assert_eq!(span(Duration::from_micros(micros)), written);
        }
    }
}
