//! What is counted of relayed requests.

use serde_json::json;

use super::{COST, DONE, PATH, REPLY, ROLE, STOP, Scene, USAGE, WORD, ask, ask_stream, stream};
use crate::support::upstream::{Script, Upstream};

const REQUESTS: &str = "relay_requests_total{provider=\"up\",model=\"public\",outcome=";
const TOKENS: &str = "relay_tokens_total{provider=\"up\",model=\"public\",kind=";

#[tokio::test]
async fn a_plain_answer_is_counted_with_its_tokens_and_its_cost() {
    let scene = Scene::set().await;
    scene.upstream.answers(Script::json(200, REPLY));

    let reply = scene.program().await.post(PATH, ask()).await;

    assert_eq!(reply.status, 200, "{}", reply.text());
    let row = scene.app.row().await;
    let numbers = scene.app.numbers().await;
    assert_eq!(numbers.of(&format!("{REQUESTS}\"ok\"}}")), 1);
    assert_eq!(numbers.all("relay_requests_total"), 1, "{numbers:?}");
    for (kind, tokens) in [
        ("prompt", row.prompt_tokens),
        ("cached", row.cached_tokens),
        ("completion", row.completion_tokens),
        ("reasoning", row.reasoning_tokens),
    ] {
        let counted = numbers.of(&format!("{TOKENS}\"{kind}\"}}"));
        assert_eq!(counted, tokens, "{kind}");
    }
    assert_eq!(row.cost_microusd, COST);
    let cost = "relay_cost_microusd_total{provider=\"up\",model=\"public\"}";
    assert_eq!(numbers.of(cost), COST);
    let attempts = "relay_attempts_total{provider=\"up\",model=\"public\",result=\"ok\"}";
    assert_eq!(numbers.of(attempts), 1);
    let overhead = "relay_overhead_seconds_count{kind=\"plain\"}";
    assert_eq!(numbers.of(overhead), 1, "{numbers:?}");
    assert_eq!(numbers.all("relay_time_to_first_token_seconds_count"), 0);
    let route =
        "http_requests_total{method=\"POST\",route=\"/api/v1/chat/completions\",status=\"2xx\"}";
    assert_eq!(numbers.of(route), 1, "{numbers:?}");
}

#[tokio::test]
async fn a_stream_is_counted_at_its_end() {
    let scene = Scene::set().await;
    let frames = [ROLE, WORD, STOP, USAGE, DONE];
    scene.upstream.answers(stream(&frames));

    let reply = scene.program().await.post(PATH, ask_stream()).await;

    assert_eq!(reply.status, 200);
    let numbers = scene.app.numbers().await;
    assert_eq!(numbers.of(&format!("{REQUESTS}\"ok\"}}")), 1);
    assert_eq!(numbers.of(&format!("{TOKENS}\"completion\"}}")), 200);
    assert_eq!(numbers.all("relay_time_to_first_token_seconds_count"), 1);
    assert_eq!(numbers.all("relay_upstream_duration_seconds_count"), 1);
    let overhead = "relay_overhead_seconds_count{kind=\"stream\"}";
    assert_eq!(numbers.of(overhead), 1, "{numbers:?}");
    assert_eq!(numbers.of("relay_requests_in_flight"), 0);
}

#[tokio::test]
async fn what_an_upstream_takes_is_not_our_overhead() {
    let scene = Scene::set().await;
    let (plain, slow) = (Script::json(200, ""), Script::stream().pause(400));
    scene
        .upstream
        .answers(plain.pause(400).send(REPLY).promising(REPLY.len()));
    scene
        .upstream
        .answers(slow.send([WORD, STOP, DONE].concat()));
    let program = scene.program().await;

    assert_eq!(program.post(PATH, ask()).await.status, 200);
    assert_eq!(program.post(PATH, ask_stream()).await.status, 200);

    let numbers = scene.app.numbers().await;
    let waited = numbers.sum("relay_upstream_duration_seconds_sum");
    assert!(waited >= 0.8, "{waited}");
    let first_token = numbers.sum("relay_time_to_first_token_seconds_sum");
    assert!(first_token >= 0.4, "{first_token}");
    for kind in ["plain", "stream"] {
        let sum = format!("relay_overhead_seconds_sum{{kind=\"{kind}\"}}");
        // All of 400 ms would be there if the wait counted.
        assert!(numbers.sum(&sum) < 0.3, "{numbers:?}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_truncated_and_one_that_nobody_reads_is_cancelled() {
    let scene = Scene::set().await;
    scene.upstream.answers(Script::stream().send(WORD).cut());
    scene.upstream.answers(Script::stream().send(WORD).hang());
    let program = scene.program().await;

    program.post(PATH, ask_stream()).await;
    let left = program.open(PATH, ask_stream()).await;
    let running = scene.app.numbers().await;
    drop(left);

    assert_eq!(running.of("relay_requests_in_flight"), 1);
    scene.upstream.closed().await;
    let numbers = scene.app.numbers().await;
    assert_eq!(numbers.of(&format!("{REQUESTS}\"truncated\"}}")), 1);
    assert_eq!(numbers.of(&format!("{REQUESTS}\"cancelled\"}}")), 1);
    assert_eq!(numbers.all("relay_requests_total"), 2);
    assert_eq!(numbers.of("relay_requests_in_flight"), 0);
}

#[tokio::test]
async fn who_leaves_before_the_head_has_cancelled_the_request_and_its_attempt() {
    let scene = Scene::set().await;
    scene.upstream.answers(Script::raw("").hang());
    let program = scene.program().await;

    tokio::select! {
        _ = program.post(PATH, ask()) => panic!("nobody answers"),
        _ = scene.upstream.request() => {}
    }

    let numbers = scene.app.numbers().await;
    assert_eq!(numbers.of(&format!("{REQUESTS}\"cancelled\"}}")), 1);
    let attempt = "relay_attempts_total{provider=\"up\",model=\"public\",result=\"cancelled\"}";
    assert_eq!(numbers.of(attempt), 1, "{numbers:?}");
    let route = "http_requests_total{method=\"POST\",route=\"/api/v1/chat/completions\",status=\"cancelled\"}";
    assert_eq!(numbers.of(route), 1);
}

#[tokio::test]
async fn a_failed_request_counts_each_attempt_where_it_was_made() {
    let second = Upstream::start().await;
    let tables = format!(
        "{}\n[models.twice]\ntargets = [\"up/a\", \"second/b\"]",
        super::provider("second", &second.url())
    );
    let scene = Scene::with("", &tables).await;
    scene.upstream.answers(Script::json(500, "{}"));
    second.answers(Script::json(400, "{\"error\":{}}"));
    let mut asked = ask();
    asked["model"] = json!("twice");

    let reply = scene.program().await.post(PATH, asked).await;

    assert_eq!(reply.status, 400, "{}", reply.text());
    let numbers = scene.app.numbers().await;
    for series in [
        "relay_attempts_total{provider=\"up\",model=\"twice\",result=\"failed\"}",
        "relay_attempts_total{provider=\"second\",model=\"twice\",result=\"refused\"}",
        "relay_requests_total{provider=\"second\",model=\"twice\",outcome=\"error\"}",
    ] {
        assert_eq!(numbers.of(series), 1, "{series}: {numbers:?}");
    }
    assert_eq!(numbers.all("relay_attempts_total"), 2);
    assert_eq!(numbers.all("relay_requests_total"), 1);
    assert_eq!(numbers.all("relay_tokens_total"), 0);
}

#[tokio::test]
async fn a_name_of_the_callers_own_is_no_label() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    for name in ["up/made-up-1", "up/made-up-2", "made-up-3"] {
        scene.upstream.answers(Script::json(200, REPLY));
        let mut asked = ask();
        asked["model"] = json!(name);
        program.post(PATH, asked).await;
    }

    let numbers = scene.app.numbers().await;

    let other = "relay_requests_total{provider=\"up\",model=\"other\",outcome=\"ok\"}";
    assert_eq!(numbers.of(other), 2, "{numbers:?}");
    assert_eq!(numbers.of("http_errors_total{code=\"model_not_found\"}"), 1);
    for series in numbers.series() {
        assert!(!series.contains("made-up"), "{series}");
    }
}

#[tokio::test]
async fn the_queue_of_the_ledger_is_seen() {
    let scene = Scene::set().await;
    scene.upstream.answers(Script::stream().send(WORD).hang());
    let program = scene.program().await;

    let running = program.open(PATH, ask_stream()).await;

    let numbers = scene.app.numbers().await;
    assert_eq!(numbers.of("ledger_rows_unwritten"), 1);
    drop(running);
    scene.app.row().await;
}

#[tokio::test]
async fn it_is_told_which_targets_are_left_alone() {
    let scene = Scene::with("max_attempts = 1\nbreaker_failures = 1", "").await;
    let breaker = "relay_breaker_state{provider=\"up\",model=\"public\"}";
    let program = scene.program().await;
    assert_eq!(scene.app.numbers().await.of(breaker), 0);
    scene.upstream.answers(Script::json(500, "{}"));

    let failed = program.post(PATH, ask()).await;

    assert_eq!(failed.status, 500);
    assert_eq!(scene.app.numbers().await.of(breaker), 2);
}

#[tokio::test]
async fn it_is_told_what_requests_that_run_hold_of_a_budget() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let key = ada.with_key(json!({"budget_microusd": 1_000_000})).await;
    scene.upstream.answers(Script::stream().send(WORD).hang());
    let mut body = ask_stream();
    body["max_tokens"] = 100.into();

    let running = key.open(PATH, body).await;

    let numbers = scene.app.numbers().await;
    assert_eq!(numbers.of("leases"), 1, "{numbers:?}");
    assert_eq!(numbers.of("leased_microusd{state=\"reserved\"}"), 62);
    drop(running);
    let numbers = scene.app.numbers().await;
    assert_eq!(numbers.of("leased_microusd{state=\"reserved\"}"), 0);
}
