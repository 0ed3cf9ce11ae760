//! Pages of other sites must not act for whoever looks at them: the steps of the algorithm, in order.

use axum::body::Body;
use http::Method;
use serde_json::json;

use super::refusal;
use crate::support::{Actor, PASSWORD, TestApp};

const KEYS: &str = "/api/v1/api-keys";
const LOGIN: &str = "/api/v1/auth/login";

/// A browser in which Ada has signed in.
async fn browser(app: &TestApp) -> Actor<'_> {
    app.sign_up("ada").await;
    let body = json!({"username": "ada", "password": PASSWORD});
    let reply = app.anonymous().post(LOGIN, body).await;
    let cookie = reply.cookies()[0].split(';').next().unwrap().to_owned();
    app.anonymous().header("cookie", cookie)
}

async fn makes_a_key(browser: &Actor<'_>) -> u16 {
    let reply = browser.post(KEYS, json!({"name": "k"})).await;
    if reply.status == 403 {
        refusal(&reply, 403, "csrf_origin");
    }
    reply.status
}

// Step 1: credentials in a header are no browser's doing.
#[tokio::test]
async fn a_header_with_credentials_is_not_asked_where_it_comes_from() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.key(json!({})).await;

    let from_afar = ada
        .header("origin", "https://evil.example")
        .header("sec-fetch-site", "cross-site");
    assert_eq!(makes_a_key(&from_afar).await, 201);
    for name in ["x-api-key", "api-key"] {
        let from_afar = app
            .anonymous()
            .header(name, &key)
            .header("origin", "https://evil.example");
        let reply = from_afar
            .post(
                "/v1/chat/completions",
                json!({"model": "m", "messages": []}),
            )
            .await;
        assert_ne!(reply.status, 403, "{name}");
    }
}

// Step 1: an invalid header is 401, and the cookie beside it does not count.
#[tokio::test]
async fn an_invalid_header_is_401_whatever_the_cookie_and_the_origin() {
    let app = TestApp::start().await;
    let browser = browser(&app)
        .await
        .header("authorization", "Bearer nonsense");

    let reply = browser
        .header("origin", "https://evil.example")
        .post(KEYS, json!({"name": "k"}))
        .await;

    refusal(&reply, 401, "invalid_token");
}

// Step 2: a page of ours.
#[tokio::test]
async fn a_page_of_the_same_origin_may_whatever_its_origin_says() {
    let app = TestApp::start().await;
    let browser = browser(&app).await.header("sec-fetch-site", "same-origin");

    assert_eq!(makes_a_key(&browser).await, 201);
    assert_eq!(
        makes_a_key(&browser.header("origin", "http://odd.example")).await,
        201
    );
}

// Step 2b: the origin, exactly.
#[tokio::test]
async fn an_allowed_origin_may_and_any_other_may_not() {
    let app = TestApp::with(&[("ALLOWED_ORIGINS", "https://app.example.com")]).await;
    let browser = browser(&app).await;

    for (origin, status) in [
        ("https://app.example.com", 201),
        ("https://APP.example.com", 201),
        ("http://app.example.com", 403),
        ("https://app.example.com:444", 403),
        ("https://app.example.com.evil.example", 403),
        ("https://evil-app.example.com", 403),
        ("https://evil.example/https://app.example.com", 403),
        ("null", 403),
        ("", 403),
        ("ümlaut", 403),
    ] {
        let page = browser.clone().header("origin", origin);
        assert_eq!(makes_a_key(&page).await, status, "{origin}");
        let page = page.header("sec-fetch-site", "cross-site");
        assert_eq!(
            makes_a_key(&page).await,
            status,
            "{origin}, and it says cross-site"
        );
    }
}

// Step 2b: without PUBLIC_URL a developer's machine is known by the name it was asked under.
#[tokio::test]
async fn the_own_host_is_ours_in_development() {
    let app = TestApp::start().await;
    let browser = browser(&app).await.header("host", "127.0.0.1:8000");

    for (origin, status) in [
        ("http://127.0.0.1:8000", 201),
        ("http://127.0.0.1:9000", 403),
        ("http://127.0.0.1", 403),
        ("http://localhost:3000", 201),
    ] {
        let page = browser.clone().header("origin", origin);
        assert_eq!(makes_a_key(&page).await, status, "{origin}");
    }
}

// Step 2b: with PUBLIC_URL that alone is ours.
#[tokio::test]
async fn the_public_url_is_ours_and_the_host_header_proves_nothing() {
    let app = TestApp::with(&[
        ("PUBLIC_URL", "https://api.example.com"),
        ("ALLOWED_ORIGINS", "[]"),
    ])
    .await;
    let browser = browser(&app).await.header("host", "evil.example");

    for (origin, status) in [
        ("https://api.example.com", 201),
        ("https://API.example.com", 201),
        ("http://api.example.com", 403),
        ("http://evil.example", 403),
        ("https://evil.example", 403),
        ("http://localhost:3000", 403),
    ] {
        let page = browser.clone().header("origin", origin);
        assert_eq!(makes_a_key(&page).await, status, "{origin}");
    }
}

// Step 3: no origin, but the browser says where the page stands.
#[tokio::test]
async fn without_an_origin_the_site_decides() {
    let app = TestApp::start().await;
    let browser = browser(&app).await;

    for (site, status) in [
        ("none", 201),
        ("cross-site", 403),
        ("same-site", 403),
        ("nonsense", 403),
    ] {
        let page = browser.clone().header("sec-fetch-site", site);
        assert_eq!(makes_a_key(&page).await, status, "{site}");
    }
}

// Step 4: who says nothing of the sort is no browser of today, and no form may pass for a program.
#[tokio::test]
async fn a_program_may_and_a_form_of_an_old_browser_may_not() {
    let app = TestApp::start().await;
    let browser = browser(&app).await;

    assert_eq!(makes_a_key(&browser).await, 201);
    for kind in [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
    ] {
        let form = browser.clone().header("content-type", kind);
        for path in [KEYS, "/api/v1/auth/register", "/api/v1/auth/logout"] {
            let reply = form.send(Method::POST, path, Body::from("name=k")).await;
            refusal(&reply, 415, "unsupported_media_type");
        }
    }
    let still_there = browser.get("/api/v1/auth/me").await;
    assert_eq!(still_there.status, 200, "the form has not signed Ada out");
}

// Step 5: a login may not be forced on anybody either (Better Auth #9973, #10368).
#[tokio::test]
async fn a_foreign_page_can_neither_sign_a_visitor_in_nor_up_nor_out() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let page = app.anonymous().header("origin", "https://evil.example");
    let body = json!({"username": "ada", "password": PASSWORD});

    let login = page.post(LOGIN, body.clone()).await;
    let form = page
        .clone()
        .header("content-type", "application/x-www-form-urlencoded")
        .post_bytes(LOGIN, format!("username=ada&password={PASSWORD}"))
        .await;
    let join = page
        .post(
            "/api/v1/auth/register",
            json!({"email": "e@example.com", "password": PASSWORD}),
        )
        .await;
    let leave = page.post("/api/v1/auth/logout", json!({})).await;
    let unknown = page.post("/nothing", json!({})).await;

    for reply in [login, form, join, leave, unknown] {
        refusal(&reply, 403, "csrf_origin");
        assert!(reply.cookies().is_empty());
    }
    assert_eq!(app.anonymous().post(LOGIN, body).await.status, 200);
}

// Step 6: reading changes nothing, so anybody may read.
#[tokio::test]
async fn reading_is_not_asked_where_it_comes_from() {
    let app = TestApp::start().await;
    let page = browser(&app)
        .await
        .header("origin", "https://evil.example")
        .header("sec-fetch-site", "cross-site");

    for method in [Method::GET, Method::HEAD] {
        let reply = page.send(method, "/api/v1/auth/me", Body::empty()).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn every_method_that_changes_something_is_asked() {
    let app = TestApp::start().await;
    let page = browser(&app).await.header("origin", "https://evil.example");

    for method in ["POST", "PUT", "PATCH", "DELETE", "BREW"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let reply = page.send(method, KEYS, Body::empty()).await;
        refusal(&reply, 403, "csrf_origin");
    }
}
