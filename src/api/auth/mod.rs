//! Accounts: joining, signing in and out, and the keys of programs.

pub mod cookie;
pub mod keys;
pub mod me;
pub mod register;
pub mod session;
