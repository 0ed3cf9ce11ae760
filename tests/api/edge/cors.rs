//! Which pages of other origins may read our answers.

use axum::body::Body;
use http::Method;
use serde_json::json;

use crate::support::{Actor, Reply, TestApp};

const OURS: &str = "https://app.example.com";
const EXPOSED: [&str; 17] = [
    "etag",
    "idempotent-replayed",
    "link",
    "location",
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-request-id",
    "x-total-count",
    "x-vercel-ai-ui-message-stream",
];

async fn start() -> TestApp {
    TestApp::with(&[(
        "ALLOWED_ORIGINS",
        "https://app.example.com,http://localhost:3000",
    )])
    .await
}

fn preflight<'a>(app: &'a TestApp, origin: &str) -> Actor<'a> {
    app.anonymous()
        .header("origin", origin)
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", "authorization,x-made-up")
}

/// Every value of a list header, in lower case and in order.
fn listed(reply: &Reply, name: &str) -> Vec<String> {
    let values = reply.headers.get_all(name).iter();
    let values = values.flat_map(|value| value.to_str().unwrap().split(','));
    let mut values: Vec<_> = values.map(|value| value.trim().to_lowercase()).collect();
    values.sort();
    values
}

// A14, C08, D33, E21: the configured origins, with credentials, every method and header.
#[tokio::test]
async fn a_page_of_an_allowed_origin_may_read_with_credentials() {
    let app = start().await;

    for origin in [OURS, "http://localhost:3000"] {
        let reply = app.anonymous().header("origin", origin).get("/livez").await;

        assert_eq!(reply.header("access-control-allow-origin"), origin);
        assert_eq!(reply.header("access-control-allow-credentials"), "true");
        assert!(listed(&reply, "vary").contains(&"origin".to_owned()));
        assert_eq!(listed(&reply, "access-control-expose-headers"), EXPOSED);
    }
}

#[tokio::test]
async fn a_page_of_any_other_origin_may_not() {
    let app = start().await;

    for origin in [
        "https://evil.example",
        "http://app.example.com",
        "https://app.example.com.evil.example",
        "https://evil-app.example.com",
        "https://app.example.com:8443",
        "null",
        "",
    ] {
        let plain = app.anonymous().header("origin", origin).get("/livez").await;
        let asked = preflight(&app, origin)
            .send(Method::OPTIONS, "/api/v1/auth/me", Body::empty())
            .await;

        for reply in [plain, asked] {
            assert_eq!(reply.header("access-control-allow-origin"), "", "{origin}");
            assert!(listed(&reply, "vary").contains(&"origin".to_owned()));
        }
    }
}

#[tokio::test]
async fn a_preflight_mirrors_what_is_asked_for_and_is_good_for_ten_minutes() {
    let app = start().await;

    for path in ["/api/v1/auth/me", "/v1/chat/completions/", "/nothing"] {
        let reply = preflight(&app, OURS)
            .send(Method::OPTIONS, path, Body::empty())
            .await;

        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("access-control-allow-origin"), OURS);
        assert_eq!(reply.header("access-control-allow-methods"), "PATCH");
        assert_eq!(
            reply.header("access-control-allow-headers"),
            "authorization,x-made-up"
        );
        assert_eq!(reply.header("access-control-allow-credentials"), "true");
        assert_eq!(reply.header("access-control-max-age"), "600");
    }
}

#[tokio::test]
async fn a_page_can_read_every_refusal() {
    let app = start().await;
    let page = app.anonymous().header("origin", OURS);
    let signed_in = app.sign_up("ada").await.header("origin", OURS);

    let refusals = [
        (401, page.get("/api/v1/auth/me").await),
        (401, page.get("/v1/models").await),
        (404, page.get("/nothing").await),
        (405, page.delete("/livez").await),
        (
            413,
            page.post_bytes("/api/v1/auth/register", vec![b' '; 2 << 20])
                .await,
        ),
        (400, page.post_bytes("/api/v1/auth/register", "{").await),
        (422, page.post("/api/v1/auth/register", json!({})).await),
        (422, signed_in.get("/api/v1/api-keys?page=0").await),
        (404, signed_in.get("/v1/models/none").await),
        (
            400,
            signed_in
                .header("x-api-key", "two")
                .get("/api/v1/auth/me")
                .await,
        ),
    ];

    for (status, reply) in refusals {
        assert_eq!(reply.status, status, "{}", reply.text());
        assert_eq!(
            reply.header("access-control-allow-origin"),
            OURS,
            "{status}"
        );
        assert!(!listed(&reply, "access-control-expose-headers").is_empty());
    }
}

#[tokio::test]
async fn an_outage_can_be_read_too() {
    let app = start().await;
    let ada = app.sign_up("ada").await.header("origin", OURS);
    app.advance(std::time::Duration::from_secs(6));
    app.databases.close().await;

    let reply = ada.get("/api/v1/auth/me").await;

    assert_eq!(
        (reply.status, reply.code().as_str()),
        (503, "service_unavailable")
    );
    assert_eq!(reply.header("access-control-allow-origin"), OURS);
    assert_eq!(reply.header("retry-after"), "1");
    assert!(!reply.text().to_lowercase().contains("pool"));
}

#[tokio::test]
async fn what_a_handler_varies_by_is_kept_beside_the_origin() {
    let app = start().await;
    let ada = app.sign_up("ada").await.header("origin", OURS);

    let me = ada.get("/api/v1/auth/me").await;
    let welcome = ada.get("/").await;

    for name in ["cookie", "authorization", "origin"] {
        assert!(listed(&me, "vary").contains(&name.to_owned()), "{name}");
    }
    for name in ["accept", "origin"] {
        assert!(
            listed(&welcome, "vary").contains(&name.to_owned()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn nobody_is_let_in_where_no_origin_is_configured() {
    let app = TestApp::with(&[("ALLOWED_ORIGINS", "[]")]).await;

    let reply = app
        .anonymous()
        .header("origin", "http://localhost:3000")
        .get("/livez")
        .await;

    assert_eq!(
        (reply.status, reply.header("access-control-allow-origin")),
        (200, "")
    );
}
