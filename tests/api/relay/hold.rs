//! What comes before the first content is held: until then the caller may be served by another target.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::Wire;
use crate::support::upstream::{Script, Upstream};

use super::two;
use super::{
    DONE, PATH, ROLE, STOP, Scene, WORD, ask_stream, ask_usage, error, last_words, stream,
};

const COMMENT: &str = ": PROCESSING\r\n\r\n";
const FILTER: &str = "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\",\
    \"prompt_filter_results\":[{\"prompt_index\":0}]}\n\n";
const ERROR: &str = "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n";

/// As many bytes of comments, in frames of a kilobyte.
fn comments(kib: usize) -> String {
    format!(": {}\n\n", "x".repeat(1_020)).repeat(kib)
}

#[tokio::test]
async fn a_first_that_fails_before_its_first_word_leaves_no_trace() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let relay = "first_token_timeout = \"800ms\"\nbreaker_failures = 100";
    let app = two(&first, &second, relay).await;
    let ada = app.sign_up("ada").await;
    let role = ROLE.replace("\"choices\"", "\"id\":\"first\",\"choices\"");
    let begun = || stream(&[COMMENT, FILTER, &role]);
    let failures = [
        begun(),
        begun().cut(),
        begun().pause(50).reset(),
        begun().send(ERROR).send(DONE),
        begun().hang(),
        begun().send("data: {\"choices\":[{\"ind"),
        stream(&[&comments(63), &role]).cut(),
    ];
    let requests = failures.len();
    for script in failures {
        let told = format!("{script:?}");
        let told: String = told.chars().rev().take(200).collect();
        first.answers(script);
        second.answers(stream(&[ROLE, WORD, STOP, DONE]));

        let reply = ada.post(PATH, ask_stream()).await;

        assert_eq!(reply.status, 200, "{told}");
        assert_eq!(reply.text(), [ROLE, WORD, STOP, DONE].concat(), "{told}");
    }
    for row in app.ledger(requests).await {
        assert_eq!((row.status.as_str(), row.attempts), ("ok", 2));
        assert_eq!(row.provider, "second");
    }
}

#[tokio::test]
async fn what_is_held_comes_in_order_with_the_first_word() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    let two = ROLE.replace("\"index\":0", "\"index\":1");
    let word = WORD.replace("\"index\":0", "\"index\":1");
    let frames = [COMMENT, FILTER, ROLE, &two, &word, WORD, DONE].concat();
    let (before, after) = frames.split_at(frames.find(&word).unwrap());
    let script = Script::stream().send(before).pause(900).send(after);
    scene.upstream.answers(script);
    let mut caller = Wire::connect(listening.address).await;
    let credentials = [("authorization", program.authorization())];
    let asked = Instant::now();
    caller
        .post(PATH, &credentials, ask_stream().to_string().as_bytes())
        .await;

    let head = caller.head().await;

    assert!(asked.elapsed() >= Duration::from_millis(800), "too early");
    assert_eq!(head.status, 200);
    assert_eq!(String::from_utf8(caller.rest().await).unwrap(), frames);
    let row = scene.app.row().await;
    assert!(row.ttft_ms.unwrap() >= 800, "{row:?}");
}

#[tokio::test]
async fn whatever_a_reader_waits_for_releases_what_is_held() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    let call = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\
        \"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\
        \"arguments\":\"\"}}]}}]}\n\n";
    let thought = WORD.replace("\"content\"", "\"reasoning_content\"");
    for released_by in [call, &thought, STOP, "data: not for us to read\n\n", WORD] {
        scene.upstream.answers(stream(&[ROLE, released_by]).hang());
        let mut caller = Wire::connect(listening.address).await;
        let credentials = [("authorization", program.authorization())];
        caller
            .post(PATH, &credentials, ask_stream().to_string().as_bytes())
            .await;

        let head = caller.head().await;

        assert_eq!(head.status, 200);
        let wanted = [ROLE, released_by].concat();
        let mut received = Vec::new();
        while received.len() < wanted.len() {
            received.extend(caller.chunk().await.unwrap());
        }
        assert_eq!(String::from_utf8(received).unwrap(), wanted);
    }
}

#[tokio::test]
async fn more_than_64_kib_goes_at_once_and_there_is_no_second_attempt() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let app = two(&first, &second, "").await;
    let ada = app.sign_up("ada").await;
    let many = comments(70);
    first.answers(stream(&[&many]).cut());

    let reply = ada.post(PATH, ask_stream()).await;

    assert_eq!(reply.status, 200);
    let behind = reply.text().strip_prefix(&many).unwrap();
    assert_eq!(last_words(behind)["code"], "upstream_error");
    assert_eq!(second.connections(), 0);
    let row = app.row().await;
    assert_eq!((row.status.as_str(), row.attempts), ("truncated", 1));
    assert_eq!((row.http_status, row.ttft_ms), (Some(200), None));
}

#[tokio::test]
async fn more_than_64_kib_goes_while_the_first_word_is_still_to_come() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    let many = comments(70);
    scene.upstream.answers(stream(&[&many]).hang());
    let mut caller = Wire::connect(listening.address).await;
    let credentials = [("authorization", program.authorization())];
    caller
        .post(PATH, &credentials, ask_stream().to_string().as_bytes())
        .await;

    assert_eq!(caller.head().await.status, 200);

    let mut received = Vec::new();
    while received.len() < many.len() {
        received.extend(caller.chunk().await.unwrap());
    }
    assert!(received == many.as_bytes());
}

#[tokio::test]
async fn an_answer_without_a_word_is_complete_if_the_upstream_says_so() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    for frames in [&[ROLE, DONE][..], &[COMMENT, DONE], &[DONE]] {
        scene.upstream.answers(stream(frames));

        let reply = program.post(PATH, ask_stream()).await;

        assert_eq!(reply.text(), frames.concat());
    }
    for row in scene.app.ledger(3).await {
        assert_eq!((row.status.as_str(), row.http_status), ("ok", Some(200)));
        assert_eq!((row.ttft_ms, row.completion_tokens), (None, 0));
    }
}

#[tokio::test]
async fn where_there_is_no_other_target_the_failure_has_its_status() {
    let relay = "first_token_timeout = \"500ms\"\nmax_attempts = 1";
    let scene = Scene::with(relay, "").await;
    let program = scene.program().await;
    for (script, status, code) in [
        (stream(&[ROLE]), 502, "upstream_error"),
        (stream(&[ROLE]).cut(), 502, "upstream_error"),
        (stream(&[ROLE, ERROR, DONE]), 502, "upstream_error"),
        (stream(&[ROLE]).hang(), 504, "upstream_timeout"),
    ] {
        scene.upstream.answers(script);

        let reply = program.post(PATH, ask_stream()).await;

        assert_eq!(reply.status, status, "{}", reply.text());
        assert_eq!(error(&reply)["code"], code);
        assert!(!reply.text().contains("overloaded"));
    }
    for row in scene.app.ledger(4).await {
        assert_eq!((row.status.as_str(), row.ttft_ms), ("error", None));
        assert_eq!((row.prompt_tokens, row.estimated), (super::PROMPT, 1));
    }
}

#[tokio::test]
async fn usage_that_was_told_before_the_failure_is_what_the_row_says() {
    let scene = Scene::with("max_attempts = 1", "").await;
    let program = scene.program().await;
    let told = ROLE.replace(
        "\"choices\"",
        "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":0},\"choices\"",
    );
    scene.upstream.answers(stream(&[&told]).cut());

    let reply = program.post(PATH, ask_usage()).await;

    assert_eq!(reply.status, 502);
    let row = scene.app.row().await;
    assert_eq!((row.prompt_tokens, row.estimated), (7, 0));
}

#[tokio::test]
async fn usage_of_a_target_that_failed_is_not_that_of_the_next() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let app = two(&first, &second, "max_attempts = 2").await;
    let ada = app.sign_up("ada").await;
    let told = ROLE.replace(
        "\"choices\"",
        "\"usage\":{\"prompt_tokens\":7000,\"completion_tokens\":0},\"choices\"",
    );
    first.answers(stream(&[&told]).cut());
    second.answers(Script::json(400, "{\"error\":{\"message\":\"no\"}}"));

    let reply = ada.post(PATH, ask_usage()).await;

    assert_eq!(reply.status, 400);
    assert_eq!(reply.json(), json!({"error": {"message": "no"}}));
    assert_eq!(app.row().await.prompt_tokens, 0);
}
