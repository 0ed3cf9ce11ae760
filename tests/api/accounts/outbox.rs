//! Messages that wait: whatever becomes of the mail server, none is lost, and nobody waits for it.

use std::time::Duration;

use serde_json::json;

use super::ME;
use super::recovery::with_mail;
use crate::support::{Manner, TestApp};

const FORGOT: &str = "/api/v1/auth/forgot-password";
const ADA: &str = "ada@example.com";
const MINUTE: Duration = Duration::from_mins(1);

async fn forgot(app: &TestApp) {
    let reply = app.anonymous().post(FORGOT, json!({"email": ADA})).await;
    assert_eq!(reply.status, 202, "{}", reply.text());
}

/// Waits until so many messages lie there.
async fn waiting(app: &TestApp, many: i64) {
    for _ in 0..1_000 {
        if app.count("SELECT COUNT(*) FROM messages").await == many {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("there were never {many} messages");
}

/// Waits until the metrics hold this line.
async fn told(app: &TestApp, line: &str) {
    for _ in 0..1_000 {
        if app.anonymous().get("/metrics").await.text().contains(line) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the metrics never held {line}");
}

#[tokio::test]
async fn a_server_that_refuses_for_now_is_asked_again_later() {
    let (app, _listening, server) = with_mail(&[]).await;
    app.sign_up("ada").await;
    server.behaves(Manner::Refuses("451 come again"));

    forgot(&app).await;
    server.is_asked(1).await;
    told(
        &app,
        "concierge_messages_total{channel=\"mail\",outcome=\"retried\"} 1",
    )
    .await;
    server.behaves(Manner::Takes);
    assert_eq!(server.mail().len(), 0);
    app.advance(Duration::from_secs(6));

    server.letter(ADA, 1).await;
    waiting(&app, 0).await;
    told(
        &app,
        "concierge_messages_total{channel=\"mail\",outcome=\"sent\"} 1",
    )
    .await;
}

#[tokio::test]
async fn an_address_that_is_refused_for_good_is_given_up() {
    let (app, _listening, server) = with_mail(&[]).await;
    app.sign_up("ada").await;
    server.behaves(Manner::Refuses("550 nobody here"));

    forgot(&app).await;

    told(
        &app,
        "concierge_messages_total{channel=\"mail\",outcome=\"given_up\"} 1",
    )
    .await;
    waiting(&app, 0).await;
    assert_eq!(server.named(), 1);
}

#[tokio::test]
async fn what_is_of_no_use_any_more_is_given_up() {
    let (app, _listening, server) = with_mail(&[]).await;
    app.sign_up("ada").await;
    server.behaves(Manner::Forgets("451 come again"));
    forgot(&app).await;
    told(&app, "outcome=\"retried\"} 1").await;

    app.advance(Duration::from_mins(31));

    told(
        &app,
        "concierge_messages_total{channel=\"mail\",outcome=\"given_up\"} 1",
    )
    .await;
    waiting(&app, 0).await;
    assert_eq!(server.named(), 1, "it was not even tried");
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_says_nothing() {
    let (app, listening, server) = with_mail(&[]).await;
    let ada = app.sign_up("ada").await;
    server.behaves(Manner::Silent);

    forgot(&app).await;
    assert_eq!(ada.get(ME).await.status, 200);
    waiting(&app, 1).await;
    listening.stop().await;

    // What was being sent was put back, and is there after a start.
    server.behaves(Manner::Takes);
    let next = app.replica().await;
    let _listening = next.listen().await;
    server.letter(ADA, 1).await;
}

#[tokio::test]
async fn what_one_process_dies_with_is_sent_by_another() {
    let (app, _listening, server) = with_mail(&[]).await;
    app.sign_up("ada").await;
    server.behaves(Manner::Silent);
    forgot(&app).await;
    // It is in somebody's hands, and stays there.
    server.is_reached(1).await;
    server.behaves(Manner::Takes);
    let other = app.replica().await;
    let _other = other.listen().await;
    assert_eq!(server.mail().len(), 0);

    app.advance(MINUTE);

    server.letter(ADA, 1).await;
}

#[tokio::test]
async fn two_processes_send_each_message_once() {
    let (app, _listening, server) = with_mail(&[]).await;
    let other = app.replica().await;
    let _other = other.listen().await;
    server.behaves(Manner::Slow(Duration::from_millis(50)));
    let names: Vec<String> = (0..6).map(|n| format!("user{n}")).collect();
    for name in &names {
        app.sign_up(name).await;
    }

    for name in &names {
        let body = json!({"email": format!("{name}@example.com")});
        assert_eq!(app.anonymous().post(FORGOT, body).await.status, 202);
    }

    for name in &names {
        server.letter(&format!("{name}@example.com"), 1).await;
    }
    waiting(&app, 0).await;
    assert_eq!(server.mail().len(), names.len());
}
