//! Codes by mail: an address is shown to be one's own, or becomes another one.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::recovery::{settled, with_mail};
use super::{LOGIN, ME, REGISTER};
use crate::edge::{field_at_fault, refusal};
use crate::support::mail_server::Mail;
use crate::support::{Actor, PASSWORD, Reply, TestApp};

const SEND: &str = "/api/v1/auth/verification/send";
const CONFIRM: &str = "/api/v1/auth/verification/confirm";
const CHANGE: &str = "/api/v1/auth/change-email";
const ADA: &str = "ada@example.com";
const NEW: &str = "ada@example.net";
const MINUTE: Duration = Duration::from_mins(1);
const REQUIRED: (&str, &str) = ("REQUIRE_EMAIL_VERIFICATION", "true");

fn shown(code: &str) -> Value {
    json!({"code": code, "email": ADA})
}

/// Codes that are all wrong.
fn wrong(code: &str, many: u32) -> Vec<String> {
    let right: u32 = code.parse().unwrap();
    let others = (1..=many).map(|n| (right + n) % 1_000_000);
    others.map(|code| format!("{code:06}")).collect()
}

async fn join(app: &TestApp, email: &str) -> Reply {
    let body = json!({"email": email, "password": PASSWORD});
    app.anonymous().post(REGISTER, body).await
}

async fn log_in(app: &TestApp, email: &str) -> Reply {
    let body = json!({"email": email, "password": PASSWORD});
    app.anonymous().post(LOGIN, body).await
}

async fn confirm(app: &TestApp, code: &str) -> Reply {
    app.anonymous().post(CONFIRM, shown(code)).await
}

/// What a caller is answered, without what differs between any two answers.
fn told(reply: &Reply) -> (u16, Value) {
    let mut body = reply.json();
    for changing in ["request_id", "timestamp"] {
        body.as_object_mut().unwrap().remove(changing);
    }
    (reply.status, body)
}

#[tokio::test]
async fn an_account_opens_when_its_code_is_shown() {
    let (app, _listening, server) = with_mail(&[REQUIRED]).await;

    let joined = join(&app, ADA).await;

    assert_eq!(joined.status, 202, "{}", joined.text());
    refusal(&log_in(&app, ADA).await, 403, "email_not_verified");
    let mut typo = json!({"email": ADA, "password": "correct horse batterz"});
    refusal(
        &app.anonymous().post(LOGIN, typo.take()).await,
        401,
        "invalid_credentials",
    );
    let code = server.letter(ADA, 1).await.code();
    let confirmed = confirm(&app, &code).await;
    assert_eq!(confirmed.status, 204, "{}", confirmed.text());
    let login = log_in(&app, ADA).await;
    assert_eq!(login.status, 200, "{}", login.text());
    assert_eq!(login.json()["user"]["status"], "active");
    assert_eq!(login.json()["user"]["email_verified"], true);
    refusal(&confirm(&app, &code).await, 400, "invalid_code");
}

// security.md §2, E4.
#[tokio::test]
async fn whoever_joins_is_answered_the_same_whether_the_address_is_known_or_not() {
    let (app, _listening, server) = with_mail(&[REQUIRED]).await;
    let mut answers = Vec::new();

    answers.push(told(&join(&app, ADA).await));
    settled(&app).await;
    app.advance(MINUTE);
    let code = server.letter(ADA, 1).await.code();
    confirm(&app, &code).await;
    answers.push(told(&join(&app, ADA).await));
    answers.push(told(&join(&app, ADA).await));
    answers.push(told(&join(&app, "bob@example.com").await));

    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    let hint = server.letter(ADA, 2).await;
    assert!(hint.head.contains("You have an account"), "{}", hint.head);
    server.letter("bob@example.com", 1).await;
    assert_eq!(server.mail_to(ADA).len(), 2, "one a minute");
    let taken = json!({"email": "eve@example.com", "password": PASSWORD, "username": "ada"});
    assert_eq!(
        app.anonymous().post(REGISTER, taken.clone()).await.status,
        202
    );
    let mut taken = taken;
    taken["email"] = json!("mallory@example.com");
    refusal(
        &app.anonymous().post(REGISTER, taken).await,
        409,
        "username_taken",
    );
}

// The code that is sent, and every answer to one that is shown, tell nothing of an account.
#[tokio::test]
async fn known_and_unknown_addresses_are_told_the_same_until_the_code_is_right() {
    let (app, _listening, server) = with_mail(&[REQUIRED]).await;
    join(&app, ADA).await;
    let code = server.letter(ADA, 1).await.code();
    settled(&app).await;
    app.advance(MINUTE);
    let mut stories = Vec::new();

    for email in [ADA, "nobody@example.com"] {
        let anyone = app.anonymous();
        let send = json!({"email": email});
        let mut story = vec![
            told(&anyone.post(SEND, send.clone()).await),
            told(&anyone.post(SEND, send).await),
        ];
        for code in wrong(&code, 6) {
            let shown = json!({"code": code, "email": email});
            story.push(told(&anyone.post(CONFIRM, shown).await));
        }
        stories.push(story);
    }
    settled(&app).await;
    app.advance(Duration::from_mins(11));
    for (email, story) in [ADA, "nobody@example.com"].iter().zip(&mut stories) {
        let shown = json!({"code": code, "email": email});
        story.push(told(&app.anonymous().post(CONFIRM, shown).await));
    }

    assert_eq!(stories[0], stories[1]);
    let statuses: Vec<u16> = stories[0].iter().map(|told| told.0).collect();
    assert_eq!(statuses, [202, 429, 400, 400, 400, 400, 400, 429, 410]);
}

#[tokio::test]
async fn of_thirty_wrong_codes_at_once_five_are_counted() {
    let (app, _listening, server) = with_mail(&[REQUIRED]).await;
    join(&app, ADA).await;
    let code = server.letter(ADA, 1).await.code();
    let guesses = wrong(&code, 30);

    let replies = join_all(guesses.iter().map(|guess| confirm(&app, guess))).await;

    let told = |status| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!((told(400), told(429)), (5, 25));
    let late = confirm(&app, &code).await;
    refusal(&late, 429, "rate_limited");
    assert_eq!(late.header("retry-after"), "60");
}

// Better Auth #8067: requests at once used one code several times.
#[tokio::test]
async fn of_thirty_right_codes_at_once_one_is_taken() {
    let (app, _listening, server) = with_mail(&[REQUIRED]).await;
    join(&app, ADA).await;
    let code = server.letter(ADA, 1).await.code();

    let replies = join_all((0..30).map(|_| confirm(&app, &code))).await;

    let told = |status| {
        replies
            .iter()
            .filter(|reply| reply.status == status)
            .count()
    };
    assert_eq!((told(204), told(400)), (1, 29));
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes_and_until_the_next() {
    let (app, _listening, server) = with_mail(&[REQUIRED]).await;
    join(&app, ADA).await;
    let first = server.letter(ADA, 1).await.code();
    settled(&app).await;
    app.advance(MINUTE);
    app.anonymous().post(SEND, json!({"email": ADA})).await;
    let second = server.letter(ADA, 2).await.code();

    if first != second {
        refusal(&confirm(&app, &first).await, 400, "invalid_code");
    }
    settled(&app).await;
    app.advance(Duration::from_mins(10));
    refusal(&confirm(&app, &second).await, 410, "code_expired");
    app.anonymous().post(SEND, json!({"email": ADA})).await;
    let third = server.letter(ADA, 3).await.code();
    assert_eq!(confirm(&app, &third).await.status, 204);
}

#[tokio::test]
async fn one_address_is_tried_twenty_times_a_day() {
    let (app, _listening, server) = with_mail(&[REQUIRED]).await;
    join(&app, ADA).await;
    let mut codes = 1;
    for _ in 0..4 {
        let code = server.letter(ADA, codes).await.code();
        for guess in wrong(&code, 5) {
            refusal(&confirm(&app, &guess).await, 400, "invalid_code");
        }
        settled(&app).await;
        app.advance(MINUTE);
        app.anonymous().post(SEND, json!({"email": ADA})).await;
        codes += 1;
    }

    let code = server.letter(ADA, codes).await.code();

    refusal(&confirm(&app, &code).await, 429, "rate_limited");
}

#[tokio::test]
async fn who_is_signed_in_shows_a_code_and_sees_the_account() {
    let (app, _listening, server) = with_mail(&[]).await;
    let ada = app.sign_up("ada").await;

    let sent = ada.post(SEND, json!({"channel": "email"})).await;
    assert_eq!(sent.status, 202, "{}", sent.text());
    refusal(&ada.post(SEND, json!({})).await, 429, "rate_limited");
    let code = server.letter(ADA, 1).await.code();
    let reply = ada.post(CONFIRM, json!({"code": code})).await;

    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["email_verified"], true);
    assert_eq!(ada.get(ME).await.json(), reply.json());
    let again = app.anonymous().post(SEND, json!({"email": ADA})).await;
    refusal(&again, 429, "rate_limited");
}

#[tokio::test]
async fn what_is_no_code_is_told_and_counts_nothing() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let anyone = app.anonymous();

    for code in ["", "12345", "1234567", "12345x", "１２３４５６"] {
        let (field, _, _) = field_at_fault(&anyone.post(CONFIRM, shown(code)).await);
        assert_eq!(field, "code");
    }
    for (who, path, body, code) in [
        (&anyone, SEND, json!({}), "missing"),
        (&ada, SEND, json!({"email": ADA}), "ambiguous"),
        (&anyone, CONFIRM, json!({"code": "012345"}), "missing"),
    ] {
        let (field, _, rule) = field_at_fault(&who.post(path, body).await);
        assert_eq!((field.as_str(), rule.as_str()), ("email", code));
    }
    let key = ada.with_key(json!({})).await;
    for (path, body) in [(SEND, json!({})), (CONFIRM, json!({"code": "012345"}))] {
        refusal(&key.post(path, body).await, 403, "insufficient_permissions");
    }
    refusal(
        &ada.post(CONFIRM, json!({"code": "012345"})).await,
        400,
        "invalid_code",
    );
}

fn change(new: &str) -> Value {
    json!({"password": PASSWORD, "new_email": new})
}

async fn address(actor: &Actor<'_>) -> String {
    actor.get(ME).await.json()["email"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn another_address_counts_when_it_shows_its_code() {
    let (app, _listening, server) = with_mail(&[]).await;
    let ada = app.sign_up("ada").await;
    app.anonymous()
        .post("/api/v1/auth/forgot-password", json!({"email": ADA}))
        .await;
    let link = server.letter(ADA, 1).await.token();

    let asked = ada.post(CHANGE, change(NEW)).await;

    assert_eq!(asked.status, 202, "{}", asked.text());
    assert_eq!(address(&ada).await, ADA);
    let code = server.letter(NEW, 1).await.code();
    let reply = ada.post(CONFIRM, json!({"code": code})).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["email"], NEW);
    assert_eq!(reply.json()["email_verified"], true);
    assert_eq!(log_in(&app, NEW).await.status, 200);
    refusal(&log_in(&app, ADA).await, 401, "invalid_credentials");
    let is_news = |mail: &Mail| mail.head.contains("Your address has been changed");
    server.letter_that(ADA, is_news).await;
    let reset = json!({"token": link, "new_password": "a staple that nobody guesses"});
    let reset = app
        .anonymous()
        .post("/api/v1/auth/reset-password", reset)
        .await;
    refusal(&reset, 400, "invalid_or_expired_token");
}

// security.md §11, row 16.
#[tokio::test]
async fn another_address_needs_the_password_and_tells_nothing_of_who_has_it() {
    let (app, _listening, server) = with_mail(&[]).await;
    let ada = app.sign_up("ada").await;
    let bob = app.sign_up("bob").await;
    let wrong = json!({"password": "correct horse batterz", "new_email": NEW});

    refusal(&ada.post(CHANGE, wrong).await, 403, "invalid_credentials");
    let (field, _, rule) = field_at_fault(&ada.post(CHANGE, change(ADA)).await);
    assert_eq!((field.as_str(), rule.as_str()), ("new_email", "unchanged"));
    refusal(
        &app.anonymous().post(CHANGE, change(NEW)).await,
        401,
        "unauthorized",
    );
    let free = ada.post(CHANGE, change(NEW)).await;
    let taken = bob.post(CHANGE, change(ADA)).await;

    assert_eq!(told(&free), told(&taken));
    server.letter(NEW, 1).await;
    assert_eq!(server.mail_to(ADA).len(), 0);
    // Two want the same one, and the second comes too late.
    settled(&app).await;
    app.advance(MINUTE);
    assert_eq!(bob.post(CHANGE, change(NEW)).await.status, 202);
    let theirs = server.letter(NEW, 2).await.code();
    settled(&app).await;
    app.advance(MINUTE);
    assert_eq!(ada.post(CHANGE, change(NEW)).await.status, 202);
    let mine = server.letter(NEW, 3).await.code();
    assert_eq!(ada.post(CONFIRM, json!({"code": mine})).await.status, 200);
    refusal(
        &bob.post(CONFIRM, json!({"code": theirs})).await,
        409,
        "email_taken",
    );
    assert_eq!(address(&bob).await, "bob@example.com");
}
