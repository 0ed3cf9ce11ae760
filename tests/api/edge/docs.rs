//! The documentation in the browser, from the binary alone.

use http::Method;

use super::refusal;
use crate::support::TestApp;

/// What the page names in `src` and `href`.
fn named(page: &str) -> Vec<String> {
    let parts = page.split(['"']).collect::<Vec<_>>();
    let of_attribute = |pair: &[&str]| {
        let is_reference = pair[0].ends_with("src=") || pair[0].ends_with("href=");
        is_reference.then(|| pair[1].to_owned())
    };
    parts.windows(2).filter_map(of_attribute).collect()
}

// A21, B28, E07: interactive documentation at /docs.
#[tokio::test]
async fn the_page_and_all_that_it_names_are_there() {
    let app = TestApp::start().await;

    for path in ["/docs", "/docs/"] {
        let page = app.anonymous().get(path).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(
            page.header("content-security-policy")
                .contains("script-src 'self'")
        );

        let assets = named(page.text());
        assert!(assets.len() >= 4, "{assets:?}");
        for asset in assets {
            assert!(
                asset.starts_with("/docs/"),
                "{asset} is absolute, and no other site's"
            );
            let reply = app.anonymous().get(&asset).await;
            assert_eq!(reply.status, 200, "{asset}");
            assert_eq!(reply.header("content-type"), kind(&asset), "{asset}");
            assert!(reply.body.len() > 200, "{asset}");
            assert!(
                reply
                    .header("content-security-policy")
                    .contains("default-src 'none'")
            );
        }
    }
}

fn kind(asset: &str) -> &'static str {
    match asset.rsplit('.').next() {
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        _ => "image/png",
    }
}

#[tokio::test]
async fn the_page_shows_our_own_document_and_asks_nobody_else() {
    let app = TestApp::start().await;

    let reply = app.anonymous().get("/docs/swagger-initializer.js").await;

    assert!(
        reply.text().contains("\"/openapi.json\""),
        "{}",
        reply.text()
    );
    assert!(
        reply.text().contains("\"validatorUrl\": \"none\""),
        "{}",
        reply.text()
    );
    assert!(!reply.text().contains("http"), "{}", reply.text());
}

#[tokio::test]
async fn nothing_of_it_is_there_where_it_is_switched_off() {
    let app = TestApp::with(&[("DOCS_ENABLED", "false")]).await;

    for path in [
        "/docs",
        "/docs/",
        "/docs/swagger-ui.css",
        "/docs/swagger-initializer.js",
        "/openapi.json",
        "/api/v1/openapi.json",
    ] {
        refusal(&app.anonymous().get(path).await, 404, "not_found");
    }
    let welcome = app.anonymous().get("/").await.json();
    assert!(welcome["docs"].is_null() && welcome["openapi"].is_null());
    let config = app.anonymous().get("/api/v1/config").await.json();
    assert_eq!(config["features"]["docs"], false);
}

// B28, X08: off in production unless asked for.
#[tokio::test]
async fn it_is_off_in_production() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}/main.db", folder.path().display());
    let production = [
        ("APP_ENV", "production"),
        ("SECRET_KEY", "9f8e7d6c5b4a39281706f5e4d3c2b1a0-+xyz"),
        ("PUBLIC_URL", "https://api.example.com"),
        ("DATABASE_URL", database.as_str()),
    ];
    let app = TestApp::with(&production).await;
    let asked_for = TestApp::with(&[&production[..], &[("DOCS_ENABLED", "true")]].concat()).await;

    refusal(&app.anonymous().get("/docs").await, 404, "not_found");
    refusal(
        &app.anonymous().get("/openapi.json").await,
        404,
        "not_found",
    );
    assert_eq!(asked_for.anonymous().get("/docs").await.status, 200);
    assert_eq!(
        app.anonymous()
            .send(Method::HEAD, "/health", axum::body::Body::empty())
            .await
            .status,
        200
    );
}
