//! The credentials: what must not lie beside the data that it guards.

pub mod keys;
pub mod passwords;
pub mod sessions;
