//! How the program ends: in order, in time, and with nothing lost.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::{PATIENCE, PROMPTLY, Place, Signal, Upstream, beside, question, says};

const A_MOMENT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn an_idle_server_stops_at_once() {
    for signal in [Signal::Terminate, Signal::Interrupt] {
        let place = Place::new();
        let server = place.serve(&[]).await;
        server.client().newcomer().await;

        server.send(signal);

        let log = server.ends_well(PROMPTLY).await;
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

    server.ends_well(PROMPTLY).await;
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).await.ok();
    kept.read_to_end(&mut rest).await.ok();
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
    server.ends_well(Duration::from_secs(3)).await;
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

    server.ends_well(PROMPTLY).await;
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
    assert!(second.client().bearer(&token).requests().await >= 5);
    assert_eq!(second.client().log_in("ada@example.com").await.status, 200);
}
