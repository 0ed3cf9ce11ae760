//! When a caller whom nobody has answered should come back, if at all.

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Answer;
use super::plan::Micros;
use crate::error::Error;

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Nobody could be asked: all are left alone for now, the first of them for so long.
pub(super) fn unavailable(wait: Micros) -> Answer {
    let mut headers = HeaderMap::new();
    come_back(&mut headers, wait);
    Answer::Failed {
        error: Error::unavailable(
            "service_unavailable",
            "The model's servers are left alone for a moment, because they have failed or are busy.",
        ),
        headers,
    }
}

/// Everybody has been asked. What the last verdict says about coming back stands; else it is what
/// another has said; and if nobody has asked to come back, it would be in vain.
pub(super) fn exhausted(mut answer: Answer, asked_back: Option<Micros>) -> Answer {
    let (Answer::Whole { headers, .. } | Answer::Failed { headers, .. }) = &mut answer else {
        return answer;
    };
    let said_so = headers.contains_key(RETRY_AFTER) || headers.contains_key(RETRY_AFTER_MS);
    match asked_back {
        _ if said_so => {}
        Some(wait) => come_back(headers, wait),
        None => {
            headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
    }
    answer
}

/// Rounded up: to come a moment early would be in vain.
fn come_back(headers: &mut HeaderMap, wait: Micros) {
    let wait = u64::try_from(wait).unwrap_or(0).max(1);
    let millis = wait.div_ceil(1_000);
    headers.insert(RETRY_AFTER_MS, millis.into());
    headers.insert(RETRY_AFTER, millis.div_ceil(1_000).into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_milliseconds_are_rounded_up_and_never_none() {
        for (micros, seconds, millis) in [
            (7_000_000, "7", "7000"),
            (6_000_001, "7", "6001"),
            (1, "1", "1"),
            (0, "1", "1"),
            (-5, "1", "1"),
            (1_500, "1", "2"),
        ] {
            let mut headers = HeaderMap::new();

            come_back(&mut headers, micros);

            assert_eq!(headers[RETRY_AFTER], seconds, "{micros}");
            assert_eq!(headers[RETRY_AFTER_MS], millis, "{micros}");
        }
    }
}
