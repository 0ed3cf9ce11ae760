//! What every area of the edge needs: reading requests, knowing the caller, saying no.

pub mod accept;
pub mod accepted;
pub mod caller;
pub mod client;
pub mod created;
pub mod dialect;
pub mod envelope;
pub mod extract;
pub mod frames;
pub mod idempotency;
pub mod limit;
pub mod page;
pub mod problem;
pub mod refusals;
pub mod scoped;
pub mod until;
