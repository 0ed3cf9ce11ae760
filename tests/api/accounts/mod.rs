//! Accounts over HTTP: joining, signing in and out, and how long that lasts.

mod administrators;
mod audit;
mod cookies;
mod export;
mod forged;
mod jwks;
mod limits;
mod lockout;
mod login;
mod logout;
mod logout_all;
mod me;
mod outbox;
mod password;
mod profile;
mod proxies;
mod recovery;
mod refresh;
mod register;
mod session_list;
mod sessions;
mod shut_out;
mod standing;
mod users;
mod verification;

use serde_json::{Value, json};

use crate::support::{Actor, PASSWORD, Reply, TestApp};

pub const LOGIN: &str = "/api/v1/auth/login";
pub const LOGOUT: &str = "/api/v1/auth/logout";
pub const LOGOUT_ALL: &str = "/api/v1/auth/logout-all";
pub const ME: &str = "/api/v1/auth/me";
pub const REGISTER: &str = "/api/v1/auth/register";
pub const SESSIONS: &str = "/api/v1/auth/sessions";

/// What Ada sends to sign in.
pub fn ada() -> Value {
    json!({"username": "ada", "password": PASSWORD})
}

/// A browser that keeps the cookie of this answer.
pub fn browser_after<'a>(app: &'a TestApp, login: &Reply) -> Actor<'a> {
    let cookie = login.cookies()[0].split(';').next().unwrap().to_owned();
    app.anonymous().header("cookie", cookie)
}

/// The attributes of a cookie as it is set, in order, without its name and value.
pub fn attributes(cookie: &str) -> Vec<&str> {
    let mut attributes: Vec<_> = cookie.split("; ").skip(1).collect();
    attributes.sort_unstable();
    attributes
}
