//! A body is an object, in plain bytes.

use serde_json::json;

use super::{field_at_fault, openai_refusal, refusal};
use crate::support::{PASSWORD, TestApp};

const REGISTER: &str = "/api/v1/auth/register";
const LOGIN: &str = "/api/v1/auth/login";

#[tokio::test]
async fn a_body_that_is_no_object_is_422_whatever_it_holds() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    for (path, body) in [
        (REGISTER, json!(["a@b.co", "correct horse", null, null])),
        (LOGIN, json!([null, "ada", PASSWORD, true])),
        (LOGIN, json!("ada")),
        ("/api/v1/api-keys", json!(["a key", null, null, null])),
        (REGISTER, json!(null)),
        (REGISTER, json!(7)),
    ] {
        let reply = ada.post(path, body.clone()).await;
        let (field, location, code) = field_at_fault(&reply);
        assert_eq!(
            (&*field, &*location, &*code),
            ("", "body", "wrong_type"),
            "{body}"
        );
        assert_eq!(reply.json()["error"], "The body must be a JSON object.");
    }
}

#[tokio::test]
async fn an_object_may_stand_behind_white_space() {
    let app = TestApp::start().await;

    let body = format!(
        " \r\n\t{}",
        json!({"email": "a@b.co", "password": PASSWORD})
    );
    let reply = app.anonymous().post_bytes(REGISTER, body).await;

    assert_eq!(reply.status, 201, "{}", reply.text());
}

#[tokio::test]
async fn a_compressed_body_is_415_and_not_called_bad_json() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let login = json!({"username": "ada", "password": PASSWORD});

    let zipped = app.anonymous().header("content-encoding", "gzip");
    let form = zipped
        .clone()
        .header("content-type", "application/x-www-form-urlencoded");
    let chat = ada.header("content-encoding", "br");
    let plain = app.anonymous().header("content-encoding", "Identity");

    let replies = [
        zipped.post(LOGIN, login.clone()).await,
        form.post_bytes(LOGIN, "username=ada").await,
    ];
    for reply in replies {
        refusal(&reply, 415, "unsupported_media_type");
    }
    let reply = chat.post("/v1/chat/completions", json!({})).await;
    openai_refusal(&reply, 415, "unsupported_media_type");
    assert_eq!(plain.post(LOGIN, login).await.status, 200);
}

#[tokio::test]
async fn a_grant_other_than_the_password_is_refused() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;
    let form = app
        .anonymous()
        .header("content-type", "application/x-www-form-urlencoded");
    let sent = |grant: &str| {
        let password = PASSWORD.replace(' ', "+");
        format!("username=ada&password={password}&scope=&grant_type={grant}")
    };

    for grant in ["password", ""] {
        let reply = form.post_bytes(LOGIN, sent(grant)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    for grant in ["refresh_token", "Password", "client_credentials"] {
        let reply = form.post_bytes(LOGIN, sent(grant)).await;
        let (field, _, code) = field_at_fault(&reply);
        assert_eq!((&*field, &*code), ("grant_type", "not_allowed"), "{grant}");
    }
}
