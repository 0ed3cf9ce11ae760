//! Signing out everywhere.

use std::time::Duration;

use axum::body::Body;
use http::Method;
use serde_json::json;

use super::{LOGIN, LOGOUT, LOGOUT_ALL, ME, SESSIONS, ada, browser_after};
use crate::edge::refusal;
use crate::support::{Actor, PASSWORD, Reply, TestApp};

async fn post(actor: &Actor<'_>, path: &str) -> Reply {
    actor.send(Method::POST, path, Body::empty()).await
}

async fn sign_out_everywhere(actor: &Actor<'_>) -> Reply {
    let reply = post(actor, LOGOUT_ALL).await;
    assert_eq!((reply.status, reply.text()), (204, ""));
    assert_eq!(reply.header("cache-control"), "no-store");
    reply
}

async fn browser<'a>(app: &'a TestApp, name: &str) -> Actor<'a> {
    let body = json!({"username": name, "password": PASSWORD});
    browser_after(app, &app.anonymous().post(LOGIN, body).await)
}

#[tokio::test]
async fn every_login_ends_at_once_here_and_within_five_seconds_elsewhere() {
    for signs_out_by_cookie in [true, false] {
        let app = TestApp::start().await;
        let program = app.sign_up("ada").await;
        let other = app.log_in("ada").await;
        let browser = browser(&app, "ada").await;
        let elsewhere = app.replica().await;
        let there = elsewhere
            .anonymous()
            .header("authorization", other.authorization());
        for actor in [&program, &other, &browser, &there] {
            assert_eq!(actor.get(ME).await.status, 200);
        }

        sign_out_everywhere(if signs_out_by_cookie {
            &browser
        } else {
            &program
        })
        .await;

        for actor in [&program, &other, &browser] {
            refusal(&actor.get(ME).await, 401, "invalid_token");
        }
        app.advance(Duration::from_secs(5));
        refusal(&there.get(ME).await, 401, "invalid_token");
        let again = app.log_in("ada").await;
        assert_eq!(again.get(SESSIONS).await.json()["total"], 1);
    }
}

#[tokio::test]
async fn keys_and_the_logins_of_others_live_on() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.with_key(json!({})).await;
    let eve = app.sign_up("eve").await;

    sign_out_everywhere(&ada).await;

    assert_eq!(key.get(ME).await.status, 200);
    assert_eq!(eve.get(ME).await.status, 200);
}

// E10: gone in every form in which it could have been set, as by signing out once.
#[tokio::test]
async fn the_cookie_is_cleared_as_by_signing_out_once() {
    for settings in [
        vec![],
        vec![
            ("PUBLIC_URL", "https://api.example.com"),
            ("COOKIE_DOMAIN", "example.com"),
            ("COOKIE_NAME", "sid"),
            ("ALLOWED_ORIGINS", "https://app.example.org"),
        ],
    ] {
        let app = TestApp::with(&settings).await;
        app.sign_up("ada").await;
        let once = post(&browser(&app, "ada").await, LOGOUT).await;

        let everywhere = sign_out_everywhere(&browser(&app, "ada").await).await;
        let by_token = sign_out_everywhere(&app.log_in("ada").await).await;

        assert!(!once.cookies().is_empty());
        assert_eq!(everywhere.cookies(), once.cookies());
        assert_eq!(by_token.cookies(), once.cookies());
    }
}

// The cookie is taken from the browser, so what it opened must be shut on the server.
#[tokio::test]
async fn the_cookie_of_another_beside_a_token_ends_its_login_alone() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let eve = app.sign_up("eve").await;
    let browser = browser(&app, "eve").await;

    let both = browser.clone().header("authorization", ada.authorization());
    sign_out_everywhere(&both).await;

    refusal(&ada.get(ME).await, 401, "invalid_token");
    refusal(&browser.get(ME).await, 401, "invalid_token");
    assert_eq!(eve.get(ME).await.status, 200);
}

#[tokio::test]
async fn it_needs_a_login() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    app.sign_up("ada").await;
    let login = app.anonymous().post(LOGIN, ada()).await;
    let token = login.json()["access_token"].as_str().unwrap().to_owned();
    let expired = app
        .anonymous()
        .header("authorization", format!("Bearer {token}"));

    refusal(
        &post(&app.anonymous(), LOGOUT_ALL).await,
        401,
        "unauthorized",
    );
    for wanted in [json!({}), json!({"scopes": ["admin:*"]})] {
        let key = root.with_key(wanted).await;
        let reply = post(&key, LOGOUT_ALL).await;
        refusal(&reply, 403, "insufficient_permissions");
        assert!(reply.cookies().is_empty());
    }
    app.advance(Duration::from_hours(1));
    refusal(&post(&expired, LOGOUT_ALL).await, 401, "token_expired");
    let browser = browser_after(&app, &login);
    assert_eq!(browser.get(ME).await.status, 200);
}
