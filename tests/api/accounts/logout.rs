//! Signing out: on the server, whatever was shown, and always 204.

use std::time::Duration;

use serde_json::json;

use super::{LOGIN, LOGOUT, LOGOUT_ALL, ME, ada, browser_after};
use crate::edge::refusal;
use crate::support::{Actor, TestApp};

async fn sign_out(actor: &Actor<'_>) {
    let reply = actor
        .send(http::Method::POST, LOGOUT, axum::body::Body::empty())
        .await;
    assert_eq!(
        (reply.status, reply.body.len()),
        (204, 0),
        "{}",
        reply.text()
    );
    let cleared = reply.cookies();
    assert!(cleared[0].starts_with("session_token=;"), "{cleared:?}");
    assert!(cleared[0].contains("Max-Age=0"));
}

/// One login: the browser with its cookie, and a program with its token.
async fn both_ways(app: &TestApp) -> (Actor<'_>, Actor<'_>) {
    let reply = app.anonymous().post(LOGIN, ada()).await;
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    let program = app
        .anonymous()
        .header("authorization", format!("Bearer {token}"));
    (browser_after(app, &reply), program)
}

// E10. PocketBase #7332 leaves signing out to the client: what was taken along opens nothing afterwards.
#[tokio::test]
async fn a_cookie_and_a_token_that_were_kept_open_nothing_after_signing_out() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;

    for signs_out_by_cookie in [true, false] {
        let (browser, program) = both_ways(&app).await;
        assert_eq!(browser.get(ME).await.status, 200);
        assert_eq!(program.get(ME).await.status, 200);

        sign_out(if signs_out_by_cookie {
            &browser
        } else {
            &program
        })
        .await;

        refusal(&browser.get(ME).await, 401, "invalid_token");
        refusal(&program.get(ME).await, 401, "invalid_token");
        sign_out(&browser).await;
        sign_out(&program).await;
    }
}

#[tokio::test]
async fn other_logins_and_keys_live_on() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.with_key(json!({})).await;
    let other = app.log_in("ada").await;

    sign_out(&ada).await;

    assert_eq!(ada.get(ME).await.status, 401);
    assert_eq!(other.get(ME).await.status, 200);
    assert_eq!(key.get(ME).await.status, 200);
    sign_out(&key).await;
    assert_eq!(key.get(ME).await.status, 200, "a key has no login to end");
}

#[tokio::test]
async fn who_has_no_login_is_signed_out_already() {
    let app = TestApp::start().await;

    sign_out(&app.anonymous()).await;
    for (name, value) in [
        ("cookie", "session_token=nonsense"),
        ("cookie", "session_token="),
        ("authorization", "Bearer nonsense"),
        ("authorization", "Bearer a.b.c"),
        ("authorization", ""),
        ("authorization", "Basic YTpi"),
        ("x-api-key", "sk-cg-nonsense"),
    ] {
        sign_out(&app.anonymous().header(name, value)).await;
    }
    let two = app
        .anonymous()
        .header("authorization", "Bearer x")
        .header("api-key", "y");
    sign_out(&two).await;
}

#[tokio::test]
async fn a_token_past_its_time_still_ends_its_login() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let (browser, program) = both_ways(&app).await;
    app.advance(Duration::from_hours(1));
    assert_eq!(browser.get(ME).await.status, 200);

    sign_out(&program).await;

    refusal(&browser.get(ME).await, 401, "invalid_token");
}

// The cookie is cleared in the browser, so what it opened must be shut on the server.
#[tokio::test]
async fn a_header_beside_the_cookie_does_not_keep_the_cookies_login_alive() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.key(json!({})).await;

    for (name, value) in [
        ("authorization", "Bearer nonsense".to_owned()),
        ("authorization", ada.authorization().to_owned()),
        ("x-api-key", key),
    ] {
        let (browser, _) = both_ways(&app).await;
        sign_out(&browser.clone().header(name, value)).await;
        refusal(&browser.get(ME).await, 401, "invalid_token");
    }
    assert_eq!(ada.get(ME).await.status, 401, "its login has ended too");
}

// Better Auth #9991: an image on another page signed visitors out.
#[tokio::test]
async fn a_link_or_an_image_signs_nobody_out() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let (browser, _) = both_ways(&app).await;
    let image = browser.clone().header("sec-fetch-site", "cross-site");

    for path in [LOGOUT, LOGOUT_ALL] {
        for visitor in [&browser, &image] {
            let reply = visitor.get(path).await;
            refusal(&reply, 405, "method_not_allowed");
            assert!(reply.cookies().is_empty());
        }
    }
    assert_eq!(browser.get(ME).await.status, 200);
}
