//! What one chunk of a stream says, read in one pass and kept as places, not as text.

use serde::de::{IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use super::choices::Choices;
use super::json::{self, Array, Members, Name, Object, Span, is_empty};
use super::usage::Usage;

/// A `chat.completion.chunk`.
#[derive(Debug)]
pub struct Chunk {
    pub usage: Option<Usage>,
    pub choices: Choices,
    /// Where the value of `usage` stands, null too.
    pub(super) usage_at: Option<Span>,
    /// Where a `model` stands that is not empty.
    pub(super) model_at: Option<Span>,
    /// Whether there is nothing in it but identity and a usage.
    pub(super) is_bare_usage: bool,
    pub(super) is_error: bool,
}

impl Chunk {
    /// Reads `payload`, which stands in `whole`. `None` if it is no object, or if a member that we read
    /// is of another type or occurs twice.
    pub(super) fn read(whole: &[u8], payload: &str) -> Option<Self> {
        let Object(fields) = serde_json::from_str::<Object<Fields<'_>>>(payload).ok()?;
        let Array(choices) = fields.choices.unwrap_or_default();
        let usage = fields.usage.map(RawValue::get);
        let reported = usage.filter(|usage| *usage != "null");
        let place = |value: &str| json::span(whole, value);
        Some(Self {
            is_bare_usage: reported.is_some() && choices.are_none() && !fields.has_more,
            usage: reported.and_then(Usage::read),
            usage_at: usage.map(place),
            model_at: fields.model.map(RawValue::get).filter(is_named).map(place),
            is_error: fields.is_error,
            choices,
        })
    }

    /// Whether it brings anything that a reader waits for.
    pub fn is_content(&self) -> bool {
        self.choices.is_content
    }

    /// The same, of a payload whose places are not those of the frame, so that it is never edited.
    pub(super) fn without_places(self) -> Self {
        Self {
            usage_at: None,
            model_at: None,
            ..self
        }
    }
}

/// A model's name that says something; Azure's first chunk has an empty one.
pub(super) fn is_named(model: &&str) -> bool {
    *model != "\"\""
}

#[derive(Default)]
struct Fields<'a> {
    model: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
    choices: Option<Array<Choices>>,
    is_error: bool,
    has_more: bool,
}

enum Field {
    /// Says which answer a chunk belongs to, and nothing of the answer. `obfuscation` is padding.
    Identity,
    /// Says what sort of thing this is: an error, in some dialects.
    Kind,
    Model,
    Usage,
    Choices,
    Error,
    Other,
}

impl Field {
    fn named(name: &[u8]) -> Self {
        match name {
            b"id"
            | b"created"
            | b"system_fingerprint"
            | b"service_tier"
            | b"obfuscation"
            | b"provider" => Self::Identity,
            b"object" | b"type" => Self::Kind,
            b"model" => Self::Model,
            b"usage" => Self::Usage,
            b"choices" => Self::Choices,
            b"error" => Self::Error,
            _ => Self::Other,
        }
    }
}

impl<'de> Members<'de> for Fields<'de> {
    fn read<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        let mut fields = Self::default();
        while let Some(field) = members.next_key_seed(Name(Field::named))? {
            match field {
                Field::Identity => {
                    members.next_value::<IgnoredAny>()?;
                }
                Field::Kind => {
                    let kind: &RawValue = members.next_value()?;
                    fields.is_error |= kind.get() == "\"error\"";
                }
                Field::Model => once(&mut fields.model, members.next_value()?)?,
                Field::Usage => once(&mut fields.usage, members.next_value()?)?,
                Field::Choices => {
                    let choices: Option<_> = members.next_value()?;
                    once(&mut fields.choices, choices.unwrap_or_default())?;
                }
                Field::Error => {
                    let error: &RawValue = members.next_value()?;
                    fields.is_error |= !is_empty(error.get());
                }
                Field::Other => {
                    let other: Option<IgnoredAny> = members.next_value()?;
                    fields.has_more |= other.is_some();
                }
            }
        }
        Ok(fields)
    }
}

/// Puts a value where none may be yet.
fn once<T, E: serde::de::Error>(slot: &mut Option<T>, value: T) -> Result<(), E> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::custom("a member occurs twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(payload: &str) -> Option<Chunk> {
        Chunk::read(payload.as_bytes(), payload)
    }

    #[test]
    fn usage_is_read_with_its_details() {
        let chunk = chunk(
            r#"{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30,
                "prompt_tokens_details":{"cached_tokens":4},
                "completion_tokens_details":{"reasoning_tokens":5}}}"#,
        )
        .unwrap();

        let usage = Usage {
            prompt: 10,
            cached: 4,
            completion: 20,
            reasoning: 5,
        };
        assert_eq!(chunk.usage, Some(usage));
    }

    #[test]
    fn a_bare_usage_chunk_holds_identity_and_usage_alone() {
        let bare = |members: &str| chunk(&format!("{{{members}}}")).unwrap().is_bare_usage;

        assert!(bare(
            r#""id":"a","object":"chat.completion.chunk","created":1,"model":"m","choices":[],
               "system_fingerprint":null,"service_tier":"x","obfuscation":"y","usage":{"prompt_tokens":1}"#
        ));
        assert!(bare(r#""choices":[],"logprobs":null,"usage":{}"#));
        assert!(!bare(r#""choices":[],"usage":null"#));
        assert!(!bare(r#""choices":[]"#));
        assert!(!bare(r#""choices":[{"index":0}],"usage":{}"#));
        assert!(!bare(
            r#""choices":[],"prompt_filter_results":[],"usage":{}"#
        ));
    }

    #[test]
    fn errors_are_told_from_members_that_are_there_and_empty() {
        let is_error = |payload: &str| chunk(payload).unwrap().is_error;

        assert!(is_error(r#"{"error":{"message":"m"}}"#));
        assert!(is_error(r#"{"error":"m"}"#));
        assert!(is_error(r#"{"object":"error","message":"m"}"#));
        assert!(is_error(r#"{"type":"error","message":"m"}"#));
        assert!(!is_error(r#"{"error":null,"choices":[]}"#));
        assert!(!is_error(r#"{"error":{},"choices":[]}"#));
    }

    #[test]
    fn what_is_no_chunk_is_not_read() {
        for payload in [
            "",
            "[]",
            "hello",
            r#"{"choices":{}}"#,
            r#"{"choices":[1]}"#,
            r#"{"choices":[{"delta":"text"}]}"#,
            r#"{"choices":[{"index":-1}]}"#,
            r#"{"usage":null,"\u0075sage":{}}"#,
            r#"{"choices":[]} {}"#,
            "{\"na\u{0}me\":1}",
            "{\"choices\":[{\"in\u{0}dex\":1}]}",
        ] {
            assert!(chunk(payload).is_none(), "{payload}");
        }
    }
}
