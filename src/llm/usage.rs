//! The tokens of one answer.

use serde::Deserialize;

/// Tokens as the upstream counted them; `cached` are among `prompt`, `reasoning` among `completion`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub prompt: u64,
    pub cached: u64,
    pub completion: u64,
    pub reasoning: u64,
}

impl Usage {
    /// Reads a `usage` object; null and foreign shapes are none.
    pub(super) fn read(json: &str) -> Option<Self> {
        let counted: Counted = serde_json::from_str(json).ok()?;
        let prompt_details = counted.prompt_tokens_details.unwrap_or_default();
        let completion_details = counted.completion_tokens_details.unwrap_or_default();
        Some(Self {
            prompt: counted.prompt_tokens,
            cached: prompt_details.cached_tokens.unwrap_or(0),
            completion: counted.completion_tokens.unwrap_or(0),
            reasoning: completion_details.reasoning_tokens.unwrap_or(0),
        })
    }
}

#[derive(Deserialize)]
struct Counted {
    prompt_tokens: u64,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
}

#[derive(Default, Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_may_be_missing_or_null() {
        let usage = Usage {
            prompt: 3,
            ..Usage::default()
        };

        assert_eq!(Usage::read(r#"{"prompt_tokens":3}"#), Some(usage));
        assert_eq!(
            Usage::read(
                r#"{"prompt_tokens":3,"completion_tokens":null,"prompt_tokens_details":null,
                    "completion_tokens_details":{"reasoning_tokens":null,"x":1}}"#
            ),
            Some(usage)
        );
    }

    #[test]
    fn a_foreign_shape_is_no_usage() {
        for json in ["null", "{}", "[]", "7", r#"{"prompt_tokens":-1}"#] {
            assert_eq!(Usage::read(json), None, "{json}");
        }
    }
}
