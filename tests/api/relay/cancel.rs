//! Whoever hangs up stops the work, and pays for what was done.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::support::upstream::Script;
use crate::support::{Row, Wire};

use super::{PATH, PROMPT, ROLE, Scene, WORD, ask, ask_stream, stream};

/// A tenth of a second on a quiet machine; tests share theirs.
const SOON: Duration = Duration::from_secs(2);

/// How often each window is tried.
const TIMES: usize = 10;

/// Where a caller leaves.
struct Window {
    relay: &'static str,
    script: Script,
    body: serde_json::Value,
    /// What has been received by then: None is not even a head.
    received: Option<String>,
}

impl Window {
    /// Asks, waits for what is to come, hangs up, and gives the rows that are left.
    async fn hang_up(self) -> Vec<Row> {
        let scene = Scene::with(self.relay, "").await;
        let program = scene.program().await;
        let listening = scene.app.listen().await;
        for time in 1..=TIMES {
            scene.upstream.answers(self.script.clone());
            let mut caller = Wire::connect(listening.address).await;
            let credentials = [("authorization", program.authorization())];
            caller
                .post(PATH, &credentials, self.body.to_string().as_bytes())
                .await;
            scene.upstream.asked_times(time).await;
            self.wait(&mut caller).await;

            let left_at = Instant::now();
            drop(caller);

            let took = scene.upstream.closed_times(time).await - left_at;
            assert!(took < SOON, "the upstream saw it after {took:?}");
        }
        let rows = scene.app.ledger(TIMES).await;
        for row in &rows {
            assert_eq!((row.status.as_str(), row.attempts), ("cancelled", 1));
            assert_eq!((row.prompt_tokens, row.estimated), (PROMPT, 1));
        }
        rows
    }

    async fn wait(&self, caller: &mut Wire) {
        let Some(wanted) = &self.received else {
            // The upstream's part of the script comes in the meantime.
            return sleep(Duration::from_millis(30)).await;
        };
        assert_eq!(caller.head().await.status, 200);
        let mut received = Vec::new();
        while received.len() < wanted.len() {
            received.extend(caller.chunk().await.unwrap());
        }
        assert_eq!(String::from_utf8(received).unwrap(), *wanted);
    }
}

#[tokio::test]
async fn a_caller_may_leave_before_the_upstreams_head() {
    for body in [ask(), ask_stream()] {
        let window = Window {
            relay: "",
            script: Script::raw(""),
            body,
            received: None,
        };

        for row in window.hang_up().await {
            assert_eq!((row.http_status, row.completion_tokens), (None, 0));
        }
    }
}

#[tokio::test]
async fn a_caller_may_leave_before_the_first_word() {
    for script in [Script::stream().hang(), stream(&[ROLE]).hang()] {
        let window = Window {
            relay: "",
            script,
            body: ask_stream(),
            received: None,
        };

        for row in window.hang_up().await {
            assert_eq!((row.http_status, row.completion_tokens), (None, 0));
            assert_eq!(row.ttft_ms, None);
        }
    }
}

#[tokio::test]
async fn a_caller_with_a_head_may_leave_before_the_upstream_has_one_or_a_word() {
    for script in [
        Script::raw(""),
        Script::stream().hang(),
        stream(&[ROLE]).hang(),
    ] {
        let window = Window {
            relay: "commit_after = \"0s\"\nkeepalive_interval = \"20ms\"",
            script,
            body: ask_stream(),
            received: Some(": keep-alive\n\n".repeat(2)),
        };

        for row in window.hang_up().await {
            assert_eq!((row.completion_tokens, row.ttft_ms), (0, None));
        }
    }
}

#[tokio::test]
async fn a_caller_may_leave_in_the_middle_of_a_stream() {
    let window = Window {
        relay: "",
        script: stream(&[ROLE])
            .pause(30)
            .send(WORD)
            .pause(30)
            .send(WORD)
            .hang(),
        body: ask_stream(),
        received: Some([ROLE, WORD, WORD].concat()),
    };

    for row in window.hang_up().await {
        assert_eq!(row.http_status, Some(200));
        assert!(
            row.completion_tokens > 0 && row.ttft_ms.is_some(),
            "{row:?}"
        );
    }
}

#[tokio::test]
async fn a_caller_may_leave_in_the_middle_of_a_plain_answer() {
    let window = Window {
        relay: "",
        script: Script::json(200, "{\"choices\":[").promising(1_000).hang(),
        body: ask(),
        received: None,
    };

    for row in window.hang_up().await {
        assert_eq!(row.http_status, None);
    }
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
