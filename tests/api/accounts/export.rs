//! Everything that is kept about a user, as they take it along.

use std::collections::{BTreeMap, BTreeSet};

use concierge::clock::Clock;
use concierge::domain::{AuditEntry, AuditId, Charge, Outcome, RequestId, RowId, Ts, UserId};
use concierge::store::budgets::{Account, Change};
use concierge::store::{audit, budgets, ledger};
use serde_json::{Value, json};

use super::ME;
use crate::edge::refusal;
use crate::support::{Actor, PASSWORD, TestApp};

const EXPORT: &str = "/api/v1/auth/me/export";
const COMPLETIONS: &str = "/v1/chat/completions";

async fn export(actor: &Actor<'_>) -> Value {
    let reply = actor.get(EXPORT).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn list<'a>(export: &'a Value, name: &str) -> &'a Vec<Value> {
    export[name].as_array().unwrap()
}

fn question() -> Value {
    json!({"model": "offline", "messages": [{"role": "user", "content": "hello"}]})
}

#[tokio::test]
async fn an_export_holds_the_account_and_all_that_it_did() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let bob = app.sign_up("bob").await;
    let key = ada.with_key(json!({"name": "ci"})).await;
    let answer = key
        .clone()
        .header("idempotency-key", "once")
        .post(COMPLETIONS, question())
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    ada.post(COMPLETIONS, question()).await;
    bob.post(COMPLETIONS, question()).await;
    app.ledger(3).await;

    let reply = ada.get(EXPORT).await;
    let whole = reply.json();

    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("cache-control"), "no-store");
    let disposition = reply.header("content-disposition");
    assert_eq!(
        disposition,
        "attachment; filename=\"concierge-2026-11-21.json\""
    );
    assert_eq!(whole["exported_at"], "2026-11-21T09:30:00Z");
    assert_eq!(whole["user"], ada.get(ME).await.json());
    assert_eq!(whole["password_changed_at"], "2026-11-21T09:30:00Z");
    assert_eq!(list(&whole, "sessions").len(), 1);
    assert_eq!(whole["sessions"][0]["current"], true);
    assert_eq!(list(&whole, "api_keys").len(), 1);
    assert_eq!(whole["api_keys"][0]["name"], "ci");
    let usage = list(&whole, "usage");
    let by_key: BTreeSet<bool> = usage.iter().map(|row| row["key_id"].is_null()).collect();
    assert_eq!((usage.len(), by_key.len()), (2, 2), "{usage:#?}");
    assert_eq!(usage[0]["model"], "offline");
    let kept = list(&whole, "idempotent_answers");
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["idempotency_key"], "once");
    assert_eq!(kept[0]["body"], answer.text());
    let events: Vec<_> = list(&whole, "audit")
        .iter()
        .map(|entry| &entry["event"])
        .collect();
    for event in [
        "user.registered",
        "login.succeeded",
        "api_key.created",
        "data.exported",
    ] {
        assert!(events.contains(&&json!(event)), "{events:?}");
    }
    assert!(
        list(&whole, "audit")
            .iter()
            .all(|entry| entry["user_id"] == whole["user"]["id"])
    );
}

#[tokio::test]
async fn nothing_that_opens_the_account_is_exported() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let login = json!({"username": "ada", "password": PASSWORD});
    let login = app
        .anonymous()
        .post("/api/v1/auth/login", login)
        .await
        .json();
    let key = ada.key(json!({})).await;
    let hash = app.text_in_vault("SELECT hash FROM passwords").await;
    let forgot = json!({"email": "ada@example.com"});
    app.anonymous()
        .post("/api/v1/auth/forgot-password", forgot)
        .await;

    let whole = export(&ada).await;
    assert_eq!(
        whole["live_codes"],
        json!([{"purpose": "password", "destination": "ada@example.com",
            "created_at": "2026-11-21T09:30:00Z", "expires_at": "2026-11-21T10:00:00Z"}])
    );
    assert_eq!(
        whole["waiting_messages"],
        json!([{"channel": "mail", "created_at": "2026-11-21T09:30:00Z",
            "expires_at": "2026-11-21T10:00:00Z"}])
    );
    let text = whole.to_string();

    let token = |name: &str| login[name].as_str().unwrap().to_owned();
    for secret in [
        key,
        hash,
        token("access_token"),
        token("refresh_token"),
        PASSWORD.to_owned(),
    ] {
        assert!(!text.contains(&secret), "{secret}");
    }
    assert!(!text.contains("hash") && !text.contains("argon2"));
}

#[tokio::test]
async fn an_export_of_thousands_of_entries_is_whole_and_in_order() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let id = ada.get(ME).await.json()["id"].as_str().unwrap().to_owned();
    let id = UserId::parse(&id).unwrap();
    add_rows(&app, &id, 1_201).await;
    spend(&app, &id, 7).await;

    let whole = export(&ada).await;

    let usage = list(&whole, "usage");
    let ids: BTreeSet<_> = usage
        .iter()
        .map(|row| row["id"].as_str().unwrap())
        .collect();
    assert_eq!((usage.len(), ids.len()), (1_201, 1_201));
    assert!(usage.is_sorted_by_key(|row| row["at"].as_str().unwrap().to_owned()));
    let audit = list(&whole, "audit");
    let ids: BTreeSet<_> = audit
        .iter()
        .map(|entry| entry["id"].as_str().unwrap())
        .collect();
    // With those of the account's own beginning, and of this export.
    assert_eq!((audit.len(), ids.len()), (1_204, 1_204));
    assert_eq!(
        whole["budgets"],
        json!([{"holder": format!("user:{id}"), "period": "2026-11",
        "spent_microusd": 7}])
    );
}

/// As many requests, many of them at one moment, and as many events.
async fn add_rows(app: &TestApp, user: &UserId, rows: i64) {
    let clock = Clock::standing_at(app.clock.micros() - 1_000_000_000);
    let charges: Vec<Charge> = (0..rows)
        .map(|row| Charge {
            id: RowId::new(&clock),
            at: Ts::from_micros(clock.micros() + row / 100 * 1_000_000),
            user_id: user.clone(),
            key_id: None,
            provider: "offline".to_owned(),
            model: "offline".to_owned(),
            upstream_model: "offline".to_owned(),
            status: Outcome::Ok,
            http_status: Some(200),
            prompt_tokens: 1,
            cached_tokens: 0,
            completion_tokens: 1,
            reasoning_tokens: 0,
            cost_microusd: 0,
            ttft_ms: None,
            duration_ms: 1,
            attempts: 1,
            request_id: RequestId::new(&clock),
            estimated: false,
        })
        .collect();
    let mut tx = app.databases.main.write().await.unwrap();
    ledger::add(&mut tx, &charges).await.unwrap();
    for _ in 0..rows {
        let entry = AuditEntry {
            id: AuditId::new(&clock),
            at: Ts::from_micros(clock.micros()),
            event: "login.succeeded".to_owned(),
            actor_id: Some(user.clone()),
            user_id: Some(user.clone()),
            session_id: None,
            key_id: None,
            ip: None,
            user_agent: None,
            request_id: None,
            details: json!({}),
        };
        audit::add(&mut tx, &entry).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn spend(app: &TestApp, user: &UserId, microusd: i64) {
    let account = Account {
        holder: format!("user:{user}"),
        period: "2026-11".to_owned(),
    };
    let change = Change {
        spent: microusd,
        leased: 0,
    };
    let mut tx = app.databases.main.write().await.unwrap();
    budgets::change(&mut tx, &BTreeMap::from([(account, change)]))
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn where_an_administrator_works_from_is_not_about_the_user() {
    let app = TestApp::start().await;
    let admin = app.admin().await.header("user-agent", "Console/7");
    let ada = app.sign_up("ada").await;
    let id = ada.get(ME).await.json()["id"].as_str().unwrap().to_owned();
    let change = json!({"name": "Ada King"});
    let path = format!("/api/v1/users/{id}");
    assert_eq!(admin.patch(&path, change).await.status, 200);

    let whole = export(&ada).await;

    let audit = list(&whole, "audit");
    let update = audit
        .iter()
        .find(|entry| entry["event"] == "user.updated")
        .unwrap();
    assert!(update["user_agent"].is_null() && update["session_id"].is_null());
    assert!(!whole.to_string().contains("Console/7"));
}

#[tokio::test]
async fn an_account_that_did_nothing_is_exported_with_empty_lists() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    let whole = export(&ada).await;

    assert_eq!(list(&whole, "usage").len(), 0);
    assert_eq!(list(&whole, "idempotent_answers").len(), 0);
    assert_eq!(list(&whole, "budgets").len(), 0);
}

#[tokio::test]
async fn an_export_needs_a_session() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.with_key(json!({})).await;

    refusal(&app.anonymous().get(EXPORT).await, 401, "unauthorized");
    refusal(&key.get(EXPORT).await, 403, "insufficient_permissions");
}
