//! How long a login lasts, by the clock.

use std::time::Duration;

use serde_json::json;

use super::{LOGIN, ME, ada, browser_after};
use crate::edge::refusal;
use crate::support::TestApp;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const INVALID: &str = r#"Bearer realm="api", error="invalid_token""#;

#[tokio::test]
async fn an_access_token_lasts_fifteen_minutes_and_says_that_it_has_expired() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    app.advance(Duration::from_secs(899));
    assert_eq!(ada.get(ME).await.status, 200);
    // Clocks may differ by half a minute.
    app.advance(Duration::from_secs(32));

    let reply = ada.get(ME).await;
    refusal(&reply, 401, "token_expired");
    assert_eq!(reply.header("www-authenticate"), INVALID);
    let openai = ada.get("/v1/models").await;
    assert_eq!(
        (openai.status, openai.code().as_str()),
        (401, "token_expired")
    );
}

#[tokio::test]
async fn its_lifetime_can_be_configured_and_is_told() {
    let app = TestApp::with(&[("ACCESS_TOKEN_TTL", "60s")]).await;
    app.sign_up("ada").await;

    let reply = app.anonymous().post(LOGIN, ada()).await;
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    let ada = app
        .anonymous()
        .header("authorization", format!("Bearer {token}"));

    assert_eq!(reply.json()["expires_in"], 60);
    app.advance(Duration::from_secs(92));
    refusal(&ada.get(ME).await, 401, "token_expired");
}

#[tokio::test]
async fn an_idle_login_ends_after_seven_days() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let browser = browser_after(&app, &app.anonymous().post(LOGIN, ada()).await);

    app.advance(Duration::from_secs(7 * 86_400 - 1));
    let other = browser_after(&app, &app.anonymous().post(LOGIN, ada()).await);
    app.advance(Duration::from_secs(1));

    refusal(&browser.get(ME).await, 401, "invalid_token");
    assert_eq!(other.get(ME).await.status, 200);
}

#[tokio::test]
async fn a_login_in_use_lives_on_up_to_thirty_days() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let browser = browser_after(&app, &app.anonymous().post(LOGIN, ada()).await);

    for day in 1..=29 {
        app.advance(DAY);
        assert_eq!(browser.get(ME).await.status, 200, "day {day}");
    }
    app.advance(Duration::from_secs(86_399));
    assert_eq!(browser.get(ME).await.status, 200);

    app.advance(Duration::from_secs(1));
    refusal(&browser.get(ME).await, 401, "invalid_token");
}

#[tokio::test]
async fn a_login_that_is_not_remembered_ends_after_twelve_hours_though_in_use() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let mut body = ada();
    body["remember"] = json!(false);
    let browser = browser_after(&app, &app.anonymous().post(LOGIN, body).await);

    for _ in 0..11 {
        app.advance(HOUR);
        assert_eq!(browser.get(ME).await.status, 200);
    }
    app.advance(HOUR);

    refusal(&browser.get(ME).await, 401, "invalid_token");
}

// ASVS 7.1.2.
#[tokio::test]
async fn of_many_logins_the_oldest_make_room() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let first = browser_after(&app, &app.anonymous().post(LOGIN, ada()).await);
    assert_eq!(first.get(ME).await.status, 200);

    for _ in 0..50 {
        app.advance(Duration::from_secs(1));
        assert_eq!(app.anonymous().post(LOGIN, ada()).await.status, 200);
    }

    refusal(&first.get(ME).await, 401, "invalid_token");
}
