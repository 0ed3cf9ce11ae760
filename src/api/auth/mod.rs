//! Accounts: joining, signing in and out, one's sessions, the keys of programs, and users as
//! administrators see them.

pub mod audit;
pub mod cookie;
pub mod export;
pub mod jwks;
pub mod keys;
pub mod me;
pub mod password;
pub mod recovery;
pub mod refresh;
pub mod register;
pub mod reset_page;
pub mod session;
pub mod sessions;
pub mod users;
pub mod verification;
