//! Changing what is said of oneself.

use std::time::Duration;

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use super::{LOGIN, ME};
use crate::edge::{field_at_fault, refusal};
use crate::support::{Actor, PASSWORD, TestApp};

fn names(user: &Value) -> Value {
    json!([user["name"], user["username"]])
}

async fn signs_in(app: &TestApp, username: &str) -> u16 {
    let body = json!({"username": username, "password": PASSWORD});
    app.anonymous().post(LOGIN, body).await.status
}

async fn rename(actor: &Actor<'_>, username: &str) -> u16 {
    actor.patch(ME, json!({"username": username})).await.status
}

#[tokio::test]
async fn what_is_not_given_stays_and_null_clears() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let mut before = ada.get(ME).await.json();
    app.advance(Duration::from_mins(1));

    for (patch, wanted) in [
        (json!({"name": " Ada King "}), json!(["Ada King", "ada"])),
        (json!({}), json!(["Ada King", "ada"])),
        (json!({"username": "Ada_K"}), json!(["Ada King", "ada_k"])),
        (json!({"username": null}), json!(["Ada King", null])),
        (json!({"name": null}), json!([null, null])),
        (json!({"name": "A", "username": "ada"}), json!(["A", "ada"])),
    ] {
        let reply = ada.patch(ME, patch.clone()).await;

        assert_eq!(reply.status, 200, "{patch}: {}", reply.text());
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(names(&reply.json()), wanted, "{patch}");
        assert_eq!(ada.get(ME).await.json(), reply.json(), "{patch}");
    }
    before["name"] = json!("A");
    before["updated_at"] = json!("2026-11-21T09:31:00Z");
    assert_eq!(ada.get(ME).await.json(), before, "all else is as it was");
}

#[tokio::test]
async fn the_new_username_signs_in_and_the_old_one_is_free() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let eve = app.sign_up("eve").await;

    assert_eq!(rename(&ada, "countess").await, 200);

    assert_eq!(signs_in(&app, "countess").await, 200);
    assert_eq!(signs_in(&app, "ada").await, 401);
    assert_eq!(ada.get(ME).await.status, 200, "nobody is signed out");
    assert_eq!(rename(&eve, "ada").await, 200);
    assert_eq!(rename(&ada, "countess").await, 200, "it is hers already");
}

#[tokio::test]
async fn a_username_that_another_has_is_409_and_nothing_changes() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    app.sign_up("eve").await;

    for taken in ["eve", "EVE"] {
        let patch = json!({"name": "Eve", "username": taken});
        let reply = ada.patch(ME, patch).await;

        let details = refusal(&reply, 409, "username_taken");
        assert_eq!(details["fields"][0]["field"], "username");
    }
    assert_eq!(names(&ada.get(ME).await.json()), json!(["ada", "ada"]));
}

#[tokio::test]
async fn of_many_who_want_one_name_at_once_one_gets_it() {
    let app = TestApp::start().await;
    let mut actors = Vec::new();
    for place in 0..6 {
        actors.push(app.sign_up(&format!("user{place}")).await);
    }

    let mut statuses = join_all(actors.iter().map(|actor| rename(actor, "ada"))).await;

    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn two_changes_at_once_do_not_undo_each_other() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    for place in 0..10 {
        let (name, username) = (format!("Ada {place}"), format!("ada{place}"));
        let by_name = ada.patch(ME, json!({"name": name}));
        let by_username = ada.patch(ME, json!({"username": username}));
        join(by_name, by_username).await;

        let user = ada.get(ME).await.json();
        assert_eq!(names(&user), json!([name, username]));
    }
}

// fastapi-users: an address and a password that a session alone could change.
#[tokio::test]
async fn what_does_not_belong_to_the_profile_is_422_and_named() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let before = ada.get(ME).await.json();

    for (field, value) in [
        ("email", json!("eve@example.com")),
        ("password", json!("another good password")),
        ("role", json!("admin")),
        ("status", json!("inactive")),
        ("id", json!("0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55")),
        ("user_id", before["id"].clone()),
        ("email_verified", json!(true)),
        ("token_version", json!(7)),
        ("budget_microusd", json!(null)),
        ("nickname", json!("x")),
    ] {
        let reply = ada.patch(ME, json!({"name": "x", field: value})).await;

        let at_fault = field_at_fault(&reply);
        let wanted = [field, "body", "unknown_field"].map(str::to_owned);
        assert_eq!(at_fault, wanted.into(), "{field}");
    }
    assert_eq!(ada.get(ME).await.json(), before);
    assert_eq!(signs_in(&app, "ada").await, 200);
}

#[tokio::test]
async fn a_name_that_breaks_a_rule_is_422_and_named() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    for (field, value) in [
        ("name", json!("")),
        ("name", json!("   ")),
        ("name", json!("a\nb")),
        ("name", json!("a\u{0}b")),
        ("name", json!("x".repeat(101))),
        ("name", json!(7)),
        ("username", json!("")),
        ("username", json!("ab")),
        ("username", json!("ada@example.com")),
        ("username", json!("x".repeat(33))),
        ("username", json!(["ada"])),
    ] {
        let reply = ada.patch(ME, json!({ field: value.clone() })).await;

        let (name, location, _) = field_at_fault(&reply);
        assert_eq!(
            (name.as_str(), location.as_str()),
            (field, "body"),
            "{value}"
        );
    }
    assert_eq!(names(&ada.get(ME).await.json()), json!(["ada", "ada"]));
}

#[tokio::test]
async fn who_asks_comes_before_what_is_asked() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let bad = json!({"role": "user"});

    refusal(
        &app.anonymous().patch(ME, bad.clone()).await,
        401,
        "unauthorized",
    );
    for wanted in [
        json!({}),
        json!({"scopes": ["profile:read"]}),
        json!({"scopes": ["admin:*"]}),
    ] {
        let key = root.with_key(wanted).await;
        for body in [bad.clone(), json!({"name": "x"})] {
            refusal(&key.patch(ME, body).await, 403, "insufficient_permissions");
        }
        assert_eq!(key.get(ME).await.json()["name"], json!(null));
    }
    let text = root.clone().header("content-type", "text/plain");
    refusal(&text.patch(ME, bad).await, 415, "unsupported_media_type");
    refusal(&root.patch(ME, json!([])).await, 422, "validation_error");
}
