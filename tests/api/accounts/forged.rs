//! Access tokens with a good signature that say what none of ours says.
//!
//! Signed with the secret itself: as by somebody who has it, or by another program that shares it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::ME;
use crate::edge::refusal;
use crate::support::{Actor, Reply, TestApp};

const SECRET: &str = "a-shared-secret-of-more-than-32-characters";

/// What a token says: its header and its claims.
#[derive(Clone)]
struct Parts {
    head: Value,
    claims: Value,
}

async fn start() -> TestApp {
    TestApp::with(&[("JWT_ALGORITHM", "HS256"), ("SECRET_KEY", SECRET)]).await
}

impl Parts {
    fn of(actor: &Actor<'_>) -> Self {
        let token = actor.authorization().strip_prefix("Bearer ").unwrap();
        let mut parts = token.split('.').map(|part| {
            let part = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
            serde_json::from_slice(&part).unwrap_or_default()
        });
        Self {
            head: parts.next().unwrap(),
            claims: parts.next().unwrap(),
        }
    }

    fn with(&self, name: &str, value: Value) -> Self {
        let mut changed = self.clone();
        changed.claims[name] = value;
        changed
    }

    fn with_head(&self, name: &str, value: Value) -> Self {
        let mut changed = self.clone();
        changed.head[name] = value;
        changed
    }

    /// What becomes of a request with these, signed.
    async fn ask(&self, app: &TestApp, path: &str) -> Reply {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(&self.head), encode(&self.claims));
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let signature = sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        let bearer = format!("Bearer {message}.{signature}");
        let forger = app.anonymous().header("authorization", bearer);
        forger.get(path).await
    }
}

// CVE-2026-25537 (jsonwebtoken), CVE-2025-59420 (Authlib), GHSA-hm7r-c7qw-ghp6 (fast-jwt): claims of a
// wrong type passed over, `crit` not understood, tokens of one kind taken for another.
#[tokio::test]
async fn what_is_signed_and_is_no_access_token_opens_nothing() {
    let app = start().await;
    let good = Parts::of(&app.sign_up("ada").await);
    let mut forged = Vec::new();
    for name in ["exp", "nbf", "iat"] {
        for wrong in [json!("1795253400"), json!(1e300), json!(-1), json!([])] {
            forged.push(good.with(name, wrong));
        }
    }
    for name in ["iss", "aud", "sub", "sid"] {
        for wrong in [json!(7), json!({}), json!(null), json!(""), json!("evil")] {
            forged.push(good.with(name, wrong));
        }
    }
    forged.push(good.with("iss", json!([good.claims["iss"], "evil"])));
    for (name, wrong) in [
        ("crit", json!(["x"])),
        ("b64", json!(false)),
        ("typ", json!("refresh+jwt")),
        ("typ", json!("logout+jwt")),
        ("typ", json!("JWT")),
        ("alg", json!("none")),
        ("alg", json!("HS384")),
        ("alg", json!("EdDSA")),
        ("kid", json!("another")),
        ("jwk", json!({"kty": "oct", "k": "AAAA"})),
    ] {
        forged.push(good.with_head(name, wrong));
    }

    for parts in &forged {
        let reply = parts.ask(&app, ME).await;
        assert_eq!(reply.status, 401, "{} {}", parts.head, parts.claims);
        refusal(&reply, 401, "invalid_token");
    }
    let several = good.with("aud", json!(["other", good.claims["aud"]]));
    for parts in [good, several] {
        assert_eq!(parts.ask(&app, ME).await.status, 200);
    }
}

// A token names a user and a login, and they must belong together; a role that it names counts for
// nothing here.
#[tokio::test]
async fn what_is_signed_lends_no_other_user_and_no_other_role() {
    let app = start().await;
    let ada = Parts::of(&app.sign_up("ada").await);
    let eve = Parts::of(&app.sign_up("eve").await);

    let eve_by_adas_login = ada.with("sub", eve.claims["sub"].clone());
    let raised = ada.with("role", json!("admin"));
    let of_tomorrow = ada.with("ver", json!(2));

    refusal(&eve_by_adas_login.ask(&app, ME).await, 401, "invalid_token");
    refusal(&of_tomorrow.ask(&app, ME).await, 401, "invalid_token");
    assert_eq!(raised.ask(&app, ME).await.json()["role"], "user");
    let users = raised.ask(&app, "/api/v1/users").await;
    refusal(&users, 403, "insufficient_permissions");
}
