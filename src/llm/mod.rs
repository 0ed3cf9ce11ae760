//! Speaks to models: requests as bytes with a view, answers as frames, one client per kind of upstream.

mod json;
mod request;

pub use request::{ChatRequest, PromptSize};
