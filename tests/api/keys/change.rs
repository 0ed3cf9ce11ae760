//! Changing what a key may do.

use std::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};

use super::KEYS;
use crate::edge::{field_at_fault, refusal};
use crate::support::{Actor, Reply, TestApp};

const NOBODYS: &str = "/api/v1/api-keys/0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55";
const ME: &str = "/api/v1/auth/me";
const MODELS: &str = "/v1/models";

/// A new key: where it is, and whoever sends it.
async fn made<'a>(app: &'a TestApp, owner: &Actor<'_>, wanted: Value) -> (String, Actor<'a>) {
    let mut body = json!({"name": "k"});
    body.as_object_mut()
        .unwrap()
        .extend(wanted.as_object().unwrap().clone());
    let reply = owner.post(KEYS, body).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let key = reply.json()["key"].as_str().unwrap().to_owned();
    let program = app.anonymous().header("x-api-key", key);
    (reply.header("location").to_owned(), program)
}

async fn change(owner: &Actor<'_>, place: &str, patch: Value) -> Reply {
    let reply = owner.patch(place, patch.clone()).await;
    assert_eq!(reply.status, 200, "{patch}: {}", reply.text());
    reply
}

/// Each patch, and what it leads to in a key of which everything was said.
fn changes() -> Vec<(Value, Value)> {
    vec![
        (json!({}), json!({})),
        (json!({"name": " other "}), json!({"name": "other"})),
        (
            json!({"scopes": ["usage:read", "models", "models"]}),
            json!({"scopes": ["usage:read", "models"]}),
        ),
        (json!({"scopes": null}), json!({"scopes": null})),
        (
            json!({"models": ["a", "b", "a"]}),
            json!({"models": ["a", "b"]}),
        ),
        (json!({"models": null}), json!({"models": null})),
        (
            json!({"expires_at": "2027-11-24T00:00:00+01:00"}),
            json!({"expires_at": "2027-11-23T23:00:00Z"}),
        ),
        (
            json!({"expires_at": null}),
            json!({"expires_at": "2027-02-21T09:30:00Z"}),
        ),
        (json!({"budget_microusd": 7}), json!({"budget_microusd": 7})),
        (
            json!({"budget_period": "total"}),
            json!({"budget_period": "total"}),
        ),
        (
            json!({"budget_period": null}),
            json!({"budget_period": "month"}),
        ),
        (
            json!({"budget_microusd": null}),
            json!({"budget_microusd": null, "budget_period": null}),
        ),
        (
            json!({"rpm": null, "tpm": 9}),
            json!({"rpm": null, "tpm": 9}),
        ),
        (json!({"tpm": null}), json!({"tpm": null})),
    ]
}

#[tokio::test]
async fn what_is_not_given_stays_and_null_clears() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let said = json!({"scopes": ["models"], "models": ["m"], "expires_at": "2026-12-01T00:00:00Z",
        "budget_microusd": 5, "budget_period": "day", "rpm": 6, "tpm": 7});
    let mut keys = Vec::new();
    for (patch, leads_to) in changes() {
        let (place, _) = made(&app, &ada, said.clone()).await;
        keys.push((place, patch, leads_to));
    }
    app.advance(Duration::from_hours(48));
    let ada = app.log_in("ada").await;

    for (place, patch, leads_to) in keys {
        let mut wanted = ada.get(&place).await.json();
        wanted
            .as_object_mut()
            .unwrap()
            .extend(leads_to.as_object().unwrap().clone());

        let reply = change(&ada, &place, patch.clone()).await;

        assert_eq!(reply.json(), wanted, "{patch}");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(ada.get(&place).await.json(), wanted, "{patch}");
    }
}

#[tokio::test]
async fn what_breaks_a_rule_is_422_and_named_and_changes_nothing() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let (place, _) = made(&app, &ada, json!({})).await;
    let before = ada.get(&place).await.json();

    for (field, at, value) in [
        ("name", "name", json!(null)),
        ("name", "name", json!(" ")),
        ("name", "name", json!("x".repeat(101))),
        ("scopes", "scopes", json!([])),
        ("scopes", "scopes.1", json!(["models", "everything"])),
        ("models", "models", json!([])),
        ("models", "models.0", json!(["a\u{0}b"])),
        ("models", "models", json!(vec!["m"; 101])),
        ("expires_at", "expires_at", json!("2026-11-21T09:30:00Z")),
        ("expires_at", "expires_at", json!("2027-11-23T09:30:00Z")),
        ("expires_at", "expires_at", json!("tomorrow")),
        ("budget_microusd", "budget_microusd", json!(-1)),
        ("budget_microusd", "budget_microusd", json!(0.5)),
        ("budget_microusd", "budget_microusd", json!(i64::MAX)),
        ("budget_period", "budget_period", json!("day")),
        ("budget_period", "budget_period", json!("year")),
        ("rpm", "rpm", json!(0)),
        ("tpm", "tpm", json!("many")),
        ("id", "id", json!("0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55")),
        ("user_id", "user_id", json!("eve")),
        ("key", "key", json!("sk-cg-mine")),
        ("last_used_at", "last_used_at", json!(null)),
    ] {
        let mut patch = json!({"name": "other"});
        patch[field] = value.clone();
        let reply = ada.patch(&place, patch).await;

        let (name, location, _) = field_at_fault(&reply);
        assert_eq!((name.as_str(), location.as_str()), (at, "body"), "{value}");
    }
    assert_eq!(ada.get(&place).await.json(), before);
}

#[tokio::test]
async fn a_change_counts_at_once_here_and_within_five_seconds_elsewhere() {
    let app = TestApp::start().await;
    let elsewhere = app.replica().await;
    let ada = app.sign_up("ada").await;
    let secret = ada.key(json!({})).await;
    let listed = ada.get(KEYS).await.json();
    let place = format!("{KEYS}/{}", listed["items"][0]["id"].as_str().unwrap());
    let here = app.anonymous().header("x-api-key", &secret);
    let there = elsewhere.anonymous().header("x-api-key", &secret);
    for program in [&here, &there] {
        assert_eq!(program.get(MODELS).await.status, 200);
        assert_eq!(program.get(ME).await.status, 200);
    }

    change(&ada, &place, json!({"scopes": ["profile:read"]})).await;

    assert_eq!(here.get(MODELS).await.status, 403);
    app.advance(Duration::from_secs(5));
    assert_eq!(there.get(MODELS).await.status, 403);
    for program in [&here, &there] {
        assert_eq!(program.get(ME).await.status, 200, "the secret is the same");
    }
    let wider = json!({"scopes": null, "models": ["gpt-4o"]});
    change(&ada, &place, wider).await;
    assert_eq!(here.get(MODELS).await.json()["data"], json!([]));
    change(&ada, &place, json!({"models": null})).await;
    assert_ne!(here.get(MODELS).await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_key_ends_at_its_new_time_and_begins_anew_after_it() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let ada = app.log_in("ada").await;
    let (place, program) = made(&app, &ada, json!({})).await;
    assert_eq!(program.get(ME).await.status, 200);

    change(&ada, &place, json!({"expires_at": "2026-11-21T09:30:10Z"})).await;

    app.advance(Duration::from_secs(9));
    assert_eq!(program.get(ME).await.status, 200);
    app.advance(Duration::from_secs(1));
    refusal(&program.get(ME).await, 401, "invalid_token");
    change(&ada, &place, json!({"name": "still over"})).await;
    refusal(&program.get(ME).await, 401, "invalid_token");
    change(&ada, &place, json!({"expires_at": null})).await;
    assert_eq!(program.get(ME).await.status, 200);
}

#[tokio::test]
async fn two_changes_at_once_do_not_undo_each_other() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let (place, _) = made(&app, &ada, json!({})).await;

    for number in 1..=10 {
        let requests = ada.patch(&place, json!({"rpm": number}));
        let tokens = ada.patch(&place, json!({"tpm": number}));
        join(requests, tokens).await;

        let key = ada.get(&place).await.json();
        assert_eq!((&key["rpm"], &key["tpm"]), (&json!(number), &json!(number)));
    }
}

#[tokio::test]
async fn the_key_of_somebody_else_is_not_there() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let (place, _) = made(&app, &ada, json!({})).await;
    let before = ada.get(&place).await.json();
    let eve = app.sign_up("eve").await;
    let root = app.admin().await;
    let patch = json!({"name": "mine"});

    for other in [&eve, &root] {
        let reply = other.patch(&place, patch.clone()).await;
        refusal(&reply, 404, "not_found");
        let unknown = other.patch(NOBODYS, patch.clone()).await;
        assert_eq!(unknown.json()["error"], reply.json()["error"]);
    }
    assert_eq!(ada.get(&place).await.json(), before);
    assert_eq!(ada.delete(&place).await.status, 204);
    refusal(&ada.patch(&place, patch).await, 404, "not_found");
}

#[tokio::test]
async fn only_an_administrator_gives_administration_away() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let root = app.admin().await;
    let patch = json!({"scopes": ["admin:*"]});

    for (owner, wanted) in [(&ada, 403), (&root, 200)] {
        let (place, program) = made(&app, owner, json!({})).await;
        let reply = owner.patch(&place, patch.clone()).await;

        assert_eq!(reply.status, wanted, "{}", reply.text());
        assert_eq!(program.get("/api/v1/users").await.status, wanted);
    }
}

#[tokio::test]
async fn who_asks_comes_before_what_is_asked_and_that_before_whether_it_is_there() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let (place, program) = made(&app, &root, json!({"scopes": ["admin:*"]})).await;
    let ada = app.sign_up("ada").await;
    let (good, bad) = (json!({"rpm": 1}), json!({"rpm": 0}));
    let no_id = format!("{KEYS}/7");

    let nobody = app.anonymous();
    refusal(
        &nobody.patch(&no_id, bad.clone()).await,
        401,
        "unauthorized",
    );
    for (place, patch) in [(&place, &good), (&place, &bad), (&no_id, &good)] {
        let reply = program.patch(place, patch.clone()).await;
        refusal(&reply, 403, "insufficient_permissions");
    }
    let too_much = json!({"scopes": ["admin:*"], "rpm": 0});
    let reply = ada.patch(NOBODYS, too_much).await;
    refusal(&reply, 403, "insufficient_permissions");
    assert_eq!(field_at_fault(&ada.patch(NOBODYS, bad).await).0, "rpm");
    let reply = ada.patch(&no_id, good.clone()).await;
    assert_eq!(field_at_fault(&reply).0, "id");
    refusal(&ada.patch(NOBODYS, good).await, 404, "not_found");
}
