//! Joining.

use serde_json::{Value, json};

use super::{LOGIN, ME, REGISTER, ada};
use crate::edge::{field_at_fault, refusal};
use crate::support::{Actor, PASSWORD, Reply, TestApp};

fn newcomer(email: &str, username: Option<&str>) -> Value {
    json!({"email": email, "password": PASSWORD, "username": username})
}

// E08: who registers has an account.
#[tokio::test]
async fn a_newcomer_gets_an_account_and_is_told_where_it_is() {
    let app = TestApp::start().await;
    let body = json!({"email": " Ada@Example.com ", "password": PASSWORD, "username": "Ada", "name": "Ada L."});

    let reply = app.anonymous().post(REGISTER, body).await;

    assert_eq!(reply.status, 201);
    assert_eq!(reply.header("location"), ME);
    assert!(reply.cookies().is_empty(), "joining is not signing in");
    let mut whole = reply.json();
    let user = whole["user"].as_object_mut().unwrap();
    assert_eq!(user.remove("id").unwrap().as_str().unwrap().len(), 36);
    assert_eq!(
        whole,
        json!({"user": {
            "email": "ada@example.com",
            "username": "ada",
            "name": "Ada L.",
            "role": "user",
            "status": "active",
            "email_verified": false,
            "created_at": "2026-11-21T09:30:00Z",
            "updated_at": "2026-11-21T09:30:00Z",
            "last_seen_at": null,
        }})
    );
    assert_eq!(app.anonymous().post(LOGIN, ada()).await.status, 200);
}

#[tokio::test]
async fn an_address_and_a_password_are_enough() {
    let app = TestApp::start().await;

    let body = json!({"email": "ada@example.com", "password": PASSWORD, "username": null});
    let reply = app.anonymous().post(REGISTER, body).await;

    assert_eq!(reply.status, 201);
    let user = &reply.json()["user"];
    assert_eq!(
        (&user["username"], &user["name"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn one_address_has_one_account_however_it_is_spelt() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;

    for email in ["ada@example.com", "ADA@example.com", " Ada@EXAMPLE.com\t"] {
        let reply = app.anonymous().post(REGISTER, newcomer(email, None)).await;
        let details = refusal(&reply, 409, "email_taken");
        assert_eq!(details["fields"][0]["field"], "email");
    }
    let reply = app
        .anonymous()
        .post(REGISTER, newcomer("b@example.com", Some("ADA")))
        .await;
    let details = refusal(&reply, 409, "username_taken");
    assert_eq!(details["fields"][0]["field"], "username");
}

/// Comes back where a machine that has much to do says so.
async fn joins(anonymous: &Actor<'_>) -> Reply {
    for _ in 0..20 {
        let wanted = newcomer("ada@example.com", Some("ada"));
        let reply = anonymous.post(REGISTER, wanted).await;
        if reply.status != 503 {
            return reply;
        }
        assert!(!reply.header("retry-after").is_empty(), "{reply:?}");
    }
    panic!("nobody is let in");
}

#[tokio::test]
async fn of_twenty_who_come_together_for_one_address_one_gets_it() {
    let app = TestApp::start().await;
    let anonymous = app.anonymous();
    let all = (0..20).map(|_| joins(&anonymous));

    let replies = futures_util::future::join_all(all).await;

    let joined = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(joined, 1);
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        assert_eq!(reply.status, 409, "{}", reply.text());
    }
    assert_eq!(app.anonymous().post(LOGIN, ada()).await.status, 200);
}

#[tokio::test]
async fn what_breaks_a_rule_is_422_and_named() {
    let app = TestApp::start().await;
    let long = "x".repeat(257);
    let whole =
        json!({"email": "ada@example.com", "password": PASSWORD, "username": "ada", "name": "Ada"});

    for (field, value) in [
        ("email", "nobody"),
        ("email", "a@b"),
        ("email", "a＠b.com"),
        ("email", ""),
        ("password", "1234567"),
        ("password", "password1"),
        ("password", "ada@example.com"),
        ("password", long.as_str()),
        ("username", "ab"),
        ("username", "a@b.com"),
        ("username", "ada lovelace"),
        ("name", ""),
        ("name", "line\nbreak"),
        ("name", &long[..101]),
    ] {
        let mut body = whole.clone();
        body[field] = json!(value);
        let reply = app.anonymous().post(REGISTER, body).await;
        let (name, location, _) = field_at_fault(&reply);
        assert_eq!(
            (name.as_str(), location.as_str()),
            (field, "body"),
            "{value}"
        );
    }
}

// GHSA-7rqj-j65f-68wh, GHSA-xmf8-cvqr-rfgj (Auth.js): an address was judged before it was normalised,
// and two spellings became two accounts, or one of another's.
#[tokio::test]
async fn an_address_has_no_second_spelling_in_unicode() {
    let app = TestApp::start().await;
    app.sign_up("kim").await;
    let long = format!("{}@example.com", "x".repeat(310));

    for email in [
        "kim＠example.com",
        "kim@example。com",
        "kim@example.com\u{0}",
        "kim\u{200b}@example.com",
        "\u{212a}im@example.com",
        "kım@example.com",
        "kim@EXAMPLE.ﬆ",
        "kim@exаmple.com",
        "kim@example.com, eve@example.com",
        "kim@example.com\r\nbcc: eve@example.com",
        "\"kim\"@example.com",
        "kim@[127.0.0.1]",
        &long,
    ] {
        let reply = app.anonymous().post(REGISTER, newcomer(email, None)).await;
        assert_eq!(field_at_fault(&reply).0, "email", "{email:?}");
    }
    let reply = app
        .anonymous()
        .post(REGISTER, newcomer("KIM@Example.Com", None))
        .await;
    refusal(&reply, 409, "email_taken");
    assert_eq!(app.count("SELECT COUNT(*) FROM users").await, 1);
}

#[tokio::test]
async fn a_password_may_be_long_and_of_any_letters() {
    let app = TestApp::start().await;

    for (place, password) in [
        "пароль дня ☀".to_owned(),
        "ä".repeat(256),
        " eight  ".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("u{place}@example.com");
        let body = json!({"email": email, "password": password});
        let joined = app.anonymous().post(REGISTER, body.clone()).await;
        assert_eq!(joined.status, 201, "{}", joined.text());
        assert_eq!(app.anonymous().post(LOGIN, body).await.status, 200);
    }
}

#[tokio::test]
async fn nobody_joins_where_registration_is_closed() {
    let app = TestApp::with(&[("REGISTRATION_ENABLED", "false")]).await;

    let reply = app
        .anonymous()
        .post(REGISTER, newcomer("ada@example.com", Some("ada")))
        .await;

    refusal(&reply, 403, "registration_disabled");
    assert_eq!(app.anonymous().post(LOGIN, ada()).await.status, 401);
}
