//! The program as a process: what it is told, what it says, how it ends.
//!
//! Every test starts the real binary in an empty folder with an empty environment. What needs
//! PostgreSQL runs where `TEST_DATABASE_URL` names a server.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod budgets;
mod connections;
mod first_start;
mod logins;
mod logs;
mod mail;
mod metrics;
mod open_work;
mod rates;
mod refusals;
mod replicas;
mod secrets;
mod settings;
mod shutdown;
#[cfg(target_os = "linux")]
mod slow_readers;
mod support;
mod traces;
mod verbs;
