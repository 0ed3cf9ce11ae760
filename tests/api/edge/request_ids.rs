//! Every answer names its request.

use axum::body::Body;
use http::Method;
use serde_json::json;

use crate::support::{Reply, TestApp};

#[tokio::test]
async fn a_callers_own_id_is_taken_over_when_it_is_short_and_visible() {
    let app = TestApp::start().await;
    let long = "x".repeat(128);

    for id in ["7", "req-1", "a/b:c=d?~!", &long] {
        let reply = app
            .anonymous()
            .header("x-request-id", id)
            .get("/livez")
            .await;
        assert_eq!(reply.header("x-request-id"), id);
    }
}

#[tokio::test]
async fn any_other_id_is_replaced_by_one_of_ours() {
    let app = TestApp::start().await;
    let too_long = "x".repeat(129);

    for id in ["", "a b", "tab\there", &too_long, "ümlaut"] {
        let reply = app
            .anonymous()
            .header("x-request-id", id)
            .get("/livez")
            .await;
        assert!(
            is_ours(&reply),
            "{id:?} became {}",
            reply.header("x-request-id")
        );
    }
    let first = app.anonymous().get("/livez").await;
    let second = app.anonymous().get("/livez").await;
    assert!(is_ours(&first) && is_ours(&second));
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}

fn is_ours(reply: &Reply) -> bool {
    let id = reply.header("x-request-id");
    let shape: Vec<_> = id.split('-').map(str::len).collect();
    shape == [8, 4, 4, 4, 12] && id.as_bytes()[14] == b'7'
}

#[tokio::test]
async fn every_kind_of_answer_carries_the_id() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let anonymous = app.anonymous().header("x-request-id", "mine");
    let signed_in = ada.header("x-request-id", "mine");
    let chat = json!({"model": "gpt-4o-mini", "stream": true,
        "messages": [{"role": "user", "content": "hi"}]});
    let form = || Body::from("x=1");

    let replies = [
        (404, anonymous.get("/nothing").await),
        (405, anonymous.delete("/health").await),
        (401, anonymous.get("/api/v1/auth/me").await),
        (401, anonymous.get("/v1/models").await),
        (
            403,
            anonymous
                .clone()
                .header("origin", "https://evil.example")
                .post("/api/v1/auth/login", json!({}))
                .await,
        ),
        (
            413,
            anonymous
                .post_bytes("/api/v1/auth/register", vec![b' '; 2 << 20])
                .await,
        ),
        (
            415,
            anonymous
                .send(Method::POST, "/api/v1/auth/register", form())
                .await,
        ),
        (
            400,
            anonymous.post_bytes("/api/v1/auth/register", "{").await,
        ),
        (
            422,
            anonymous.post("/api/v1/auth/register", json!({})).await,
        ),
        (204, anonymous.post("/api/v1/auth/logout", json!({})).await),
        (200, signed_in.post("/v1/chat/completions", chat).await),
        (
            200,
            anonymous
                .send(Method::OPTIONS, "/api/v1/auth/login", Body::empty())
                .await,
        ),
        (200, anonymous.get("/docs").await),
    ];

    for (status, reply) in replies {
        assert_eq!(reply.status, status, "{}", reply.text());
        assert_eq!(reply.header("x-request-id"), "mine", "{status}");
    }
}

#[tokio::test]
async fn a_preflight_carries_the_id() {
    let app = TestApp::start().await;

    let reply = app
        .anonymous()
        .header("x-request-id", "mine")
        .header("origin", "http://localhost:3000")
        .header("access-control-request-method", "POST")
        .send(Method::OPTIONS, "/api/v1/auth/login", Body::empty())
        .await;

    assert_eq!((reply.status, reply.header("x-request-id")), (200, "mine"));
}
