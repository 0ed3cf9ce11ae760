//! API keys over HTTP: made, listed, used, changed, deleted.

mod by_id;
mod change;
mod create;
mod list;
mod scopes;
mod using;

pub const KEYS: &str = "/api/v1/api-keys";
