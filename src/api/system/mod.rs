//! What the service says of itself: where things are, how it does, what it can do.

pub mod docs;
pub mod health;
pub mod index;
pub mod metrics;
pub mod probes;
pub mod status;
