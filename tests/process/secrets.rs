//! What must stay where it is: in no line of the log, and in no file.

use serde_json::json;

use crate::support::{
    Client, Mail, MailServer, Manner, PASSWORD, Place, Reply, Running, Schema, Upstream, question,
};

const SECRET_KEY: &str = "a-signing-key-of-more-than-32-bytes-for-this-test";
const PEPPER: &str = "a-pepper-of-more-than-32-bytes-for-this-test-too";
const UPSTREAM_KEY: &str = "sk-upstream-0123456789abcdef";

/// One of everything that a user does, well and badly. All the secrets that were said.
async fn live_a_session(anyone: &Client, mail: &MailServer) -> Vec<String> {
    let login = anyone.sign_up("ada@example.com").await;
    let (token, cookie) = (login.token(), login.cookie());
    let refresh_token = refresh(anyone, &login).await;
    let ada = anyone.clone().bearer(&token);
    let key = ada.key().await;
    let by_key = anyone.clone().header("x-api-key", &key);
    for stream in [false, true] {
        let reply = Reply::read(by_key.complete(stream).await).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    by_key.get("/api/v1/models").await;
    by_key.has_used(2).await;
    anyone
        .clone()
        .header("cookie", &cookie)
        .get("/api/v1/auth/me")
        .await;
    go_wrong(anyone, &token, &key).await;
    let mut secrets = renew(anyone, &login).await;
    secrets.extend(be_written_to(anyone, mail).await);
    ada.post("/api/v1/auth/logout", json!({})).await;
    let value = cookie.split_once('=').unwrap().1.to_owned();
    let said = [
        &token,
        &value,
        &key,
        &refresh_token,
        PASSWORD,
        "hunter2-hunter2",
        SECRET_KEY,
        PEPPER,
    ];
    secrets.extend(said.iter().map(|secret| (*secret).to_owned()));
    secrets
}

/// Other tokens, another password, another cookie, and a copy of everything. What was said.
async fn renew(anyone: &Client, login: &Reply) -> Vec<String> {
    let mut secrets = vec![login.refresh_token()];
    for _ in 0..2 {
        let shown = json!({"refresh_token": secrets.last()});
        let next = anyone.post("/api/v1/auth/refresh", shown).await;
        secrets.extend([next.token(), next.refresh_token()]);
    }
    let by_cookie = anyone.clone().header("cookie", &login.cookie());
    let change = json!({"current_password": PASSWORD, "new_password": "another-hunter-of-wolves"});
    let changed = by_cookie.post("/api/v1/auth/change-password", change).await;
    assert_eq!(changed.status, 204, "{changed:?}");
    let cookie = changed.cookie();
    let copy = anyone.clone().header("cookie", &cookie);
    let copy = copy.get("/api/v1/auth/me/export").await;
    assert_eq!(copy.status, 200, "{copy:?}");
    let cookie = cookie.split_once('=').unwrap().1.to_owned();
    secrets.extend([cookie, "another-hunter-of-wolves".to_owned()]);
    secrets
}

/// The newest refresh token of a login, well used and badly.
async fn refresh(anyone: &Client, login: &Reply) -> String {
    let first = login.json()["refresh_token"].clone();
    let body = json!({"refresh_token": first});
    let next = anyone.post("/api/v1/auth/refresh", body).await;
    assert_eq!(next.status, 200, "{next:?}");
    let token = next.json()["refresh_token"].as_str().unwrap().to_owned();
    let forged = json!({"refresh_token": format!("{token}x")});
    let refused = anyone.post("/api/v1/auth/refresh", forged).await;
    assert_eq!(refused.status, 401, "{refused:?}");
    token
}

/// A server that reads mail and does not take it: what was sent lies in the outbox all the same.
async fn forgetful() -> MailServer {
    MailServer::with(Manner::Forgets("451 come again")).await
}

/// What opens the account is sent to it, and is not used up.
async fn be_written_to(anyone: &Client, mail: &MailServer) -> Vec<String> {
    let forgot = json!({"email": "ada@example.com"});
    let asked = anyone.post("/api/v1/auth/forgot-password", forgot).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let token = mail.letter("ada@example.com", 1).await.token();
    let weak = json!({"token": token, "new_password": "hunter2"});
    let refused = anyone.post("/api/v1/auth/reset-password", weak).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    let code = json!({"email": "ada@example.com"});
    let asked = anyone.post("/api/v1/auth/verification/send", code).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let is_code = |mail: &Mail| mail.head.contains("Your code");
    let code = mail.letter_that("ada@example.com", is_code).await.code();
    let wrong = json!({"email": "ada@example.com", "code": "000000"});
    anyone
        .post("/api/v1/auth/verification/confirm", wrong)
        .await;
    // Six digits alone stand in many a number.
    vec![
        token,
        "reset-password#token".to_owned(),
        "Your code for".to_owned(),
        format!("\"{code}\""),
        format!("\n{code}\n"),
    ]
}

/// What is refused is told with least care.
async fn go_wrong(anyone: &Client, token: &str, key: &str) {
    let wrong = json!({"email": "ada@example.com", "password": "hunter2-hunter2"});
    assert_eq!(anyone.post("/api/v1/auth/login", wrong).await.status, 401);
    let typed = json!({"email": "ada@example.com", "password": ["hunter2-hunter2"]});
    assert_eq!(anyone.post("/api/v1/auth/login", typed).await.status, 422);
    let again = json!({"email": "ada@example.com", "password": "hunter2-hunter2"});
    assert_eq!(
        anyone.post("/api/v1/auth/register", again).await.status,
        409
    );
    let twice = anyone.clone().bearer(token).header("x-api-key", key);
    assert_eq!(twice.get("/api/v1/auth/me").await.status, 400);
    let query = format!("/api/v1/models?api_key={key}&access_token={token}");
    anyone.get(&query).await;
    anyone.get(&format!("/nowhere/{key}")).await;
    let mut broken = question(false);
    broken["messages"] = json!("the wombat sings at midnight");
    anyone
        .clone()
        .bearer(key)
        .post("/v1/chat/completions", broken)
        .await;
    assert_eq!(
        anyone
            .clone()
            .bearer(&format!("{key}x"))
            .get("/v1/models")
            .await
            .status,
        401
    );
}

fn assert_holds_none(what: &str, haystack: &[u8], secrets: &[String]) {
    for secret in secrets {
        let found = memchr::memmem::find(haystack, secret.as_bytes());
        let around = found.map(|at| {
            let from = at.saturating_sub(200);
            String::from_utf8_lossy(&haystack[from..at]).into_owned()
        });
        assert_eq!(around, None, "{what} holds {secret}");
    }
}

#[tokio::test]
async fn no_secret_and_no_prompt_is_logged_where_details_are_asked_for() {
    logs_nothing_of(("LOG_LEVEL", "debug"), Running::client).await;
}

/// What the libraries below tell, too.
#[tokio::test]
async fn no_secret_and_no_prompt_is_logged_where_everything_is_asked_for() {
    logs_nothing_of(("RUST_LOG", "trace"), Running::client).await;
    logs_nothing_of(("RUST_LOG", "trace"), Running::client_over_http_2).await;
}

async fn logs_nothing_of(level: (&str, &str), client: fn(&Running) -> Client) {
    let place = Place::new();
    let upstream = Upstream::whole().await;
    let mail = forgetful().await;
    let smtp_url = mail.url();
    let settings = [
        upstream.settings().as_slice(),
        &[
            level,
            ("SMTP_URL", &smtp_url),
            ("MAIL_FROM", "hello@example.org"),
            ("SECRET_KEY", SECRET_KEY),
            ("PASSWORD_PEPPER", PEPPER),
        ],
    ]
    .concat();
    let server = place.serve(&settings).await;

    let mut secrets = live_a_session(&client(&server), &mail).await;
    // What is asked and what is answered.
    secrets.extend(["wombat", UPSTREAM_KEY, "\"hi\""].map(str::to_owned));
    let last = client(&server).header("x-request-id", "the-last");
    last.get("/").await;
    let is_last = |line: &serde_json::Value| line["span"]["request_id"] == "the-last";
    server.logs("the last request", is_last).await;

    assert!(server.log().iter().any(|line| line["level"] == "DEBUG"));
    assert_holds_none("the log", server.raw_log().as_bytes(), &secrets);
    assert_eq!(server.complaints(), "");
}

/// In every form that a database might choose: as text, without the prefix that all keys share, and
/// as the digits of its bytes.
fn in_any_form(secrets: Vec<String>) -> Vec<String> {
    let mut forms = Vec::new();
    for secret in secrets {
        let bare = secret.strip_prefix("sk-cg-").map(str::to_owned);
        let digits = secret.bytes().map(|byte| format!("{byte:02x}"));
        forms.push(digits.collect());
        forms.extend(bare);
        forms.push(secret);
    }
    forms
}

#[tokio::test]
async fn a_stolen_copy_of_the_files_holds_nothing_to_sign_in_with() {
    let place = Place::new();
    let mail = forgetful().await;
    let smtp_url = mail.url();
    let settings = [
        ("SECRET_KEY", SECRET_KEY),
        ("PASSWORD_PEPPER", PEPPER),
        ("SMTP_URL", &smtp_url),
        ("MAIL_FROM", "hello@example.org"),
    ];
    let server = place.serve(&settings).await;

    let mut secrets = live_a_session(&server.client(), &mail).await;
    secrets.push("wombat".to_owned());
    let secrets = in_any_form(secrets);

    let mut files = 0;
    for entry in std::fs::read_dir(place.path("data")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert_holds_none(&path.display().to_string(), &bytes, &secrets);
        files += 1;
    }
    assert!(files >= 4, "two databases and their logs");
    server.stop().await;
    for file in ["concierge.db", "credentials.db"] {
        let bytes = std::fs::read(place.path("data").join(file)).unwrap();
        assert!(memchr::memmem::find(&bytes, b"CREATE TABLE").is_some());
        assert_holds_none(file, &bytes, &secrets);
    }
}

#[tokio::test]
async fn a_dump_of_the_database_holds_nothing_to_sign_in_with() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let place = Place::new();
    let mail = forgetful().await;
    let smtp_url = mail.url();
    let settings = [
        ("DATABASE_URL", schema.url()),
        ("SECRET_KEY", SECRET_KEY),
        ("PASSWORD_PEPPER", PEPPER),
        ("SMTP_URL", &smtp_url),
        ("MAIL_FROM", "hello@example.org"),
    ];
    let server = place.serve(&settings).await;

    let mut secrets = live_a_session(&server.client(), &mail).await;
    secrets.push("wombat".to_owned());
    let dump = schema.dump().await;

    for table in [
        "passwords",
        "sessions",
        "api_keys",
        "audit",
        "ledger",
        "resets",
        "codes",
        "messages",
    ] {
        assert!(dump.contains(table), "{table}");
    }
    assert!(dump.contains("ada@example.com") && dump.contains("$argon2id$"));
    assert_holds_none("the dump", dump.as_bytes(), &in_any_form(secrets));
    server.stop().await;
}
