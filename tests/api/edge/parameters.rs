//! Parameters in the path and in the query.

use serde_json::json;

use super::{field_at_fault, refusal};
use crate::support::TestApp;

fn query(name: &str, code: &str) -> (String, String, String) {
    (name.to_owned(), "query".to_owned(), code.to_owned())
}

// C22: page ≥ 1, size 1..100, out of range is 422.
#[tokio::test]
async fn a_page_that_cannot_be_is_422_and_says_which_parameter() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    for (asked, name, code) in [
        ("page=0", "page", "out_of_range"),
        ("page=-1", "page", "out_of_range"),
        ("page=4294967296", "page", "out_of_range"),
        ("page=x", "page", "invalid"),
        ("page=", "page", "invalid"),
        ("page=1.5", "page", "invalid"),
        ("size=0", "size", "out_of_range"),
        ("size=101", "size", "out_of_range"),
        ("size=-5", "size", "out_of_range"),
        ("size=ten", "size", "invalid"),
        ("page=1&page=2", "page", "duplicate"),
    ] {
        let reply = ada.get(&format!("/api/v1/api-keys?{asked}")).await;
        assert_eq!(field_at_fault(&reply), query(name, code), "{asked}");
    }
    let both = ada.get("/api/v1/api-keys?page=0&size=0").await;
    let details = refusal(&both, 422, "validation_error");
    assert_eq!(details["fields"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_unknown_parameter_is_ignored() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    let reply = ada
        .get("/api/v1/api-keys?page=1&size=5&utm_source=x&flag")
        .await;

    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_bad_id_in_a_path_is_422() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    for id in [
        "7",
        "not-a-uuid",
        "%ff",
        "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a5",
        "a%00b",
    ] {
        let reply = ada.delete(&format!("/api/v1/api-keys/{id}")).await;
        let (name, location, _) = field_at_fault(&reply);
        assert_eq!((name.as_str(), location.as_str()), ("id", "path"), "{id}");
        assert!(
            reply.text().contains("Parameter 'id' must be a UUID.") || id == "%ff",
            "{}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn usage_says_what_is_wrong_with_its_parameters() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    for (asked, name, code) in [
        ("group_by=week", "group_by", "not_allowed"),
        ("group_by=", "group_by", "not_allowed"),
        ("from=yesterday", "from", "invalid"),
        ("to=tomorrow", "to", "invalid"),
        ("from=2026-11-21&to=2026-11-20", "from", "out_of_range"),
        ("from=2020-01-01&to=2026-11-20", "from", "out_of_range"),
        ("all=maybe", "all", "invalid"),
    ] {
        let reply = ada.get(&format!("/api/v1/usage?{asked}")).await;
        assert_eq!(field_at_fault(&reply), query(name, code), "{asked}");
    }
}

#[tokio::test]
async fn u0000_in_a_query_is_422() {
    let app = TestApp::start().await;
    let root = app.admin().await;

    let reply = root.get("/api/v1/usage?user_id=a%00b").await;

    assert_eq!(field_at_fault(&reply), query("user_id", "nul_character"));
}

// Order of checks: 401, then 403, then 422.
#[tokio::test]
async fn who_may_not_is_told_so_before_what_they_wrote_is_judged() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.with_key(json!({"scopes": ["models"]})).await;

    let anonymous = app.anonymous().get("/api/v1/usage?group_by=week").await;
    refusal(&anonymous, 401, "unauthorized");
    let scopeless = key.get("/api/v1/usage?group_by=week").await;
    refusal(&scopeless, 403, "insufficient_scope");
    let stranger = ada
        .get("/api/v1/usage?all=true&from=2026-11-21&to=2026-11-20")
        .await;
    refusal(&stranger, 403, "insufficient_permissions");
    let key_on_keys = key.get("/api/v1/api-keys?page=0").await;
    refusal(&key_on_keys, 403, "insufficient_permissions");
    let key_on_path = key.delete("/api/v1/api-keys/7").await;
    refusal(&key_on_path, 403, "insufficient_permissions");
}

#[tokio::test]
async fn the_id_of_a_model_may_hold_slashes() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    for path in [
        "/v1/models/a/b/c",
        "/api/v1/models/openai%2Fgpt",
        "/v1/models/x%00y",
    ] {
        let reply = ada.get(path).await;
        assert_eq!(
            (reply.status, reply.code()),
            (404, "model_not_found".to_owned()),
            "{path}"
        );
    }
    let unreadable = ada.get("/v1/models/%ff").await;
    assert_eq!(unreadable.status, 422, "{}", unreadable.text());
    assert_eq!(unreadable.json()["error"]["param"], "id");
}
