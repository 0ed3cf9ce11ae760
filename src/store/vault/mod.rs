//! The credentials: what must not lie beside the data that it guards.

pub mod codes;
pub mod destinations;
pub mod keys;
pub mod passwords;
pub mod resets;
pub mod sessions;
