//! Concierge, from the ground floor up: a module imports only from floors that stand above its own
//! in this list. `docs/architecture.md` draws the floors, and `tests/floors.rs` holds them.

// Floor 1: what everything stands on.
/// What time it is.
pub mod clock;
/// What can go wrong, said once.
pub mod error;
/// How the process ends.
pub mod shutdown;

// Floor 2: values, settings, and the language of models; no storage.
/// Redis, where there is one.
pub mod cache;
/// Every setting: layered, checked, and told apart from what is wrong with it.
pub mod config;
/// What the product is about: ids, parsed values, entities.
pub mod domain;
/// Speaks to models: requests as bytes with a view, answers as frames.
pub mod llm;
/// The ways to people: a mail server, or the log.
pub mod mail;

// Floor 3: what is kept.
/// Every line of SQL.
pub mod store;
/// The log.
pub mod telemetry;

// Floor 4: what several rules stand on.
/// Messages that wait to be sent.
pub mod outbox;
/// What is to be done once, however often it is asked for.
pub mod replays;

// Floor 5: the rules.
/// Who is asking: passwords, tokens, keys.
pub mod auth;
/// From a model's name to an upstream's answer, metered.
pub mod relay;

// The upper floors, one upon the other.
/// Whether what we depend on answers.
pub mod health;

/// What a request may reach.
pub mod state;

/// The HTTP edge.
pub mod api;

/// The only place that builds things.
pub mod server;

/// What the program can be told to do.
pub mod cli;
