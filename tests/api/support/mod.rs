//! What every test stands on.

pub mod actor;
pub mod app;
pub mod schema;
pub mod upstream;

pub use app::TestApp;
