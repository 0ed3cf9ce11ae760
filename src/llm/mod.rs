//! Speaks to models: requests as bytes with a view, answers as frames, one client per kind of upstream.

mod choices;
mod chunk;
mod cutter;
mod edits;
mod failure;
mod frame;
#[cfg(fuzzing)]
pub mod fuzz;
mod json;
mod offline;
mod openai;
mod reply;
mod request;
mod sent;
mod transport;
mod usage;
mod words;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::value::RawValue;

pub use choices::Choices;
pub use chunk::Chunk;
pub use cutter::Cutter;
pub use edits::Edits;
pub use failure::{Complaint, Failure, Refusal, Wait};
pub use frame::{Frame, Says};
pub use offline::Offline;
pub use openai::{Endpoint, OpenAi, Timeouts};
pub use reply::{Frames, Reply, Streaming};
pub use request::{ChatRequest, PromptSize, Task};
pub use sent::Sent;
pub use transport::Fetcher;
pub use usage::Usage;
pub use words::{error_code, error_type};

/// One upstream that answers chat completions and, in one piece, embeddings. Dropping what it returns
/// drops the upstream's work; whether there is any, `sent` tells.
#[async_trait]
pub trait Provider: Debug + Send + Sync {
    /// Answers in one piece.
    async fn complete(&self, request: &ChatRequest, sent: &Sent) -> Result<Reply, Failure>;

    /// Answers as it is written. `Ok` means that the head and the first frame have come.
    /// `first_token` is the longest wait for the first content, where it is not the provider's own.
    async fn stream(
        &self,
        request: &ChatRequest,
        sent: &Sent,
        first_token: Option<Duration>,
    ) -> Result<Streaming, Failure>;

    /// Lists what it serves.
    async fn models(&self) -> Result<Vec<ModelCard>, Failure>;
}

/// A model as its upstream describes it.
#[derive(Clone, Debug)]
pub struct ModelCard {
    pub id: String,
    /// The whole entry, with every member that the upstream gave it.
    pub json: Box<RawValue>,
}
