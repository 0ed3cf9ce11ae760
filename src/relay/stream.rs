//! A stream on its way to the caller: frames as they come, and an honest end.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt};
use http::StatusCode;
use serde_json::json;

use super::attempt::Forced;
use super::meter::Meter;
use crate::domain::Outcome;
use crate::error::chain;
use crate::llm::{Choices, Complaint, Edits, Failure, Frame, Frames, Says};

const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// The frames of one answer. It owns the upstream's connection: dropping it hangs up.
pub struct Relayed {
    /// None once there is nothing more to come.
    frames: Option<Frames>,
    edits: Edits,
    meter: Meter,
    forced: Forced,
    choices: Choices,
    /// Whether the upstream has said `[DONE]`.
    is_done: bool,
    /// Whether what was passed on last ends with a blank line.
    at_boundary: bool,
    /// How many choices were asked for.
    n: u64,
}

impl Relayed {
    pub(super) fn new(frames: Frames, edits: Edits, meter: Meter, forced: Forced) -> Self {
        Self {
            n: meter.choices_asked(),
            frames: Some(frames),
            edits,
            meter,
            forced,
            choices: Choices::default(),
            is_done: false,
            at_boundary: true,
        }
    }

    /// What is passed on of a frame; None where nothing is.
    fn take(&mut self, frame: Frame) -> Option<Bytes> {
        match frame.says() {
            Says::Chunk(chunk) => {
                if let Some(usage) = chunk.usage {
                    self.meter.counts(usage);
                }
                self.choices.merge(&chunk.choices);
                self.meter.wrote(chunk.choices.written);
            }
            Says::Done => {
                self.is_done = true;
                self.meter.end(Outcome::Ok, StatusCode::OK);
            }
            // The answer is complete: what comes behind it is nobody's.
            Says::Error(_) if self.is_done => {
                self.frames = None;
                return None;
            }
            Says::Error(complaint) => {
                let complaint = complaint.as_ref().clone();
                return Some(self.break_off(&complaint));
            }
            Says::Nothing => {}
            Says::Unreadable => self.meter.wrote(frame.bytes().len()),
        }
        self.at_boundary = frame.ends();
        self.edits.frame(frame)
    }

    /// The upstream has ended. Complete is what said `[DONE]`, or finished every choice.
    fn end(&mut self) -> Option<Bytes> {
        self.frames = None;
        if self.is_done {
            return None;
        }
        if self.choices.are_finished(self.n) {
            self.meter.end(Outcome::Ok, StatusCode::OK);
            return Some(self.after_boundary(DONE));
        }
        Some(self.break_off(&said("The model's answer broke off.", "upstream_error")))
    }

    fn fail(&mut self, failure: &Failure) -> Option<Bytes> {
        if self.is_done {
            self.frames = None;
            return None;
        }
        let request_id = self.meter.request_id();
        tracing::warn!(request_id, error = %chain(failure), "A stream broke off");
        let complaint = match failure {
            Failure::Late(_) => said("The model took too long to go on.", "upstream_timeout"),
            _ => said("The model's answer broke off.", "upstream_error"),
        };
        Some(self.break_off(&complaint))
    }

    /// The last thing that the caller sees: an error, and no `[DONE]`.
    fn break_off(&mut self, complaint: &Complaint) -> Bytes {
        self.frames = None;
        self.meter.end(Outcome::Truncated, StatusCode::OK);
        self.after_boundary(error_frame(complaint))
    }

    /// A frame of ours must not run into one that the upstream left open.
    fn after_boundary(&self, frame: Bytes) -> Bytes {
        if self.at_boundary {
            return frame;
        }
        [b"\n\n".as_slice(), &frame].concat().into()
    }
}

impl Stream for Relayed {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        loop {
            let Some(frames) = &mut this.frames else {
                return Poll::Ready(None);
            };
            if this.forced.poll_unpin(cx).is_ready() && !this.is_done {
                let complaint = said("The server is stopping.", "service_unavailable");
                return Poll::Ready(Some(this.break_off(&complaint)));
            }
            let passed = match ready!(frames.poll_next_unpin(cx)) {
                Some(Ok(frame)) => this.take(frame),
                Some(Err(failure)) => return Poll::Ready(this.fail(&failure)),
                None => return Poll::Ready(this.end()),
            };
            if passed.is_some() {
                return Poll::Ready(passed);
            }
        }
    }
}

impl fmt::Debug for Relayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relayed")
            .field("is_done", &self.is_done)
            .field("choices", &self.choices)
            .finish_non_exhaustive()
    }
}

fn said(message: &'static str, code: &'static str) -> Complaint {
    Complaint {
        message: Some(message.to_owned()),
        kind: Some("server_error".to_owned()),
        code: Some(code.to_owned()),
    }
}

/// All four members are always there; clients raise on the `error`.
fn error_frame(complaint: &Complaint) -> Bytes {
    let message = complaint.message.as_deref().map(masked);
    let body = json!({"error": {
        "message": message.as_deref().unwrap_or("The model's server has failed."),
        "type": slug(complaint.kind.as_deref()).unwrap_or("server_error"),
        "param": null,
        "code": slug(complaint.code.as_deref()).unwrap_or("upstream_error"),
    }});
    format!("data: {body}\n\n").into()
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
        let frame = error_frame(&Complaint {
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
