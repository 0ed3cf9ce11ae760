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
    /// `longest` is the model's own limit.
    pub(super) fn of(request: &ChatRequest, longest: Option<u64>) -> Self {
        let each = match request.task() {
            Task::Chat => request.output_limit().or(longest).unwrap_or(OUTPUT_TOKENS),
            Task::Embeddings => 0,
        };
        Self {
            prompt: prompt_tokens(request.prompt_size()),
            completion: each.saturating_mul(request.n()),
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
