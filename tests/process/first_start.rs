//! From an empty folder to an answer, and the day after.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::support::{Place, question};

#[tokio::test]
async fn nothing_has_to_be_configured_to_get_an_answer() {
    let place = Place::new();

    let mut server = place.start(&[], &[("API_PORT", "0")]);
    server.listens().await;
    let ada = server.client().newcomer().await;
    let reply = ada.post("/api/v1/chat/completions", question(false)).await;

    assert_eq!(reply.status, 200, "{reply:?}");
    let answer = &reply.json()["choices"][0]["message"]["content"];
    assert!(answer.as_str().unwrap().contains("demo"), "{answer}");
    let log = server.log();
    let said = log.iter().find(|line| line["address"].is_string()).unwrap();
    assert_eq!(said["env"], "development");
    assert!(said["address"].as_str().unwrap().starts_with("0.0.0.0:"));
    assert_eq!(place.names(), ["data"]);
}

#[tokio::test]
async fn an_empty_environment_means_port_8000_of_every_address() {
    let place = Place::new();
    // Ours or another's: somebody has it, so that the program tells what it wanted.
    let taken = std::net::TcpListener::bind("0.0.0.0:8000");

    let done = place.run(&["serve"], &[]);

    drop(taken);
    assert!(done.refusal().contains("0.0.0.0:8000"), "{done:?}");
}

#[tokio::test]
async fn what_is_made_up_is_kept_for_its_owner_alone_and_told() {
    let place = Place::new();

    let server = place.serve(&[]).await;

    let warned = |line: &serde_json::Value| line["level"] == "WARN";
    let warning = server.logs("a warning", warned).await;
    assert!(
        warning["message"].as_str().unwrap().contains("SECRET_KEY"),
        "{warning}"
    );
    let mode = |name: &str| {
        let path = place.path(name);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("data"), 0o700);
    assert_eq!(mode("data/secret_key"), 0o600);
    for file in ["concierge.db", "credentials.db", "credentials.db-wal"] {
        assert_eq!(mode(&format!("data/{file}")), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_session_survives_a_restart() {
    let place = Place::new();
    let first = place.serve(&[]).await;
    let login = first.client().sign_up("ada@example.com").await;
    let key = first.client().bearer(&login.token()).key().await;
    first.stop().await;

    let second = place.serve(&[]).await;

    let by_token = second.client().bearer(&login.token());
    let by_cookie = second.client().header("cookie", &login.cookie());
    for caller in [by_token, by_cookie, second.client().bearer(&key)] {
        let me = caller.get("/api/v1/auth/me").await;
        assert_eq!(me.json()["email"], "ada@example.com", "{me:?}");
    }
    assert!(second.log().iter().all(|line| line["level"] != "WARN"));
}

#[tokio::test]
async fn what_was_used_before_a_restart_is_still_in_the_ledger() {
    let place = Place::new();
    let first = place.serve(&[]).await;
    let token = first.client().sign_up("ada@example.com").await.token();
    let ada = first.client().bearer(&token);
    let reply = ada.post("/api/v1/chat/completions", question(false)).await;
    assert_eq!(reply.status, 200, "{reply:?}");

    // At once: the row is still on its way.
    first.stop().await;
    let second = place.serve(&[]).await;

    let usage = second.client().bearer(&token).get("/api/v1/usage").await;
    assert_eq!(usage.json()["total"]["requests"], json!(1), "{usage:?}");
}
