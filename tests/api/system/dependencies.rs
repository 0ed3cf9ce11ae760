//! What can be missing without the service being down: Redis, and the providers.

use std::time::Duration;

use serde_json::Value;

use crate::support::TestApp;
use crate::support::upstream::{Script, Upstream};

/// A port of this machine on which nobody listens.
async fn nobody() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

async fn dependency(app: &TestApp, name: &str) -> (u16, Value, Value) {
    let deep = app.anonymous().get("/api/v1/health").await;
    let body = deep.json();
    (
        deep.status,
        body["status"].clone(),
        body["dependencies"][name]["status"].clone(),
    )
}

// B19: Redis is asked whether it answers. B21: without it the service goes on.
#[tokio::test]
async fn without_redis_the_service_is_degraded_and_ready() {
    let url = format!("redis://{}", nobody().await);
    let app = TestApp::with(&[("REDIS_URL", &url)]).await;

    let deep = dependency(&app, "redis").await;

    assert_eq!(deep, (200, "degraded".into(), "down".into()));
    let ready = app.anonymous().get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["checks"]["redis"]["status"], "down");
    let status = app.anonymous().get("/status").await;
    assert_eq!(status.json()["status"], "degraded");
}

#[tokio::test]
async fn where_redis_is_required_nothing_is_ready_without_it() {
    let url = format!("redis://{}", nobody().await);
    let settings = [("REDIS_URL", url.as_str()), ("REDIS_REQUIRED", "true")];
    let app = TestApp::with(&settings).await;

    let deep = dependency(&app, "redis").await;

    assert_eq!(deep, (503, "unhealthy".into(), "down".into()));
    assert_eq!(app.anonymous().get("/readyz").await.status, 503);
    assert_eq!(app.anonymous().get("/livez").await.status, 200);
}

#[tokio::test]
async fn redis_is_up_where_there_is_one_and_disabled_where_there_is_none() {
    #[expect(
        clippy::disallowed_methods,
        reason = "how tests are told of their servers"
    )]
    let wanted = match std::env::var("TEST_REDIS_URL") {
        Ok(_) => "up",
        Err(_) => "disabled",
    };
    let app = TestApp::start().await;

    let deep = dependency(&app, "redis").await;

    assert_eq!(deep, (200, "healthy".into(), wanted.into()));
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_only_degrades() {
    let url = format!("http://{}/v1", nobody().await);
    let app = TestApp::with(&[("OPENAI_BASE_URL", &url)]).await;

    let deep = dependency(&app, "upstreams").await;

    assert_eq!(deep, (200, "degraded".into(), "down".into()));
    assert_eq!(app.anonymous().get("/readyz").await.status, 200);
}

#[tokio::test]
async fn a_provider_that_refuses_to_list_its_models_answers_all_the_same() {
    let upstream = Upstream::start().await;
    upstream.answers(Script::json(404, "{}"));
    let app = TestApp::with(&[("OPENAI_BASE_URL", &upstream.url())]).await;

    let deep = dependency(&app, "upstreams").await;

    assert_eq!(deep, (200, "healthy".into(), "up".into()));
}

#[tokio::test]
async fn providers_are_asked_for_their_models_at_most_twice_a_minute() {
    let upstream = Upstream::start().await;
    let list = r#"{"object":"list","data":[]}"#;
    upstream.answers(Script::json(200, list));
    upstream.answers(Script::json(200, list));
    let app = TestApp::with(&[("OPENAI_BASE_URL", &upstream.url())]).await;

    for _ in 0..5 {
        app.anonymous().get("/api/v1/health").await;
        app.advance(Duration::from_secs(5));
    }
    assert_eq!(upstream.requests().len(), 1);
    app.advance(Duration::from_secs(5));
    app.anonymous().get("/api/v1/health").await;

    assert_eq!(upstream.requests().len(), 2);
    assert!(upstream.requests()[0].head.starts_with("GET /v1/models "));
}

#[tokio::test]
async fn without_a_provider_there_is_no_upstream_to_miss() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite://{}/main.db", folder.path().display());
    let settings = [
        ("APP_ENV", "staging"),
        ("SECRET_KEY", "0123456789abcdefghijABCDEFGHIJ-_+/"),
        ("DATABASE_URL", file.as_str()),
    ];
    let app = TestApp::with(&settings).await;

    let deep = dependency(&app, "upstreams").await;

    assert_eq!(deep, (200, "healthy".into(), "disabled".into()));
}
