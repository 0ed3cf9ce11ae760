//! Paths that are not there, and methods that a path does not take.

use axum::body::Body;
use http::Method;

use super::{openai_refusal, refusal};
use crate::support::TestApp;

#[tokio::test]
async fn an_unknown_path_is_404_in_the_manner_of_its_branch() {
    let app = TestApp::start().await;

    for path in [
        "/nothing",
        "/api",
        "/api/v2/users",
        "/api/v1/nothing",
        "/api/v1/chat",
        "/api/v1/modelsx",
        "/v10",
        "/docs/nothing.js",
        "/docs/index.html",
        "/docs/%2e%2e/secret",
        "/health/deep",
        "/api/v1/usage/more",
    ] {
        let reply = app.anonymous().get(path).await;
        let details = refusal(&reply, 404, "not_found");
        assert!(details.is_null(), "{path}");
    }
    for path in [
        "/v1",
        "/v1/",
        "/v1/nothing/at/all",
        "/api/v1/chat/completions/7",
        "/api/v1/embeddings/7",
    ] {
        let error = openai_refusal(&app.anonymous().get(path).await, 404, "not_found");
        assert_eq!(error["type"], "invalid_request_error", "{path}");
    }
}

#[tokio::test]
async fn an_unknown_path_is_404_for_every_method() {
    let app = TestApp::start().await;

    for method in ["POST", "PUT", "PATCH", "DELETE", "BREW"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let reply = app
            .anonymous()
            .send(method, "/api/v1/nothing", Body::empty())
            .await;
        refusal(&reply, 404, "not_found");
    }
}

#[tokio::test]
async fn a_wrong_method_is_405_and_names_the_right_ones() {
    let app = TestApp::start().await;

    for (method, path, allowed) in [
        (Method::POST, "/health", "GET,HEAD"),
        (Method::POST, "/", "GET,HEAD"),
        (Method::PUT, "/api/v1/api-keys", "POST,GET,HEAD"),
        (Method::DELETE, "/api/v1/api-keys/", "POST,GET,HEAD"),
        (Method::PUT, "/api/v1/api-keys/7", "GET,HEAD,PATCH,DELETE"),
        (Method::GET, "/api/v1/auth/login", "POST"),
        (Method::DELETE, "/docs", "GET,HEAD"),
    ] {
        let reply = app
            .anonymous()
            .send(method.clone(), path, Body::empty())
            .await;

        refusal(&reply, 405, "method_not_allowed");
        assert_eq!(
            sorted(reply.header("allow")),
            sorted(allowed),
            "{method} {path}"
        );
    }
}

fn sorted(list: &str) -> Vec<&str> {
    let mut names: Vec<_> = list.split(',').map(str::trim).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_wrong_method_on_an_openai_route_is_told_as_openai_would() {
    let app = TestApp::start().await;

    for path in ["/v1/chat/completions", "/api/v1/chat/completions/"] {
        let reply = app.anonymous().get(path).await;
        openai_refusal(&reply, 405, "method_not_allowed");
        assert_eq!(reply.header("allow"), "POST");
    }
    let reply = app.anonymous().delete("/v1/models").await;
    openai_refusal(&reply, 405, "method_not_allowed");
}
