//! What administrators make of accounts: who may do what, and who is gone.

use serde_json::{Value, json};

use super::{LOGIN, ME, ada};
use crate::edge::{field_at_fault, refusal};
use crate::support::{Actor, PASSWORD, TestApp};

const USERS: &str = "/api/v1/users";

async fn path_of(actor: &Actor<'_>) -> String {
    let me = actor.get(ME).await.json();
    format!("{USERS}/{}", me["id"].as_str().unwrap())
}

#[tokio::test]
async fn an_administrator_opens_an_account_also_where_nobody_may_register() {
    let app = TestApp::with(&[("REGISTRATION_ENABLED", "false")]).await;
    let root = app.admin().await;
    let wanted = json!({"email": "ada@example.com", "password": PASSWORD, "username": "ada",
        "budget_microusd": 7, "rpm": 5});

    let reply = root.post(USERS, wanted).await;

    assert_eq!(reply.status, 201, "{}", reply.text());
    let user = reply.json();
    let location = format!("{USERS}/{}", user["id"].as_str().unwrap());
    assert_eq!(reply.header("location"), location);
    assert_eq!(
        (&user["role"], &user["status"]),
        (&json!("user"), &json!("active"))
    );
    assert_eq!(
        (&user["budget_period"], &user["rpm"]),
        (&json!("month"), &json!(5))
    );
    assert_eq!(root.get(&location).await.json()["budget_microusd"], 7);
    assert_eq!(app.anonymous().post(LOGIN, ada()).await.status, 200);
}

#[tokio::test]
async fn an_account_that_breaks_a_rule_is_not_opened() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    app.sign_up("ada").await;
    let whole = json!({"email": "eve@example.com", "password": PASSWORD});

    for (field, value) in [
        ("status", json!("deleted")),
        ("role", json!("root")),
        ("password", json!("password1")),
        ("budget_period", json!("day")),
        ("token_version", json!(1)),
    ] {
        let mut wanted = whole.clone();
        wanted[field] = value;
        assert_eq!(field_at_fault(&root.post(USERS, wanted).await).0, field);
    }
    let mut taken = whole.clone();
    taken["email"] = json!("ada@example.com");
    refusal(&root.post(USERS, taken).await, 409, "email_taken");
    let mut taken = whole;
    taken["username"] = json!("ada");
    refusal(&root.post(USERS, taken).await, 409, "username_taken");
}

#[tokio::test]
async fn names_address_and_password_are_changed_and_taken_ones_are_not() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let ada_by_token = app.sign_up("ada").await;
    app.sign_up("eve").await;
    let path = path_of(&ada_by_token).await;

    let changed = root
        .patch(
            &path,
            json!({"name": "Ada", "email": "ada@example.org", "username": null}),
        )
        .await;

    assert_eq!(changed.status, 200, "{}", changed.text());
    let user = ada_by_token.get(ME).await.json();
    assert_eq!(
        (&user["name"], &user["email"]),
        (&json!("Ada"), &json!("ada@example.org"))
    );
    assert_eq!(user["username"], Value::Null);
    let taken = root.patch(&path, json!({"email": "eve@example.com"})).await;
    refusal(&taken, 409, "email_taken");
    let taken = root
        .patch(&path, json!({"username": "eve", "rpm": 3}))
        .await;
    refusal(&taken, 409, "username_taken");
    assert_eq!(root.get(&path).await.json()["rpm"], Value::Null);

    let new = json!({"password": "a staple that nobody guesses"});
    assert_eq!(root.patch(&path, new).await.status, 200);
    refusal(&ada_by_token.get(ME).await, 401, "invalid_token");
    let login = json!({"email": "ada@example.org", "password": "a staple that nobody guesses"});
    assert_eq!(app.anonymous().post(LOGIN, login).await.status, 200);
}

#[tokio::test]
async fn who_is_disabled_is_out_at_once_with_all_they_hold() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let ada_by_token = app.sign_up("ada").await;
    let key = ada_by_token.with_key(json!({})).await;
    let path = path_of(&ada_by_token).await;
    assert_eq!(key.get(ME).await.status, 200);

    let disabled = root.patch(&path, json!({"status": "inactive"})).await;

    assert_eq!(disabled.json()["status"], "inactive");
    refusal(&ada_by_token.get(ME).await, 401, "invalid_token");
    refusal(&key.get(ME).await, 401, "invalid_token");
    let login = app.anonymous().post(LOGIN, ada()).await;
    refusal(&login, 403, "account_disabled");
    root.patch(&path, json!({"status": "active"})).await;
    refusal(&ada_by_token.get(ME).await, 401, "invalid_token");
    assert_eq!(key.get(ME).await.status, 200);
    assert_eq!(app.anonymous().post(LOGIN, ada()).await.status, 200);
}

#[tokio::test]
async fn another_role_counts_for_new_logins_and_ends_the_old_ones() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let ada_by_token = app.sign_up("ada").await;
    let path = path_of(&ada_by_token).await;

    assert_eq!(
        root.patch(&path, json!({"role": "admin"})).await.status,
        200
    );
    refusal(&ada_by_token.get(ME).await, 401, "invalid_token");
    let risen = app.log_in("ada").await;
    assert_eq!(risen.get(USERS).await.status, 200);

    assert_eq!(root.patch(&path, json!({"role": "user"})).await.status, 200);
    refusal(&risen.get(USERS).await, 401, "invalid_token");
    refusal(
        &app.log_in("ada").await.get(USERS).await,
        403,
        "insufficient_permissions",
    );
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let path = path_of(&root).await;

    for change in [json!({"role": "user"}), json!({"status": "inactive"})] {
        refusal(&root.patch(&path, change).await, 409, "last_admin");
    }
    refusal(&root.delete(&path).await, 409, "last_admin");
    let password = json!({"password": PASSWORD});
    refusal(&leaves(&root, password).await, 409, "last_admin");
    assert_eq!(root.get(USERS).await.status, 200);
}

// Two who demote each other at the same moment must not both succeed.
#[tokio::test]
async fn of_two_last_administrators_who_are_demoted_at_once_one_stays() {
    for _ in 0..5 {
        let app = TestApp::start().await;
        let other = app.replica().await;
        let root = app.admin().await;
        let ada_by_token = app.sign_up("ada").await;
        let paths = [path_of(&root).await, path_of(&ada_by_token).await];
        root.patch(&paths[1], json!({"role": "admin"})).await;
        let ada_by_token = app.log_in("ada").await;
        let there = other
            .anonymous()
            .header("authorization", ada_by_token.authorization());

        let demoted = json!({"role": "user"});
        let (one, two) = tokio::join!(
            root.patch(&paths[1], demoted.clone()),
            there.patch(&paths[0], demoted.clone()),
        );

        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200, "{} {}", one.text(), two.text());
        // The second is told so, or is an administrator no more when it is asked who they are.
        assert!([401, 403, 409].contains(&statuses[1]), "{statuses:?}");
        let left = app
            .count("SELECT COUNT(*) FROM users WHERE role = 'admin'")
            .await;
        assert_eq!(left, 1);
    }
}

async fn leaves(who: &Actor<'_>, body: Value) -> crate::support::Reply {
    who.clone()
        .header("content-type", "application/json")
        .send(http::Method::DELETE, ME, body.to_string().into())
        .await
}

#[tokio::test]
async fn who_leaves_is_gone_with_all_they_had() {
    let app = TestApp::start().await;
    let ada_by_token = app.sign_up("ada").await;
    let key = ada_by_token.with_key(json!({})).await;
    let keys = ada_by_token.get("/api/v1/api-keys").await.json();
    let spent = format!(
        "INSERT INTO budgets (holder, period, spent_microusd, leased_microusd)
         SELECT 'user:' || id, 'total', 5, 0 FROM users UNION SELECT 'key:{}', 'total', 5, 0",
        keys["items"][0]["id"].as_str().unwrap()
    );
    app.execute(spent.leak()).await;
    let ask = json!({"model": "offline", "messages": [{"role": "user", "content": "hi"}]});
    let once = key.clone().header("idempotency-key", "once");
    let answer = once.post("/v1/chat/completions", ask).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    app.usage(&ada_by_token, 1).await;

    let wrong = json!({"password": "correct horse batterz"});
    refusal(
        &leaves(&ada_by_token, wrong).await,
        403,
        "invalid_credentials",
    );
    let nothing = leaves(&ada_by_token, json!({})).await;
    assert_eq!(field_at_fault(&nothing).0, "password");
    refusal(
        &leaves(&key, json!({"password": PASSWORD})).await,
        403,
        "insufficient_permissions",
    );
    let gone = leaves(&ada_by_token, json!({"password": PASSWORD})).await;

    assert_eq!(gone.status, 204, "{}", gone.text());
    assert_eq!(gone.cookies().len(), 2, "the cookies are taken away");
    refusal(&ada_by_token.get(ME).await, 401, "invalid_token");
    refusal(&key.get(ME).await, 401, "invalid_token");
    refusal(
        &app.anonymous().post(LOGIN, ada()).await,
        401,
        "invalid_credentials",
    );
    for sql in [
        "SELECT COUNT(*) FROM users",
        "SELECT COUNT(*) FROM budgets",
        "SELECT COUNT(*) FROM leases",
        "SELECT COUNT(*) FROM replays",
        "SELECT COUNT(*) FROM ledger WHERE user_id IS NOT NULL OR key_id IS NOT NULL",
    ] {
        assert_eq!(app.count(sql).await, 0, "{sql}");
    }
    assert_eq!(
        app.count("SELECT COUNT(*) FROM ledger").await,
        1,
        "what it cost stays"
    );
    for sql in [
        "SELECT CAST(COUNT(*) AS TEXT) FROM passwords",
        "SELECT CAST(COUNT(*) AS TEXT) FROM sessions",
        "SELECT CAST(COUNT(*) AS TEXT) FROM api_keys",
    ] {
        assert_eq!(app.text_in_vault(sql).await, "0", "{sql}");
    }
    assert_eq!(app.sign_up("ada").await.get(ME).await.status, 200);
}

#[tokio::test]
async fn whom_an_administrator_removes_is_gone_and_cannot_be_removed_again() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let ada_by_token = app.sign_up("ada").await;
    let path = path_of(&ada_by_token).await;

    refusal(
        &ada_by_token.delete(&path).await,
        403,
        "insufficient_permissions",
    );
    assert_eq!(root.delete(&path).await.status, 204);

    refusal(&ada_by_token.get(ME).await, 401, "invalid_token");
    refusal(&root.get(&path).await, 404, "not_found");
    refusal(&root.delete(&path).await, 404, "not_found");
    refusal(
        &root.patch(&path, json!({"rpm": 1})).await,
        404,
        "not_found",
    );
    assert_eq!(root.get(USERS).await.json()["total"], 1);
}

// A process that is killed in the middle leaves the account to the next start.
#[tokio::test]
async fn a_removal_that_was_interrupted_is_gone_on_with() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let ada_by_token = app.sign_up("ada").await;
    let path = path_of(&ada_by_token).await;
    app.execute("UPDATE users SET status = 'deleted' WHERE username = 'ada'")
        .await;
    refusal(&root.get(&path).await, 404, "not_found");

    let listening = app.listen().await;
    for _ in 0..200 {
        if app.count("SELECT COUNT(*) FROM users").await == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    listening.stop().await;

    assert_eq!(app.count("SELECT COUNT(*) FROM users").await, 1);
}
