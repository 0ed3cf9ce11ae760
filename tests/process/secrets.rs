//! What must stay where it is: in no line of the log, and in no file.

use serde_json::json;

use crate::support::{Client, PASSWORD, Place, Reply, Running, Upstream, question};

const SECRET_KEY: &str = "a-signing-key-of-more-than-32-bytes-for-this-test";
const UPSTREAM_KEY: &str = "sk-upstream-0123456789abcdef";

/// One of everything that a user does, well and badly. All the secrets that were said.
async fn live_a_session(anyone: &Client) -> Vec<String> {
    let login = anyone.sign_up("ada@example.com").await;
    let (token, cookie) = (login.token(), login.cookie());
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
    ada.post("/api/v1/auth/logout", json!({})).await;
    let value = cookie.split_once('=').unwrap().1.to_owned();
    let secrets = [
        &token,
        &value,
        &key,
        PASSWORD,
        "hunter2-hunter2",
        SECRET_KEY,
    ];
    secrets.iter().map(|secret| (*secret).to_owned()).collect()
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
    let settings = [
        upstream.settings().as_slice(),
        &[level, ("SECRET_KEY", SECRET_KEY)],
    ]
    .concat();
    let server = place.serve(&settings).await;

    let mut secrets = live_a_session(&client(&server)).await;
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

#[tokio::test]
async fn a_stolen_copy_of_the_files_holds_nothing_to_sign_in_with() {
    let place = Place::new();
    let server = place.serve(&[("SECRET_KEY", SECRET_KEY)]).await;

    let mut secrets = live_a_session(&server.client()).await;
    secrets.extend(["wombat"].map(str::to_owned));
    // Without the prefix that all keys share, and in the forms that a driver might choose.
    let bare: Vec<_> = secrets
        .iter()
        .filter_map(|key| key.strip_prefix("sk-cg-"))
        .collect();
    let bare: Vec<_> = bare.into_iter().map(str::to_owned).collect();
    secrets.extend(bare);

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
        assert_holds_none(file, &bytes, &secrets);
    }
}
