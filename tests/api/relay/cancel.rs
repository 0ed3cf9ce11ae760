//! Whoever hangs up stops the work, and pays for what was done.

use std::time::{Duration, Instant};

use crate::support::upstream::Script;
use crate::support::{Row, Wire};

use super::{PATH, PROMPT, ROLE, Scene, WORD, ask, ask_stream, stream};

/// A tenth of a second on a quiet machine; tests share theirs.
const SOON: Duration = Duration::from_secs(2);

/// Asks, waits for as many frames, hangs up, and gives the row that is left.
async fn hang_up(script: Script, body: serde_json::Value, frames: usize) -> Row {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    scene.upstream.answers(script);
    let mut caller = Wire::connect(listening.address).await;
    let credentials = [("authorization", program.authorization())];
    caller
        .post(PATH, &credentials, body.to_string().as_bytes())
        .await;
    scene.upstream.request().await;
    if frames > 0 {
        caller.head().await;
    }
    for _ in 0..frames {
        caller.chunk().await.unwrap();
    }

    let left_at = Instant::now();
    drop(caller);

    let took = scene.upstream.closed().await - left_at;
    assert!(took < SOON, "the upstream saw it after {took:?}");
    let row = scene.app.row().await;
    assert_eq!((row.status.as_str(), row.attempts), ("cancelled", 1));
    assert_eq!((row.prompt_tokens, row.estimated), (PROMPT, 1));
    row
}

#[tokio::test]
async fn a_caller_may_leave_before_the_upstreams_head() {
    for body in [ask(), ask_stream()] {
        let row = hang_up(Script::raw(""), body, 0).await;

        assert_eq!((row.http_status, row.completion_tokens), (None, 0));
    }
}

#[tokio::test]
async fn a_caller_may_leave_between_the_head_and_the_first_frame() {
    let row = hang_up(Script::stream().hang(), ask_stream(), 0).await;

    assert_eq!((row.http_status, row.completion_tokens), (None, 0));
}

#[tokio::test]
async fn a_caller_may_leave_before_the_first_word() {
    let row = hang_up(stream(&[ROLE]).hang(), ask_stream(), 1).await;

    assert_eq!((row.http_status, row.completion_tokens), (Some(200), 0));
}

#[tokio::test]
async fn a_caller_may_leave_in_the_middle_of_a_stream() {
    let script = stream(&[ROLE])
        .pause(30)
        .send(WORD)
        .pause(30)
        .send(WORD)
        .hang();

    let row = hang_up(script, ask_stream(), 3).await;

    assert_eq!(row.http_status, Some(200));
    assert!(
        row.completion_tokens > 0 && row.ttft_ms.is_some(),
        "{row:?}"
    );
}

#[tokio::test]
async fn a_caller_may_leave_in_the_middle_of_a_plain_answer() {
    let script = Script::json(200, "{\"choices\":[").promising(1_000).hang();

    let row = hang_up(script, ask(), 0).await;

    assert_eq!(row.http_status, None);
}

#[tokio::test]
async fn a_stream_of_many_on_one_connection_can_be_let_go_alone() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let url = format!("{}{PATH}", listening.url);
    let post = |body: serde_json::Value| {
        let post = client
            .post(&url)
            .header("authorization", program.authorization());
        post.header("content-type", "application/json")
            .body(body.to_string())
            .send()
    };
    scene.upstream.answers(stream(&[WORD]).hang());
    let mut leaving = post(ask_stream()).await.unwrap();
    assert_eq!(leaving.chunk().await.unwrap().unwrap(), WORD);
    scene.upstream.answers(
        stream(&[WORD])
            .pause(600)
            .send(super::STOP)
            .send(super::DONE),
    );
    let staying = post(ask_stream()).await.unwrap();

    let left_at = Instant::now();
    drop(leaving);

    assert!(scene.upstream.closed().await - left_at < SOON);
    let text = staying.text().await.unwrap();
    assert_eq!(text, [WORD, super::STOP, super::DONE].concat());
    let mut rows = scene.app.ledger(2).await;
    rows.sort_by(|a, b| a.status.cmp(&b.status));
    assert_eq!([&*rows[0].status, &*rows[1].status], ["cancelled", "ok"]);
}
