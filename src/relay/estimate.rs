//! What a request may come to, before anybody has counted.

use crate::llm::{ChatRequest, PromptSize, Task};

/// What a token is taken to be where nobody counts: three characters.
pub(super) const CHARACTERS_A_TOKEN: u64 = 3;
const TOKENS_A_MESSAGE: u64 = 8;
const TOKENS_AN_IMAGE: u64 = 1_000;
/// Where neither the request nor the model says how long an answer may be.
const OUTPUT_TOKENS: u64 = 4_096;

/// Tokens that a request may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) prompt: u64,
    /// Over all of its choices.
    pub(super) completion: u64,
}

impl Estimate {
    /// `longest` is the model's own limit. No choices, or none of a length, are taken for what an
    /// upstream may make of them: as if nothing had been said.
    pub(super) fn of(request: &ChatRequest, longest: Option<u64>) -> Self {
        let limit = request.output_limit().filter(|limit| *limit > 0);
        let each = match request.task() {
            Task::Chat => limit.or(longest).unwrap_or(OUTPUT_TOKENS),
            Task::Embeddings => 0,
        };
        Self {
            prompt: prompt_tokens(request.prompt_size()),
            completion: each.saturating_mul(request.n().max(1)),
        }
    }

    pub(super) fn tokens(self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }
}

pub(super) fn prompt_tokens(size: PromptSize) -> u64 {
    size.tokens
        + size.characters.div_ceil(CHARACTERS_A_TOKEN)
        + size.messages * TOKENS_A_MESSAGE
        + size.images * TOKENS_AN_IMAGE
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Of "hello" in one message, with these members more.
    fn of(members: &Value, longest: Option<u64>) -> Estimate {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]});
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        Estimate::of(&view(&body), longest)
    }

    fn view(body: &Value) -> ChatRequest {
        ChatRequest::view(body.to_string().into()).unwrap()
    }

    fn prompt(messages: &Value) -> u64 {
        let request = view(&json!({"model": "m", "messages": messages}));
        Estimate::of(&request, None).prompt
    }

    #[test]
    fn an_answer_is_as_long_as_the_larger_of_two_limits() {
        for (limits, completion) in [
            (json!({"max_tokens": 10}), 10),
            (json!({"max_completion_tokens": 20}), 20),
            (json!({"max_tokens": 10, "max_completion_tokens": 20}), 20),
            (json!({"max_tokens": 30, "max_completion_tokens": 20}), 30),
            (json!({"max_tokens": 0, "max_completion_tokens": 20}), 20),
            (json!({"max_tokens": 90_000}), 90_000),
        ] {
            assert_eq!(of(&limits, Some(500)).completion, completion, "{limits}");
        }
    }

    #[test]
    fn without_a_limit_it_is_as_long_as_the_model_answers_or_4096() {
        for limits in [
            json!({}),
            json!({"max_tokens": null}),
            json!({"max_tokens": 0}),
            json!({"max_completion_tokens": 0}),
            json!({"max_tokens": 0, "max_completion_tokens": 0}),
        ] {
            assert_eq!(of(&limits, Some(500)).completion, 500, "{limits}");
            assert_eq!(of(&limits, None).completion, 4_096, "{limits}");
        }
    }

    #[test]
    fn each_choice_may_be_as_long_and_there_is_at_least_one() {
        for (n, completion) in [
            (json!(null), 100),
            (json!(0), 100),
            (json!(1), 100),
            (json!(3), 300),
            (json!(u64::MAX), u64::MAX),
        ] {
            let estimate = of(&json!({"max_tokens": 100, "n": n}), None);

            assert_eq!(
                (estimate.prompt, estimate.completion),
                (10, completion),
                "{n}"
            );
            assert_eq!(estimate.tokens(), completion.saturating_add(10));
        }
        assert_eq!(of(&json!({"n": 2}), None).completion, 2 * 4_096);
    }

    #[test]
    fn a_prompt_is_a_third_of_its_characters_8_a_message_and_1000_an_image() {
        let text = |text: &str| json!({"type": "text", "text": text});
        let image = json!({"type": "image_url", "image_url": {"url": "https://x/y.png"}});

        assert_eq!(prompt(&json!([])), 0);
        assert_eq!(prompt(&json!([{"role": "user", "content": ""}])), 8);
        assert_eq!(prompt(&json!([{"role": "user", "content": "abcd"}])), 2 + 8);
        // The characters of all messages are rounded up once.
        let ab = json!({"role": "user", "content": "ab"});
        assert_eq!(prompt(&json!([ab, ab])), 2 + 2 * 8);
        let seen = json!([{"role": "user", "content": [text("abcd"), image, image]}]);
        assert_eq!(prompt(&seen), 2 + 8 + 2 * 1_000);
    }

    #[test]
    fn vectors_have_no_answer_to_reserve_for() {
        let body = json!({"model": "m", "input": ["hello", "you"], "n": 3, "max_tokens": 9});
        let request = ChatRequest::view_embeddings(body.to_string().into()).unwrap();

        let estimate = Estimate::of(&request, Some(500));

        assert_eq!((estimate.prompt, estimate.completion), (3, 0));
    }
}
