//! Another password.

use serde_json::{Value, json};

use super::{LOGIN, ME, ada, browser_after};
use crate::edge::{field_at_fault, refusal};
use crate::support::{PASSWORD, TestApp};

const CHANGE: &str = "/api/v1/auth/change-password";
const REFRESH: &str = "/api/v1/auth/refresh";
const NEW: &str = "a staple that nobody guesses";

fn change() -> Value {
    json!({"current_password": PASSWORD, "new_password": NEW})
}

#[tokio::test]
async fn the_new_one_opens_and_the_old_one_does_not() {
    let app = TestApp::start().await;
    let ada_by_token = app.sign_up("ada").await;

    let reply = ada_by_token.post(CHANGE, change()).await;

    assert_eq!(reply.status, 204, "{}", reply.text());
    assert!(
        reply.cookies().is_empty(),
        "it was not the cookie that asked"
    );
    let old = app.anonymous().post(LOGIN, ada()).await;
    refusal(&old, 401, "invalid_credentials");
    let new = json!({"username": "ada", "password": NEW});
    assert_eq!(app.anonymous().post(LOGIN, new).await.status, 200);
    assert_eq!(ada_by_token.get(ME).await.status, 200);
}

// ASVS 7.2.4, 7.4.3: whoever was signed in by the old password is out, at every replica.
#[tokio::test]
async fn every_other_login_ends_and_keys_stay() {
    let app = TestApp::start().await;
    let ada_by_token = app.sign_up("ada").await;
    let key = ada_by_token.with_key(json!({})).await;
    let other = app.anonymous().post(LOGIN, ada()).await;
    let browser = browser_after(&app, &other);
    assert_eq!(browser.get(ME).await.status, 200);

    assert_eq!(ada_by_token.post(CHANGE, change()).await.status, 204);

    refusal(&browser.get(ME).await, 401, "invalid_token");
    let token = json!({"refresh_token": other.json()["refresh_token"]});
    refusal(
        &app.anonymous().post(REFRESH, token).await,
        401,
        "invalid_token",
    );
    assert_eq!(ada_by_token.get(ME).await.status, 200);
    assert_eq!(key.get(ME).await.status, 200);
}

#[tokio::test]
async fn a_browser_gets_another_cookie_and_the_one_before_opens_nothing() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let login = app.anonymous().post(LOGIN, ada()).await;
    let browser = browser_after(&app, &login);

    let changed = browser.post(CHANGE, change()).await;

    assert_eq!(changed.status, 204);
    assert_eq!(changed.cookies().len(), 1);
    assert_eq!(browser_after(&app, &changed).get(ME).await.status, 200);
    refusal(&browser.get(ME).await, 401, "invalid_token");
    let token = json!({"refresh_token": login.json()["refresh_token"]});
    assert_eq!(app.anonymous().post(REFRESH, token).await.status, 200);
}

// fastapi-users: a session alone could set another password.
#[tokio::test]
async fn a_login_alone_is_not_enough() {
    let app = TestApp::start().await;
    let ada_by_token = app.sign_up("ada").await;

    let unasked = json!({"new_password": NEW});
    let (field, _, rule) = field_at_fault(&ada_by_token.post(CHANGE, unasked).await);
    assert_eq!((&*field, &*rule), ("current_password", "missing"));
    for patch in [
        json!({"password": NEW}),
        json!({"email": "eve@example.com"}),
    ] {
        let (_, _, rule) = field_at_fault(&ada_by_token.patch(ME, patch).await);
        assert_eq!(rule, "unknown_field");
    }
    assert_eq!(app.anonymous().post(LOGIN, ada()).await.status, 200);
}

#[tokio::test]
async fn who_does_not_know_the_current_one_changes_nothing() {
    let app = TestApp::start().await;
    let ada_by_token = app.sign_up("ada").await;
    let mut wrong = change();
    wrong["current_password"] = json!("correct horse batterz");

    refusal(
        &ada_by_token.post(CHANGE, wrong).await,
        403,
        "invalid_credentials",
    );

    assert_eq!(app.anonymous().post(LOGIN, ada()).await.status, 200);
    let key = ada_by_token.with_key(json!({})).await;
    refusal(
        &key.post(CHANGE, change()).await,
        403,
        "insufficient_permissions",
    );
    refusal(
        &app.anonymous().post(CHANGE, change()).await,
        401,
        "unauthorized",
    );
}

#[tokio::test]
async fn the_new_one_obeys_the_rules_of_all_passwords() {
    let app = TestApp::start().await;
    let ada_by_token = app.sign_up("ada").await;

    for (new, code) in [
        ("short", "too_short"),
        ("password1", "too_common"),
        ("ada@example.com", "too_guessable"),
    ] {
        let wanted = json!({"current_password": PASSWORD, "new_password": new});
        let (field, _, rule) = field_at_fault(&ada_by_token.post(CHANGE, wanted).await);
        assert_eq!((field.as_str(), rule.as_str()), ("new_password", code));
    }
    assert_eq!(app.anonymous().post(LOGIN, ada()).await.status, 200);
}

#[tokio::test]
async fn of_two_changes_at_once_one_is_made() {
    let app = TestApp::start().await;
    let ada_by_token = app.sign_up("ada").await;
    let wanted = |new: &str| json!({"current_password": PASSWORD, "new_password": new});
    let (one, other) = tokio::join!(
        ada_by_token.post(CHANGE, wanted("one staple of many")),
        ada_by_token.post(CHANGE, wanted("another staple of many")),
    );

    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 403]);
    let won = if one.status == 204 {
        "one staple of many"
    } else {
        "another staple of many"
    };
    let login = json!({"username": "ada", "password": won});
    assert_eq!(app.anonymous().post(LOGIN, login).await.status, 200);
}
