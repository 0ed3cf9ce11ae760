//! What is still going on when the program is told to stop.

use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::support::{
    PROMPTLY, Place, Reply, Signal, Upstream, beside, eventually, question, says,
};

const THREE_SECONDS: (&str, &str) = ("SHUTDOWN_TIMEOUT_SECONDS", "3");

#[tokio::test]
async fn a_request_that_never_comes_whole_does_not_keep_the_databases_open() {
    let place = Place::new();
    let server = place.serve(&[THREE_SECONDS]).await;
    let mut half = TcpStream::connect(server.address()).await.unwrap();
    half.write_all(b"GET /livez HTTP/1.1\r\nhost")
        .await
        .unwrap();
    let mut body = TcpStream::connect(server.address()).await.unwrap();
    body.write_all(
        b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
          content-length: 50\r\n\r\n{",
    )
    .await
    .unwrap();
    sleep(Duration::from_millis(100)).await;

    server.send(Signal::Terminate);

    let log = server.ends_well(Duration::from_secs(3)).await;
    assert!(says(&log, "Stopped"), "{log:?}");
    let is_error = |line: &Value| line["level"] == "ERROR";
    assert!(!log.iter().any(is_error), "{log:?}");
    assert!(!place.path("data/concierge.db-wal").exists());
}

#[tokio::test]
async fn twenty_open_streams_end_with_an_error_and_every_one_is_in_the_ledger() {
    let place = Place::new();
    let upstream = Upstream::trickling().await;
    let settings = [upstream.settings().as_slice(), &[THREE_SECONDS]].concat();
    let server = place.serve(&settings).await;
    let token = server.client().sign_up("ada@example.com").await.token();
    let ada = server.client().bearer(&token);
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = ada.complete(true).await;
        assert_eq!(stream.status(), 200);
        assert!(
            stream
                .chunk()
                .await
                .unwrap()
                .unwrap()
                .starts_with(b"data: ")
        );
        streams.push(stream);
    }

    server.send(Signal::Terminate);

    for stream in streams {
        let rest = Reply::read(stream).await.body;
        let last = rest.trim_end().rsplit("\n\n").next().unwrap();
        let error: Value = serde_json::from_str(&last["data: ".len()..]).unwrap();
        assert_eq!(error["error"]["code"], "service_unavailable", "{last}");
        assert!(!rest.contains("[DONE]"));
    }
    let log = server.ends_well(Duration::from_secs(3)).await;
    assert!(says(&log, "Stopped"), "{log:?}");
    let second = place.serve(&settings).await;
    assert_eq!(second.client().bearer(&token).requests().await, 20);
}

#[tokio::test]
async fn a_request_that_ends_in_time_is_answered_as_if_nothing_were() {
    let place = Place::new();
    let upstream = Upstream::slow().await;
    let server = place.serve(&upstream.settings()).await;
    let ada = server.client().newcomer().await;
    let answer = beside(async move { Reply::read(ada.complete(false).await).await });
    eventually("the upstream to be asked", async || {
        (upstream.asked() == 1).then_some(())
    })
    .await;

    server.send(Signal::Terminate);

    let answer = answer.await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    server.ends_well(PROMPTLY).await;
}

#[tokio::test]
async fn a_caller_who_does_not_read_keeps_nothing_from_being_written() {
    let place = Place::new();
    let upstream = Upstream::pouring().await;
    let settings = [upstream.settings().as_slice(), &[THREE_SECONDS]].concat();
    let server = place.serve(&settings).await;
    let token = server.client().sign_up("ada@example.com").await.token();
    let _deaf = server.asked_by_the_deaf(&token).await;
    // Long enough for every buffer on the way to be full.
    sleep(Duration::from_millis(500)).await;

    server.send(Signal::Terminate);

    let log = server.ends_well(Duration::from_secs(3)).await;
    assert!(says(&log, "Stopped"), "{log:?}");
    let second = place.serve(&settings).await;
    assert_eq!(second.client().bearer(&token).requests().await, 1);
}

#[tokio::test]
async fn a_model_that_does_not_answer_is_given_up_and_is_in_the_ledger() {
    let place = Place::new();
    let upstream = Upstream::silent().await;
    let settings = [upstream.settings().as_slice(), &[THREE_SECONDS]].concat();
    let server = place.serve(&settings).await;
    let token = server.client().sign_up("ada@example.com").await.token();
    for stream in [true, false] {
        let ada = server.client().bearer(&token);
        let body = Some(question(stream));
        beside(async move {
            ada.send(http::Method::POST, "/v1/chat/completions", body)
                .await
                .is_ok()
        });
    }
    eventually("the upstream to be asked", async || {
        (upstream.asked() == 2).then_some(())
    })
    .await;

    server.send(Signal::Terminate);

    let log = server.ends_well(Duration::from_secs(3)).await;
    assert!(says(&log, "Stopped"), "{log:?}");
    let second = place.serve(&settings).await;
    assert_eq!(second.client().bearer(&token).requests().await, 2);
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_is_no_good_end() {
    let place = Place::new();
    let mut server = place.serve(&[THREE_SECONDS]).await;
    let token = server.client().sign_up("ada@example.com").await.token();
    let ada = server.client().bearer(&token);
    ada.complete(false).await;
    ada.has_used(1).await;
    let file = format!("sqlite://{}", place.path("data/concierge.db").display());
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&file)
        .await
        .unwrap();
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    let answered = ada.complete(false).await;
    assert_eq!(answered.status(), 200);

    server.send(Signal::Terminate);

    let (status, took) = server.ended().await;
    assert_eq!(status.code(), Some(1));
    assert!(took < Duration::from_secs(4), "{took:?}");
    let said = server.complaints();
    assert!(
        said.contains("rows of the ledger that are lost: 1."),
        "{said}"
    );
}
