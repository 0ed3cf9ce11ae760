//! What a key reaches is decided before anything else of its request is read.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::Method;
use serde_json::json;

use super::{openai_refusal, refusal};
use crate::support::TestApp;

const COMPLETIONS: &str = "/v1/chat/completions";

#[tokio::test]
async fn a_key_without_the_scope_cannot_make_us_take_in_its_body() {
    let app = TestApp::with(&[("MAX_BODY_BYTES", "2048")]).await;
    let ada = app.sign_up("ada").await;
    let program = ada.with_key(json!({"scopes": ["profile:read"]})).await;
    let endless = Body::from_stream(stream::pending::<std::io::Result<Bytes>>());

    let text = program.clone().header("content-type", "text/plain");
    let replies = [
        text.post_bytes(COMPLETIONS, "{}").await,
        program.post_bytes(COMPLETIONS, "{").await,
        program.post_bytes(COMPLETIONS, vec![b' '; 4_096]).await,
        program.post_bytes(COMPLETIONS, endless).await,
        program.get("/v1/models/%ff").await,
        program.get("/v1/models").await,
    ];

    for reply in replies {
        openai_refusal(&reply, 403, "insufficient_scope");
    }
}

#[tokio::test]
async fn a_key_without_the_scope_learns_nothing_of_its_parameters() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let program = ada.with_key(json!({"scopes": ["models"]})).await;

    for path in [
        "/api/v1/usage?all=perhaps",
        "/api/v1/auth/me",
        "/api/v1/status/user",
    ] {
        refusal(&program.get(path).await, 403, "insufficient_scope");
    }
}

#[tokio::test]
async fn who_is_nobody_is_401_whatever_they_send() {
    let app = TestApp::start().await;
    let endless = Body::from_stream(stream::pending::<std::io::Result<Bytes>>());

    let nobody = app.anonymous();
    let chat = nobody.send(Method::POST, COMPLETIONS, endless).await;
    let usage = nobody.get("/api/v1/usage?all=perhaps").await;

    openai_refusal(&chat, 401, "invalid_api_key");
    refusal(&usage, 401, "unauthorized");
}
