//! What every test stands on.

pub mod actor;
pub mod app;
mod black_hole;
pub(crate) mod budgets;
pub(crate) mod issuer;
pub(crate) mod ledger;
pub(crate) mod mail_server;
mod numbers;
pub mod schema;
mod sql;
pub mod upstream;
pub(crate) mod wire;

pub use actor::{Actor, Reply};
pub use app::{PASSWORD, TestApp};
pub(crate) use black_hole::BlackHole;
pub(crate) use ledger::Row;
pub(crate) use mail_server::{MailServer, Manner};
pub(crate) use wire::Wire;
