//! The audit log: what happened to accounts, for administrators.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use concierge::api::kit::client::Peer;
use http::Request;
use serde_json::{Value, json};

use super::{LOGIN, LOGOUT, LOGOUT_ALL, ME, REGISTER, SESSIONS, ada, browser_after};
use crate::edge::refusal;
use crate::support::{Actor, PASSWORD, TestApp};

const AUDIT: &str = "/api/v1/audit";
const KEYS: &str = "/api/v1/api-keys";
const USERS: &str = "/api/v1/users";
const ANOTHER_PASSWORD: &str = "a staple that nobody guesses";

async fn entries(admin: &Actor<'_>, query: &str) -> Vec<Value> {
    let reply = admin.get(&format!("{AUDIT}?size=100&{query}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["items"].as_array().unwrap().clone()
}

/// The administrator, whose token has become too old.
async fn again(app: &TestApp) -> Actor<'_> {
    let body = json!({"email": "root@example.com", "password": PASSWORD});
    let login = app.anonymous().post(LOGIN, body).await.json();
    let bearer = format!("Bearer {}", login["access_token"].as_str().unwrap());
    app.anonymous().header("authorization", bearer)
}

/// The events that an administrator finds, the oldest first.
async fn events(admin: &Actor<'_>, query: &str) -> Vec<String> {
    let entries = entries(admin, query).await;
    let events = entries.iter().rev().map(|entry| entry["event"].as_str());
    events.map(|event| event.unwrap().to_owned()).collect()
}

async fn id_of(actor: &Actor<'_>) -> String {
    actor.get(ME).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn what_happens_to_an_account_is_written_down_in_its_order() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ada_ = app.sign_up("ada").await;
    let id = id_of(&ada_).await;
    let step = || app.advance(Duration::from_millis(1));

    step();
    let wrong = json!({"username": "ada", "password": "not this one"});
    assert_eq!(app.anonymous().post(LOGIN, wrong).await.status, 401);
    step();
    ada_.patch(ME, json!({"name": "Ada King"})).await;
    step();
    let key = ada_.post(KEYS, json!({"name": "ci"})).await.json();
    let key = format!("{KEYS}/{}", key["id"].as_str().unwrap());
    step();
    assert_eq!(ada_.patch(&key, json!({"name": "CI"})).await.status, 200);
    step();
    assert_eq!(ada_.delete(&key).await.status, 204);
    step();
    let second = app.anonymous().post(LOGIN, ada()).await;
    step();
    let other = ada_.get(SESSIONS).await.json()["items"][0].clone();
    let other = format!("{SESSIONS}/{}", other["id"].as_str().unwrap());
    assert_eq!(ada_.delete(&other).await.status, 204);
    step();
    // That login is over: whoever leaves it a second time changes nothing.
    assert_eq!(
        browser_after(&app, &second)
            .post(LOGOUT, json!({}))
            .await
            .status,
        204
    );
    let change =
        |current: &str| json!({"current_password": current, "new_password": ANOTHER_PASSWORD});
    let path = "/api/v1/auth/change-password";
    assert_eq!(ada_.post(path, change("not this one")).await.status, 403);
    step();
    assert_eq!(ada_.post(path, change(PASSWORD)).await.status, 204);
    step();
    assert_eq!(ada_.get("/api/v1/auth/me/export").await.status, 200);
    step();
    assert_eq!(ada_.post(LOGOUT, json!({})).await.status, 204);
    step();
    let third = json!({"username": "ada", "password": ANOTHER_PASSWORD});
    let third = app.anonymous().post(LOGIN, third).await;
    step();
    let third = browser_after(&app, &third);
    assert_eq!(third.post(LOGOUT_ALL, json!({})).await.status, 204);

    let told = events(&admin, &format!("user_id={id}")).await;

    let expected = [
        "user.registered",
        "login.succeeded",
        "login.failed",
        "profile.updated",
        "api_key.created",
        "api_key.updated",
        "api_key.deleted",
        "login.succeeded",
        "session.ended",
        "password.rejected",
        "password.changed",
        "data.exported",
        "login.ended",
        "login.succeeded",
        "session.all_ended",
    ];
    // Registering and the first login fall on one moment.
    let mut first = told[..2].to_vec();
    first.sort_unstable();
    assert_eq!(first, ["login.succeeded", "user.registered"]);
    assert_eq!(told[2..], expected[2..]);
}

#[tokio::test]
async fn an_entry_says_who_did_it_when_and_from_where() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = id_of(&app.sign_up("ada").await).await;
    let peer: SocketAddr = "203.0.113.7:5000".parse().unwrap();
    let mut request = Request::post(LOGIN)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("user-agent", "Test/1.0")
        .header("x-request-id", "req-17")
        .body(Body::from(ada().to_string()))
        .unwrap();
    request.extensions_mut().insert(Peer(peer));
    app.advance(Duration::from_secs(1));
    assert_eq!(app.send(request).await.status, 200);

    let entry = entries(&admin, &format!("user_id={id}")).await.remove(0);

    assert_eq!(entry["event"], "login.succeeded");
    assert_eq!(entry["at"], "2026-11-21T09:30:01Z");
    assert_eq!(
        (&entry["actor_id"], &entry["user_id"]),
        (&json!(id), &json!(id))
    );
    assert!(entry["session_id"].is_string() && entry["key_id"].is_null());
    assert_eq!(entry["ip"], "203.0.113.7");
    assert_eq!(entry["user_agent"], "Test/1.0");
    assert_eq!(entry["request_id"], "req-17");
}

#[tokio::test]
async fn a_failed_login_says_why_to_administrators_and_never_what_was_typed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let ada_ = app.sign_up("ada").await;
    let id = id_of(&ada_).await;
    let typed = "my secret in the wrong field";
    for (login, password) in [("ada", typed), (typed, "whatever it is"), ("ada", PASSWORD)] {
        if password == PASSWORD {
            let off = json!({"status": "inactive"});
            admin.patch(&format!("{USERS}/{id}"), off).await;
        }
        app.advance(Duration::from_millis(1));
        let body = json!({"username": login, "password": password});
        app.anonymous().post(LOGIN, body).await;
    }

    let failed = entries(&admin, "event=login.failed").await;

    let reasons: Vec<_> = failed
        .iter()
        .map(|entry| {
            (
                entry["details"]["reason"].as_str().unwrap(),
                &entry["user_id"],
            )
        })
        .collect();
    assert_eq!(
        reasons,
        [
            ("account_disabled", &json!(id)),
            ("unknown_account", &Value::Null),
            ("wrong_password", &json!(id)),
        ]
    );
    assert!(failed.iter().all(|entry| entry["actor_id"].is_null()));
    let all = admin.get(&format!("{AUDIT}?size=100")).await;
    let all = all.text();
    assert!(
        !all.contains(typed) && !all.contains("example.com"),
        "{all}"
    );
}

#[tokio::test]
async fn what_an_administrator_changes_is_named_and_a_role_is_told_from_what_to_what() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let root = id_of(&admin).await;
    let new = json!({"email": "ada@example.com", "password": PASSWORD});
    let made = admin.post(USERS, new).await.json();
    let path = format!("{USERS}/{}", made["id"].as_str().unwrap());
    app.advance(Duration::from_millis(1));
    let change = json!({"email": "countess@example.com", "role": "admin", "status": "active",
        "rpm": 5, "password": ANOTHER_PASSWORD});
    assert_eq!(admin.patch(&path, change).await.status, 200);
    app.advance(Duration::from_millis(1));
    assert_eq!(admin.delete(&path).await.status, 204);

    let query = format!("user_id={}", made["id"].as_str().unwrap());
    let told = entries(&admin, &query).await;

    assert_eq!(
        events(&admin, &query).await,
        ["user.created", "user.updated", "user.deleted"]
    );
    assert!(told.iter().all(|entry| entry["actor_id"] == root));
    assert_eq!(
        told[2]["details"],
        json!({"role": "user", "status": "active"})
    );
    assert_eq!(
        told[1]["details"],
        json!({"changed": ["email", "password", "role", "caps"],
            "role": {"from": "user", "to": "admin"}})
    );
}

#[tokio::test]
async fn a_refresh_token_that_is_used_twice_is_written_down() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.sign_up("ada").await;
    let login = app.anonymous().post(LOGIN, ada()).await.json();
    let refresh = json!({"refresh_token": login["refresh_token"]});
    let path = "/api/v1/auth/refresh";
    assert_eq!(
        app.anonymous().post(path, refresh.clone()).await.status,
        200
    );
    app.advance(Duration::from_secs(11));
    refusal(
        &app.anonymous().post(path, refresh).await,
        401,
        "refresh_reused",
    );

    let told = entries(&admin, "event=refresh.reused").await;

    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["user_id"], login["user"]["id"]);
    assert!(told[0]["actor_id"].is_null() && told[0]["details"]["session_id"].is_string());
}

#[tokio::test]
async fn events_are_found_by_sort_by_user_by_actor_and_by_time() {
    let app = TestApp::start().await;
    app.admin().await;
    let ada_ = id_of(&app.sign_up("ada").await).await;
    app.advance(Duration::from_hours(24));
    app.sign_up("bob").await;
    let admin = again(&app).await;

    let count = async |query: &str| entries(&admin, query).await.len();

    assert_eq!(count("event=user.registered").await, 2);
    assert_eq!(
        count(&format!("event=user.registered&user_id={ada_}")).await,
        1
    );
    assert_eq!(count(&format!("actor_id={ada_}")).await, 1);
    assert_eq!(count("from=2026-11-22&event=login.succeeded").await, 2);
    assert_eq!(count("to=2026-11-21&event=user.registered").await, 1);
    assert_eq!(count("from=2026-11-22&to=2026-11-22").await, 3);
    assert_eq!(count("from=2026-11-23").await, 0);
    let page = admin
        .get(&format!("{AUDIT}?size=2&page=2&event=login.succeeded"))
        .await;
    assert_eq!(page.header("x-total-count"), "4");
    assert_eq!(page.json()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_filter_that_means_nothing_is_named() {
    let app = TestApp::start().await;
    let admin = app.admin().await;

    for (query, field) in [
        ("event=login.maybe", "event"),
        ("from=yesterday", "from"),
        ("to=tomorrow", "to"),
        ("user_id=", "user_id"),
        ("size=0", "size"),
    ] {
        let reply = admin.get(&format!("{AUDIT}?{query}")).await;
        refusal(&reply, 422, "validation_error");
        assert!(reply.text().contains(field), "{}", reply.text());
    }
}

#[tokio::test]
async fn the_log_is_for_administrators_and_their_keys_with_the_scope() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = app.sign_up("ada").await;
    let key = admin.with_key(json!({"scopes": ["admin:*"]})).await;
    let lesser = admin.with_key(json!({})).await;

    assert_eq!(key.get(AUDIT).await.status, 200);
    refusal(&app.anonymous().get(AUDIT).await, 401, "unauthorized");
    refusal(&user.get(AUDIT).await, 403, "insufficient_permissions");
    refusal(&lesser.get(AUDIT).await, 403, "insufficient_scope");
}

#[tokio::test]
async fn an_account_that_is_refused_leaves_no_event() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    app.sign_up("ada").await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    refusal(
        &app.anonymous().post(REGISTER, body).await,
        409,
        "email_taken",
    );

    assert_eq!(entries(&admin, "event=user.registered").await.len(), 1);
}

#[tokio::test]
async fn a_deleted_account_keeps_its_id_in_the_log_and_not_where_its_user_was() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let id = id_of(&app.sign_up("ada").await).await;
    let peer: SocketAddr = "203.0.113.7:5000".parse().unwrap();
    let send = async |request: http::request::Builder, body: Value| {
        let request = request
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("user-agent", "Test/1.0");
        let mut request = request.body(Body::from(body.to_string())).unwrap();
        request.extensions_mut().insert(Peer(peer));
        app.send(request).await
    };
    let wrong = json!({"username": "ada", "password": "not this one"});
    assert_eq!(send(Request::post(LOGIN), wrong).await.status, 401);
    let login = send(Request::post(LOGIN), ada()).await.json();
    let bearer = format!("Bearer {}", login["access_token"].as_str().unwrap());
    let leave = Request::delete(ME).header("authorization", bearer);
    assert_eq!(send(leave, json!({"password": PASSWORD})).await.status, 204);

    let told = entries(&admin, &format!("user_id={id}")).await;

    assert_eq!(told.len(), 5, "{told:#?}");
    for entry in told {
        assert!(
            entry["ip"].is_null() && entry["user_agent"].is_null(),
            "{entry}"
        );
    }
}

#[tokio::test]
async fn events_leave_the_log_when_they_are_old() {
    let app = TestApp::with(&[("AUDIT_RETENTION", "30d")]).await;
    app.sign_up("ada").await;
    app.advance(Duration::from_hours(29 * 24));
    app.admin().await;
    assert_eq!(app.app.auth.sweep_audit().await.unwrap(), 0);
    app.advance(Duration::from_hours(2 * 24));

    let swept = app.app.auth.sweep_audit().await.unwrap();

    assert_eq!(swept, 2);
    let mut left = events(&again(&app).await, "").await;
    left.sort_unstable();
    let rest = ["login.succeeded", "login.succeeded", "user.promoted"];
    assert_eq!(left, rest);
}
