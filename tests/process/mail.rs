//! Mail, sent by the program itself.

use serde_json::{Value, json};

use crate::support::{MailServer, Manner, Place, Signal};

const ADA: &str = "ada@example.com";

fn forgot() -> Value {
    json!({"email": ADA})
}

#[tokio::test]
async fn a_developer_without_a_mail_server_reads_the_log() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let anyone = server.client();
    anyone.sign_up(ADA).await;

    let asked = anyone.post("/api/v1/auth/forgot-password", forgot()).await;
    assert_eq!(asked.status, 202, "{asked:?}");

    let is_mail = |line: &Value| line["mail.to"] == ADA;
    let line = server.logs("the mail", is_mail).await;
    let text = line["mail.text"].as_str().unwrap();
    assert!(text.contains("http://localhost:"), "{text}");
    let (_, token) = text.split_once("/reset-password#token=").unwrap();
    let token = token.split_whitespace().next().unwrap();
    let reset = json!({"token": token, "new_password": "a staple that nobody guesses"});
    let reset = anyone.post("/api/v1/auth/reset-password", reset).await;
    assert_eq!(reset.status, 204, "{reset:?}");
    server.stop().await;
}

#[tokio::test]
async fn in_production_the_log_is_no_mailbox() {
    let place = Place::new();
    let mail = MailServer::with(Manner::Forgets("550 never")).await;
    let (smtp_url, database_url) = (mail.url(), "sqlite://data/a.db");
    let server = place
        .serve(&[
            ("APP_ENV", "production"),
            ("SECRET_KEY", "q3J9v0Zt7Lk2WmX8sBcD4fGhR5yPnT6uA1eVoKiC"),
            ("DATABASE_URL", database_url),
            ("PUBLIC_URL", "https://app.example.org"),
            ("SMTP_URL", &smtp_url),
            ("MAIL_FROM", "hello@example.org"),
            ("RUST_LOG", "trace"),
            ("SHUTDOWN_DRAIN_SECONDS", "0"),
        ])
        .await;
    let anyone = server.client();
    anyone.sign_up(ADA).await;

    let asked = anyone.post("/api/v1/auth/forgot-password", forgot()).await;
    assert_eq!(asked.status, 202, "{asked:?}");

    let token = mail.letter(ADA, 1).await.token();
    let given_up = |line: &Value| line["message"] == "A message was given up";
    let line = server.logs("the end of the message", given_up).await;
    assert_eq!(line["message.channel"], "mail");
    assert!(line["error"].as_str().unwrap().contains("never"), "{line}");
    let log = server.raw_log();
    assert!(!log.contains(&token) && !log.contains(ADA), "{log}");
    server.stop().await;
}

#[tokio::test]
async fn a_message_outlives_the_process_that_could_not_send_it() {
    let place = Place::new();
    let mail = MailServer::with(Manner::Refuses("451 come again")).await;
    let smtp_url = mail.url();
    let settings = [
        ("SMTP_URL", smtp_url.as_str()),
        ("MAIL_FROM", "hello@example.org"),
    ];
    let mut server = place.serve(&settings).await;
    server.client().sign_up(ADA).await;
    let asked = server.client();
    asked.post("/api/v1/auth/forgot-password", forgot()).await;
    let is_put_back = |line: &Value| line["message.tries"] == 1;
    server.logs("that it is tried again", is_put_back).await;

    server.send(Signal::Kill);
    server.ended().await;
    assert_eq!(mail.mail().len(), 0);
    mail.behaves(Manner::Takes);
    let server = place.serve(&settings).await;

    let letter = mail.letter(ADA, 1).await;
    let reset = json!({"token": letter.token(), "new_password": "a staple that nobody guesses"});
    let reset = server
        .client()
        .post("/api/v1/auth/reset-password", reset)
        .await;
    assert_eq!(reset.status, 204, "{reset:?}");
    server.stop().await;
}
