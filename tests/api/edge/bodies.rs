//! What may be wrong with a body, and what a caller is told of it.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{field_at_fault, openai_refusal, refusal};
use crate::support::{Reply, TestApp};

const REGISTER: &str = "/api/v1/auth/register";

fn field(name: &str, code: &str) -> (String, String, String) {
    (name.to_owned(), "body".to_owned(), code.to_owned())
}

#[tokio::test]
async fn what_is_no_json_is_400() {
    let app = TestApp::start().await;

    for body in [
        "",
        " ",
        "{",
        "nope",
        "{'email': 1}",
        r#"{"email":"a@b.com"} trailing"#,
        r#"{"email":"a@b.com","#,
        r#"{"email":7,"#,
        r#"{"role":"admin""#,
        "{\"email\":\"\u{1}\"}",
        r#"{"email":"\ud800"}"#,
        "\u{feff}{}",
        "{}{}",
        "[1,]",
    ] {
        let reply = app.anonymous().post_bytes(REGISTER, body).await;
        let details = refusal(&reply, 400, "malformed_json");
        assert!(details.is_null(), "{body:?}");
    }
    let reply = app
        .anonymous()
        .post_bytes(REGISTER, vec![b'"', 0xff, b'"'])
        .await;
    refusal(&reply, 400, "malformed_json");
}

#[tokio::test]
async fn a_body_that_is_nested_too_deeply_is_refused_and_not_overflowing() {
    let app = TestApp::start().await;
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));

    let reply = app
        .anonymous()
        .post_bytes(REGISTER, format!(r#"{{"email":{deep}}}"#))
        .await;
    let ignored = app
        .anonymous()
        .post_bytes("/api/v1/auth/login", format!(r#"{{"more":{deep}}}"#))
        .await;

    assert!([400, 422].contains(&reply.status), "{}", reply.text());
    assert!([400, 422].contains(&ignored.status), "{}", ignored.text());
}

#[tokio::test]
async fn a_field_of_a_wrong_type_is_422_and_named() {
    let app = TestApp::start().await;
    let whole = json!({"email": "ada@example.com", "password": "correct horse", "name": "Ada"});

    for (name, value, code) in [
        ("email", json!(7), "wrong_type"),
        ("email", json!(null), "wrong_type"),
        ("email", json!("nobody"), "invalid"),
        ("password", json!(["x"]), "wrong_type"),
        ("password", json!("short"), "too_short"),
        ("username", json!(true), "wrong_type"),
        ("username", json!("a@b.com"), "invalid"),
        ("name", json!({"first": "Ada"}), "wrong_type"),
        ("name", json!("  "), "invalid"),
    ] {
        let mut body = whole.clone();
        body[name] = value.clone();
        let reply = app.anonymous().post(REGISTER, body).await;
        assert_eq!(field_at_fault(&reply), field(name, code), "{name}: {value}");
    }
}

#[tokio::test]
async fn a_missing_field_is_422_and_named() {
    let app = TestApp::start().await;

    let no_email = app
        .anonymous()
        .post(REGISTER, json!({"password": "x"}))
        .await;
    let no_password = app
        .anonymous()
        .post(REGISTER, json!({"email": "a@b.com"}))
        .await;
    let no_object = app.anonymous().post(REGISTER, json!(["a"])).await;
    let no_login = app
        .anonymous()
        .post("/api/v1/auth/login", json!({"password": "x"}))
        .await;

    assert_eq!(field_at_fault(&no_email), field("email", "missing"));
    assert_eq!(field_at_fault(&no_password), field("password", "missing"));
    assert_eq!(field_at_fault(&no_object).1, "body");
    assert_eq!(field_at_fault(&no_login), field("email", "missing"));
}

// Better Auth #9974, mass assignment: what nobody may choose is refused, not ignored.
#[tokio::test]
async fn nobody_chooses_their_role_or_another_field_that_is_not_theirs_to_set() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    for name in [
        "role",
        "status",
        "id",
        "user_id",
        "email_verified",
        "anything",
    ] {
        let mut joining = json!({"email": "eve@example.com", "password": "correct horse"});
        joining[name] = json!("admin");
        let reply = app.anonymous().post(REGISTER, joining).await;
        assert_eq!(field_at_fault(&reply), field(name, "unknown_field"));

        let key = json!({"name": "a key", name: "admin"});
        let reply = ada.post("/api/v1/api-keys", key).await;
        assert_eq!(field_at_fault(&reply), field(name, "unknown_field"));
    }
}

#[tokio::test]
async fn an_unknown_field_elsewhere_is_ignored() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;

    let body =
        json!({"username": "ada", "password": crate::support::PASSWORD, "theme": {"a": [1]}});
    let reply = app.anonymous().post("/api/v1/auth/login", body).await;

    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_field_that_stands_there_twice_is_refused() {
    let app = TestApp::start().await;

    let body = r#"{"email":"a@b.com","email":"b@b.com","password":"correct horse"}"#;
    let reply = app.anonymous().post_bytes(REGISTER, body).await;

    assert_eq!(field_at_fault(&reply), field("email", "duplicate"));
}

#[tokio::test]
async fn u0000_is_422_in_any_text() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    let in_name = json!({"email": "a@b.com", "password": "correct horse", "name": "A\0da"});
    let reply = app.anonymous().post(REGISTER, in_name).await;
    assert_eq!(field_at_fault(&reply).0, "name");

    let in_password = json!({"email": "a@b.com", "password": "correct\0horse"});
    let reply = app.anonymous().post(REGISTER, in_password).await;
    assert_eq!(field_at_fault(&reply), field("password", "nul_character"));

    let in_list = json!({"name": "k", "models": ["gpt", "a\0b"]});
    let reply = ada.post("/api/v1/api-keys", in_list).await;
    assert_eq!(field_at_fault(&reply), field("models.1", "nul_character"));

    let form = app
        .anonymous()
        .header("content-type", "application/x-www-form-urlencoded");
    let reply = form
        .post_bytes("/api/v1/auth/login", "username=a%00b&password=x")
        .await;
    assert_eq!(field_at_fault(&reply), field("username", "nul_character"));
}

#[tokio::test]
async fn a_content_type_that_is_not_taken_is_415() {
    let app = TestApp::start().await;
    let body = r#"{"email":"ada@example.com","password":"correct horse battery"}"#;

    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/xml",
        "json",
        "",
    ] {
        let reply = app
            .anonymous()
            .header("content-type", kind)
            .post_bytes(REGISTER, body)
            .await;
        refusal(&reply, 415, "unsupported_media_type");
    }
    let bare = app
        .anonymous()
        .send(Method::POST, REGISTER, Body::from(body))
        .await;
    refusal(&bare, 415, "unsupported_media_type");
    let text = app.anonymous().header("content-type", "text/plain");
    let reply = text.post_bytes("/api/v1/auth/login", body).await;
    refusal(&reply, 415, "unsupported_media_type");
}

#[tokio::test]
async fn json_is_known_by_its_name_whatever_its_parameters_or_capitals() {
    let app = TestApp::start().await;

    for (name, kind) in [
        ("one", "application/json; charset=utf-8"),
        ("two", "Application/JSON"),
        ("three", "application/merge-patch+json"),
    ] {
        let body = json!({"email": format!("{name}@example.com"), "password": "correct horse"});
        let reply = app
            .anonymous()
            .header("content-type", kind)
            .post(REGISTER, body)
            .await;
        assert_eq!(reply.status, 201, "{kind}: {}", reply.text());
    }
}

#[tokio::test]
async fn an_openai_route_says_so_in_openais_manner() {
    let app = TestApp::with(&[("MAX_BODY_BYTES", "1024")]).await;
    let program = app.sign_up("ada").await.with_key(json!({})).await;
    let path = "/v1/chat/completions";

    let text = program.clone().header("content-type", "text/plain");
    openai_refusal(
        &text.post_bytes(path, "{}").await,
        415,
        "unsupported_media_type",
    );
    let reply = program.post_bytes(path, "").await;
    assert_eq!(reply.json()["error"]["type"], "invalid_request_error");
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_whether_announced_or_not() {
    let app = TestApp::with(&[("MAX_BODY_BYTES", "2000")]).await;
    let big = vec![b' '; 2_001];

    let announced = app
        .anonymous()
        .header("content-length", "2001")
        .post_bytes(REGISTER, big.clone())
        .await;
    let in_one = app.anonymous().post_bytes(REGISTER, big.clone()).await;
    let pieces = big
        .chunks(100)
        .map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)));
    let pieces: Vec<_> = pieces.collect();
    let in_many = app
        .anonymous()
        .post_bytes(REGISTER, Body::from_stream(stream::iter(pieces)))
        .await;

    for reply in [announced, in_one, in_many] {
        refusal(&reply, 413, "payload_too_large");
        assert!(reply.text().contains("2000"), "the limit is told");
    }
    let fits = format!(
        "{:<2000}",
        r#"{"email":"a@example.com","password":"correct horse"}"#
    );
    assert_eq!(app.anonymous().post_bytes(REGISTER, fits).await.status, 201);
}

#[tokio::test]
async fn a_caller_who_is_sending_too_much_lives_to_read_the_413() {
    let app = TestApp::with(&[("MAX_BODY_BYTES", "2000")]).await;
    let server = app.listen().await;
    let head = "POST /api/v1/auth/register HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                connection: close\r\n";
    let half_a_mebibyte = " ".repeat(512 << 10);
    let announced = format!(
        "{head}content-length: {}\r\n\r\n{half_a_mebibyte}",
        512 << 10
    );
    let chunked =
        format!("{head}transfer-encoding: chunked\r\n\r\n80000\r\n{half_a_mebibyte}\r\n0\r\n\r\n");

    for request in [announced, chunked] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();

        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer:.200}");
        assert!(answer.contains("\"code\":\"payload_too_large\""));
        assert!(answer.contains("x-request-id: "));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_accident_of_ours() {
    let app = TestApp::start().await;
    let broken = stream::iter([
        Ok(Bytes::from_static(b"{\"email\":")),
        Err(std::io::Error::other("gone")),
    ]);

    let reply = app
        .anonymous()
        .post_bytes(REGISTER, Body::from_stream(broken))
        .await;

    refusal(&reply, 400, "invalid_request");
    assert!(!reply.text().contains("gone"));
}

#[tokio::test]
async fn who_is_not_signed_in_learns_that_before_the_body_is_looked_at() {
    let app = TestApp::start().await;

    for body in ["", "{", "[]"] {
        let reply = app.anonymous().post_bytes("/api/v1/api-keys", body).await;
        refusal(&reply, 401, "unauthorized");
    }
    let request = Request::post("/api/v1/api-keys")
        .body(Body::empty())
        .unwrap();
    let reply: Reply = app.send(request).await;
    refusal(&reply, 401, "unauthorized");
}

#[tokio::test]
async fn a_refusal_never_repeats_what_was_sent() {
    let app = TestApp::start().await;
    let secret = "hunter2-hunter2";

    for body in [
        json!({"email": "a@b.com", "password": {"secret": secret}}),
        json!({"email": secret, "password": secret}),
        json!({"email": "a@b.com", "password": secret, "username": format!("{secret}@")}),
        json!({"email": "a@b.com", "password": [secret]}),
        Value::String(secret.to_owned()),
    ] {
        let reply = app.anonymous().post(REGISTER, body).await;
        assert_eq!(reply.status, 422);
        assert!(!reply.text().contains(secret), "{}", reply.text());
    }
}
