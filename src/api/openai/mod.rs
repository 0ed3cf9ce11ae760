//! The routes that an OpenAI client speaks to, and what they have cost.

pub mod completions;
pub mod document;
pub mod embeddings;
pub mod models;
pub mod usage;
