//! What the program tells of itself: one line for each thing, and nothing that is not its own.

use std::io::Read;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Place, Running, free_port, program, question};

/// The lines that tell how a request ended.
fn ended(server: &Running) -> Vec<Value> {
    let mut log = server.log();
    log.retain(|line| line["status"].is_number());
    log
}

/// The answer to bytes that no client of good manners sends.
async fn speak(server: &Running, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_request_is_one_line_with_its_id_its_route_its_status_and_its_time() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let asker = server.client().header("x-request-id", "abc-123");

    asker
        .get("/api/v1/models/some/model?key=secret-in-the-query")
        .await;
    let line = server
        .logs("the request", |line| {
            line["span"]["request_id"] == "abc-123"
        })
        .await;

    assert_eq!(line["span"]["route"], "/api/v1/models/{*id}", "{line}");
    assert_eq!(line["span"]["method"], "GET");
    assert_eq!(line["status"], 401);
    assert!(line["duration_ms"].is_u64(), "{line}");
    assert!(
        line["timestamp"].is_string() && line["level"].is_string(),
        "{line}"
    );
    assert_eq!(ended(&server).len(), 1);
    assert!(!server.raw_log().contains("secret-in-the-query"));
}

#[tokio::test]
async fn what_a_stranger_sends_forges_no_line() {
    let place = Place::new();
    let server = place.serve(&[("LOG_LEVEL", "trace")]).await;
    let forged = "{\"level\":\"ERROR\",\"message\":\"forged\"}";
    let requests = [
        format!("GET /%0a{forged} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .replace('"', "%22"),
        format!(
            "GET / HTTP/1.1\r\nhost: x\r\nx-request-id: a\x0b{forged}\r\nconnection: close\r\n\r\n"
        ),
        "GET / HTTP/1.1\r\nhost: x\r\nx-request-id: a\x1b[31m\r\nconnection: close\r\n\r\n"
            .to_owned(),
        format!(
            "GET / HTTP/1.1\r\nhost: x\r\nuser-agent: a\n{forged}\r\nconnection: close\r\n\r\n"
        ),
        format!(
            "GET / HTTP/1.1\r\nhost: x\r\nx-request-id: {}\r\nconnection: close\r\n\r\n",
            "é".repeat(9)
        ),
        format!("{forged}\n / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
        "A{level} / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(),
    ];

    for request in &requests {
        let answer = speak(&server, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{request:?}: {answer}");
    }
    server
        .client()
        .header("x-request-id", "the-last")
        .get("/")
        .await;
    server
        .logs("the last request", |line| {
            line["span"]["request_id"] == "the-last"
        })
        .await;

    // `log` panics at a line that is not one JSON object.
    for line in server.log() {
        assert_ne!(line["message"], "forged", "{line}");
        assert!(line["target"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn probes_are_not_told_unless_one_asks_for_details() {
    let place = Place::new();
    let server = place.serve(&[]).await;

    for path in ["/livez", "/readyz", "/startupz", "/health"] {
        assert_eq!(server.client().get(path).await.status, 200);
    }
    server
        .client()
        .header("x-request-id", "the-last")
        .get("/")
        .await;
    server
        .logs("the last request", |line| {
            line["span"]["request_id"] == "the-last"
        })
        .await;

    assert_eq!(ended(&server).len(), 1, "{}", server.raw_log());
}

#[tokio::test]
async fn lines_for_people_are_written_where_they_are_asked_for() {
    let place = Place::new();

    let done = place.run(
        &["migrate"],
        &[("LOG_FORMAT", "pretty"), ("STATIC_DIR", "elsewhere")],
    );

    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stderr.contains("WARN"), "{done:?}");
    assert!(!done.stderr.contains(['{', '\x1b']), "{done:?}");
}

/// `concierge 2>&1 | head -c 1`
#[tokio::test]
async fn a_log_that_nobody_reads_any_more_stops_nothing() {
    let place = Place::new();
    let port = free_port();
    let settings = [("API_HOST", "127.0.0.1"), ("API_PORT", port.as_str())];
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = program(&place.path(""), &settings);
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut server = Running::unheard(command);
    reader.read_exact(&mut [0]).unwrap();
    drop(reader);

    server.answers_at(&format!("127.0.0.1:{port}")).await;

    for (path, status) in [("/", 200), ("/api/v1", 200), ("/nowhere", 404)] {
        assert_eq!(server.client().get(path).await.status, status);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_line_about_a_failure_names_its_request_at_every_level() {
    let place = Place::new();
    let port = free_port();
    let mut server = place.start(
        &["serve", "--port", &port],
        &[
            ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1"),
            ("OPENAI_API_KEY", "sk-upstream"),
            ("LOG_LEVEL", "warn"),
        ],
    );
    server.answers_at(&format!("127.0.0.1:{port}")).await;
    let ada = server.client().newcomer().await;

    let ada = ada.header("x-request-id", "in-vain");
    let reply = ada.post("/v1/chat/completions", question(false)).await;

    assert!(reply.status >= 500, "{reply:?}");
    let is_it = |line: &Value| line["span"]["request_id"] == "in-vain";
    server.logs("the failure", is_it).await;
}
