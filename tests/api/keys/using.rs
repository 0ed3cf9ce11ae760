//! Signing in with a key.

use std::time::Duration;

use serde_json::json;

use super::KEYS;
use crate::edge::refusal;
use crate::support::TestApp;

const ME: &str = "/api/v1/auth/me";

#[tokio::test]
async fn a_key_opens_under_each_of_its_three_names() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.key(json!({})).await;

    for (name, value) in [
        ("authorization", format!("Bearer {key}")),
        ("authorization", format!("bearer {key}")),
        ("x-api-key", key.clone()),
        ("api-key", key.clone()),
    ] {
        let reply = app.anonymous().header(name, value).get(ME).await;
        assert_eq!(
            (reply.status, &reply.json()["username"]),
            (200, &json!("ada")),
            "{name}"
        );
    }
}

#[tokio::test]
async fn what_is_almost_a_key_opens_nothing() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.key(json!({})).await;
    let other = ada.key(json!({})).await;
    let last = if key.ends_with('a') { "b" } else { "a" };
    let half = key.len() / 2;

    for almost in [
        key[..key.len() - 1].to_owned(),
        format!("{key}a"),
        format!("{}{last}", &key[..key.len() - 1]),
        key.to_uppercase(),
        format!("{}{}", &key[..half], &other[half..]),
        key.replace("sk-cg-", "sk-"),
        "sk-cg-".to_owned(),
    ] {
        let reply = app.anonymous().header("x-api-key", &almost).get(ME).await;
        refusal(&reply, 401, "invalid_token");
    }
    let as_cookie = app
        .anonymous()
        .header("cookie", format!("session_token={key}"));
    refusal(&as_cookie.get(ME).await, 401, "invalid_token");
    let token = ada.authorization().replace("Bearer ", "");
    let token_as_key = app.anonymous().header("x-api-key", token);
    refusal(&token_as_key.get(ME).await, 401, "invalid_token");
}

#[tokio::test]
async fn a_key_ends_at_its_time_to_the_second() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada
        .with_key(json!({"expires_at": "2026-11-21T10:30:00Z"}))
        .await;

    app.advance(Duration::from_secs(3_599));
    assert_eq!(key.get(ME).await.status, 200);
    app.advance(Duration::from_secs(1));

    refusal(&key.get(ME).await, 401, "invalid_token");
}

#[tokio::test]
async fn a_key_outlives_the_login_that_made_it() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.with_key(json!({})).await;

    ada.post("/api/v1/auth/logout", json!({})).await;
    app.advance(Duration::from_hours(24 * 89));

    assert_eq!(key.get(ME).await.status, 200);
}

#[tokio::test]
async fn a_key_tells_when_it_was_last_used_to_the_minute() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.with_key(json!({})).await;
    app.advance(Duration::from_secs(10));
    assert_eq!(key.get(ME).await.status, 200);
    app.advance(Duration::from_secs(59));
    assert_eq!(key.get(ME).await.status, 200);

    let first = ada.get(KEYS).await.json()["items"][0]["last_used_at"].clone();
    app.advance(Duration::from_secs(6));
    assert_eq!(key.get(ME).await.status, 200);
    let later = ada.get(KEYS).await.json()["items"][0]["last_used_at"].clone();

    assert_eq!(first, "2026-11-21T09:30:10Z");
    assert_eq!(later, "2026-11-21T09:31:15Z");
}

#[tokio::test]
async fn the_keys_of_a_disabled_account_open_nothing() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.with_key(json!({})).await;
    assert_eq!(key.get(ME).await.status, 200);

    app.execute("UPDATE users SET status = 'inactive' WHERE username = 'ada'")
        .await;
    // By another process, it is noticed within five seconds.
    app.advance(Duration::from_secs(5));

    refusal(&key.get(ME).await, 401, "invalid_token");
    refusal(&ada.get(ME).await, 401, "invalid_token");
}
