//! A request: the bytes as they came, and a view of the few members that we act on.

mod fields;
mod options;
mod prompt;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::json::{self, Edit, Span};
use crate::error::Result;
use fields::{Field, Fields};
use options::UsageOption;
pub use prompt::PromptSize;

/// What is asked of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Chat,
    /// Vectors for texts. They are never streamed.
    Embeddings,
}

/// A request for chat completions, or for embeddings. Its bytes go on as they came, but for the edits
/// of [`ChatRequest::for_upstream`]. Cloning it copies pointers.
#[derive(Clone)]
pub struct ChatRequest {
    task: Task,
    body: Bytes,
    model: Arc<str>,
    model_at: Span,
    /// The messages, or the input.
    prompt_at: Span,
    is_stream: bool,
    usage: UsageOption,
    n: Option<u64>,
    output_limit: Option<u64>,
}

impl ChatRequest {
    /// Reads the members that we act on. What we do not read is the upstream's to judge.
    pub fn view(body: Bytes) -> Result<Self> {
        let fields = Fields::read(&body, Task::Chat)?;
        let model = fields.model()?;
        let model_at = json::span(&body, fields.required(Field::Model)?);
        let prompt_at = json::span(&body, fields.array(Field::Messages)?);
        let is_stream = fields.flag(Field::Stream)?;
        let usage = UsageOption::read(&body, fields.get(Field::StreamOptions))?;
        let n = fields.count(Field::N)?;
        let limits = [Field::MaxTokens, Field::MaxCompletionTokens];
        let [old, new] = limits.map(|limit| fields.count(limit));
        let output_limit = old?.max(new?);

        Ok(Self {
            task: Task::Chat,
            body,
            model,
            model_at,
            prompt_at,
            is_stream,
            usage,
            n,
            output_limit,
        })
    }

    /// Likewise, of a request for embeddings.
    pub fn view_embeddings(body: Bytes) -> Result<Self> {
        let fields = Fields::read(&body, Task::Embeddings)?;
        let model = fields.model()?;
        let model_at = json::span(&body, fields.required(Field::Model)?);
        let prompt_at = json::span(&body, fields.text_or_array(Field::Input)?);

        Ok(Self {
            task: Task::Embeddings,
            body,
            model,
            model_at,
            prompt_at,
            is_stream: false,
            usage: UsageOption::Foreign,
            n: None,
            output_limit: None,
        })
    }

    /// The request as one upstream is asked: under its own name for the model and, in a stream, with
    /// usage asked for if `ask_usage`. The same bytes where nothing has to change.
    #[must_use]
    pub fn for_upstream(&self, model: &str, ask_usage: bool) -> Self {
        let name = (*self.model != *model).then(|| json::quoted(model));
        let rename = name.as_deref().map(|name| (self.model_at.clone(), name));
        let ask = match &self.usage {
            UsageOption::Missing(at, with) if ask_usage && self.is_stream => {
                Some((at.clone(), *with))
            }
            _ => None,
        };
        let asks = ask.is_some();
        let mut edits: Vec<Edit<'_>> = rename.into_iter().chain(ask).collect();
        if edits.is_empty() {
            return self.clone();
        }
        edits.sort_by_key(|(at, _)| at.start);
        let usage = if asks {
            UsageOption::Asked
        } else {
            self.usage.moved(&edits)
        };
        Self {
            body: json::splice(&self.body, &edits),
            model: model.into(),
            model_at: json::moved(&self.model_at, &edits),
            prompt_at: json::moved(&self.prompt_at, &edits),
            usage,
            ..*self
        }
    }

    pub fn task(&self) -> Task {
        self.task
    }

    /// What goes upstream.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    pub fn model(&self) -> &str {
        &self.model
    }

    pub fn is_stream(&self) -> bool {
        self.is_stream
    }

    /// Whether the request asks for usage in its stream.
    pub fn wants_usage(&self) -> bool {
        self.is_stream && matches!(self.usage, UsageOption::Asked)
    }

    /// How many answers are asked for.
    pub fn n(&self) -> u64 {
        self.n.unwrap_or(1)
    }

    /// The larger of `max_tokens` and `max_completion_tokens`.
    pub fn output_limit(&self) -> Option<u64> {
        self.output_limit
    }

    /// Walks the prompt at each call; only an estimate needs it.
    pub fn prompt_size(&self) -> PromptSize {
        match self.task {
            Task::Chat => PromptSize::of(self.prompt()),
            Task::Embeddings => PromptSize::of_input(self.prompt()),
        }
    }

    /// The `messages` array or the `input` as it came.
    pub(super) fn prompt(&self) -> &str {
        std::str::from_utf8(&self.body[self.prompt_at.clone()]).unwrap_or_default()
    }
}

impl fmt::Debug for ChatRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatRequest")
            .field("task", &self.task)
            .field("model", &self.model)
            .field("is_stream", &self.is_stream)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
