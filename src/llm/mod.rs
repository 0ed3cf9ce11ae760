//! Speaks to models: requests as bytes with a view, answers as frames, one client per kind of upstream.

mod choices;
mod chunk;
mod cutter;
mod edits;
mod failure;
mod frame;
mod json;
mod reply;
mod request;
mod usage;

pub use choices::Choices;
pub use chunk::Chunk;
use cutter::Cutter;
pub use edits::Edits;
pub use failure::{Complaint, Failure, Refusal, Wait};
pub use frame::{Frame, Says};
pub use reply::{Frames, Reply, Streaming};
pub use request::{ChatRequest, PromptSize};
pub use usage::Usage;
