//! How far a key reaches.

use serde_json::{Value, json};

use super::KEYS;
use crate::edge::{openai_refusal, refusal};
use crate::support::{Reply, TestApp};

fn chat() -> Value {
    json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]})
}

// Each door that a key may open, by the scope that it asks for.
#[tokio::test]
async fn a_key_opens_the_doors_of_its_scopes_and_no_other() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    for (scope, open) in [
        ("completions", 0),
        ("models", 1),
        ("usage:read", 2),
        ("profile:read", 3),
        ("todos:read", 9),
        ("chat:write", 9),
    ] {
        let key = ada.with_key(json!({"scopes": [scope]})).await;
        let replies = [
            key.post("/v1/chat/completions", chat()).await,
            key.get("/api/v1/models").await,
            key.get("/api/v1/usage").await,
            key.get("/api/v1/auth/me").await,
        ];
        for (place, reply) in replies.iter().enumerate() {
            let wanted = if place == open { 200 } else { 403 };
            assert_eq!(reply.status, wanted, "{scope} at {place}: {}", reply.text());
            if wanted == 403 {
                says_insufficient_scope(reply);
            }
        }
    }
}

fn says_insufficient_scope(reply: &Reply) {
    assert_eq!(reply.code(), "insufficient_scope");
    assert_eq!(
        reply.header("www-authenticate"),
        r#"Bearer realm="api", error="insufficient_scope""#
    );
}

#[tokio::test]
async fn a_key_without_a_list_opens_all_that_its_owner_may_but_no_credentials() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.with_key(json!({})).await;

    for path in [
        "/v1/models",
        "/api/v1/usage",
        "/api/v1/auth/me",
        "/status/user",
    ] {
        assert_eq!(key.get(path).await.status, 200, "{path}");
    }
    assert_eq!(key.post("/v1/chat/completions", chat()).await.status, 200);
}

#[tokio::test]
async fn no_key_reaches_keys_whatever_its_scopes() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let made = root.post(KEYS, json!({"name": "k"})).await;

    for wanted in [json!({}), json!({"scopes": ["admin:*"]})] {
        let key = root.with_key(wanted).await;
        let replies = [
            key.get(KEYS).await,
            key.post(KEYS, json!({"name": "another"})).await,
            key.patch(made.header("location"), json!({"scopes": null}))
                .await,
            key.delete(made.header("location")).await,
        ];
        for reply in replies {
            refusal(&reply, 403, "insufficient_permissions");
        }
    }
    assert_eq!(root.get(KEYS).await.json()["total"], 3);
}

#[tokio::test]
async fn a_key_for_some_models_knows_no_other() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.with_key(json!({"models": ["offline"]})).await;
    let other = ada.with_key(json!({"models": ["gpt-4o"]})).await;

    assert_eq!(key.get("/v1/models/offline").await.status, 200);
    openai_refusal(
        &other.get("/v1/models/offline").await,
        404,
        "model_not_found",
    );
    assert_eq!(other.get("/v1/models").await.json()["data"], json!([]));
    let mut asked = chat();
    asked["model"] = json!("offline");
    assert_eq!(
        key.post("/v1/chat/completions", asked.clone()).await.status,
        200
    );
    openai_refusal(
        &other.post("/v1/chat/completions", asked).await,
        404,
        "model_not_found",
    );
}
