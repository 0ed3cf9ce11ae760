//! What one connection may ask of the server.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{PATIENCE, Place, Running};

/// What comes back until the server closes; it must.
async fn answer(server: &Running, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    // Who is refused in the middle of a head may find the door closed.
    stream.write_all(request).await.ok();
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("the server must close").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn with_header_of(bytes: usize) -> Vec<u8> {
    let filler = "x".repeat(bytes);
    format!("GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-filler: {filler}\r\n\r\n")
        .into()
}

#[tokio::test]
async fn a_head_may_be_long_but_not_without_end() {
    let place = Place::new();
    let server = place.serve(&[]).await;

    let long = answer(&server, &with_header_of(30_000)).await;
    let too_long = answer(&server, &with_header_of(70_000)).await;

    assert!(long.starts_with("HTTP/1.1 200 "), "{long}");
    assert!(too_long.starts_with("HTTP/1.1 431 "), "{too_long}");
}

#[tokio::test]
async fn a_line_without_end_is_not_read_without_end() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let mut endless = b"GET /".to_vec();
    endless.resize(1 << 20, b'x');

    let answer = answer(&server, &endless).await;

    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    assert_eq!(server.client().get("/livez").await.status, 200);
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_harms_nobody() {
    let place = Place::new();
    let server = place.serve(&[]).await;

    for noise in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\r\n\r\n\r\n\r\nhello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnothing of the sort",
    ] {
        answer(&server, noise).await;
    }

    assert_eq!(server.client().get("/livez").await.status, 200);
    let errors = |line: &serde_json::Value| line["level"] == "ERROR";
    assert!(!server.log().iter().any(errors), "{}", server.raw_log());
}

#[tokio::test]
async fn http_2_is_spoken_without_being_asked_twice() {
    let place = Place::new();
    let server = place.serve(&[]).await;

    let answer = server.client_over_http_2().get("/livez").await;

    assert_eq!(
        (answer.status, answer.version),
        (200, http::Version::HTTP_2)
    );
    // And it is let go like any other.
    server.stop().await;
}

#[tokio::test]
async fn a_database_file_that_was_replaced_is_not_ready() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let file = place.path("data/credentials.db");
    assert_eq!(server.client().get("/readyz").await.status, 200);
    std::fs::copy(&file, place.path("copy")).unwrap();

    std::fs::rename(place.path("copy"), &file).unwrap();

    crate::support::eventually("not ready", async || {
        let ready = server.client().get("/readyz").await;
        (ready.status == 503).then(|| {
            assert_eq!(
                ready.json()["checks"]["credentials_database"]["status"],
                "down"
            );
        })
    })
    .await;
}
