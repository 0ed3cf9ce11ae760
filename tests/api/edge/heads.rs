//! What no request may be, whatever its route.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use serde_json::json;

use super::{openai_refusal, refusal};
use crate::support::{PASSWORD, TestApp};

#[tokio::test]
async fn credentials_in_the_query_are_400_on_open_routes_too() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let body = json!({"username": "ada", "password": PASSWORD});

    for name in ["access_token", "api_key", "token"] {
        let path = format!("/api/v1/auth/login?{name}=x");
        let reply = app.anonymous().post(&path, body.clone()).await;
        refusal(&reply, 400, "invalid_request");
        let path = format!("/health?a=b&{name}=x");
        refusal(&app.anonymous().get(&path).await, 400, "invalid_request");
        let reply = ada.get(&format!("/v1/models?{name}=x")).await;
        openai_refusal(&reply, 400, "invalid_request");
    }
}

#[tokio::test]
async fn http_1_1_names_exactly_one_host() {
    let app = TestApp::start().await;
    let server = app.listen().await;

    for (version, hosts, status) in [
        ("1.1", "", "400"),
        ("1.1", "host: a\r\nhost: b\r\n", "400"),
        ("1.1", "host: a\r\n", "200"),
        ("1.1", "host:\r\n", "200"),
        ("1.0", "", "200"),
    ] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        let head = format!("GET /health HTTP/{version}\r\n{hosts}connection: close\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();

        let said = answer.split(' ').nth(1).unwrap();
        assert_eq!(said, status, "{head}{answer}");
        assert!(answer.contains("x-request-id: "));
        assert_eq!(
            answer.contains("\"code\":\"invalid_request\""),
            status == "400"
        );
    }
    server.stop().await;
}
