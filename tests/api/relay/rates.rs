//! Requests and tokens a minute.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::upstream::{Script, Upstream};
use crate::support::{Actor, Reply};

use super::{
    DONE, PATH, PROMPT, REPLY, STOP, Scene, WORD, ask, ask_stream, configured_with, error,
    provider, stream,
};

/// Uses ten tokens of a prompt, and ninety of an answer.
const SHORT: &str = "{\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":90}}";

/// With limits for every user, by the clock of the test: no Redis has a part in it.
pub(super) async fn limited(limits: &str) -> Scene {
    limited_with(limits, &[("REDIS_URL", "")]).await
}

async fn limited_with(limits: &str, settings: &[(&str, &str)]) -> Scene {
    let upstream = Upstream::start().await;
    let toml = format!(
        "[relay]\nmax_attempts = 1\n[limits.user]\n{limits}\n{}",
        provider("up", &upstream.url())
    );
    let app = configured_with(&toml, settings).await;
    Scene { upstream, app }
}

/// What is asked with room for so many tokens of an answer.
fn ask_for(max_tokens: u64) -> Value {
    let mut body = ask();
    body["max_tokens"] = max_tokens.into();
    body
}

/// Asks, and is answered with `SHORT`.
async fn passes(scene: &Scene, program: &Actor<'_>, body: Value) -> Reply {
    scene.upstream.answers(Script::json(200, SHORT));
    let reply = program.post(PATH, body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

/// Asks, and is told the type of its error, and how many milliseconds to wait.
async fn is_limited(program: &Actor<'_>, body: Value) -> (String, u64) {
    let reply = program.post(PATH, body).await;
    assert_eq!(reply.status, 429, "{}", reply.text());
    let said = error(&reply);
    assert_eq!(said["code"], "rate_limit_exceeded");
    let millis: u64 = reply.header("retry-after-ms").parse().unwrap();
    let seconds: u64 = reply.header("retry-after").parse().unwrap();
    assert_eq!(seconds, millis.div_ceil(1_000));
    (said["type"].as_str().unwrap().to_owned(), millis)
}

/// `limit`, `remaining` and `reset` of `requests` or `tokens`.
fn told<'a>(reply: &'a Reply, family: &str) -> [&'a str; 3] {
    ["limit", "remaining", "reset"].map(|what| {
        let name = format!("x-ratelimit-{what}-{family}");
        let values: Vec<_> = reply.headers.get_all(&name).iter().collect();
        assert!(values.len() < 2, "{name}: {values:?}");
        reply.header(&name)
    })
}

#[tokio::test]
async fn as_many_requests_pass_as_may_and_the_next_when_its_time_has_come() {
    let scene = limited("rpm = 3").await;
    let program = scene.program().await;
    for left in ["2", "1", "0"] {
        let reply = passes(&scene, &program, ask()).await;
        assert_eq!(told(&reply, "requests")[..2], ["3", left]);
    }

    assert_eq!(
        is_limited(&program, ask()).await,
        ("requests".to_owned(), 20_000)
    );
    scene.app.advance(Duration::from_millis(19_999));
    assert_eq!(is_limited(&program, ask()).await.1, 1);
    scene.app.advance(Duration::from_millis(1));
    passes(&scene, &program, ask()).await;
    is_limited(&program, ask_stream()).await;

    scene.app.advance(Duration::from_mins(10));
    for _ in 0..3 {
        passes(&scene, &program, ask()).await;
    }
    is_limited(&program, ask()).await;
    assert_eq!(scene.app.ledger(7).await.len(), 7);
    assert_eq!(scene.upstream.requests().len(), 7);
}

#[tokio::test]
async fn tokens_are_reserved_and_then_corrected_to_what_was_used() {
    let scene = limited("tpm = 1000").await;
    let program = scene.program().await;
    let reserved = 300 + u64::try_from(PROMPT).unwrap();
    for before in [1_000, 900, 800, 700, 600, 500, 400] {
        let reply = passes(&scene, &program, ask_for(300)).await;

        let left = (before - reserved).to_string();
        assert_eq!(told(&reply, "tokens")[..2], ["1000", left.as_str()]);
    }
    let (kind, millis) = is_limited(&program, ask_for(300)).await;
    assert_eq!((kind.as_str(), millis), ("tokens", 600));
    passes(&scene, &program, ask_for(290)).await;
}

#[tokio::test]
async fn what_was_used_beyond_the_reservation_is_owed() {
    let scene = limited("tpm = 1000").await;
    let program = scene.program().await;
    scene.upstream.answers(Script::json(200, REPLY));
    assert_eq!(program.post(PATH, ask_for(100)).await.status, 200);

    let (_, millis) = is_limited(&program, ask_for(90)).await;

    // 1,200 were used: 200 are owed and 100 wanted, at a thousand a minute.
    assert_eq!(millis, 18_000);
    scene.app.advance(Duration::from_secs(18));
    passes(&scene, &program, ask_for(90)).await;
}

#[tokio::test]
async fn a_stream_holds_its_tokens_until_it_ends() {
    let scene = limited("tpm = 1000").await;
    let program = scene.program().await;
    let mut body = ask_stream();
    body["max_tokens"] = 500.into();
    scene.upstream.answers(stream(&[WORD, STOP, DONE]));
    let running = program.open(PATH, body.clone()).await;
    assert_eq!(running.headers()["x-ratelimit-remaining-tokens"], "490");
    is_limited(&program, body.clone()).await;

    Reply::read(running).await;

    scene.upstream.answers(stream(&[WORD, STOP, DONE]));
    assert_eq!(program.post(PATH, body).await.status, 200);
}

#[tokio::test]
async fn what_can_never_fit_is_told_at_once_and_takes_nothing() {
    let scene = limited("rpm = 1\ntpm = 100").await;
    let program = scene.program().await;
    for body in [ask(), ask_for(91), ask_for(u64::MAX)] {
        let reply = program.post(PATH, body).await;

        assert_eq!(reply.status, 400, "{}", reply.text());
        let said = error(&reply);
        assert_eq!(said["code"], "request_exceeds_tpm");
        assert_eq!(said["type"], "invalid_request_error");
        assert_eq!(said["param"], "max_tokens");
        assert!(said["message"].as_str().unwrap().contains("100 tokens"));
        assert_eq!(told(&reply, "tokens"), ["100", "100", "0s"]);
        assert_eq!(told(&reply, "requests"), ["1", "1", "0s"]);
    }
    scene.app.has_no_rows().await;
    passes(&scene, &program, ask_for(90)).await;
}

#[tokio::test]
async fn whoever_is_refused_takes_nothing_and_has_no_row() {
    let scene = limited("rpm = 2\ntpm = 1000").await;
    let program = scene.program().await;
    passes(&scene, &program, ask_for(100)).await;
    passes(&scene, &program, ask_for(100)).await;
    for _ in 0..20 {
        is_limited(&program, ask_for(100)).await;
    }

    scene.app.advance(Duration::from_secs(30));

    let reply = passes(&scene, &program, ask_for(490)).await;
    assert_eq!(told(&reply, "tokens")[1], "500");
    assert_eq!(scene.app.ledger(3).await.len(), 3);
}

#[tokio::test]
async fn a_model_that_is_not_there_costs_nothing_and_a_failed_request_is_one() {
    let scene = limited("rpm = 2\ntpm = 1000").await;
    let program = scene.program().await;
    let mut missing = ask_for(100);
    missing["model"] = "up/".into();
    assert_eq!(program.post(PATH, missing).await.status, 404);
    scene.upstream.answers(Script::json(400, "{\"error\":{}}"));

    let failed = program.post(PATH, ask_for(500)).await;

    assert_eq!(failed.status, 400);
    assert_eq!(told(&failed, "requests"), ["2", "1", "30s"]);
    assert_eq!(told(&failed, "tokens"), ["1000", "490", "30.6s"]);
    let reply = passes(&scene, &program, ask_for(900)).await;
    assert_eq!(told(&reply, "requests"), ["2", "0", "1m0s"]);
    assert_eq!(told(&reply, "tokens"), ["1000", "90", "54.6s"]);
}

#[tokio::test]
async fn the_headers_are_ours_where_a_limit_is_and_the_upstreams_elsewhere() {
    let scene = limited("rpm = 100").await;
    let program = scene.program().await;
    let told_by_upstream = |script: Script| {
        ["limit", "remaining", "reset"]
            .iter()
            .flat_map(|what| ["requests", "tokens"].map(|family| (what, family)))
            .fold(script, |script, (what, family)| {
                script.header(&format!("x-ratelimit-{what}-{family}"), "7")
            })
    };
    let frames = [WORD, STOP, DONE].concat();
    for (script, body, status) in [
        (Script::json(200, REPLY), ask(), 200),
        (Script::stream().send(&frames), ask_stream(), 200),
        (Script::json(429, "{\"error\":{}}"), ask(), 429),
        (Script::json(422, "{\"error\":{}}"), ask(), 422),
        (Script::json(500, "{\"error\":{}}"), ask_stream(), 500),
    ] {
        scene.upstream.answers(told_by_upstream(script));

        let reply = program.post(PATH, body).await;

        assert_eq!(reply.status, status);
        assert_eq!(told(&reply, "requests")[0], "100");
        assert_eq!(told(&reply, "tokens"), ["7", "7", "7"]);
    }
    let nobody = Scene::set().await;
    let program = nobody.program().await;
    let script = told_by_upstream(Script::json(200, REPLY));
    nobody.upstream.answers(script);
    let reply = program.post(PATH, ask()).await;
    assert_eq!(told(&reply, "requests"), ["7", "7", "7"]);
}

#[tokio::test]
async fn users_have_limits_of_their_own_over_all_that_they_use() {
    let scene = limited("rpm = 2").await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(json!({})).await;
    let other = ada.with_key(json!({})).await;
    passes(&scene, &ada, ask()).await;
    passes(&scene, &program, ask()).await;

    for actor in [&ada, &program, &other] {
        is_limited(actor, ask()).await;
    }

    let bob = scene.app.sign_up("bob").await;
    passes(&scene, &bob, ask()).await;
}

#[tokio::test]
async fn a_request_must_fit_its_keys_limits_and_its_users() {
    let scene = limited("rpm = 3\ntpm = 1000").await;
    let ada = scene.app.sign_up("ada").await;
    let slow = ada.with_key(json!({"rpm": 1})).await;
    let small = ada.with_key(json!({"rpm": 10, "tpm": 200})).await;

    let reply = passes(&scene, &slow, ask_for(90)).await;
    assert_eq!(told(&reply, "requests"), ["1", "0", "1m0s"]);
    assert_eq!(told(&reply, "tokens"), ["1000", "900", "6s"]);
    assert_eq!(is_limited(&slow, ask_for(90)).await.1, 60_000);
    let reply = passes(&scene, &small, ask_for(90)).await;
    assert_eq!(told(&reply, "requests"), ["3", "1", "40s"]);
    assert_eq!(told(&reply, "tokens"), ["200", "100", "30s"]);
    let (kind, millis) = is_limited(&small, ask_for(150)).await;
    assert_eq!((kind.as_str(), millis), ("tokens", 18_000));
    passes(&scene, &ada, ask_for(90)).await;

    let (kind, millis) = is_limited(&small, ask_for(90)).await;
    assert_eq!((kind.as_str(), millis), ("requests", 20_000));
    assert_eq!(scene.app.ledger(3).await.len(), 3);
}

#[tokio::test]
async fn what_an_owner_changes_of_a_key_counts_at_once() {
    let scene = limited("rpm = 10").await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(json!({"rpm": 1})).await;
    let keys = ada.get("/api/v1/api-keys").await.json();
    let path = format!(
        "/api/v1/api-keys/{}",
        keys["items"][0]["id"].as_str().unwrap()
    );
    passes(&scene, &program, ask()).await;
    is_limited(&program, ask()).await;

    let reply = ada.patch(&path, json!({"rpm": 3})).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    for left in ["1", "0"] {
        let reply = passes(&scene, &program, ask()).await;
        assert_eq!(told(&reply, "requests")[..2], ["3", left]);
    }
    is_limited(&program, ask()).await;

    assert_eq!(ada.patch(&path, json!({"rpm": null})).await.status, 200);
    let reply = passes(&scene, &program, ask()).await;
    assert_eq!(told(&reply, "requests")[..2], ["10", "6"]);
}

/// Here Redis has a part where there is one, and time passes: a limit of five gives a place back
/// every twelve seconds.
#[tokio::test]
async fn of_many_requests_at_once_exactly_as_many_pass_as_may() {
    let scene = limited_with("rpm = 5", &[]).await;
    let program = scene.program().await;
    for _ in 0..5 {
        scene.upstream.answers(Script::json(200, SHORT));
    }

    let replies = join_all((0..50).map(|_| program.post(PATH, ask()))).await;

    let count = |status: u16| replies.iter().filter(|it| it.status == status).count();
    assert_eq!((count(200), count(429)), (5, 45));
    assert_eq!(scene.app.ledger(5).await.len(), 5);
    assert_eq!(scene.upstream.requests().len(), 5);
}

/// Corrections too reach Redis where there is one, a moment after the answer.
#[tokio::test]
async fn tokens_that_were_not_used_come_back() {
    let scene = limited_with("tpm = 1000", &[]).await;
    let program = scene.program().await;

    for _ in 0..4 {
        for attempt in 0.. {
            scene.upstream.answers(Script::json(200, SHORT));
            let reply = program.post(PATH, ask_for(600)).await;
            if reply.status == 200 {
                break;
            }
            // Without a correction it would be many seconds.
            assert!(attempt < 20, "{}", reply.text());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
