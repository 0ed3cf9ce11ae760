//! Tokens of foreign issuers: whose are accepted, whom they mean, and what they reach.

mod claims;
mod configured;
mod keys;
mod reach;
mod secret;
mod users;

use serde_json::Value;

use crate::support::issuer::SigningKey;
use crate::support::{Actor, Reply, TestApp};

/// A secret that is shared with Better Auth.
const SECRET: &str = "a-shared-secret-of-more-than-32-bytes";

/// Whoever shows this token.
fn bearer<'a>(app: &'a TestApp, token: &str) -> Actor<'a> {
    let value = format!("Bearer {token}");
    app.anonymous().header("authorization", value)
}

async fn me(app: &TestApp, token: &str) -> Reply {
    bearer(app, token).get("/api/v1/auth/me").await
}

/// The user's id as this token shows it.
async fn id(app: &TestApp, key: &SigningKey, claims: &Value) -> String {
    let reply = me(app, &key.token(claims)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

/// Asserts that the token opens nothing, and that nobody is told why.
async fn is_refused(app: &TestApp, token: &str, what: &str) {
    let reply = me(app, token).await;
    assert_eq!(reply.status, 401, "{what}: {}", reply.text());
    assert_eq!(reply.code(), "invalid_token", "{what}");
    let challenge = reply.header("www-authenticate");
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
}
