//! What an upstream's answer becomes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::TestApp;
use crate::support::upstream::Script;

use super::{
    DONE, PATH, REPLY, ROLE, Scene, ask, ask_stream, configured, error, last_words, provider,
    stream,
};

const COMPLAINT: &str =
    "{ \"error\" : {\"message\":\"no\",\"type\":\"t\",\"param\":\"p\",\"code\":\"c\",\"x\":1e400}}";

#[tokio::test]
async fn the_callers_own_mistakes_pass_as_the_upstream_told_them() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    for status in [400, 403, 404, 405, 408, 409, 413, 415, 422, 424, 451] {
        for body in [ask(), ask_stream()] {
            let script = Script::json(status, COMPLAINT).header("x-request-id", "req_up");
            scene.upstream.answers(script);

            let reply = program.post(PATH, body).await;

            assert_eq!((reply.status, reply.text()), (status, COMPLAINT));
            assert_eq!(reply.header("content-type"), "application/json");
            assert_eq!(reply.header("x-upstream-request-id"), "req_up");
        }
    }
    for row in scene.app.ledger(22).await {
        assert_eq!((row.status.as_str(), row.attempts), ("error", 1));
        assert_eq!(
            (row.prompt_tokens, row.completion_tokens, row.estimated),
            (0, 0, 0)
        );
        assert_eq!(row.cost_microusd, 0);
    }
}

#[tokio::test]
async fn a_busy_upstream_is_429_with_its_own_words_and_its_own_wait() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    scene.upstream.answers(
        Script::json(429, COMPLAINT)
            .header("retry-after", "7")
            .header("retry-after-ms", "6500")
            .header("x-ratelimit-reset-requests", "6m0s"),
    );

    let reply = program.post(PATH, ask()).await;

    assert_eq!((reply.status, reply.text()), (429, COMPLAINT));
    assert_eq!(reply.header("retry-after"), "7");
    assert_eq!(reply.header("retry-after-ms"), "6500");
    assert_eq!(reply.header("x-ratelimit-reset-requests"), "6m0s");
    assert_eq!(scene.app.row().await.http_status, Some(429));
}

#[tokio::test]
async fn our_own_troubles_with_an_upstream_are_told_as_ours_and_without_its_words() {
    let scene = Scene::with("max_attempts = 1\nbreaker_failures = 100", "").await;
    let program = scene.program().await;
    let saying =
        |word: &str| format!("{{\"error\":{{\"message\":\"of sk-of-up\",\"code\":\"{word}\"}}}}");
    for (status, word, answered, code) in [
        (401, "anything", 502, "upstream_auth"),
        (400, "invalid_api_key", 502, "upstream_auth"),
        (403, "invalid_api_key", 502, "upstream_auth"),
        (403, "authentication_error", 502, "upstream_auth"),
        (400, "API_KEY_INVALID", 502, "upstream_auth"),
        (402, "anything", 503, "upstream_quota"),
        (429, "insufficient_quota", 503, "upstream_quota"),
        (500, "anything", 500, "upstream_error"),
        (502, "anything", 502, "upstream_error"),
        (503, "anything", 503, "upstream_error"),
        (504, "anything", 504, "upstream_error"),
        (529, "anything", 503, "upstream_error"),
        (301, "anything", 502, "upstream_error"),
        (307, "anything", 502, "upstream_error"),
        (304, "anything", 502, "upstream_error"),
        (799, "anything", 502, "upstream_error"),
    ] {
        for body in [ask(), ask_stream()] {
            let script =
                Script::json(status, saying(word)).header("location", "http://127.0.0.1:1/");
            scene.upstream.answers(script.header("retry-after", "3"));

            let reply = program.post(PATH, body).await;

            assert_eq!(reply.status, answered, "{status} {word}");
            assert_eq!(error(&reply)["code"], code, "{status} {word}");
            assert_eq!(error(&reply)["type"], "server_error");
            assert!(!reply.text().contains("sk-of-up"));
            assert_eq!(reply.header("location"), "");
            assert_eq!(reply.header("retry-after"), "3");
            scene.app.advance(Duration::from_secs(3));
        }
    }
    assert_eq!(scene.upstream.requests().len(), 32);
}

#[tokio::test]
async fn a_complaint_that_quotes_the_caller_is_still_the_callers() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let quoting = "{\"error\":{\"message\":\"Invalid value: 'invalid_api_key', \\\"authentication_error\\\"\",\
        \"type\":\"invalid_request_error\",\"param\":\"tool_choice\",\"code\":null}}";
    scene.upstream.answers(Script::json(400, quoting));

    let reply = program.post(PATH, ask()).await;

    assert_eq!((reply.status, reply.text()), (400, quoting));
}

/// An upstream's error event, without a word of an answer before it.
fn event(error: &Value) -> Script {
    stream(&[
        ": PROCESSING\n\n",
        ROLE,
        &format!("data: {}\n\n", json!({"error": error})),
    ])
}

#[tokio::test]
async fn a_fault_of_the_callers_that_an_event_tells_has_its_status() {
    let scene = Scene::with("commit_after = \"1m\"", "").await;
    let program = scene.program().await;
    let said = "Too long: see https://up/x, key sk-abc";
    for (event, status, kind, code) in [
        (
            json!({"message": said, "code": 400}),
            400,
            "invalid_request_error",
            json!("400"),
        ),
        (
            json!({"message": said, "code": "422"}),
            422,
            "invalid_request_error",
            json!("422"),
        ),
        (
            json!({"message": said, "code": 413, "type": "too_large"}),
            413,
            "too_large",
            json!("413"),
        ),
        (
            json!({"message": said, "code": 404, "type": "https://up/x"}),
            404,
            "invalid_request_error",
            json!("404"),
        ),
        (
            json!({"message": said, "type": "invalid_request_error", "code": "context_length_exceeded"}),
            400,
            "invalid_request_error",
            json!("context_length_exceeded"),
        ),
        (
            json!({"message": said, "type": "invalid_request_error", "param": "messages", "code": null}),
            400,
            "invalid_request_error",
            json!(null),
        ),
        (
            json!({"message": said, "type": "invalid_request_error", "code": 40_303}),
            400,
            "invalid_request_error",
            json!("40303"),
        ),
    ] {
        scene.upstream.answers(self::event(&event));

        let reply = program.post(PATH, ask_stream()).await;

        assert_eq!(reply.status, status, "{event}: {}", reply.text());
        let words =
            json!({"message": "Too long: see … key …", "type": kind, "param": null, "code": code});
        assert_eq!(error(&reply), words, "{event}");
        assert_eq!(reply.header("x-should-retry"), "");
    }
    for row in scene.app.ledger(7).await {
        assert_eq!((row.status.as_str(), row.attempts), ("error", 1));
        assert_eq!((row.prompt_tokens, row.estimated), (0, 0));
    }
}

#[tokio::test]
async fn an_event_that_begins_the_stream_says_the_same_and_so_it_does_behind_the_head() {
    let own = json!({"message": "Too long", "type": "invalid_request_error", "param": null,
        "code": "context_length_exceeded"});
    let event = format!("data: {}\n\n", json!({"error": own}));
    for (relay, status) in [
        ("commit_after = \"1m\"", 400),
        ("commit_after = \"0s\"", 200),
    ] {
        let scene = Scene::with(relay, "").await;
        let program = scene.program().await;
        for script in [stream(&[&event]), stream(&[ROLE, &event, DONE])] {
            scene.upstream.answers(script);

            let reply = program.post(PATH, ask_stream()).await;

            assert_eq!(reply.status, status);
            let told = match status {
                200 => last_words(reply.text()),
                _ => error(&reply),
            };
            assert_eq!(told, own);
        }
        let answered = [Some(400), Some(400)];
        let rows = scene.app.ledger(2).await;
        assert_eq!([rows[0].http_status, rows[1].http_status], answered);
    }
}

#[tokio::test]
async fn an_event_that_is_not_about_the_request_is_502_without_its_words() {
    let scene = Scene::with("max_attempts = 1\nbreaker_failures = 100", "").await;
    let program = scene.program().await;
    for event in [
        json!({"message": "secret words"}),
        json!("secret words"),
        json!({"message": "secret words", "type": "server_error", "code": 500}),
        json!({"message": "secret words", "type": "invalid_request_error", "code": 503}),
        json!({"message": "secret words", "code": 399}),
        json!({"message": "secret words", "code": 401}),
        json!({"message": "secret words", "code": 402}),
        json!({"message": "secret words", "code": 403}),
        json!({"message": "secret words", "code": 408}),
        json!({"message": "secret words", "code": 429}),
        json!({"message": "secret words", "type": "invalid_request_error", "code": 401}),
        json!({"message": "secret words", "type": "invalid_request_error", "code": "invalid_api_key"}),
        json!({"message": "secret words", "type": "invalid_request_error", "code": "insufficient_quota"}),
        json!({"message": "secret words", "type": "invalid_request_error", "code": "billing_hard_limit_reached"}),
        json!({"message": "secret words", "type": "invalid_request_error", "code": "rate_limit_exceeded"}),
        json!({"message": "secret words", "type": "authentication_error", "code": 400}),
        json!({"message": "secret words", "type": "insufficient_quota", "code": 400}),
    ] {
        scene.upstream.answers(self::event(&event));

        let reply = program.post(PATH, ask_stream()).await;

        assert_eq!(reply.status, 502, "{event}: {}", reply.text());
        assert_eq!(error(&reply)["code"], "upstream_error", "{event}");
        assert!(!reply.text().contains("secret"));
        assert_eq!(reply.header("x-should-retry"), "false");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_502() {
    let scene = Scene::with("max_attempts = 1\nbreaker_failures = 100", "").await;
    let program = scene.program().await;
    for (name, script) in [
        (
            "short",
            Script::json(200, "{\"choices\":[").promising(100).cut(),
        ),
        (
            "reset",
            Script::json(200, "{\"choices\":[")
                .promising(100)
                .pause(50)
                .reset(),
        ),
        ("half a document", Script::json(200, "{\"choices\":[")),
        ("no object", Script::json(200, "[]")),
        ("not UTF-8", Script::json(200, b"{\"x\":\"\xff\"}")),
        ("empty", Script::json(200, "")),
        ("no content", Script::json(204, "")),
        ("no answer", Script::raw("").cut()),
        ("not HTTP", Script::raw("SSH-2.0-x\r\n\r\n").cut()),
        (
            "another protocol",
            Script::raw("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
        ),
    ] {
        scene.upstream.answers(script);

        let reply = program.post(PATH, ask()).await;

        assert_eq!(reply.status, 502, "{name}: {}", reply.text());
        assert_eq!(error(&reply)["code"], "upstream_error", "{name}");
    }
    for (name, script) in [
        ("a document", Script::json(200, REPLY)),
        ("no frame", Script::stream()),
        ("a cut head", Script::raw("HTTP/1.1 200 O").cut()),
    ] {
        scene.upstream.answers(script);

        let reply = program.post(PATH, ask_stream()).await;

        assert_eq!(reply.status, 502, "{name}: {}", reply.text());
        assert_eq!(error(&reply)["code"], "upstream_error", "{name}");
    }
    for row in scene.app.ledger(13).await {
        assert_eq!((row.status.as_str(), row.http_status), ("error", Some(502)));
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_502() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", gone.local_addr().unwrap());
    drop(gone);
    let relay = "[relay]\nmax_attempts = 1\n";
    let app = configured(&format!("{relay}{}", provider("up", &url))).await;
    let ada = app.sign_up("ada").await;
    for body in [ask(), ask_stream()] {
        let reply = ada.post(PATH, body).await;

        assert_eq!(reply.status, 502);
        assert_eq!(error(&reply)["code"], "upstream_error");
        assert!(!reply.text().contains("127.0.0.1"));
    }
    for row in app.ledger(2).await {
        assert_eq!((row.http_status, row.prompt_tokens), (Some(502), 0));
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let scene = Scene::with("max_attempts = 1", "").await;
    let elsewhere = crate::support::upstream::Upstream::start().await;
    let program = scene.program().await;
    for status in [301, 302, 303, 307, 308] {
        let there = format!("{}/chat/completions", elsewhere.url());
        scene
            .upstream
            .answers(Script::json(status, "{}").header("location", &there));

        assert_eq!(program.post(PATH, ask()).await.status, 502);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn without_a_provider_nothing_can_be_asked_outside_of_development() {
    for env in ["staging", "production"] {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}/own.db", folder.path().display());
        let app = TestApp::with(&[
            ("APP_ENV", env),
            ("SECRET_KEY", "0f3a9c1b7e5d2846a0b9c8d7e6f5a4b3c2d1e0f9"),
            ("DATABASE_URL", &database),
            ("PUBLIC_URL", "https://api.example.com"),
        ])
        .await;
        let ada = app.sign_up("ada").await;

        for reply in [
            ada.post(PATH, ask()).await,
            ada.post(PATH, ask_stream()).await,
            ada.get("/v1/models").await,
            ada.get("/v1/models/public").await,
        ] {
            assert_eq!(reply.status, 503, "{env}: {}", reply.text());
            assert_eq!(error(&reply)["code"], "ai_not_configured");
        }
        assert_eq!(
            ada.get("/api/v1/usage").await.json()["total"]["requests"],
            0
        );
    }
}
