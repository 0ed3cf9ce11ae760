//! The first administrator, and what administrators may see of usage.

use concierge::domain::Email;
use serde_json::json;

use super::{LOGIN, ME};
use crate::edge::{field_at_fault, refusal};
use crate::support::{Actor, PASSWORD, TestApp};

const NEW_PASSWORD: &str = "a quite different one";

async fn promote(app: &TestApp, email: &str) {
    let email = Email::parse(email).unwrap();
    let made = app
        .app
        .auth
        .create_admin(email, NEW_PASSWORD.to_owned().into())
        .await;
    made.unwrap();
}

#[tokio::test]
async fn a_user_who_is_made_an_administrator_signs_in_anew() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.with_key(json!({})).await;
    let id = ada.get(ME).await.json()["id"].clone();
    assert_eq!(key.get(ME).await.status, 200);

    promote(&app, "ada@example.com").await;

    refusal(&ada.get(ME).await, 401, "invalid_token");
    refusal(&key.get(ME).await, 401, "invalid_token");
    let old = json!({"username": "ada", "password": PASSWORD});
    assert_eq!(app.anonymous().post(LOGIN, old).await.status, 401);
    let new = json!({"username": "ada", "password": NEW_PASSWORD});
    let reply = app.anonymous().post(LOGIN, new).await;
    assert_eq!(reply.json()["user"]["id"], id);
    assert_eq!(reply.json()["user"]["role"], "admin");
}

#[tokio::test]
async fn an_administrator_of_a_new_address_gets_an_account() {
    let app = TestApp::start().await;

    let root = app.admin().await;

    let me = root.get(ME).await.json();
    assert_eq!(
        (&me["email"], &me["role"]),
        (&json!("root@example.com"), &json!("admin"))
    );
}

// C18: who may not is told 403 insufficient permissions.
#[tokio::test]
async fn usage_of_others_is_for_administrators() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let ada = app.sign_up("ada").await;
    let bob = app.sign_up("bob").await;
    let ada_id = ada.get(ME).await.json()["id"].as_str().unwrap().to_owned();
    chat(&ada).await;
    chat(&ada).await;
    chat(&bob).await;
    app.usage(&ada, 2).await;
    app.usage(&bob, 1).await;

    let requests = async |who: &Actor<'_>, path: &str| {
        let reply = who.get(path).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["total"]["requests"].clone()
    };
    assert_eq!(requests(&root, "/api/v1/usage").await, 0);
    assert_eq!(requests(&root, "/api/v1/usage?all=true").await, 3);
    assert_eq!(
        requests(&root, &format!("/api/v1/usage?user_id={ada_id}")).await,
        2
    );
    assert_eq!(requests(&root, "/api/v1/usage?user_id=nobody").await, 0);

    for path in ["/api/v1/usage?all=true", "/api/v1/usage?user_id=nobody"] {
        refusal(&bob.get(path).await, 403, "insufficient_permissions");
    }
    let both = root.get("/api/v1/usage?all=true&user_id=nobody").await;
    assert_eq!(field_at_fault(&both).0, "user_id");
    let long = root
        .get(&format!("/api/v1/usage?user_id={}", "x".repeat(256)))
        .await;
    assert_eq!(field_at_fault(&long).0, "user_id");
}

async fn chat(actor: &Actor<'_>) {
    let body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(actor.post("/v1/chat/completions", body).await.status, 200);
}

#[tokio::test]
async fn an_administrators_key_administers_only_with_the_scope() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let plain = root.with_key(json!({})).await;
    let mighty = root.with_key(json!({"scopes": ["admin:*"]})).await;

    refusal(
        &plain.get("/api/v1/usage?all=true").await,
        403,
        "insufficient_permissions",
    );
    assert_eq!(mighty.get("/api/v1/usage?all=true").await.status, 200);
}

// ASVS 6.3.2: no account that everybody knows, and nobody who administers for having been first.
#[tokio::test]
async fn a_new_house_has_no_accounts_and_the_first_who_joins_administers_nothing() {
    let app = TestApp::start().await;
    assert_eq!(app.count("SELECT COUNT(*) FROM users").await, 0);

    let first = app.sign_up("ada").await;

    assert_eq!(first.get(ME).await.json()["role"], "user");
    let reply = first.get("/api/v1/users").await;
    refusal(&reply, 403, "insufficient_permissions");
}

#[tokio::test]
async fn the_key_of_who_administers_no_more_administers_no_more() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let ada = app.sign_up("ada").await;
    let path = format!(
        "/api/v1/users/{}",
        ada.get(ME).await.json()["id"].as_str().unwrap()
    );
    root.patch(&path, json!({"role": "admin"})).await;
    let ada = app.log_in("ada").await;
    let key = ada.with_key(json!({"scopes": ["admin:*"]})).await;
    assert_eq!(key.get("/api/v1/users").await.status, 200);

    assert_eq!(root.patch(&path, json!({"role": "user"})).await.status, 200);

    refusal(
        &key.get("/api/v1/users").await,
        403,
        "insufficient_permissions",
    );
    assert_eq!(key.get(ME).await.status, 200, "it is the user's key still");
}
