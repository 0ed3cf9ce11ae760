//! Where credentials may stand, and what becomes of those that are no good.

use serde_json::json;

use super::{openai_refusal, refusal};
use crate::support::{PASSWORD, TestApp};

const ME: &str = "/api/v1/auth/me";
const CHALLENGE: &str = r#"Bearer realm="api""#;
const INVALID: &str = r#"Bearer realm="api", error="invalid_token""#;

// C16, D12, D44: nothing shown is 401 with a challenge.
#[tokio::test]
async fn who_shows_nothing_is_asked_to() {
    let app = TestApp::start().await;

    let reply = app.anonymous().get(ME).await;

    refusal(&reply, 401, "unauthorized");
    assert_eq!(reply.header("www-authenticate"), CHALLENGE);
}

// C16, D44: what is shown and is not good is 401 and says so. GHSA-xmf8-cvqr-rfgj (Auth.js): a header that
// could not be read threw.
#[tokio::test]
async fn a_bad_credential_is_401_and_never_an_accident() {
    let app = TestApp::start().await;
    let long = format!("Bearer {}", "x".repeat(60_000));

    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer  x y",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer sk-cg-nothing",
        "Basic YTpi",
        "Token x",
        "Bearer ümlaut",
        &long,
    ] {
        let reply = app.anonymous().header("authorization", value).get(ME).await;
        refusal(&reply, 401, "invalid_token");
        assert_eq!(reply.header("www-authenticate"), INVALID, "{value:.20}");
    }
    for name in ["x-api-key", "api-key"] {
        let reply = app.anonymous().header(name, "sk-cg-nothing").get(ME).await;
        refusal(&reply, 401, "invalid_token");
    }
    let reply = app
        .anonymous()
        .header("cookie", "session_token=nonsense")
        .get(ME)
        .await;
    refusal(&reply, 401, "invalid_token");
    let reply = app
        .anonymous()
        .header("authorization", "Bearer x")
        .get("/v1/models")
        .await;
    openai_refusal(&reply, 401, "invalid_api_key");
    assert_eq!(reply.header("www-authenticate"), INVALID);
}

#[tokio::test]
async fn a_bad_header_never_falls_back_to_the_cookie() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let body = json!({"username": "ada", "password": PASSWORD});
    let reply = app.anonymous().post("/api/v1/auth/login", body).await;
    let cookie = reply.cookies()[0].split(';').next().unwrap().to_owned();
    let browser = app.anonymous().header("cookie", &cookie);
    assert_eq!(browser.get(ME).await.status, 200);

    for (name, value) in [
        ("authorization", "Bearer nonsense"),
        ("authorization", ""),
        ("authorization", "Basic YTpi"),
        ("x-api-key", "nonsense"),
        ("api-key", ""),
    ] {
        let reply = browser.clone().header(name, value).get(ME).await;
        refusal(&reply, 401, "invalid_token");
    }
}

#[tokio::test]
async fn the_scheme_is_read_whatever_its_capitals() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let token = ada.authorization().replace("Bearer ", "");

    for scheme in ["bearer", "BEARER", "bEaReR"] {
        let value = format!("{scheme} {token}");
        let reply = app.anonymous().header("authorization", value).get(ME).await;
        assert_eq!(reply.status, 200);
    }
}

#[tokio::test]
async fn credentials_in_two_places_are_400_even_if_both_are_good() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.key(json!({})).await;

    let with_key = ada.clone().header("x-api-key", &key).get(ME).await;
    refusal(&with_key, 400, "invalid_request");
    let two_keys = app
        .anonymous()
        .header("x-api-key", &key)
        .header("api-key", &key);
    refusal(&two_keys.get(ME).await, 400, "invalid_request");
    openai_refusal(&two_keys.get("/v1/models").await, 400, "invalid_request");
}

#[tokio::test]
async fn credentials_in_the_query_are_400_even_if_they_are_good() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.key(json!({})).await;

    for name in ["access_token", "api_key", "token", "api%5Fkey"] {
        let path = format!("{ME}?{name}={key}");
        refusal(&app.anonymous().get(&path).await, 400, "invalid_request");
        let beside = ada.get(&path).await;
        refusal(&beside, 400, "invalid_request");
        assert!(!beside.text().contains(&key));
    }
}

#[tokio::test]
async fn an_open_door_asks_for_nothing_and_is_not_shut_by_bad_credentials() {
    let app = TestApp::start().await;

    for path in ["/", "/health", "/livez", "/api/v1/status", "/api/v1/config"] {
        let reply = app
            .anonymous()
            .header("authorization", "Bearer x")
            .get(path)
            .await;
        assert_eq!(reply.status, 200, "{path}");
    }
}
