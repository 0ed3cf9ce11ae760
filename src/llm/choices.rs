//! What the choices of a chunk have brought, summed up as they are read.

use serde::de::{IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use super::json::{Members, Name, Object, Sum, is_empty};

/// What the choices of a chunk, or of all chunks so far, have brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// The choices seen, a bit for each index.
    seen: u128,
    /// Those with a `finish_reason`.
    finished: u128,
    /// Whether an index had no bit; such a choice is never known to be finished.
    is_beyond: bool,
    /// Whether they bring anything that a reader waits for.
    pub(super) is_content: bool,
    /// Bytes of delta members that are not empty, besides `role`, without their quotes.
    pub written: usize,
}

impl Choices {
    /// Takes in what the next chunk brings.
    pub fn merge(&mut self, next: &Self) {
        self.seen |= next.seen;
        self.finished |= next.finished;
        self.is_beyond |= next.is_beyond;
        self.is_content |= next.is_content;
        self.written += next.written;
    }

    /// Whether there are as many choices as were asked for, and each has had its `finish_reason`.
    pub fn are_finished(&self, asked: u64) -> bool {
        let seen = u64::from(self.seen.count_ones());
        seen >= asked.max(1) && self.seen == self.finished && !self.is_beyond
    }

    pub(super) fn are_none(&self) -> bool {
        self.seen == 0 && !self.is_beyond
    }
}

impl Sum<'_> for Choices {
    type Item = Object<Choice>;

    fn add(&mut self, Object(choice): Self::Item) {
        let bit = u32::try_from(choice.index)
            .ok()
            .and_then(|index| 1u128.checked_shl(index))
            .unwrap_or(0);
        self.seen |= bit;
        self.is_beyond |= bit == 0;
        if choice.is_finished {
            self.finished |= bit;
        }
        self.is_content |= choice.is_finished || choice.written > 0;
        self.written += choice.written;
    }
}

#[derive(Default)]
pub(super) struct Choice {
    index: u64,
    is_finished: bool,
    written: usize,
}

enum ChoiceField {
    Index,
    FinishReason,
    Delta,
    Other,
}

impl<'de> Members<'de> for Choice {
    fn read<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        let mut choice = Self::default();
        let named = |name: &[u8]| match name {
            b"index" => ChoiceField::Index,
            b"finish_reason" => ChoiceField::FinishReason,
            b"delta" => ChoiceField::Delta,
            _ => ChoiceField::Other,
        };
        while let Some(field) = members.next_key_seed(Name(named))? {
            match field {
                ChoiceField::Index => choice.index = members.next_value()?,
                ChoiceField::FinishReason => {
                    let reason: Option<IgnoredAny> = members.next_value()?;
                    choice.is_finished = reason.is_some();
                }
                ChoiceField::Delta => {
                    let delta: Option<Object<Delta>> = members.next_value()?;
                    choice.written = delta.map_or(0, |Object(delta)| delta.written);
                }
                ChoiceField::Other => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(choice)
    }
}

struct Delta {
    written: usize,
}

impl<'de> Members<'de> for Delta {
    fn read<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        let mut written = 0;
        while let Some(is_role) = members.next_key_seed(Name(|name: &[u8]| name == b"role"))? {
            let value: &RawValue = members.next_value()?;
            if !is_role && !is_empty(value.get()) {
                // What is quoted is what was said: a word's quotes would count as half a word more.
                written += value.get().trim_matches('"').len();
            }
        }
        Ok(Self { written })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::json::Array;

    fn choices(items: &str) -> Choices {
        let Array(choices) = serde_json::from_str(&format!("[{items}]")).unwrap();
        choices
    }

    fn is_content(items: &str) -> bool {
        choices(items).is_content
    }

    #[test]
    fn content_is_a_delta_that_says_something_or_a_finish_reason() {
        assert!(is_content(r#"{"delta":{"content":"a"}}"#));
        assert!(is_content(
            r#"{"delta":{"role":"assistant","reasoning":"a"}}"#
        ));
        assert!(is_content(r#"{"delta":{"tool_calls":[{"index":0}]}}"#));
        assert!(is_content(r#"{"delta":{},"finish_reason":"stop"}"#));
        assert!(is_content(
            r#"{"index":500,"delta":{},"finish_reason":"stop"}"#
        ));

        assert!(!is_content(""));
        assert!(!is_content(
            r#"{"delta":{"role":"assistant","content":""}}"#
        ));
        assert!(!is_content(
            r#"{"delta":{"content":null,"tool_calls":[ ],"x":{}}}"#
        ));
        assert!(!is_content(r#"{"delta":null,"finish_reason":null}"#));
    }

    #[test]
    fn a_stream_is_finished_when_every_choice_is() {
        let mut all = Choices::default();
        assert!(!all.are_finished(1));

        for (items, finished) in [
            (r#"{"index":0},{"index":1}"#, false),
            (r#"{"index":1,"finish_reason":"stop"}"#, false),
            (r#"{"index":0,"finish_reason":"length"}"#, true),
            ("", true),
            (r#"{"index":128,"finish_reason":"stop"}"#, false),
        ] {
            all.merge(&choices(items));
            assert_eq!(all.are_finished(1), finished, "{items}");
        }
    }
}
