//! How errors look: the house's way, RFC 9457 for those who ask, OpenAI's on its routes.

use http::Method;
use serde_json::json;

use super::{openai_refusal, refusal};
use crate::support::TestApp;

const PROBLEM: &str = "application/problem+json";

#[tokio::test]
async fn a_refusal_tells_what_when_and_which_request() {
    let app = TestApp::start().await;

    let reply = app
        .anonymous()
        .header("x-request-id", "my-request-7")
        .get("/nothing")
        .await;

    refusal(&reply, 404, "not_found");
    assert_eq!(
        reply.json(),
        json!({
            "error": "There is no such path.",
            "code": "not_found",
            "details": null,
            "timestamp": "2026-11-21T09:30:00Z",
            "request_id": "my-request-7",
        })
    );
}

#[tokio::test]
async fn who_asks_for_problem_json_gets_rfc_9457() {
    let app = TestApp::start().await;
    let asking = app.anonymous().header("accept", PROBLEM);

    let missing = asking.get("/nothing").await;
    let invalid = asking
        .post("/api/v1/auth/register", json!({"email": 7}))
        .await;
    let wrong_method = asking
        .send(Method::PUT, "/health", axum::body::Body::empty())
        .await;

    for reply in [&missing, &invalid, &wrong_method] {
        assert_eq!(reply.header("content-type"), PROBLEM);
        assert!(reply.header("vary").to_lowercase().contains("accept"));
        assert_eq!(reply.json()["status"], reply.status);
        assert_eq!(reply.json()["type"], "about:blank");
        assert_eq!(reply.json()["request_id"], reply.header("x-request-id"));
    }
    assert_eq!(missing.json()["title"], "Not Found");
    assert_eq!(missing.json()["detail"], "There is no such path.");
    assert_eq!(invalid.json()["title"], "Unprocessable Entity");
    assert_eq!(
        invalid.json()["errors"],
        json!([{"pointer": "#/email", "code": "wrong_type", "detail": "must be a string"}])
    );
    assert_eq!(wrong_method.status, 405);
}

#[tokio::test]
async fn a_parameter_at_fault_is_named_in_a_problem_too() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await.header("accept", PROBLEM);

    let reply = ada.get("/api/v1/api-keys?size=0").await;

    let error = &reply.json()["errors"][0];
    assert_eq!(
        (&error["parameter"], &error["code"]),
        (&json!("size"), &json!("out_of_range"))
    );
}

#[tokio::test]
async fn problem_json_is_not_for_those_who_refuse_it_or_did_not_name_it() {
    let app = TestApp::start().await;

    for accept in [
        "application/json",
        "*/*",
        "application/problem+json;q=0",
        "text/html",
    ] {
        let reply = app
            .anonymous()
            .header("accept", accept)
            .get("/nothing")
            .await;
        refusal(&reply, 404, "not_found");
    }
    let reply = app
        .anonymous()
        .header("accept", PROBLEM)
        .get("/livez")
        .await;
    assert_eq!(reply.header("content-type"), "application/json");
}

#[tokio::test]
async fn an_openai_client_gets_openais_envelope_whatever_it_accepts() {
    let app = TestApp::start().await;
    let asking = app.anonymous().header("accept", PROBLEM);

    for path in [
        "/v1/models",
        "/api/v1/models",
        "/v1/models/gpt-4o",
        "/api/v1/models/a/b",
    ] {
        let error = openai_refusal(&asking.get(path).await, 401, "invalid_api_key");
        assert_eq!(error["type"], "invalid_request_error");
        assert!(error["param"].is_null());
    }
}

#[tokio::test]
async fn an_openai_client_learns_which_member_is_wrong() {
    let app = TestApp::start().await;
    let program = app.sign_up("ada").await.with_key(json!({})).await;

    let no_model = program
        .post("/v1/chat/completions", json!({"messages": []}))
        .await;
    let no_json = program
        .post_bytes("/v1/chat/completions", "{\"model\":")
        .await;

    assert_eq!((no_model.status, no_json.status), (400, 400));
    assert_eq!(no_model.json()["error"]["param"], "model");
    assert_eq!(no_json.json()["error"]["type"], "invalid_request_error");
}
