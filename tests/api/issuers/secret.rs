//! Better Auth by a shared secret (HS256), and what else is signed with it.

use serde_json::{Value, json};

use super::{SECRET, bearer, id, is_refused, me};
use crate::support::TestApp;
use crate::support::app::BEGINNING;
use crate::support::issuer::{Issuer, SigningKey};

const NOW: i64 = BEGINNING / 1_000_000;

fn claims(subject: &str) -> Value {
    json!({"sub": subject, "exp": NOW + 900})
}

async fn app() -> TestApp {
    TestApp::with(&[("BETTER_AUTH_SECRET", SECRET)]).await
}

#[tokio::test]
async fn a_subject_and_an_end_are_enough() {
    let key = SigningKey::secret(SECRET.as_bytes());
    let app = app().await;

    assert_eq!(id(&app, &key, &claims("user-1")).await, "user-1");
    let more = json!({"sub": "user-1", "exp": NOW + 900, "iss": "anybody", "aud": "anybody"});
    assert_eq!(id(&app, &key, &more).await, "user-1");
}

#[tokio::test]
async fn without_them_and_by_another_secret_nothing_opens() {
    let key = SigningKey::secret(SECRET.as_bytes());
    let app = app().await;

    is_refused(&app, &key.token(&json!({"exp": NOW + 900})), "no sub").await;
    is_refused(&app, &key.token(&json!({"sub": "user-1"})), "no exp").await;
    is_refused(
        &app,
        &key.token(&json!({"sub": "user-1", "exp": NOW - 60})),
        "past",
    )
    .await;
    let other = SigningKey::secret(b"another-secret-of-more-than-32-bytes");
    is_refused(&app, &other.token(&claims("user-1")), "another secret").await;
    let reply = app.anonymous().get("/api/v1/auth/me").await;
    assert_eq!((reply.status, reply.code().as_str()), (401, "unauthorized"));
}

#[tokio::test]
async fn a_configured_audience_is_asked_for() {
    let key = SigningKey::secret(SECRET.as_bytes());
    let app = TestApp::with(&[
        ("BETTER_AUTH_SECRET", SECRET),
        ("BETTER_AUTH_AUDIENCE", "api, other"),
    ])
    .await;
    let for_whom = |aud: Value| json!({"sub": "user-1", "exp": NOW + 900, "aud": aud});

    assert_eq!(
        me(&app, &key.token(&for_whom(json!("api")))).await.status,
        200
    );
    is_refused(
        &app,
        &key.token(&for_whom(json!("else"))),
        "another audience",
    )
    .await;
    is_refused(&app, &key.token(&claims("user-1")), "no audience").await;
}

#[tokio::test]
async fn what_else_is_signed_with_the_secret_is_no_access_token() {
    let key = SigningKey::secret(SECRET.as_bytes());
    let app = app().await;
    let session_data = json!({"session": {"token": "x", "userId": "user-1"},
        "user": {"id": "user-1"}, "updatedAt": NOW, "version": "1", "iat": NOW, "exp": NOW + 300});
    let verification = json!({"email": "ada@example.com", "iat": NOW, "exp": NOW + 3_600});
    let session = "kJ8s9dKq2LmNoPqRsTuVwXyZ01234567";

    is_refused(&app, &key.token(&session_data), "session data").await;
    is_refused(&app, &key.token(&verification), "an e-mail verification").await;
    let cached = json!({"alg": "HS256", "typ": "better-auth.session-cache+jwt"});
    is_refused(
        &app,
        &key.token_with(&cached, &claims("user-1")),
        "a session cache",
    )
    .await;
    is_refused(&app, session, "a session token").await;
    is_refused(&app, &format!("{session}.c2lnbmF0dXJl"), "a signed cookie").await;
}

#[tokio::test]
async fn a_key_set_and_a_secret_bear_out_the_same_users() {
    let key = SigningKey::ed25519("the-key");
    let secret = SigningKey::secret(SECRET.as_bytes());
    let issuer = Issuer::publishing(&[&key]).await;
    let app = TestApp::with(&[
        ("BETTER_AUTH_URL", &issuer.url()),
        ("BETTER_AUTH_SECRET", SECRET),
    ])
    .await;

    assert_eq!(id(&app, &key, &issuer.claims("ada")).await, "ada");
    assert_eq!(id(&app, &secret, &issuer.claims("ada")).await, "ada");
    assert_eq!(id(&app, &secret, &claims("ada")).await, "ada");

    assert_eq!(app.count("SELECT COUNT(*) FROM users").await, 1);
}

#[tokio::test]
async fn our_own_tokens_are_none_of_theirs_though_the_secret_be_the_same() {
    let app = TestApp::with(&[
        ("BETTER_AUTH_SECRET", SECRET),
        ("SECRET_KEY", SECRET),
        ("JWT_ALGORITHM", "HS256"),
    ])
    .await;
    let ada = app.sign_up("ada").await;
    assert_eq!(ada.get("/api/v1/auth/me").await.status, 200);
    let token = ada
        .authorization()
        .strip_prefix("Bearer ")
        .unwrap()
        .to_owned();

    assert_eq!(ada.post("/api/v1/auth/logout", json!({})).await.status, 204);

    is_refused(&app, &token, "its session is over").await;
    assert_eq!(bearer(&app, &token).get("/api/v1/models").await.status, 401);
}
