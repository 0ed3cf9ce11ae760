//! Until when a failure has a status, and what it looks like afterwards.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::upstream::Script;
use crate::support::{Reply, Wire};

use super::{
    DONE, PATH, REPLY, ROLE, STOP, Scene, WORD, ask, ask_stream, error, last_words, stream,
};

const AT_ONCE: &str = "commit_after = \"0s\"\nmax_attempts = 1\nbreaker_failures = 100\n\
                       first_token_timeout = \"400ms\"";
const LATE: &str = "commit_after = \"1m\"\nmax_attempts = 1\nbreaker_failures = 100\n\
                    first_token_timeout = \"400ms\"";

/// What the caller of a stream is told of each failure.
async fn told(relay: &str, failures: &[Script]) -> Vec<Reply> {
    let scene = Scene::with(relay, "").await;
    let program = scene.program().await;
    let mut replies = Vec::new();
    for script in failures {
        scene.upstream.answers(script.clone());
        replies.push(program.post(PATH, ask_stream()).await);
    }
    for row in scene.app.ledger(failures.len()).await {
        assert_eq!((row.status.as_str(), row.attempts), ("error", 1));
    }
    replies
}

#[tokio::test]
async fn a_failure_says_the_same_before_and_behind_the_head() {
    let failures = [
        Script::json(500, "{\"error\":{\"message\":\"secret words\"}}"),
        Script::json(503, "{}"),
        Script::json(529, "{}"),
        Script::json(401, "{}"),
        Script::json(402, "{}"),
        Script::json(302, "{}"),
        Script::json(200, "{}"),
        Script::raw("").cut(),
        Script::raw(""),
        stream(&[ROLE]).cut(),
        stream(&[ROLE]).hang(),
    ];
    let statuses = [500, 503, 503, 502, 503, 502, 502, 502, 504, 502, 504];

    let before = told(LATE, &failures).await;
    let behind = told(AT_ONCE, &failures).await;

    for ((before, behind), status) in before.iter().zip(behind).zip(statuses) {
        assert_eq!(before.status, status, "{}", before.text());
        assert_eq!(behind.status, 200);
        assert_eq!(behind.header("content-type"), "text/event-stream");
        assert_eq!(last_words(behind.text()), error(before));
        assert!(!behind.text().contains("secret"));
    }
}

#[tokio::test]
async fn a_refusal_of_the_callers_own_keeps_its_words_behind_the_head() {
    let refusals = [
        json!({"message": "Too long: see https://up/x, key sk-abc", "type": "invalid_request_error",
            "param": "messages", "code": "context_length_exceeded"}),
        json!({"message": "No such model", "type": "invalid_request_error", "param": null, "code": null}),
        json!({"message": "Slow down", "type": "tokens", "param": null, "code": "rate_limit_exceeded"}),
        json!("odd"),
        json!(7),
    ];
    let statuses = [400, 404, 429, 422, 413];
    let wanted = [
        json!({"message": "Too long: see … key …", "type": "invalid_request_error",
            "param": null, "code": "context_length_exceeded"}),
        json!({"message": "No such model", "type": "invalid_request_error", "param": null, "code": null}),
        json!({"message": "Slow down", "type": "tokens", "param": null, "code": "rate_limit_exceeded"}),
        json!({"message": "odd", "type": "invalid_request_error", "param": null, "code": null}),
        json!({"message": "The model's server has refused the request.",
            "type": "invalid_request_error", "param": null, "code": "upstream_error"}),
    ];
    let body = |error: &Value| json!({"error": error}).to_string();
    let scripts: Vec<_> = refusals
        .iter()
        .zip(statuses)
        .map(|(error, status)| Script::json(status, body(error)))
        .collect();

    let before = told(LATE, &scripts).await;
    let behind = told(AT_ONCE, &scripts).await;

    for at in 0..scripts.len() {
        assert_eq!(before[at].status, statuses[at]);
        assert_eq!(before[at].text(), body(&refusals[at]));
        assert_eq!(behind[at].status, 200);
        assert_eq!(last_words(behind[at].text()), wanted[at]);
    }
}

#[tokio::test]
async fn what_we_refuse_ourselves_has_its_status_however_soon_a_stream_commits() {
    let scene = Scene::with(AT_ONCE, "").await;
    let program = scene.program().await;
    let mut unknown = ask_stream();
    unknown["model"] = json!("nobody's");

    let reply = program.post(PATH, unknown).await;

    assert_eq!(reply.status, 404);
    assert_eq!(error(&reply)["code"], "model_not_found");
}

#[tokio::test]
async fn the_head_goes_out_when_the_wait_has_been_long_enough() {
    let scene = Scene::with("commit_after = \"1s\"", "").await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    for script in [
        Script::raw(""),
        Script::stream().hang(),
        stream(&[ROLE]).hang(),
    ] {
        scene.upstream.answers(script);
        let mut caller = Wire::connect(listening.address).await;
        let credentials = [("authorization", program.authorization())];
        let asked = Instant::now();
        caller
            .post(PATH, &credentials, ask_stream().to_string().as_bytes())
            .await;

        let head = caller.head().await;

        // Neither at once nor as late as without the setting; the upstream stays silent for longer.
        let waited = asked.elapsed();
        assert!(waited >= Duration::from_secs(1), "too early: {waited:?}");
        assert!(waited < Duration::from_secs(4), "too late: {waited:?}");
        assert_eq!(head.status, 200, "{}", head.text);
        let head = head.text.to_lowercase();
        for line in [
            "content-type: text/event-stream\r\n",
            "cache-control: no-cache, no-store\r\n",
            "x-accel-buffering: no\r\n",
            "x-request-id: ",
            "openai-processing-ms: ",
        ] {
            assert!(head.contains(line), "{line:?}: {head}");
        }
    }
}

#[tokio::test]
async fn an_answer_in_time_has_the_upstreams_headers_and_one_behind_the_head_cannot() {
    for (relay, id) in [
        ("commit_after = \"1m\"", "up-1"),
        ("commit_after = \"0s\"", ""),
    ] {
        let scene = Scene::with(relay, "").await;
        let program = scene.program().await;
        let script = stream(&[ROLE, WORD, STOP, DONE]).header("x-request-id", "up-1");
        scene.upstream.answers(script);

        let reply = program.post(PATH, ask_stream()).await;

        assert_eq!(reply.text(), [ROLE, WORD, STOP, DONE].concat());
        assert_eq!(reply.header("x-upstream-request-id"), id);
        assert!(!reply.header("x-request-id").is_empty());
    }
}

#[tokio::test]
async fn every_answer_says_how_long_it_took_unless_the_upstream_has() {
    let scene = Scene::with("max_attempts = 1", "").await;
    let program = scene.program().await;
    for (script, body) in [
        (Script::json(200, REPLY), ask()),
        (Script::json(500, "{}"), ask()),
        (Script::json(400, "{}"), ask()),
        (stream(&[WORD, DONE]), ask_stream()),
    ] {
        let own = script.clone().header("openai-processing-ms", "4711");
        scene.upstream.answers(script).answers(own);

        let ours = program.post(PATH, body.clone()).await;
        let theirs = program.post(PATH, body).await;

        assert!(ours.header("openai-processing-ms").parse::<u64>().is_ok());
        assert_eq!(theirs.header("openai-processing-ms"), "4711");
    }
}

#[tokio::test]
async fn a_plain_request_waits_for_its_status() {
    let scene = Scene::with("commit_after = \"0s\"\nmax_attempts = 1", "").await;
    let program = scene.program().await;
    scene.upstream.answers(Script::json(503, "{}"));

    let reply = program.post(PATH, ask()).await;

    assert_eq!(reply.status, 503);
}
