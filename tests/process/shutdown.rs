//! How the program ends: in order, in time, and with nothing lost.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::{
    PATIENCE, Place, Reply, Running, Signal, Upstream, beside, eventually, question,
};

const PROMPTLY: Duration = Duration::from_millis(1_500);
const A_MOMENT: Duration = Duration::from_millis(200);
const THREE_SECONDS: (&str, &str) = ("SHUTDOWN_TIMEOUT_SECONDS", "3");

async fn ends_well(mut server: Running, within: Duration) -> Vec<Value> {
    let (status, took) = server.ended().await;
    assert_eq!(
        status.code(),
        Some(0),
        "{}{}",
        server.raw_log(),
        server.complaints()
    );
    assert!(took < within, "{took:?}: {}", server.raw_log());
    assert_eq!(server.complaints(), "");
    server.log()
}

fn says(log: &[Value], sentence: &str) -> bool {
    log.iter().any(|line| line["message"] == sentence)
}

#[tokio::test]
async fn an_idle_server_stops_at_once() {
    for signal in [Signal::Terminate, Signal::Interrupt] {
        let place = Place::new();
        let server = place.serve(&[]).await;
        server.client().newcomer().await;

        server.send(signal);

        let log = ends_well(server, PROMPTLY).await;
        assert!(says(&log, "Stopping") && says(&log, "Stopped"), "{log:?}");
        // Everything stands in the files themselves.
        let mut left: Vec<_> = std::fs::read_dir(place.path("data")).unwrap().collect();
        left.retain(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_str().unwrap().contains("db-")
        });
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn connections_on_which_nothing_happens_hold_nothing_up() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let mut silent = TcpStream::connect(server.address()).await.unwrap();
    let mut undecided = TcpStream::connect(server.address()).await.unwrap();
    undecided.write_all(b"PRI * HT").await.unwrap();
    let mut kept = TcpStream::connect(server.address()).await.unwrap();
    kept.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 15];
    kept.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");

    server.send(Signal::Terminate);

    ends_well(server, PROMPTLY).await;
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).await.ok();
    kept.read_to_end(&mut rest).await.ok();
}

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

    let log = ends_well(server, Duration::from_secs(3)).await;
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
    let log = ends_well(server, Duration::from_secs(3)).await;
    assert!(says(&log, "Stopped"), "{log:?}");
    let second = place.serve(&settings).await;
    let usage = second
        .client()
        .bearer(&token)
        .get("/api/v1/usage")
        .await
        .json();
    assert_eq!(usage["total"]["requests"], 20, "{usage}");
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
    ends_well(server, PROMPTLY).await;
}

#[tokio::test]
async fn a_caller_who_does_not_read_keeps_nothing_from_being_written() {
    let place = Place::new();
    let upstream = Upstream::pouring().await;
    let settings = [upstream.settings().as_slice(), &[THREE_SECONDS]].concat();
    let server = place.serve(&settings).await;
    let token = server.client().sign_up("ada@example.com").await.token();
    let stream = server.client().bearer(&token).complete(true).await;
    // Long enough for every buffer on the way to be full.
    sleep(Duration::from_millis(500)).await;

    server.send(Signal::Terminate);

    let log = ends_well(server, Duration::from_secs(3)).await;
    assert!(says(&log, "Stopped"), "{log:?}");
    drop(stream);
    let second = place.serve(&settings).await;
    let usage = second
        .client()
        .bearer(&token)
        .get("/api/v1/usage")
        .await
        .json();
    assert_eq!(usage["total"]["requests"], 1, "{usage}");
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

    let log = ends_well(server, Duration::from_secs(3)).await;
    assert!(says(&log, "Stopped"), "{log:?}");
    let second = place.serve(&settings).await;
    let usage = second
        .client()
        .bearer(&token)
        .get("/api/v1/usage")
        .await
        .json();
    assert_eq!(usage["total"]["requests"], 2, "{usage}");
}

#[tokio::test]
async fn while_draining_it_is_not_ready_and_still_serves() {
    let place = Place::new();
    let server = place.serve(&[("SHUTDOWN_DRAIN_SECONDS", "1")]).await;
    let client = server.client();
    assert_eq!(client.get("/readyz").await.status, 200);

    server.send(Signal::Terminate);
    server
        .logs("that it stops", |line| line["message"] == "Stopping")
        .await;

    let ready = client.get("/readyz").await;
    assert_eq!(ready.status, 503, "{ready:?}");
    assert_eq!(ready.json()["status"], "not_ready");
    assert_eq!(client.get("/livez").await.status, 200);
    // Somebody new is served as well: not every balancer has heard of it yet.
    assert_eq!(server.client().get("/api/v1").await.status, 200);
    ends_well(server, Duration::from_secs(3)).await;
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let place = Place::new();
    let upstream = Upstream::trickling().await;
    let mut server = place.serve(&upstream.settings()).await;
    let ada = server.client().newcomer().await;
    let mut stream = ada.complete(true).await;
    stream.chunk().await.unwrap();
    server.send(Signal::Interrupt);
    server
        .logs("that it stops", |line| line["message"] == "Stopping")
        .await;
    assert!(timeout(A_MOMENT, server.ended()).await.is_err());

    server.send(Signal::Interrupt);

    let (status, took) = server.ended().await;
    assert_eq!(status.code(), Some(130), "{status}");
    assert!(took < PROMPTLY, "{took:?}");
}

#[tokio::test]
async fn who_is_told_to_stop_while_starting_stops() {
    // It takes connections, and not a word follows: the start waits for it.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let database = format!("postgres://ada@{}/things", silent.local_addr().unwrap());
    let place = Place::new();
    let settings = [
        ("API_HOST", "127.0.0.1"),
        ("API_PORT", "0"),
        ("DATABASE_URL", &database),
    ];
    let server = place.start(&["serve"], &settings);
    let accepted = tokio::task::spawn_blocking(move || silent.accept().unwrap());
    let _connection = accepted.await.unwrap();

    server.send(Signal::Terminate);

    ends_well(server, PROMPTLY).await;
}

#[tokio::test]
async fn a_kill_in_the_middle_loses_neither_accounts_nor_finished_requests() {
    let place = Place::new();
    let upstream = Upstream::whole().await;
    let mut server = place.serve(&upstream.settings()).await;
    let token = server.client().sign_up("ada@example.com").await.token();
    let ada = server.client().bearer(&token);
    for _ in 0..5 {
        assert_eq!(ada.complete(false).await.status(), 200);
    }
    // Rows are written within 50 ms; a busy machine is given more.
    sleep(Duration::from_millis(500)).await;
    let working = ada.clone();
    let work = beside(async move {
        while working
            .send(
                http::Method::POST,
                "/v1/chat/completions",
                Some(question(false)),
            )
            .await
            .is_ok()
        {}
    });
    sleep(Duration::from_millis(100)).await;

    server.send(Signal::Kill);
    server.ended().await;

    timeout(PATIENCE, work).await.unwrap().unwrap();
    let second = place.serve(&upstream.settings()).await;
    let usage = second.client().bearer(&token).get("/api/v1/usage").await;
    let requests = usage.json()["total"]["requests"].as_i64().unwrap();
    assert!(requests >= 5, "{usage:?}");
    assert_eq!(second.client().log_in("ada@example.com").await.status, 200);
}
