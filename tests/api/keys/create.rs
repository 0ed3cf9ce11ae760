//! Making a key, and taking it away.

use serde_json::{Value, json};

use super::KEYS;
use crate::edge::{field_at_fault, refusal};
use crate::support::TestApp;

#[tokio::test]
async fn a_new_key_is_shown_once_with_all_that_is_known_of_it() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    let wanted = json!({
        "name": " nightly job ",
        "scopes": ["completions", "models", "completions"],
        "models": ["gpt-4o", "a/b"],
        "expires_at": "2026-12-01T00:00:00+01:00",
        "budget_microusd": 5_000_000,
        "rpm": 60,
    });
    let reply = ada.post(KEYS, wanted).await;

    assert_eq!(reply.status, 201);
    let mut key = reply.json();
    let about = key.as_object_mut().unwrap();
    let id = about.remove("id").unwrap();
    let text = about.remove("key").unwrap().as_str().unwrap().to_owned();
    assert_eq!(
        reply.header("location"),
        format!("{KEYS}/{}", id.as_str().unwrap())
    );
    assert!(text.starts_with("sk-cg-") && text.len() > 50, "{text}");
    assert_eq!(
        key,
        json!({
            "name": "nightly job",
            "prefix": text[..key["prefix"].as_str().unwrap().len()],
            "last_four": text[text.len() - 4..],
            "scopes": ["completions", "models"],
            "models": ["gpt-4o", "a/b"],
            "created_at": "2026-11-21T09:30:00Z",
            "expires_at": "2026-11-30T23:00:00Z",
            "last_used_at": null,
            "budget_microusd": 5_000_000,
            "budget_period": "month",
            "rpm": 60,
            "tpm": null,
        })
    );
}

#[tokio::test]
async fn a_key_of_which_nothing_is_said_may_all_for_ninety_days() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    let reply = ada.post(KEYS, json!({"name": "k"})).await;

    let key = reply.json();
    assert_eq!(
        (&key["scopes"], &key["models"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(key["expires_at"], "2027-02-19T09:30:00Z");
    for cap in ["budget_microusd", "budget_period", "rpm", "tpm"] {
        assert_eq!(key[cap], Value::Null, "{cap}");
    }
}

#[tokio::test]
async fn what_breaks_a_rule_is_422_and_named() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    for (field, at, value) in [
        ("name", "name", json!(null)),
        ("name", "name", json!("")),
        ("name", "name", json!("x".repeat(101))),
        ("scopes", "scopes", json!([])),
        ("scopes", "scopes", json!("completions")),
        ("scopes", "scopes.1", json!(["models", "everything"])),
        ("models", "models", json!([])),
        ("models", "models", json!([""])),
        ("models", "models.0", json!([7])),
        ("models", "models", json!(vec!["m"; 101])),
        ("expires_at", "expires_at", json!("2026-11-21T09:30:00Z")),
        ("expires_at", "expires_at", json!("2027-11-23T09:30:00Z")),
        ("expires_at", "expires_at", json!("tomorrow")),
        ("expires_at", "expires_at", json!(1_800_000_000)),
        ("budget_microusd", "budget_microusd", json!(-1)),
        ("budget_microusd", "budget_microusd", json!(0.5)),
        ("budget_microusd", "budget_microusd", json!(i64::MAX)),
        ("budget_period", "budget_period", json!("month")),
        ("budget_period", "budget_period", json!("year")),
        ("rpm", "rpm", json!(0)),
        ("tpm", "tpm", json!("many")),
    ] {
        let mut wanted = json!({"name": "k"});
        wanted[field] = value.clone();
        let reply = ada.post(KEYS, wanted).await;
        let (name, location, _) = field_at_fault(&reply);
        assert_eq!((name.as_str(), location.as_str()), (at, "body"), "{value}");
    }
    assert_eq!(ada.get(KEYS).await.json()["total"], 0);
}

#[tokio::test]
async fn an_unknown_scope_is_told_which_there_are() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    let reply = ada
        .post(KEYS, json!({"name": "k", "scopes": ["everything"]}))
        .await;

    assert!(reply.text().contains("'completions'") && reply.text().contains("'usage:read'"));
}

#[tokio::test]
async fn only_an_administrator_gives_administration_away() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let root = app.admin().await;
    let wanted = json!({"name": "k", "scopes": ["admin:*"]});

    refusal(
        &ada.post(KEYS, wanted.clone()).await,
        403,
        "insufficient_permissions",
    );
    assert_eq!(root.post(KEYS, wanted).await.status, 201);
}

#[tokio::test]
async fn an_account_has_a_hundred_keys_at_most() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    for place in 0..100 {
        let reply = ada.post(KEYS, json!({"name": format!("{place}")})).await;
        assert_eq!(reply.status, 201);
    }

    let reply = ada.post(KEYS, json!({"name": "one more"})).await;

    refusal(&reply, 409, "conflict");
    assert!(reply.text().contains("100"));
}

#[tokio::test]
async fn a_deleted_key_is_gone_at_once() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let made = ada.post(KEYS, json!({"name": "k"})).await;
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let program = app.anonymous().header("x-api-key", key);
    assert_eq!(program.get("/v1/models").await.status, 200);

    let deleted = ada.delete(made.header("location")).await;

    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert_eq!(program.get("/v1/models").await.status, 401);
    assert_eq!(ada.get(KEYS).await.json()["total"], 0);
    refusal(&ada.delete(made.header("location")).await, 404, "not_found");
}

#[tokio::test]
async fn a_strangers_key_can_be_neither_seen_nor_deleted() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let made = ada.post(KEYS, json!({"name": "k"})).await;
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let eve = app.sign_up("eve").await;
    let root = app.admin().await;

    for other in [&eve, &root] {
        assert_eq!(other.get(KEYS).await.json()["total"], 0);
        let reply = other.delete(made.header("location")).await;
        refusal(&reply, 404, "not_found");
        let nobody = other
            .delete(&format!("{KEYS}/0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55"))
            .await;
        assert_eq!(nobody.json()["error"], reply.json()["error"]);
    }
    let program = app.anonymous().header("x-api-key", key);
    assert_eq!(program.get("/v1/models").await.status, 200);
}

// GHSA-99h5-pjcv-gr6v: a key for whoever is named in the body.
#[tokio::test]
async fn a_key_belongs_to_whoever_makes_it_and_to_nobody_who_is_named() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.sign_up("ada").await, app.sign_up("eve").await);
    let victim = ada.get("/api/v1/auth/me").await.json()["id"].clone();

    for name in ["user_id", "userId", "owner"] {
        let wanted = json!({"name": "k", name: victim});
        refusal(
            &app.anonymous().post(KEYS, wanted.clone()).await,
            401,
            "unauthorized",
        );
        assert_eq!(
            field_at_fault(&eve.post(KEYS, wanted).await).2,
            "unknown_field"
        );
    }
    let key = eve.with_key(json!({})).await;
    assert_eq!(key.get("/api/v1/auth/me").await.json()["username"], "eve");
    assert_eq!(ada.get(KEYS).await.json()["total"], 0);
}
