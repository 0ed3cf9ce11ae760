//! Going on without signing in again.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::{LOGIN, LOGOUT, ME, ada, attributes, browser_after};
use crate::edge::{field_at_fault, refusal};
use crate::support::{Actor, Reply, TestApp};

const REFRESH: &str = "/api/v1/auth/refresh";
const DAY: Duration = Duration::from_hours(24);
/// How long the token before the newest one is still answered.
const GRACE: Duration = Duration::from_secs(10);

async fn signed_in(app: &TestApp) -> Reply {
    app.sign_up("ada").await;
    let reply = app.anonymous().post(LOGIN, ada()).await;
    assert_eq!(reply.status, 200);
    reply
}

fn refresh_token(reply: &Reply) -> String {
    reply.json()["refresh_token"].as_str().unwrap().to_owned()
}

/// Who shows the access token of an answer.
fn bearer<'a>(app: &'a TestApp, reply: &Reply) -> Actor<'a> {
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    app.anonymous()
        .header("authorization", format!("Bearer {token}"))
}

async fn refresh(app: &TestApp, token: &str) -> Reply {
    app.anonymous()
        .post(REFRESH, json!({"refresh_token": token}))
        .await
}

async fn refreshed(app: &TestApp, token: &str) -> Reply {
    let reply = refresh(app, token).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

fn in_cookie<'a>(app: &'a TestApp, login: &Reply) -> Actor<'a> {
    let cookie = login.cookies()[1].split(';').next().unwrap().to_owned();
    app.anonymous().header("cookie", cookie)
}

#[tokio::test]
async fn a_login_comes_with_a_refresh_token_in_its_body_and_in_a_cookie_of_its_own() {
    let app = TestApp::start().await;

    let login = signed_in(&app).await;

    let token = refresh_token(&login);
    assert!(
        token.starts_with("v1.") && token.split('.').count() == 4,
        "{token}"
    );
    let [session, cookie, _known_device] = login.cookies()[..] else {
        panic!("{:?}", login.cookies());
    };
    assert!(session.starts_with("session_token="));
    assert!(cookie.starts_with(&format!("refresh_token={token};")));
    let wanted = [
        "HttpOnly",
        "Max-Age=2592000",
        "Path=/api/v1/auth/refresh",
        "SameSite=Lax",
    ];
    assert_eq!(attributes(cookie), wanted);
}

#[tokio::test]
async fn in_the_body_it_is_answered_with_the_next_one_and_an_access_token() {
    let app = TestApp::start().await;
    let login = signed_in(&app).await;

    let next = refreshed(&app, &refresh_token(&login)).await;

    assert_ne!(refresh_token(&next), refresh_token(&login));
    assert_eq!(next.json()["token_type"], "bearer");
    assert_eq!(next.json()["expires_in"], 900);
    assert_eq!(next.json()["user"], Value::Null);
    assert_eq!(next.header("cache-control"), "no-store");
    assert!(
        next.cookies().is_empty(),
        "who sends it in the body keeps it elsewhere"
    );
    assert_eq!(bearer(&app, &next).get(ME).await.json()["username"], "ada");
    refreshed(&app, &refresh_token(&next)).await;
}

#[tokio::test]
async fn in_its_cookie_it_is_answered_with_the_next_cookie() {
    let app = TestApp::start().await;
    let login = signed_in(&app).await;

    // As a browser's fetch sends it: a POST without a body.
    let browser = in_cookie(&app, &login).header("sec-fetch-site", "same-origin");
    let next = browser
        .send(Method::POST, REFRESH, axum::body::Body::empty())
        .await;

    assert_eq!(next.status, 200, "{}", next.text());
    let [cookie] = next.cookies()[..] else {
        panic!("{:?}", next.cookies());
    };
    let token = refresh_token(&next);
    assert!(cookie.starts_with(&format!("refresh_token={token};")));
    assert!(cookie.contains("Path=/api/v1/auth/refresh"));
    let foreign = in_cookie(&app, &login).header("origin", "https://evil.example");
    refusal(&foreign.post(REFRESH, json!({})).await, 403, "csrf_origin");
}

// Two tabs, or an answer that was lost (supabase/auth-js#213).
#[tokio::test]
async fn for_ten_seconds_the_one_before_is_answered_with_the_same_successor() {
    let app = TestApp::start().await;
    let first = refresh_token(&signed_in(&app).await);

    let second = refresh_token(&refreshed(&app, &first).await);
    app.advance(GRACE);

    assert_eq!(refresh_token(&refreshed(&app, &first).await), second);
    let third = refresh_token(&refreshed(&app, &second).await);
    assert_ne!(third, second);
}

#[tokio::test]
async fn who_shows_it_later_ends_the_login_for_everybody_who_holds_it() {
    let app = TestApp::start().await;
    let login = signed_in(&app).await;
    let next = refreshed(&app, &refresh_token(&login)).await;
    app.advance(GRACE + Duration::from_secs(1));

    let reused = refresh(&app, &refresh_token(&login)).await;

    refusal(&reused, 401, "refresh_reused");
    assert_eq!(refresh(&app, &refresh_token(&next)).await.status, 401);
    for thief_or_owner in [
        bearer(&app, &login),
        bearer(&app, &next),
        browser_after(&app, &login),
    ] {
        refusal(&thief_or_owner.get(ME).await, 401, "invalid_token");
    }
}

// RFC 9700 §4.14.2, whatever was between.
#[tokio::test]
async fn one_that_is_two_uses_old_ends_the_login_at_once() {
    let app = TestApp::start().await;
    let first = refresh_token(&signed_in(&app).await);
    let second = refresh_token(&refreshed(&app, &first).await);
    let third = refresh_token(&refreshed(&app, &second).await);

    refusal(&refresh(&app, &first).await, 401, "refresh_reused");
    refusal(&refresh(&app, &third).await, 401, "invalid_token");
}

// GHSA-392p-2q2v-4372: a rotation that is raced must not make two families.
#[tokio::test]
async fn of_twenty_at_once_at_two_replicas_all_get_one_successor() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let first = refresh_token(&signed_in(&app).await);

    let all = (0..20).map(|place| refresh(if place % 2 == 0 { &app } else { &other }, &first));
    let replies = join_all(all).await;

    let mut tokens: Vec<_> = replies.iter().map(refresh_token).collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    let access = replies.iter().map(|reply| bearer(&app, reply));
    for actor in access {
        assert_eq!(actor.get(ME).await.status, 200);
    }
    app.advance(GRACE + Duration::from_secs(1));
    refreshed(&app, &tokens[0]).await;
    refusal(&refresh(&other, &first).await, 401, "refresh_reused");
}

#[tokio::test]
async fn what_is_no_refresh_token_of_ours_is_refused() {
    let app = TestApp::start().await;
    let login = signed_in(&app).await;
    let token = refresh_token(&login);
    let access = login.json()["access_token"].as_str().unwrap().to_owned();

    for forged in [
        "",
        "v1",
        &access,
        &token.replace(".0.", ".1."),
        &token.replace("v1.", "v2."),
        &token[..token.len() - 1],
        &"x".repeat(10_000),
    ] {
        refusal(&refresh(&app, forged).await, 401, "invalid_token");
    }
    let nothing = app.anonymous().post(REFRESH, json!({})).await;
    refusal(&nothing, 401, "unauthorized");
    let unknown = app
        .anonymous()
        .post(REFRESH, json!({"refresh_token": token, "role": "admin"}))
        .await;
    assert_eq!(field_at_fault(&unknown).0, "role");
    let as_bearer = app
        .anonymous()
        .header("authorization", format!("Bearer {token}"));
    refusal(&as_bearer.get(ME).await, 401, "invalid_token");
    refreshed(&app, &token).await;
}

#[tokio::test]
async fn who_has_signed_out_cannot_refresh_and_the_cookie_is_taken_away() {
    let app = TestApp::start().await;
    let login = signed_in(&app).await;

    let out = browser_after(&app, &login).post(LOGOUT, json!({})).await;

    refusal(
        &refresh(&app, &refresh_token(&login)).await,
        401,
        "invalid_token",
    );
    let [_, cleared] = out.cookies()[..] else {
        panic!("{:?}", out.cookies());
    };
    assert!(cleared.starts_with("refresh_token=;"), "{cleared}");
    assert!(cleared.contains("Path=/api/v1/auth/refresh"), "{cleared}");
    assert!(cleared.contains("Max-Age=0"), "{cleared}");
}

#[tokio::test]
async fn who_was_disabled_cannot_refresh() {
    let app = TestApp::start().await;
    let login = signed_in(&app).await;
    app.execute("UPDATE users SET status = 'inactive' WHERE username = 'ada'")
        .await;

    refusal(
        &refresh(&app, &refresh_token(&login)).await,
        401,
        "invalid_token",
    );
}

// rauthy#1208: what was taken from a user came back by refreshing. The row is changed as another program
// would do it; our own routes end the login.
#[tokio::test]
async fn a_refreshed_token_says_what_the_user_may_at_this_moment() {
    let app = TestApp::start().await;
    let mut token = refresh_token(&signed_in(&app).await);

    for (sql, role, status) in [
        (
            "UPDATE users SET role = 'admin' WHERE username = 'ada'",
            "admin",
            200,
        ),
        (
            "UPDATE users SET role = 'user' WHERE username = 'ada'",
            "user",
            403,
        ),
    ] {
        app.execute(sql).await;
        let next = refreshed(&app, &token).await;

        assert_eq!(claims(&next)["role"], role);
        assert_eq!(
            bearer(&app, &next).get("/api/v1/users").await.status,
            status
        );
        token = refresh_token(&next);
    }
}

/// What the access token of an answer says.
fn claims(reply: &Reply) -> Value {
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    let part = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap());
    serde_json::from_slice(&part.unwrap()).unwrap()
}

#[tokio::test]
async fn unused_it_ends_after_thirty_days_and_used_after_ninety() {
    let app = TestApp::start().await;
    let login = signed_in(&app).await;
    let other = app.anonymous().post(LOGIN, ada()).await;

    let mut token = refresh_token(&login);
    for _ in 0..3 {
        app.advance(DAY * 29);
        token = refresh_token(&refreshed(&app, &token).await);
    }

    refusal(
        &refresh(&app, &refresh_token(&other)).await,
        401,
        "invalid_token",
    );
    app.advance(DAY * 3);
    refusal(&refresh(&app, &token).await, 401, "invalid_token");
}

#[tokio::test]
async fn of_a_login_that_is_not_remembered_it_ends_after_twelve_hours() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let mut unremembered = ada();
    unremembered["remember"] = json!(false);
    let login = app.anonymous().post(LOGIN, unremembered).await;
    assert!(
        !login.cookies()[1].contains("Max-Age"),
        "{:?}",
        login.cookies()
    );

    app.advance(Duration::from_hours(11));
    let next = refreshed(&app, &refresh_token(&login)).await;
    app.advance(Duration::from_hours(1));

    refusal(
        &refresh(&app, &refresh_token(&next)).await,
        401,
        "invalid_token",
    );
}

#[tokio::test]
async fn the_cookie_of_the_session_and_the_refresh_token_each_die_by_their_own_clock() {
    let app = TestApp::start().await;
    let login = signed_in(&app).await;
    let browser = browser_after(&app, &login);
    let mut token = refresh_token(&login);

    for _ in 0..8 {
        app.advance(DAY);
        let next = refreshed(&app, &token).await;
        assert_eq!(bearer(&app, &next).get(ME).await.status, 200);
        token = refresh_token(&next);
    }

    refusal(&browser.get(ME).await, 401, "invalid_token");
    let next = refreshed(&app, &token).await;
    assert_eq!(bearer(&app, &next).get(ME).await.status, 200);
    let used = app.anonymous().post(LOGIN, ada()).await;
    let browser = browser_after(&app, &used);
    for _ in 0..8 {
        app.advance(DAY * 3);
        assert_eq!(browser.get(ME).await.status, 200);
    }
    app.advance(DAY * 6);
    refusal(&browser.get(ME).await, 401, "invalid_token");
    refusal(
        &refresh(&app, &refresh_token(&used)).await,
        401,
        "invalid_token",
    );
}
