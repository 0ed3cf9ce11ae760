//! Concierge, from the ground floor up. A module imports only what stands above it in this list;
//! `docs/architecture.md` draws the floors and `tests/floors.rs` holds them.

/// What time it is.
pub mod clock;
/// What the product is about: ids, parsed values, entities.
pub mod domain;
/// What can go wrong, said once.
pub mod error;
/// How the process ends.
pub mod shutdown;
/// Every line of SQL.
pub mod store;
