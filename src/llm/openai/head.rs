//! Which headers of an upstream mean something to the caller, and what they say about the body.

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// A selection, so that nothing hop-by-hop, no cookie and nothing unforeseen gets through.
pub(super) fn worth_passing(headers: &HeaderMap) -> HeaderMap {
    let mut passed: HeaderMap = headers
        .iter()
        .filter(|(name, _)| is_worth_passing(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if let Some(id) = headers
        .get(REQUEST_ID)
        .or_else(|| headers.get("request-id"))
    {
        passed.insert(UPSTREAM_REQUEST_ID, id.clone());
    }
    passed
}

fn is_worth_passing(name: &HeaderName) -> bool {
    match name.as_str() {
        // Whose account it is at the upstream is no business of the caller's.
        "openai-organization" | "openai-project" => false,
        name if name.starts_with("openai-") || name.starts_with("x-ratelimit-") => true,
        _ => [CONTENT_TYPE, RETRY_AFTER, RETRY_AFTER_MS].contains(name),
    }
}

/// Whether a body calls itself something that cannot be an event stream. One that says nothing, or
/// plain text, may be one: not every server is careful.
pub(super) fn is_document(headers: &HeaderMap) -> bool {
    is_called(headers, b"application/json") || is_called(headers, b"text/html")
}

pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    is_called(headers, b"text/event-stream")
}

fn is_called(headers: &HeaderMap, kind: &[u8]) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().get(..kind.len()))
        .is_some_and(|value| value.eq_ignore_ascii_case(kind))
}

/// Headers that frame a message or its connection, which only the client itself may set.
pub(super) fn is_framing(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "accept-encoding"
            | "connection"
            | "content-length"
            | "expect"
            | "host"
            | "keep-alive"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_something_to_the_caller_is_passed_on() {
        let names = [
            "content-type",
            "retry-after",
            "x-ratelimit-remaining-tokens",
            "openai-processing-ms",
            "openai-organization",
            "set-cookie",
            "transfer-encoding",
            "server",
            "x-request-id",
        ];
        let headers = names
            .iter()
            .map(|name| (HeaderName::from_static(name), "v".parse().unwrap()))
            .collect();

        let passed = worth_passing(&headers);

        let mut names: Vec<&str> = passed.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "content-type",
                "openai-processing-ms",
                "retry-after",
                "x-ratelimit-remaining-tokens",
                "x-upstream-request-id"
            ]
        );
    }
}
