//! What a foreign token reaches: what its user may, but for what a login here has alone.

use std::time::Duration;

use serde_json::json;

use super::bearer;
use crate::support::TestApp;
use crate::support::issuer::{Issuer, SigningKey};

async fn scene() -> (TestApp, String) {
    let key = SigningKey::ed25519("the-key");
    let issuer = Issuer::publishing(&[&key]).await;
    let app = issuer.app().await;
    let token = key.token(&issuer.claims("ada"));
    let reply = super::me(&app, &token).await;
    assert_eq!(reply.status, 200);
    (app, token)
}

#[tokio::test]
async fn models_answer_and_the_ledger_knows_who_asked() {
    let (app, token) = scene().await;
    let ada = bearer(&app, &token);

    let asked = json!({"model": "offline/echo", "messages": [{"role": "user", "content": "Hi"}]});
    let answer = ada.post("/api/v1/chat/completions", asked).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(app.ledger(1).await[0].user_id, "ada");
    let status = ada.get("/api/v1/status/user").await.json();
    assert_eq!(status["user_id"], "ada");
}

#[tokio::test]
async fn a_foreign_user_makes_keys_and_changes_their_profile() {
    let (app, token) = scene().await;
    let ada = bearer(&app, &token);

    let key = ada.with_key(json!({"scopes": ["profile:read"]})).await;
    assert_eq!(key.get("/api/v1/auth/me").await.json()["id"], "ada");
    let wanted = json!({"username": "countess", "name": "Ada King"});
    let changed = ada.patch("/api/v1/auth/me", wanted).await;
    assert_eq!(changed.json()["username"], "countess", "{}", changed.text());
    let admin_key = json!({"name": "x", "scopes": ["admin:*"]});
    assert_eq!(ada.post("/api/v1/api-keys", admin_key).await.status, 403);
}

#[tokio::test]
async fn there_are_no_sessions_of_it_here_and_none_to_end() {
    let (app, token) = scene().await;
    let ada = bearer(&app, &token);

    assert_eq!(ada.get("/api/v1/auth/sessions").await.json()["total"], 0);
    let none = "/api/v1/auth/sessions/0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55";
    assert_eq!(ada.delete(none).await.status, 404);
    assert_eq!(ada.post("/api/v1/auth/logout", json!({})).await.status, 204);
    assert_eq!(
        ada.post("/api/v1/auth/logout-all", json!({})).await.status,
        204
    );

    // It is its issuer's, and lives until it ends.
    assert_eq!(ada.get("/api/v1/auth/me").await.status, 200);
}

#[tokio::test]
async fn without_a_password_none_opens_and_none_is_asked_for() {
    let (app, token) = scene().await;
    let ada = bearer(&app, &token);
    for login in ["ada@elsewhere.example", "ada"] {
        let body = json!({"username": login, "password": "correct horse battery"});
        let reply = app.anonymous().post("/api/v1/auth/login", body).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (401, "invalid_credentials")
        );
    }
    let wanted = json!({"current_password": "correct horse battery",
        "new_password": "a staple that nobody guesses"});
    let reply = ada.post("/api/v1/auth/change-password", wanted).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (403, "invalid_credentials")
    );

    assert_eq!(ada.delete("/api/v1/auth/me").await.status, 204);
    assert_eq!(app.count("SELECT COUNT(*) FROM users").await, 0);
}

#[tokio::test]
async fn an_export_says_who_the_user_is_elsewhere() {
    let (app, token) = scene().await;
    app.advance(Duration::from_secs(1));

    let export = bearer(&app, &token)
        .get("/api/v1/auth/me/export")
        .await
        .json();

    assert_eq!(export["user"]["email"], "ada@elsewhere.example");
    assert_eq!(export["identities"][0]["issuer"], "better-auth");
    assert_eq!(export["identities"][0]["subject"], "ada");
    assert_eq!(export["password_changed_at"], json!(null));
    let event = &export["audit"][0];
    assert_eq!(event["event"], "user.registered");
    assert_eq!(event["details"]["issuer"], "better-auth");
}

#[tokio::test]
async fn it_is_shown_in_no_other_place() {
    let (app, token) = scene().await;

    let in_key = app
        .anonymous()
        .header("x-api-key", &token)
        .get("/api/v1/models")
        .await;
    let in_cookie = app
        .anonymous()
        .header("cookie", format!("session_token={token}"));
    let in_query = format!("/api/v1/models?access_token={token}");

    assert_eq!(in_key.status, 401);
    assert_eq!(in_cookie.get("/api/v1/models").await.status, 401);
    assert_eq!(app.anonymous().get(&in_query).await.status, 400);
    assert_eq!(bearer(&app, &token).get("/api/v1/models").await.status, 200);
}
