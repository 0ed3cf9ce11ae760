//! Why an upstream did not answer, and what it said about it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::clock::Clock;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why an upstream did not answer. The relay decides on it whether to try another.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It answered, with something else than success.
    #[error("the upstream answered {}", .0.status)]
    Refused(Box<Refusal>),
    /// No connection could be made, or it was gone before it took the request: nothing was sent.
    #[error("the upstream cannot be reached")]
    Unreachable(#[source] Source),
    #[error("the upstream was too slow: {0}")]
    Late(Wait),
    /// The connection broke off before or within the answer.
    #[error("the upstream broke off")]
    Cut(#[source] Option<Source>),
    /// It answered with success, and then with an error event in the place of an answer.
    #[error("the upstream reports an error")]
    Complained(Box<Complaint>),
    /// It answered with success, and with something that cannot be passed on.
    #[error("the upstream's answer cannot be read: {0}")]
    Garbled(&'static str),
}

/// What an upstream was too slow with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, derive_more::Display)]
pub enum Wait {
    #[display("no connection in time")]
    Connect,
    #[display("no first content in time")]
    FirstToken,
    #[display("silent for too long")]
    Idle,
    #[display("no end in time")]
    Total,
}

/// An answer that is no success. A redirect is one too, because it is never followed.
#[derive(Debug)]
pub struct Refusal {
    pub status: StatusCode,
    /// Those worth passing on, as in [`super::Reply`].
    pub headers: HeaderMap,
    /// Empty if it was too large or broke off.
    pub body: Bytes,
    /// Whether the body is all that the upstream said.
    pub is_whole: bool,
}

impl Refusal {
    /// How long the upstream asks to be left alone: `retry-after-ms`, or `retry-after` in seconds or
    /// as a date (RFC 9110 §10.2.3).
    pub fn retry_after(&self, clock: &Clock) -> Option<Duration> {
        let header = |name| self.headers.get(name)?.to_str().ok().map(str::trim);
        if let Some(millis) = header("retry-after-ms").and_then(positive) {
            return Duration::try_from_secs_f64(millis / 1000.0).ok();
        }
        let value = header("retry-after")?;
        if let Some(seconds) = positive(value) {
            return Duration::try_from_secs_f64(seconds).ok();
        }
        let date = OffsetDateTime::parse(value, &Rfc2822).ok()?;
        let micros = date.unix_timestamp().saturating_mul(1_000_000) - clock.micros();
        Some(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
    }

    /// What the upstream said, if it said it in a way that we know.
    pub fn complaint(&self) -> Option<Complaint> {
        Complaint::read(&self.body)
    }
}

fn positive(number: &str) -> Option<f64> {
    number.parse().ok().filter(|number| *number >= 0.0)
}

/// What an upstream says about a failure, in its own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaint {
    pub message: Option<String>,
    /// The envelope's `type`, or what another dialect has in its place.
    pub kind: Option<String>,
    pub code: Option<String>,
}

impl Complaint {
    /// Reads `{"error":{…}}`, `{"error":"…"}`, `{"object":"error",…}`, and any of them in an array.
    pub fn read(body: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let value = value.get(0).unwrap_or(&value);
        let error = match value.get("error") {
            Some(Value::String(message)) => {
                return Some(Self {
                    message: Some(message.clone()),
                    kind: text(value.get("type")),
                    code: text(value.get("code")),
                });
            }
            Some(error) => error,
            None => value,
        };
        let complaint = Self {
            message: text(error.get("message")),
            kind: text(error.get("type")).or_else(|| text(error.get("status"))),
            code: text(error.get("code")),
        };
        (complaint != Self::default()).then_some(complaint)
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(headers: &[(&'static str, &'static str)]) -> Refusal {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        Refusal {
            status: StatusCode::TOO_MANY_REQUESTS,
            headers,
            body: Bytes::new(),
            is_whole: true,
        }
    }

    fn retry_after(headers: &[(&'static str, &'static str)]) -> Option<f64> {
        let at_the_date = Clock::standing_at(1_445_412_480_000_000);
        refusal(headers)
            .retry_after(&at_the_date)
            .map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn a_retry_after_is_read_in_each_of_its_forms() {
        assert_eq!(retry_after(&[("retry-after", "7")]), Some(7.0));
        assert_eq!(retry_after(&[("retry-after", "0.5")]), Some(0.5));
        assert_eq!(
            retry_after(&[("retry-after", "9"), ("retry-after-ms", "250")]),
            Some(0.25)
        );
        assert_eq!(
            retry_after(&[("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT")]),
            Some(30.0)
        );
        assert_eq!(
            retry_after(&[("retry-after", "Wed, 21 Oct 2015 07:27:00 GMT")]),
            Some(0.0)
        );
    }

    #[test]
    fn a_retry_after_that_cannot_be_read_is_none() {
        for value in ["soon", "-1", "NaN", "inf", "1e300", ""] {
            assert_eq!(retry_after(&[("retry-after", value)]), None, "{value}");
        }
        assert_eq!(retry_after(&[]), None);
    }

    #[test]
    fn complaints_are_read_in_every_dialect() {
        let read = |body: &str| {
            let complaint = Complaint::read(body.as_bytes())?;
            Some([complaint.message, complaint.kind, complaint.code].map(Option::unwrap_or_default))
        };

        for (body, wanted) in [
            (
                r#"{"error":{"message":"m","type":"t","param":null,"code":"c"}}"#,
                ["m", "t", "c"],
            ),
            (r#"{"error":"m"}"#, ["m", "", ""]),
            (
                r#"{"object":"error","message":"m","type":"t","code":40303}"#,
                ["m", "t", "40303"],
            ),
            (
                r#"{"type":"error","error":{"type":"t","message":"m"}}"#,
                ["m", "t", ""],
            ),
            (
                r#"[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]"#,
                ["m", "INVALID_ARGUMENT", "400"],
            ),
        ] {
            assert_eq!(read(body).unwrap(), wanted, "{body}");
        }
        for body in ["", "<html>", "{}", "[]", r#"{"error":null}"#, "7"] {
            assert_eq!(read(body), None, "{body}");
        }
    }
}
