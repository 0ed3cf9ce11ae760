//! The last thing that the caller of a broken stream sees: an error, and no `[DONE]`.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use crate::error::Error;
use crate::llm::{Complaint, error_code, error_type};

/// What broke a stream off, in OpenAI's words.
struct LastWords<'a> {
    message: Cow<'a, str>,
    kind: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

impl LastWords<'_> {
    /// All four members are always there.
    fn body(&self) -> String {
        let body = json!({"error": {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }});
        body.to_string()
    }

    /// Clients raise on the `error`.
    fn frame(&self) -> Bytes {
        format!("data: {}\n\n", self.body()).into()
    }
}

/// An accident of ours, or an upstream's of which we tell in our own words.
pub(super) fn of_server(message: &'static str, code: &'static str) -> Bytes {
    let words = LastWords {
        message: message.into(),
        kind: "server_error",
        param: None,
        code: Some(code),
    };
    words.frame()
}

/// The same words as in the body that it would have had before the head went out.
pub(super) fn of_error(error: &Error) -> Bytes {
    let words = LastWords {
        message: Cow::Borrowed(&error.message),
        kind: error_type(error.kind, error.code),
        param: error.fields.first().map(|field| field.name.as_ref()),
        code: Some(error_code(error.code)),
    };
    words.frame()
}

/// An upstream's error event.
pub(super) fn of_event(complaint: &Complaint) -> Bytes {
    let words = LastWords {
        message: said(Some(complaint), "The model's server has failed."),
        kind: slug(complaint.kind.as_deref()).unwrap_or("server_error"),
        param: None,
        code: Some(slug(complaint.code.as_deref()).unwrap_or("upstream_error")),
    };
    words.frame()
}

/// An upstream's refusal that is the caller's to read, and came too late for a status.
pub(super) fn of_refusal(status: StatusCode, body: &[u8]) -> Bytes {
    refusal(status, Complaint::read(body).as_ref()).frame()
}

/// The body of a refusal that an upstream has told in an event, and in time for a status.
pub(super) fn envelope(status: StatusCode, complaint: &Complaint) -> Bytes {
    refusal(status, Some(complaint)).body().into()
}

fn refusal(status: StatusCode, complaint: Option<&Complaint>) -> LastWords<'_> {
    let (kind, code) = match status {
        StatusCode::TOO_MANY_REQUESTS => ("requests", "rate_limit_exceeded"),
        _ => ("invalid_request_error", "upstream_error"),
    };
    let own_kind = complaint.and_then(|complaint| slug(complaint.kind.as_deref()));
    let own_code = complaint.and_then(|complaint| slug(complaint.code.as_deref()));
    LastWords {
        message: said(complaint, "The model's server has refused the request."),
        kind: own_kind.unwrap_or(kind),
        param: None,
        code: own_code.or_else(|| complaint.is_none().then_some(code)),
    }
}

/// Its own words where it has any, masked.
fn said(complaint: Option<&Complaint>, without: &'static str) -> Cow<'static, str> {
    let message = complaint.and_then(|complaint| complaint.message.as_deref());
    let message = message.map(masked).filter(|message| !message.is_empty());
    message.map_or(Cow::Borrowed(without), Cow::Owned)
}

/// A type or a code, if it is a word of the kind that programs branch on.
fn slug(word: Option<&str>) -> Option<&str> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    word.filter(|word| (1..=64).contains(&word.len()) && word.bytes().all(is_letter))
        .filter(|word| !may_be_secret(word))
}

/// An upstream's words without addresses and keys, at most 500 characters of them.
fn masked(message: &str) -> String {
    let words = message
        .split_whitespace()
        .map(|word| if may_be_secret(word) { "…" } else { word });
    words
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(500)
        .collect()
}

/// What looks like a key, an address, or a value that is given to a name.
fn may_be_secret(word: &str) -> bool {
    let is_token = |part: &str| part.len() >= 32;
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    word.contains("sk-")
        || word.contains("://")
        || word.contains('@')
        || word.contains('=')
        || is_host(word)
        || word
            .split(|c: char| !u8::try_from(c).is_ok_and(letter))
            .any(is_token)
}

/// `10.0.0.5`, `host:80`, `api.example.com/v1`.
fn is_host(word: &str) -> bool {
    let bare = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let has_port = bare.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && port
                .bytes()
                .next()
                .is_some_and(|byte| byte.is_ascii_digit())
    });
    let dotted = bare.split('/').next().unwrap_or_default();
    let labels: Vec<_> = dotted.split('.').collect();
    let is_name = labels.len() >= 3 || (labels.len() == 2 && bare.contains('/'));
    has_port || (is_name && labels.iter().all(|label| !label.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_addresses_are_masked_wherever_they_stand_in_a_word() {
        for word in [
            "key=sk-abcdef",
            "api_key=abc",
            "10.0.0.5:80",
            "10.0.0.5",
            "(host:8080)",
            "api.host.com/v1/x",
            "me@host",
            "'sk-live-1'.",
        ] {
            assert_eq!(masked(&format!("a {word} b")), "a … b", "{word}");
        }
        for plain in [
            "Rate limit reached.",
            "code: 7 (see docs)",
            "3.5 of 4",
            "e.g. this",
        ] {
            assert_eq!(masked(plain), plain);
        }
    }

    #[test]
    fn a_type_that_is_no_slug_does_not_pass() {
        assert_eq!(slug(Some("rate_limit")), Some("rate_limit"));
        for word in [
            "https://internal/x?key=1",
            "sk-very",
            "",
            "two words",
            &"x".repeat(65),
        ] {
            assert_eq!(slug(Some(word)), None, "{word}");
        }
    }

    #[test]
    fn what_an_upstream_says_passes_without_addresses_and_keys() {
        let said =
            "Key sk-abc123 (at https://user:pw@host/x) of 0123456789abcdef0123456789abcdef failed";

        assert_eq!(masked(said), "Key … (at … of … failed");
    }

    #[test]
    fn an_error_frame_has_all_four_members_and_one_line() {
        let frame = of_event(&Complaint {
            message: Some("two\nlines".to_owned()),
            ..Complaint::default()
        });

        let text = std::str::from_utf8(&frame).unwrap();
        assert_eq!(text.matches('\n').count(), 2);
        let body: serde_json::Value = serde_json::from_str(&text[6..]).unwrap();
        assert_eq!(body["error"]["code"], "upstream_error");
        assert_eq!(body["error"].as_object().unwrap().len(), 4);
    }
}
