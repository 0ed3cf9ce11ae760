//! Signing in.

use axum::body::Body;
use concierge::store::vault::passwords;
use http::Method;
use serde_json::json;

use super::{LOGIN, ME, REGISTER, ada, browser_after};
use crate::edge::{field_at_fault, refusal};
use crate::support::{PASSWORD, TestApp};

/// As an administrator will; there is no route for it.
const DISABLE_BOB: &str = "UPDATE users SET status = 'inactive' WHERE username = 'bob'";
const FORM: &str = "application/x-www-form-urlencoded";

// E09: the answer carries a token, and sets the cookie beside it.
#[tokio::test]
async fn who_signs_in_gets_a_token_and_a_cookie_and_both_work() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;

    let reply = app.anonymous().post(LOGIN, ada()).await;

    let body = reply.json();
    assert_eq!(reply.status, 200);
    assert_eq!(
        (&body["token_type"], &body["expires_in"]),
        (&json!("bearer"), &json!(900))
    );
    assert_eq!(body["user"]["email"], "ada@example.com");
    let bearer = format!("Bearer {}", body["access_token"].as_str().unwrap());
    let by_token = app
        .anonymous()
        .header("authorization", bearer)
        .get(ME)
        .await;
    let by_cookie = browser_after(&app, &reply).get(ME).await;
    assert_eq!((by_token.status, by_cookie.status), (200, 200));
    assert_eq!(by_token.json()["id"], body["user"]["id"]);
    assert_eq!(by_cookie.json()["id"], body["user"]["id"]);
}

#[tokio::test]
async fn an_address_and_a_username_open_the_same_door_however_they_are_spelt() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;

    for (name, value) in [
        ("email", "ada@example.com"),
        ("email", " ADA@Example.com "),
        ("username", "ada"),
        ("username", "ADA"),
        ("username", "ada@example.com"),
    ] {
        let body = json!({name: value, "password": PASSWORD});
        assert_eq!(
            app.anonymous().post(LOGIN, body).await.status,
            200,
            "{name} {value}"
        );
    }
}

#[tokio::test]
async fn the_oauth2_password_form_is_taken_too() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let form = app.anonymous().header("content-type", FORM);

    let sent = "grant_type=password&username=ada%40example.com&password=correct+horse%20battery&scope=&client_id=x";
    let reply = form.post_bytes(LOGIN, sent).await;

    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.json()["access_token"].is_string());
    assert!(reply.json()["refresh_token"].is_string());
    assert_eq!(reply.cookies().len(), 3);
}

#[tokio::test]
async fn a_form_is_told_what_is_wrong_as_json_is() {
    let app = TestApp::start().await;
    let form = app.anonymous().header("content-type", FORM);

    for (sent, field) in [
        ("", "password"),
        ("password=x", "email"),
        ("username=ada", "password"),
        ("username=a&username=b&password=x", "username"),
        ("username=ada&password=x&remember=maybe", "remember"),
        ("username=ada&email=a%40b.com&password=x", "username"),
    ] {
        let reply = form.post_bytes(LOGIN, sent).await;
        assert_eq!(field_at_fault(&reply).0, field, "{sent}");
    }
}

#[tokio::test]
async fn either_name_is_needed_and_not_both() {
    let app = TestApp::start().await;

    let both = json!({"email": "ada@example.com", "username": "ada", "password": PASSWORD});
    let reply = app.anonymous().post(LOGIN, both).await;
    assert_eq!(field_at_fault(&reply).0, "username");
    let none = json!({"password": PASSWORD});
    assert_eq!(
        field_at_fault(&app.anonymous().post(LOGIN, none).await).0,
        "email"
    );
}

/// Everything of an answer but what names the request.
async fn refused(app: &TestApp, login: &str, password: &str) -> (u16, String, Vec<String>) {
    let reply = app
        .anonymous()
        .header("x-request-id", "same")
        .post(LOGIN, json!({"username": login, "password": password}))
        .await;
    refusal(&reply, 401, "invalid_credentials");
    assert!(reply.cookies().is_empty());
    let names = reply.headers.keys().map(ToString::to_string).collect();
    (reply.status, reply.text().to_owned(), names)
}

// Supabase Auth tells of a ban before it looks at the password. Whoever does not know the password
// learns nothing of the account.
#[tokio::test]
async fn whatever_is_wrong_is_told_alike_to_whoever_does_not_know_the_password() {
    let app = TestApp::start().await;
    for name in ["ada", "bob", "eve", "foreign"] {
        app.sign_up(name).await;
    }
    app.execute(DISABLE_BOB).await;
    app.execute("UPDATE users SET status = 'pending' WHERE username = 'eve'")
        .await;
    lose_password(&app, "foreign").await;

    let wrong = refused(&app, "ada", "not the password").await;

    assert_eq!(refused(&app, "nobody", "not the password").await, wrong);
    assert_eq!(
        refused(&app, "nobody@example.com", "not the password").await,
        wrong
    );
    assert_eq!(refused(&app, "?!", "not the password").await, wrong);
    assert_eq!(refused(&app, "", "").await, wrong);
    assert_eq!(refused(&app, "bob", "not the password").await, wrong);
    assert_eq!(refused(&app, "eve", "not the password").await, wrong);
    assert_eq!(refused(&app, "foreign", PASSWORD).await, wrong);
    assert_eq!(refused(&app, "ada", &"x".repeat(10_000)).await, wrong);
}

/// As the account of somebody who signs in elsewhere.
async fn lose_password(app: &TestApp, name: &str) {
    let actor = app.log_in(name).await;
    let id = actor.get(ME).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let id = concierge::domain::UserId::parse(&id).unwrap();
    let mut tx = app.databases.vault.write().await.unwrap();
    passwords::remove(&mut tx, &id).await.unwrap();
    tx.commit().await.unwrap();
}

// CVE-2025-22228 (Spring): bcrypt reads 72 bytes, and any password that began like it was right.
#[tokio::test]
async fn a_long_password_counts_to_its_last_character() {
    // So many guesses would lock it.
    let app = TestApp::with(&[("RATE_LIMIT_ENABLED", "false")]).await;
    let password: String = "plum tree by the river, ".repeat(4)[..80].to_owned();
    let joining = json!({"email": "ada@example.com", "password": password});
    assert_eq!(app.anonymous().post(REGISTER, joining).await.status, 201);

    for place in [0, 71, 72, 75, 79] {
        let mut other = password.clone();
        other.replace_range(place..=place, "#");
        let body = json!({"email": "ada@example.com", "password": other});
        let reply = app.anonymous().post(LOGIN, body).await;
        refusal(&reply, 401, "invalid_credentials");
    }
    let shorter = json!({"email": "ada@example.com", "password": password[..72]});
    assert_eq!(app.anonymous().post(LOGIN, shorter).await.status, 401);
    let whole = json!({"email": "ada@example.com", "password": password});
    assert_eq!(app.anonymous().post(LOGIN, whole).await.status, 200);
}

#[tokio::test]
async fn who_knows_the_password_of_a_disabled_account_is_told_so() {
    let app = TestApp::start().await;
    app.sign_up("bob").await;
    app.execute(DISABLE_BOB).await;

    let body = json!({"username": "bob", "password": PASSWORD});
    let reply = app.anonymous().post(LOGIN, body).await;

    refusal(&reply, 403, "account_disabled");
    assert!(reply.cookies().is_empty());
}

#[tokio::test]
async fn a_login_that_is_not_to_be_remembered_ends_with_the_browser() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let mut body = ada();
    body["remember"] = json!(false);

    let short = app.anonymous().post(LOGIN, body).await;
    let form = app.anonymous().header("content-type", FORM);
    let sent = "username=ada&password=correct+horse+battery&remember=false";
    let short_form = form.post_bytes(LOGIN, sent).await;
    let long = app.anonymous().post(LOGIN, ada()).await;

    assert!(!short.cookies()[0].contains("Max-Age"));
    assert!(!short_form.cookies()[0].contains("Max-Age"));
    assert!(long.cookies()[0].contains("Max-Age=2592000"));
}

// A cookie that was there before is never taken over, and its login ends.
#[tokio::test]
async fn a_new_login_in_the_same_browser_ends_the_old_one() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let first = app.anonymous().post(LOGIN, ada()).await;
    let browser = browser_after(&app, &first);

    let second = browser.post(LOGIN, ada()).await;

    assert_ne!(first.cookies()[0], second.cookies()[0]);
    assert_eq!(browser.get(ME).await.status, 401);
    assert_eq!(browser_after(&app, &second).get(ME).await.status, 200);
}

#[tokio::test]
async fn a_cookie_from_elsewhere_is_not_adopted() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let planted = "A".repeat(43);
    let browser = app
        .anonymous()
        .header("cookie", format!("session_token={planted}"));

    let reply = browser.post(LOGIN, ada()).await;

    assert_eq!(reply.status, 200);
    assert!(!reply.cookies()[0].contains(&planted));
    assert_eq!(browser.get(ME).await.status, 401);
}

#[tokio::test]
async fn signing_in_is_a_post() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;

    let path = format!("{LOGIN}?username=ada&password=correct+horse+battery");
    let reply = app
        .anonymous()
        .send(Method::GET, &path, Body::empty())
        .await;

    refusal(&reply, 405, "method_not_allowed");
}
