//! Passwords that are guessed.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{LOGIN, ME, ada};
use crate::edge::refusal;
use crate::support::{Actor, PASSWORD, Reply, TestApp};

/// Redis has its own clock.
const BY_OUR_CLOCK: (&str, &str) = ("REDIS_URL", "");
const ANOTHER_PASSWORD: &str = "a staple that nobody guesses";

fn wrong() -> Value {
    json!({"username": "ada", "password": "not this one"})
}

async fn guess(app: &TestApp, times: usize) {
    for _ in 0..times {
        let reply = app.anonymous().post(LOGIN, wrong()).await;
        refusal(&reply, 401, "invalid_credentials");
    }
}

async fn login(app: &TestApp) -> u16 {
    app.anonymous().post(LOGIN, ada()).await.status
}

/// The browser that this login was answered to, at its next login.
fn known<'a>(app: &'a TestApp, login: &Reply) -> Actor<'a> {
    let cookies = login.cookies();
    let device = cookies
        .iter()
        .find(|cookie| cookie.starts_with("known_device="));
    app.anonymous()
        .header("cookie", device.unwrap().split(';').next().unwrap())
}

#[tokio::test]
async fn after_five_failures_the_right_password_waits_too_and_each_time_longer() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    app.sign_up("ada").await;

    guess(&app, 4).await;
    assert_eq!(login(&app).await, 200);
    guess(&app, 5).await;
    for minutes in [1, 2, 4, 8, 15, 15] {
        assert_eq!(login(&app).await, 401);
        app.advance(Duration::from_secs(minutes * 60 - 1));
        assert_eq!(login(&app).await, 401, "{minutes}");
        app.advance(Duration::from_secs(1));
        guess(&app, 1).await;
    }
    app.advance(Duration::from_mins(15));
    assert_eq!(login(&app).await, 200);
    // The streak is over.
    guess(&app, 4).await;
    assert_eq!(login(&app).await, 200);
}

#[tokio::test]
async fn what_is_tried_while_it_is_locked_does_not_lock_for_longer() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    app.sign_up("ada").await;
    guess(&app, 20).await;

    app.advance(Duration::from_mins(1));

    assert_eq!(login(&app).await, 200);
}

#[tokio::test]
async fn an_account_has_one_streak_whichever_of_its_names_is_used() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    app.sign_up("ada").await;
    for name in ["ada", "ADA", "ada@example.com", " Ada@Example.COM ", "ada"] {
        let body = json!({"username": name, "password": "not this one"});
        assert_eq!(app.anonymous().post(LOGIN, body).await.status, 401);
    }

    assert_eq!(login(&app).await, 401);
}

#[tokio::test]
async fn locked_unknown_and_wrong_are_answered_alike() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    app.sign_up("ada").await;
    let told = async |body: Value| {
        let reply = app.anonymous().post(LOGIN, body).await;
        let mut said = reply.json();
        said.as_object_mut().unwrap().remove("request_id");
        let mut headers: Vec<_> = reply.headers.keys().map(ToString::to_string).collect();
        headers.sort();
        (reply.status, said, headers)
    };
    let nobody = || json!({"username": "nobody", "password": "not this one"});
    let wrong_one = told(wrong()).await;
    guess(&app, 9).await;

    assert_eq!(told(ada()).await, wrong_one);
    for _ in 0..10 {
        assert_eq!(told(nobody()).await, wrong_one);
    }
}

#[tokio::test]
async fn nobody_locks_a_user_out_of_the_browser_they_use() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    app.sign_up("ada").await;
    let first = app.anonymous().post(LOGIN, ada()).await;
    let browser = known(&app, &first);
    guess(&app, 20).await;

    assert_eq!(login(&app).await, 401);
    let again = browser.post(LOGIN, ada()).await;
    assert_eq!(again.status, 200);
    // What the thief of a browser guesses locks that browser, and no other.
    for _ in 0..5 {
        assert_eq!(browser.post(LOGIN, wrong()).await.status, 401);
    }
    assert_eq!(browser.post(LOGIN, ada()).await.status, 401);
    app.advance(Duration::from_mins(1));
    assert_eq!(known(&app, &again).post(LOGIN, ada()).await.status, 200);
}

#[tokio::test]
async fn a_browser_is_known_for_its_own_user_and_only_where_it_is_remembered() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    app.sign_up("ada").await;
    app.sign_up("eve").await;
    let eve = json!({"username": "eve", "password": PASSWORD});
    let of_eve = known(&app, &app.anonymous().post(LOGIN, eve).await);
    guess(&app, 5).await;

    assert_eq!(of_eve.post(LOGIN, ada()).await.status, 401);
    app.advance(Duration::from_mins(1));
    let mut forgetful = ada();
    forgetful["remember"] = json!(false);
    let reply = app.anonymous().post(LOGIN, forgetful).await;
    assert_eq!(reply.status, 200);
    assert!(
        reply
            .cookies()
            .iter()
            .all(|cookie| !cookie.starts_with("known_device"))
    );
}

#[tokio::test]
async fn the_cookie_of_a_known_browser_goes_to_the_login_alone_and_opens_nothing() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    app.sign_up("ada").await;
    let reply = app.anonymous().post(LOGIN, ada()).await;
    let cookies = reply.cookies();
    let device = cookies
        .iter()
        .find(|cookie| cookie.starts_with("known_device="))
        .unwrap();

    for attribute in [
        "HttpOnly",
        "SameSite=Lax",
        "Path=/api/v1/auth/login",
        "Max-Age=31536000",
    ] {
        assert!(device.contains(attribute), "{device}");
    }
    refusal(&known(&app, &reply).get(ME).await, 401, "unauthorized");
    let value = device.split(['=', ';']).nth(1).unwrap();
    let as_session = app
        .anonymous()
        .header("cookie", format!("session_token={value}"));
    assert_eq!(as_session.get(ME).await.status, 401);
}

#[tokio::test]
async fn a_hundred_failures_in_a_row_need_another_password() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    let ada_ = app.sign_up("ada").await;
    let browser = known(&app, &app.anonymous().post(LOGIN, ada()).await);
    let id = ada_.get(ME).await.json()["id"].as_str().unwrap().to_owned();
    for _ in 0..100 {
        guess(&app, 1).await;
        app.advance(Duration::from_hours(1));
    }

    assert_eq!(login(&app).await, 401);
    let admin = app.admin().await;
    let set = json!({"password": ANOTHER_PASSWORD});
    assert_eq!(
        admin
            .patch(&format!("/api/v1/users/{id}"), set)
            .await
            .status,
        200
    );
    let another = json!({"username": "ada", "password": ANOTHER_PASSWORD});
    assert_eq!(
        app.anonymous().post(LOGIN, another.clone()).await.status,
        200
    );
    assert_eq!(browser.post(LOGIN, another).await.status, 200);
}

#[tokio::test]
async fn what_is_guessed_of_a_stolen_session_locks_that_session_and_not_the_account() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    let stolen = app.sign_up("ada").await;
    let own = app.log_in("ada").await;
    let change =
        |current: &str| json!({"current_password": current, "new_password": ANOTHER_PASSWORD});
    let path = "/api/v1/auth/change-password";
    for _ in 0..5 {
        let reply = stolen.post(path, change("not this one")).await;
        refusal(&reply, 403, "invalid_credentials");
    }

    refusal(
        &stolen.post(path, change(PASSWORD)).await,
        403,
        "invalid_credentials",
    );
    assert_eq!(login(&app).await, 200);
    assert_eq!(own.post(path, change(PASSWORD)).await.status, 204);
}

#[tokio::test]
async fn many_guesses_at_once_are_not_many_more_than_one_after_the_other() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    app.sign_up("ada").await;
    let guesses = (0..40).map(|_| app.anonymous());
    let guesses = guesses.map(|anyone| async move { anyone.post(LOGIN, wrong()).await.status });

    let statuses = join_all(guesses).await;

    assert!(
        statuses.iter().all(|status| [401, 503].contains(status)),
        "{statuses:?}"
    );
    let admin = app.admin().await;
    let failed = admin
        .get("/api/v1/audit?event=login.failed&size=100")
        .await
        .json();
    let looked_at = failed["items"].as_array().unwrap().iter();
    let looked_at = looked_at.filter(|entry| entry["details"]["reason"] == "wrong_password");
    // Four are forgiven, and five may be under way when the lock falls.
    let looked_at = looked_at.count();
    assert!((5..=9).contains(&looked_at), "{looked_at}");
}

#[tokio::test]
async fn many_who_know_the_password_come_in_at_once() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    app.sign_up("ada").await;

    let statuses = join_all((0..30).map(|_| login(&app))).await;

    let welcome = statuses.iter().filter(|status| **status == 200).count();
    assert!(
        welcome > 5 && statuses.iter().all(|it| [200, 503].contains(it)),
        "{statuses:?}"
    );
    assert_eq!(login(&app).await, 200);
}

#[tokio::test]
async fn nobody_is_locked_where_that_is_switched_off() {
    let app = TestApp::with(&[BY_OUR_CLOCK, ("RATE_LIMIT_ENABLED", "false")]).await;
    app.sign_up("ada").await;
    guess(&app, 101).await;

    assert_eq!(login(&app).await, 200);
}
