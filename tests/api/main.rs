//! The application from outside: every test is a sentence about what a user would notice.
//!
//! On SQLite, or on PostgreSQL where `TEST_DATABASE_URL` names a server.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod accounts;
mod doors;
mod edge;
mod issuers;
mod keys;
mod llm;
mod openapi;
mod openapi_doors;
mod relay;
mod smoke;
mod support;
mod system;
