//! A forgotten password: a link by mail, which sets another one, once.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{LOGIN, ME, ada, browser_after};
use crate::edge::{field_at_fault, refusal};
use crate::support::app::Listening;
use crate::support::{MailServer, PASSWORD, Reply, TestApp};

const FORGOT: &str = "/api/v1/auth/forgot-password";
const RESET: &str = "/api/v1/auth/reset-password";
const NEW: &str = "a staple that nobody guesses";
const ADA: &str = "ada@example.com";
const MINUTE: Duration = Duration::from_mins(1);

/// An application that sends mail, and the server that takes it.
pub(super) async fn with_mail(settings: &[(&str, &str)]) -> (TestApp, Listening, MailServer) {
    let server = MailServer::start().await;
    let url = server.url();
    let mut all = vec![
        ("SMTP_URL", url.as_str()),
        ("MAIL_FROM", "Concierge <hello@example.org>"),
        ("PUBLIC_URL", "https://app.example.org"),
    ];
    all.extend(settings);
    let app = TestApp::with(&all).await;
    let listening = app.listen().await;
    (app, listening, server)
}

/// Waits until all mail is sent: a clock that is moved meanwhile would have it sent twice.
pub(super) async fn settled(app: &TestApp) {
    for _ in 0..1_000 {
        if app.count("SELECT COUNT(*) FROM messages").await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("mail is still waiting");
}

async fn forgot(app: &TestApp, email: &str) -> Reply {
    app.anonymous().post(FORGOT, json!({"email": email})).await
}

fn reset(token: &str, new: &str) -> Value {
    json!({"token": token, "new_password": new})
}

#[tokio::test]
async fn the_link_sets_another_password_and_signs_nobody_in() {
    let (app, _listening, server) = with_mail(&[]).await;
    app.sign_up("ada").await;

    let reply = forgot(&app, "Ada@Example.COM").await;

    assert_eq!(reply.status, 202, "{}", reply.text());
    assert_eq!(reply.header("cache-control"), "no-store");
    let letter = server.letter(ADA, 1).await;
    assert_eq!(letter.from, "hello@example.org");
    assert!(
        letter
            .head
            .contains("From: \"Concierge\" <hello@example.org>")
    );
    assert!(
        letter
            .head
            .contains("Subject: concierge: Set another password")
    );
    assert!(
        letter
            .text
            .contains("https://app.example.org/reset-password#token=")
    );
    assert_eq!(server.signed_in().as_deref(), Some("\0app\0hunter2"));

    let reply = app
        .anonymous()
        .post(RESET, reset(&letter.token(), NEW))
        .await;
    assert_eq!(reply.status, 204, "{}", reply.text());
    assert!(reply.cookies().is_empty() && reply.body.is_empty());
    refusal(
        &app.anonymous().post(LOGIN, ada()).await,
        401,
        "invalid_credentials",
    );
    let new = json!({"username": "ada", "password": NEW});
    assert_eq!(app.anonymous().post(LOGIN, new).await.status, 200);
    let told = server.letter(ADA, 2).await;
    assert!(told.head.contains("Your password has been changed"));
}

// Supabase auth-js#1001: what differs between the two tells who has an account.
#[tokio::test]
async fn known_and_unknown_are_answered_alike_the_first_time_and_the_second() {
    let (app, _listening, server) = with_mail(&[]).await;
    app.sign_up("ada").await;
    let mut answers = Vec::new();

    for email in [ADA, "nobody@example.com"] {
        for _ in 0..2 {
            let reply = forgot(&app, email).await;
            let mut headers = reply.headers.clone();
            headers.remove("x-request-id");
            answers.push((reply.status, reply.text().to_owned(), headers));
        }
    }

    assert_eq!(answers[0].0, 202);
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    settled(&app).await;
    app.advance(MINUTE);
    forgot(&app, ADA).await;
    assert_eq!(server.letters(ADA, 2).await.len(), 2, "one a minute");
    assert_eq!(server.mail().len(), 2, "and none to who has no account");
}

// security.md §11, row 12: a link goes where we are, never where a request says that we are.
#[tokio::test]
async fn no_header_of_a_request_reaches_the_link() {
    for (settings, link) in [
        (vec![], "https://app.example.org/reset-password#token="),
        (
            vec![(
                "PASSWORD_RESET_URL",
                "https://www.example.net/new?from=mail",
            )],
            "https://www.example.net/new?from=mail#token=",
        ),
    ] {
        let mut settings = settings;
        settings.push(("TRUSTED_PROXIES", "127.0.0.1"));
        let (app, _listening, server) = with_mail(&settings).await;
        app.sign_up("ada").await;
        let poisoner = app
            .anonymous()
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "http")
            .header("forwarded", "host=evil.example");

        let reply = poisoner.post(FORGOT, json!({"email": ADA})).await;

        assert_eq!(reply.status, 202, "{}", reply.text());
        let letter = server.letter(ADA, 1).await;
        assert!(letter.text.contains(link), "{}", letter.text);
        assert!(!letter.text.contains("evil"));
    }
}

#[tokio::test]
async fn of_thirty_who_use_the_link_at_once_one_sets_the_password() {
    let (app, _listening, server) = with_mail(&[]).await;
    app.sign_up("ada").await;
    forgot(&app, ADA).await;
    let token = server.letter(ADA, 1).await.token();
    let somebody = app.anonymous();
    let passwords: Vec<String> = (0..30)
        .map(|n| format!("staple number {n} of many"))
        .collect();

    let tries = passwords
        .iter()
        .map(|new| somebody.post(RESET, reset(&token, new)));
    let replies = join_all(tries).await;

    let mut won = Vec::new();
    for (reply, password) in replies.iter().zip(&passwords) {
        match reply.status {
            204 => won.push(password),
            // So many hashes at once may be too many for this machine.
            503 => {}
            _ => {
                refusal(reply, 400, "invalid_or_expired_token");
            }
        }
    }
    assert_eq!(won.len(), 1);
    let login = json!({"username": "ada", "password": won[0]});
    assert_eq!(app.anonymous().post(LOGIN, login).await.status, 200);
    refusal(
        &app.anonymous().post(RESET, reset(&token, NEW)).await,
        400,
        "invalid_or_expired_token",
    );
}

// security.md §11, rows 17 and 18.
#[tokio::test]
async fn everybody_who_was_signed_in_is_out_and_keys_stay() {
    let (app, _listening, server) = with_mail(&[]).await;
    let by_token = app.sign_up("ada").await;
    let key = by_token.with_key(json!({})).await;
    let login = app.anonymous().post(LOGIN, ada()).await;
    let browser = browser_after(&app, &login);
    assert_eq!(browser.get(ME).await.status, 200);
    forgot(&app, ADA).await;
    let token = server.letter(ADA, 1).await.token();

    let bearer = app
        .anonymous()
        .header("authorization", format!("Bearer {token}"));
    refusal(&bearer.get(ME).await, 401, "invalid_token");
    assert_eq!(
        app.anonymous().post(RESET, reset(&token, NEW)).await.status,
        204
    );

    refusal(&browser.get(ME).await, 401, "invalid_token");
    refusal(&by_token.get(ME).await, 401, "invalid_token");
    let refresh = json!({"refresh_token": login.json()["refresh_token"]});
    let reply = app.anonymous().post("/api/v1/auth/refresh", refresh).await;
    refusal(&reply, 401, "invalid_token");
    assert_eq!(key.get(ME).await.status, 200);
}

#[tokio::test]
async fn a_link_is_good_for_half_an_hour_and_until_the_next_one() {
    let (app, _listening, server) = with_mail(&[]).await;
    app.sign_up("ada").await;
    forgot(&app, ADA).await;
    let first = server.letter(ADA, 1).await.token();
    settled(&app).await;
    app.advance(MINUTE);
    forgot(&app, ADA).await;
    let second = server.letter(ADA, 2).await.token();

    let refused = app.anonymous().post(RESET, reset(&first, NEW)).await;
    refusal(&refused, 400, "invalid_or_expired_token");
    settled(&app).await;
    app.advance(Duration::from_mins(30));
    let refused = app.anonymous().post(RESET, reset(&second, NEW)).await;
    refusal(&refused, 400, "invalid_or_expired_token");

    forgot(&app, ADA).await;
    let third = server.letter(ADA, 3).await.token();
    settled(&app).await;
    app.advance(Duration::from_mins(29));
    assert_eq!(
        app.anonymous().post(RESET, reset(&third, NEW)).await.status,
        204
    );
}

#[tokio::test]
async fn any_other_change_of_the_password_or_the_address_kills_the_link() {
    let (app, _listening, server) = with_mail(&[]).await;
    let admin = app.admin().await;
    let by_token = app.sign_up("ada").await;
    let id = by_token.get(ME).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let user = format!("/api/v1/users/{id}");
    let mut address = ADA;

    let mut letters = 0;
    for change in ["own", "password", "email"] {
        forgot(&app, address).await;
        letters += 1;
        let token = server.letter(address, letters).await.token();
        let changed = match change {
            "own" => {
                let body = json!({"current_password": PASSWORD, "new_password": NEW});
                by_token
                    .post("/api/v1/auth/change-password", body)
                    .await
                    .status
            }
            "password" => admin.patch(&user, json!({"password": NEW})).await.status,
            _ => {
                address = "ada@example.net";
                admin.patch(&user, json!({"email": address})).await.status
            }
        };
        assert!(matches!(changed, 200 | 204), "{change}: {changed}");

        let refused = app.anonymous().post(RESET, reset(&token, NEW)).await;
        refusal(&refused, 400, "invalid_or_expired_token");
        settled(&app).await;
        app.advance(MINUTE);
    }
}

#[tokio::test]
async fn a_password_that_breaks_a_rule_costs_no_link() {
    let (app, _listening, server) = with_mail(&[]).await;
    app.sign_up("ada").await;
    forgot(&app, ADA).await;
    let token = server.letter(ADA, 1).await.token();

    for (new, code) in [("short", "too_short"), (ADA, "too_guessable")] {
        let reply = app.anonymous().post(RESET, reset(&token, new)).await;
        let (field, _, rule) = field_at_fault(&reply);
        assert_eq!((field.as_str(), rule.as_str()), ("new_password", code));
    }
    let long = "x".repeat(43);
    for wrong in ["", "x", "v1.x.y.z", token[1..].as_ref(), &long] {
        let reply = app.anonymous().post(RESET, reset(wrong, NEW)).await;
        refusal(&reply, 400, "invalid_or_expired_token");
    }

    assert_eq!(
        app.anonymous().post(RESET, reset(&token, NEW)).await.status,
        204
    );
}

#[tokio::test]
async fn who_may_not_sign_in_gets_no_link() {
    let (app, _listening, server) = with_mail(&[]).await;
    let admin = app.admin().await;
    let by_token = app.sign_up("ada").await;
    let id = by_token.get(ME).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    forgot(&app, ADA).await;
    let token = server.letter(ADA, 1).await.token();
    let disabled = admin
        .patch(
            &format!("/api/v1/users/{id}"),
            json!({"status": "inactive"}),
        )
        .await;
    assert_eq!(disabled.status, 200, "{}", disabled.text());

    let refused = app.anonymous().post(RESET, reset(&token, NEW)).await;
    refusal(&refused, 400, "invalid_or_expired_token");
    settled(&app).await;
    app.advance(MINUTE);
    assert_eq!(forgot(&app, ADA).await.status, 202);
    assert_eq!(forgot(&app, "root@example.com").await.status, 202);

    server.letter("root@example.com", 1).await;
    assert_eq!(server.mail_to(ADA).len(), 1, "the one of before");
}

#[tokio::test]
async fn one_address_gets_five_links_an_hour_and_ten_a_day() {
    const LINKS: &str = "SELECT COUNT(*) FROM audit
                         WHERE event = 'password.reset_requested' AND user_id IS NOT NULL";
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let mut links = Vec::new();

    for _ in 0..3 {
        for _ in 0..8 {
            assert_eq!(forgot(&app, ADA).await.status, 202);
            app.advance(MINUTE);
        }
        app.advance(Duration::from_mins(52));
        links.push(app.count(LINKS).await);
    }

    assert_eq!(links, [5, 10, 10]);
    app.advance(Duration::from_hours(22));
    forgot(&app, ADA).await;
    assert_eq!(app.count(LINKS).await, 11);
}

#[tokio::test]
async fn where_no_mail_can_be_sent_everybody_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("a.db").display());
    let app = TestApp::with(&[
        ("APP_ENV", "production"),
        ("SECRET_KEY", "q3J9v0Zt7Lk2WmX8sBcD4fGhR5yPnT6uA1eVoKiC"),
        ("PUBLIC_URL", "https://app.example.org"),
        ("DATABASE_URL", &url),
    ])
    .await;
    app.sign_up("ada").await;

    for email in [ADA, "nobody@example.com"] {
        refusal(&forgot(&app, email).await, 503, "mail_not_configured");
    }
}

#[tokio::test]
async fn the_page_runs_nothing_but_its_own_script() {
    let app = TestApp::start().await;

    let page = app.anonymous().get("/reset-password").await;

    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-"),
        "{policy}"
    );
    for loose in ["unsafe", "*", "http:", "data:"] {
        assert!(!policy.contains(loose), "{policy}");
    }
    let text = page.text();
    for element in ["script", "style"] {
        let inner = text.split(&format!("<{element}>")).nth(1).unwrap();
        let inner = inner.split(&format!("</{element}>")).next().unwrap();
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, inner.as_bytes());
        let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash);
        assert!(
            policy.contains(&format!("'sha256-{hash}'")),
            "{element}: {policy}"
        );
    }
    assert!(
        !text.contains("src=") && !text.contains("href="),
        "nothing from elsewhere"
    );
}
