//! The front door, for programs and for people.

use serde_json::json;

use crate::support::TestApp;

// A13, B27, C13, D34: a welcome with the version and the way to the documentation.
#[tokio::test]
async fn a_program_is_welcomed_with_json() {
    let app = TestApp::start().await;

    for accept in ["", "*/*", "application/json", "application/*", "image/png"] {
        let reply = app.anonymous().header("accept", accept).get("/").await;

        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(reply.header("vary"), "Accept");
        assert_eq!(
            reply.json(),
            json!({
                "message": "Welcome to concierge",
                "name": "concierge",
                "version": env!("CARGO_PKG_VERSION"),
                "api_version": "v1",
                "environment": "test",
                "docs": "/docs",
                "openapi": "/openapi.json",
                "health": "/health",
            })
        );
    }
    let without_accept = app.anonymous().get("/").await;
    assert_eq!(without_accept.header("content-type"), "application/json");
}

#[tokio::test]
async fn who_prefers_html_gets_a_page() {
    let app = TestApp::start().await;

    for accept in [
        "text/html",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "TEXT/HTML",
        "application/json;q=0.5, text/html",
        "text/html;q=0.9, */*;q=0.1",
        "text/html, application/json",
    ] {
        let reply = app.anonymous().header("accept", accept).get("/").await;

        assert_eq!(
            reply.header("content-type"),
            "text/html; charset=utf-8",
            "{accept}"
        );
        assert!(reply.text().contains("<h1>Welcome to concierge</h1>"));
        assert!(reply.text().contains("href=\"/docs\""));
        assert!(
            reply
                .header("content-security-policy")
                .contains("default-src 'none'")
        );
        assert_eq!(reply.header("vary"), "Accept");
    }
}

#[tokio::test]
async fn who_likes_json_better_gets_json() {
    let app = TestApp::start().await;

    for accept in [
        "application/json, text/html",
        "text/html;q=0.5, application/json",
        "text/html;q=0, */*",
        "text/html;q=0.2, */*;q=0.8",
    ] {
        let reply = app.anonymous().header("accept", accept).get("/").await;
        assert_eq!(reply.header("content-type"), "application/json", "{accept}");
    }
}

#[tokio::test]
async fn a_name_is_text_and_never_markup() {
    let app = TestApp::with(&[("APP_NAME", "<script>alert(\"1\")</script> & 'co'")]).await;

    let page = app.anonymous().header("accept", "text/html").get("/").await;

    assert!(!page.text().contains("<script"), "{}", page.text());
    assert!(page.text().contains("&lt;script&gt;alert(&quot;1&quot;)"));
    assert!(page.text().contains("&amp;"));
}
