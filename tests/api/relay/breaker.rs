//! A target that fails too often is left alone, until one request finds it back.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::upstream::{Script, Upstream};
use crate::support::{Reply, TestApp};

use super::{PATH, REPLY, ROLE, Scene, ask, ask_stream, configured, error, provider, stream, two};

const COOLDOWN: Duration = Duration::from_secs(30);
const TWICE: &str = "max_attempts = 1\nbreaker_failures = 2";
const ONCE: &str = "max_attempts = 1\nbreaker_failures = 1";

fn named(model: &str) -> Value {
    let mut body = ask();
    body["model"] = json!(model);
    body
}

/// Nobody was asked, and the caller is told when to come back.
fn left_alone(reply: &Reply, seconds: u64) {
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_eq!(error(reply)["code"], "service_unavailable");
    assert_eq!(error(reply)["type"], "server_error");
    assert_eq!(reply.header("retry-after"), seconds.to_string());
    let millis = (seconds * 1_000).to_string();
    assert!(seconds == 1 || reply.header("retry-after-ms") == millis);
    assert_eq!(reply.header("x-should-retry"), "");
}

#[tokio::test]
async fn who_has_failed_too_often_is_left_alone_and_asked_again_after_the_cooldown() {
    let scene = Scene::with(TWICE, "").await;
    let program = scene.program().await;
    for _ in 0..2 {
        scene.upstream.answers(Script::json(500, "{}"));
        assert_eq!(program.post(PATH, ask()).await.status, 500);
    }

    left_alone(&program.post(PATH, ask()).await, 30);
    scene.app.advance(Duration::from_millis(20_500));
    let rounded_up = program.post(PATH, ask_stream()).await;
    assert_eq!(rounded_up.header("retry-after"), "10");
    assert_eq!(rounded_up.header("retry-after-ms"), "9500");
    assert_eq!(scene.upstream.requests().len(), 2);

    scene.app.advance(Duration::from_millis(9_500));
    for script in [Script::json(200, REPLY), Script::json(500, "{}")] {
        scene.upstream.answers(script);
    }
    assert_eq!(program.post(PATH, ask()).await.status, 200);
    assert_eq!(program.post(PATH, ask()).await.status, 500);
    assert_eq!(scene.upstream.requests().len(), 4);
    // What was refused here has no row.
    scene.app.ledger(4).await;
}

#[tokio::test]
async fn a_success_in_between_forgives_what_was_before() {
    let scene = Scene::with(TWICE, "").await;
    let program = scene.program().await;
    for status in [500, 200, 500, 200, 500, 404, 500, 429, 500] {
        scene.upstream.answers(Script::json(status, REPLY));

        assert_eq!(program.post(PATH, ask()).await.status, status);
    }
}

#[tokio::test]
async fn whatever_is_the_upstreams_fault_opens_it_and_no_probe_that_fails_closes_it() {
    let relay = format!("{ONCE}\nfirst_token_timeout = \"300ms\"\ntotal_timeout = \"300ms\"");
    let scene = Scene::with(&relay, "").await;
    let program = scene.program().await;
    let complaint = "data: {\"error\":{\"message\":\"overloaded\"}}\n\n";
    let about_key =
        "data: {\"error\":{\"type\":\"invalid_request_error\",\"code\":\"invalid_api_key\"}}\n\n";
    let short = Script::json(200, "{\"choices\":[").promising(100).cut();
    for (name, script, body) in [
        ("500", Script::json(500, "{}"), ask()),
        ("529", Script::json(529, "{}"), ask_stream()),
        ("a redirect", Script::json(302, "{}"), ask()),
        ("a cut", Script::raw("").cut(), ask()),
        ("a reset", Script::raw("").reset(), ask()),
        ("late", Script::raw(""), ask()),
        ("a late stream", Script::stream().hang(), ask_stream()),
        ("short", short, ask()),
        ("unreadable", Script::json(200, "[]"), ask()),
        ("an error event", stream(&[complaint]), ask_stream()),
        ("an event about our key", stream(&[about_key]), ask_stream()),
    ] {
        scene.upstream.answers(script);
        let before = scene.upstream.requests().len();

        assert!(program.post(PATH, body).await.status >= 500, "{name}");
        left_alone(&program.post(PATH, ask()).await, 30);

        assert_eq!(scene.upstream.requests().len(), before + 1, "{name}");
        scene.app.advance(COOLDOWN);
    }
}

#[tokio::test]
async fn nothing_that_the_caller_or_our_account_has_done_opens_it() {
    let scene = Scene::with(ONCE, "").await;
    let program = scene.program().await;
    for status in [400, 401, 402, 403, 404, 409, 413, 422, 429, 400] {
        scene.upstream.answers(Script::json(status, "{}"));
        program.post(PATH, ask()).await;
    }
    scene.upstream.answers(Script::json(200, REPLY));

    assert_eq!(program.post(PATH, ask()).await.status, 200);
    assert_eq!(scene.upstream.requests().len(), 11);
}

#[tokio::test]
async fn no_event_that_tells_of_the_callers_own_fault_opens_it_or_is_tried_again() {
    let scene = Scene::with("max_attempts = 3\nbreaker_failures = 1", "").await;
    let program = scene.program().await;
    let faults = [
        json!({"message": "no", "code": 400}),
        json!({"message": "no", "type": "invalid_request_error", "code": "context_length_exceeded"}),
    ];
    for error in &faults {
        let event = format!("data: {}\n\n", json!({"error": error}));
        for script in [stream(&[&event]), stream(&[ROLE, &event])] {
            scene.upstream.answers(script);

            assert_eq!(program.post(PATH, ask_stream()).await.status, 400);
        }
    }
    scene.upstream.answers(Script::json(200, REPLY));

    assert_eq!(program.post(PATH, ask()).await.status, 200);
    assert_eq!(scene.upstream.requests().len(), 5);
}

#[tokio::test]
async fn a_refusal_whose_words_break_off_is_still_the_callers_own() {
    let scene = Scene::with("max_attempts = 3\nbreaker_failures = 2", "").await;
    let program = scene.program().await;
    for status in [413, 400, 422] {
        let refusal = Script::json(status, "{\"error\":").promising(1_000).cut();
        scene.upstream.answers(refusal);

        assert_eq!(program.post(PATH, ask()).await.status, 502);
    }
    scene.upstream.answers(Script::json(200, REPLY));

    assert_eq!(program.post(PATH, ask()).await.status, 200);
    assert_eq!(scene.upstream.requests().len(), 4);
}

#[tokio::test]
async fn a_port_that_is_closed_opens_it_too() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", gone.local_addr().unwrap());
    drop(gone);
    let app = configured(&format!("[relay]\n{ONCE}\n{}", provider("up", &url))).await;
    let ada = app.sign_up("ada").await;

    assert_eq!(ada.post(PATH, ask()).await.status, 502);
    // A name that the caller has made up is remembered, too, and no other suffers for it.
    left_alone(&ada.post(PATH, ask()).await, 30);
    assert_eq!(ada.post(PATH, named("other")).await.status, 502);
}

/// A broken target whose cooldown is over, and what it does to the first request from now on.
async fn half_open(upstream: &Upstream, app: &TestApp, probe: Script) {
    let ada = app.sign_up("eve").await;
    upstream.answers(Script::json(500, "{}"));
    assert_eq!(ada.post(PATH, ask()).await.status, 500);
    app.advance(COOLDOWN);
    upstream.answers(probe);
}

/// Runs `work` while `other` is on its way.
async fn meanwhile<T>(other: impl Future<Output = Reply>, work: impl Future<Output = T>) -> T {
    let mut other = pin!(other);
    tokio::select! {
        reply = &mut other => panic!("it has ended: {reply:?}"),
        done = work => done,
    }
}

#[tokio::test]
async fn a_probe_goes_alone_and_one_whose_caller_leaves_frees_its_place() {
    let scene = Scene::with(ONCE, "").await;
    let program = scene.program().await;
    half_open(&scene.upstream, &scene.app, Script::raw("")).await;

    meanwhile(program.post(PATH, ask()), async {
        scene.upstream.has_seen(2).await;
        for _ in 0..3 {
            left_alone(&program.post(PATH, ask()).await, 1);
        }
    })
    .await;
    scene.upstream.closed().await;

    assert_eq!(scene.upstream.requests().len(), 2);
    scene.upstream.answers(Script::json(200, REPLY));
    scene.upstream.answers(Script::json(200, REPLY));
    let both = tokio::join!(program.post(PATH, ask()), async {
        scene.upstream.has_seen(3).await;
        sleep(Duration::from_millis(200)).await;
        program.post(PATH, ask()).await
    });
    assert_eq!((both.0.status, both.1.status), (200, 200));
}

#[tokio::test]
async fn an_open_target_is_passed_over_and_the_soonest_of_all_is_told() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let app = two(&first, &second, "max_attempts = 2\nbreaker_failures = 1").await;
    let program = app.sign_up("ada").await.with_key(json!({})).await;
    first.answers(Script::json(500, "{}"));
    for _ in 0..2 {
        second.answers(Script::json(200, REPLY));
        assert_eq!(program.post(PATH, ask()).await.status, 200);
    }
    assert_eq!(first.requests().len(), 1);

    app.advance(Duration::from_secs(10));
    second.answers(Script::json(500, "{}"));
    assert_eq!(program.post(PATH, ask()).await.status, 500);

    left_alone(&program.post(PATH, ask()).await, 20);
}

#[tokio::test]
async fn the_breaker_stands_for_one_model_of_one_provider_under_all_of_its_names() {
    let tables =
        "[models.again]\ntargets = [\"up/public\"]\n[models.other]\ntargets = [\"up/other\"]\n";
    let scene = Scene::with(ONCE, tables).await;
    let program = scene.program().await;
    scene.upstream.answers(Script::json(500, "{}"));
    program.post(PATH, ask()).await;

    for name in ["public", "again", "up/public"] {
        left_alone(&program.post(PATH, named(name)).await, 30);
    }
    for name in ["other", "up/other", "up/third"] {
        scene.upstream.answers(Script::json(200, REPLY));
        assert_eq!(program.post(PATH, named(name)).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn how_each_target_stands_is_told() {
    use concierge::relay::BreakerState::{Closed, HalfOpen, Open};
    let scene = Scene::with(ONCE, "").await;
    let program = scene.program().await;
    let stands = || scene.app.app.relay.breakers();
    let state = || stands()[0].2;
    assert_eq!(stands().len(), 1);
    assert_eq!((&*stands()[0].0, stands()[0].1.as_str()), ("up", "public"));
    assert_eq!(state(), Closed);

    half_open(&scene.upstream, &scene.app, Script::raw("")).await;

    assert_eq!(state(), Open);
    meanwhile(program.post(PATH, ask()), async {
        scene.upstream.has_seen(2).await;
        assert_eq!(state(), HalfOpen);
    })
    .await;
    assert_eq!(state(), Open);
}
