//! What is asked for under an Idempotency-Key is done once, and answered the same each time.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::support::upstream::Script;
use crate::support::{Actor, Reply, TestApp, Wire};

use super::{
    DONE, PATH, REPLY, STOP, Scene, WORD, ask, ask_stream, error, last_words, provider, stream,
};

const HEADER: &str = "idempotency-key";
const ROWS: &str = "SELECT COUNT(*) FROM replays";
const COMMENT: &str = ": keep-alive\n\n";
/// Bytes of answers that may wait to be written.
const ROOM: usize = 64 << 20;
const DAY: Duration = Duration::from_hours(24);

/// Somebody who sends the key `order-1`.
async fn orderer(scene: &Scene) -> Actor<'_> {
    scene.program().await.header(HEADER, "order-1")
}

/// The same caller at another process.
fn at<'a>(app: &'a TestApp, caller: &Actor<'_>) -> Actor<'a> {
    app.anonymous()
        .header("authorization", caller.authorization())
        .header(HEADER, "order-1")
}

fn is_replay(reply: &Reply) -> bool {
    match reply.header("idempotent-replayed") {
        "true" => true,
        "" => false,
        other => panic!("idempotent-replayed: {other}"),
    }
}

/// Drives `asking` until the upstream has seen as many requests.
async fn reaches_upstream(
    scene: &Scene,
    requests: usize,
    asking: &mut (impl Future<Output = Reply> + Unpin),
) {
    let seen = async {
        while scene.upstream.requests().len() < requests {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        reply = asking => panic!("answered before: {reply:?}"),
        () = seen => {}
        () = sleep(Duration::from_secs(10)) => panic!("the upstream is not asked"),
    }
}

async fn waits(asking: &mut (impl Future<Output = Reply> + Unpin)) {
    let waited = timeout(Duration::from_millis(400), asking).await;
    assert!(waited.is_err(), "{waited:?}");
}

fn assert_same(first: &Reply, again: &Reply) {
    assert!(!is_replay(first), "{first:?}");
    assert!(is_replay(again), "{again:?}");
    assert_eq!(again.status, first.status);
    assert_eq!(again.body, first.body);
    for name in ["content-type", "cache-control", "x-upstream-request-id"] {
        assert_eq!(again.header(name), first.header(name), "{name}");
    }
    let ids = [first.header("x-request-id"), again.header("x-request-id")];
    assert!(!ids[1].is_empty() && ids[0] != ids[1], "{ids:?}");
}

#[tokio::test]
async fn a_plain_answer_is_given_again_byte_for_byte_and_costs_once() {
    let scene = Scene::set().await;
    let program = orderer(&scene).await;
    let body = REPLY.replace("[]", "[ 1e400 ,\"\\u00e9\"]");
    let script = Script::json(200, &body).header("x-request-id", "req_up");
    scene.upstream.answers(script);

    let first = program.post(PATH, ask()).await;
    let again = program.post(PATH, ask()).await;
    let elsewhere = program.post("/v1/chat/completions", ask()).await;

    assert_eq!((first.status, first.text()), (200, body.as_str()));
    assert_eq!(first.header("x-upstream-request-id"), "req_up");
    assert_same(&first, &again);
    assert_same(&first, &elsewhere);
    assert_eq!(scene.upstream.requests().len(), 1);
    assert_eq!(scene.app.ledger(1).await[0].status, "ok");
    sleep(Duration::from_millis(200)).await;
    assert_eq!(scene.app.ledger_now().await.len(), 1);
}

#[tokio::test]
async fn a_stream_is_given_again_as_a_stream() {
    let scene = Scene::set().await;
    let program = orderer(&scene).await;
    let frames = [WORD, STOP, DONE].concat();
    scene.upstream.answers(stream(&[&frames]));

    let first = program.post(PATH, ask_stream()).await;
    let again = program.post(PATH, ask_stream()).await;

    assert_eq!((first.status, first.text()), (200, frames.as_str()));
    assert!(
        first
            .header("content-type")
            .starts_with("text/event-stream")
    );
    assert_same(&first, &again);
    assert_eq!(scene.upstream.requests().len(), 1);
    assert_eq!(scene.app.ledger(1).await.len(), 1);
}

#[tokio::test]
async fn vectors_are_given_again_and_their_route_has_keys_of_its_own() {
    let scene = Scene::set().await;
    let program = orderer(&scene).await;
    let wanted = json!({"model": "public", "input": "hello"});
    scene.upstream.answers(Script::json(200, REPLY));
    scene.upstream.answers(Script::json(200, REPLY));

    let chat = program.post(PATH, ask()).await;
    let first = program.post("/api/v1/embeddings", wanted.clone()).await;
    let again = program.post("/v1/embeddings", wanted).await;

    assert!(!is_replay(&chat) && chat.status == 200);
    assert_eq!(first.status, 200);
    assert_same(&first, &again);
    assert_eq!(scene.upstream.requests().len(), 2);
}

#[tokio::test]
async fn the_upstreams_verdict_on_the_request_is_given_again() {
    for status in [400, 404, 422] {
        let scene = Scene::set().await;
        let program = orderer(&scene).await;
        scene
            .upstream
            .answers(Script::json(status, "{\"error\":{}}"));

        let first = program.post(PATH, ask()).await;
        let again = program.post(PATH, ask()).await;

        assert_eq!(first.status, status);
        assert_same(&first, &again);
        assert_eq!(scene.upstream.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_may_go_better_the_next_time_is_run_again() {
    let scene = Scene::with("max_attempts = 1", "").await;
    let program = orderer(&scene).await;
    for script in [
        Script::json(429, "{}").header("retry-after", "0"),
        Script::json(503, "{}"),
        Script::json(200, "no json"),
        Script::json(200, REPLY),
    ] {
        scene.upstream.answers(script);
    }

    let mut statuses = Vec::new();
    for _ in 0..4 {
        let reply = program.post(PATH, ask()).await;
        assert!(!is_replay(&reply));
        statuses.push(reply.status);
    }

    assert_eq!(statuses, [429, 503, 502, 200]);
    assert!(is_replay(&program.post(PATH, ask()).await));
    assert_eq!(scene.app.ledger(4).await.len(), 4);
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_run_again() {
    let scene = Scene::set().await;
    let program = orderer(&scene).await;
    scene.upstream.answers(stream(&[WORD]).cut());
    scene.upstream.answers(stream(&[WORD, STOP, DONE]));

    let first = program.post(PATH, ask_stream()).await;
    let next = program.post(PATH, ask_stream()).await;

    assert_eq!(last_words(first.text())["code"], "upstream_error");
    assert!(!is_replay(&next) && next.text().ends_with(DONE));
    assert_eq!(scene.upstream.requests().len(), 2);
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() {
    let scene = Scene::set().await;
    let program = orderer(&scene).await;
    scene.upstream.answers(Script::json(200, REPLY));
    program.post(PATH, ask()).await;
    let mut other = ask();
    other["n"] = json!(2);

    let refused = program.post(PATH, other).await;

    assert_eq!(refused.status, 422);
    let said = error(&refused);
    assert_eq!(said["code"], "idempotency_conflict");
    assert_eq!(said["param"], "Idempotency-Key");
    assert_eq!(said["type"], "invalid_request_error");
    assert!(is_replay(&program.post(PATH, ask()).await));
    assert_eq!(scene.upstream.requests().len(), 1);
}

#[tokio::test]
async fn another_body_is_refused_while_the_first_still_runs() {
    let scene = Scene::set().await;
    let program = orderer(&scene).await;
    scene.upstream.answers(Script::raw(""));
    let mut first = Box::pin(program.post(PATH, ask()));
    reaches_upstream(&scene, 1, &mut first).await;

    let refused = program.post(PATH, ask_stream()).await;

    assert_eq!(
        (refused.status, refused.code()),
        (422, "idempotency_conflict".into())
    );
}

#[tokio::test]
async fn a_key_is_its_users_own_and_each_key_is_another() {
    let scene = Scene::set().await;
    let ada = orderer(&scene).await;
    let bob = scene.app.sign_up("bob").await.header(HEADER, "order-1");
    for number in 0..4 {
        let body = format!("{{\"model\":\"public\",\"choices\":[{number}]}}");
        scene.upstream.answers(Script::json(200, body));
    }

    let replies = [
        ada.post(PATH, ask()).await,
        bob.post(PATH, ask()).await,
        ada.clone()
            .header(HEADER, "order-2")
            .post(PATH, ask())
            .await,
        ada.header(HEADER, "ORDER-1").post(PATH, ask()).await,
    ];

    let bodies: BTreeSet<_> = replies.iter().map(|reply| reply.body.clone()).collect();
    assert_eq!(bodies.len(), 4);
    assert!(!replies.iter().any(is_replay));
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;

    for bad in ["", "two words", &"x".repeat(256)] {
        let refused = program.clone().header(HEADER, bad).post(PATH, ask()).await;
        assert_eq!(
            (refused.status, refused.code()),
            (400, "invalid_request".into()),
            "{bad:?}"
        );
        assert_eq!(error(&refused)["param"], "Idempotency-Key");
    }
    let twice = [
        ("authorization", program.authorization()),
        ("idempotency-key", "a"),
        ("Idempotency-Key", "a"),
    ];
    let mut caller = Wire::connect(listening.address).await;
    caller
        .post(PATH, &twice, ask().to_string().as_bytes())
        .await;

    assert_eq!(caller.head().await.status, 400);
    assert!(scene.upstream.requests().is_empty());
    scene.upstream.answers(Script::json(200, REPLY));
    let longest = program
        .header(HEADER, "~".repeat(255))
        .post(PATH, ask())
        .await;
    assert_eq!(longest.status, 200);
}

#[tokio::test]
async fn without_a_key_nothing_is_kept() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    for _ in 0..2 {
        scene.upstream.answers(Script::json(200, REPLY));
        assert!(!is_replay(&program.post(PATH, ask()).await));
    }

    assert_eq!(scene.upstream.requests().len(), 2);
    assert_eq!(scene.app.count(ROWS).await, 0);
}

#[tokio::test]
async fn twenty_at_once_are_one() {
    let scene = Scene::set().await;
    let program = orderer(&scene).await;
    for body in [ask(), ask_stream()] {
        let is_plain = body["stream"].is_null();
        let program = program
            .clone()
            .header(HEADER, if is_plain { "a" } else { "b" });
        scene.upstream.answers(if is_plain {
            Script::json(200, REPLY)
        } else {
            stream(&[WORD]).pause(300).send([STOP, DONE].concat())
        });

        let all = join_all((0..20).map(|_| program.post(PATH, body.clone()))).await;

        assert!(
            all.iter()
                .all(|reply| reply.status == 200 && reply.body == all[0].body)
        );
        assert_eq!(all.iter().filter(|reply| !is_replay(reply)).count(), 1);
    }
    assert_eq!(scene.upstream.requests().len(), 2);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(scene.app.ledger(2).await.len(), 2);
}

#[tokio::test]
async fn twenty_at_once_are_one_over_two_processes_too() {
    let scene = Scene::set().await;
    let other = scene.app.replica().await;
    let here = orderer(&scene).await;
    let there = at(&other, &here);
    for body in [ask(), ask_stream()] {
        let is_plain = body["stream"].is_null();
        let key = if is_plain { "a" } else { "b" };
        let both = [
            here.clone().header(HEADER, key),
            there.clone().header(HEADER, key),
        ];
        scene.upstream.answers(if is_plain {
            Script::json(200, REPLY)
        } else {
            stream(&[WORD]).pause(300).send([STOP, DONE].concat())
        });

        let all = (0..20).map(|number| both[number % 2].post(PATH, body.clone()));
        let all = join_all(all).await;

        assert!(
            all.iter()
                .all(|reply| reply.status == 200 && reply.body == all[0].body)
        );
        assert_eq!(all.iter().filter(|reply| !is_replay(reply)).count(), 1);
    }
    assert_eq!(scene.upstream.requests().len(), 2);
    sleep(Duration::from_millis(200)).await;
    assert_eq!(scene.app.ledger(2).await.len(), 2);
}

/// Whoever waits runs it when the first leaves, here or at another process.
async fn takes_over(is_elsewhere: bool, body: serde_json::Value, begun: Script) {
    let scene = Scene::set().await;
    let other = scene.app.replica().await;
    let here = orderer(&scene).await;
    let waiter = if is_elsewhere {
        at(&other, &here)
    } else {
        here.clone()
    };
    let is_plain = body["stream"].is_null();
    scene.upstream.answers(begun);
    let mut first = Box::pin(here.post(PATH, body.clone()));
    reaches_upstream(&scene, 1, &mut first).await;
    let mut second = Box::pin(waiter.post(PATH, body.clone()));
    waits(&mut second).await;
    scene.upstream.answers(if is_plain {
        Script::json(200, REPLY)
    } else {
        stream(&[WORD, STOP, DONE])
    });

    drop(first);
    let reply = second.await;

    assert!(reply.status == 200 && !is_replay(&reply), "{reply:?}");
    assert_eq!(scene.upstream.requests().len(), 2);
    let rows = scene.app.ledger(2).await;
    let statuses: BTreeSet<_> = rows.iter().map(|row| row.status.as_str()).collect();
    assert_eq!(statuses, BTreeSet::from(["cancelled", "ok"]));
    let again = here.post(PATH, body).await;
    assert!(is_replay(&again) && again.body == reply.body);
}

#[tokio::test]
async fn a_first_caller_who_leaves_hands_over_to_who_waits() {
    takes_over(false, ask(), Script::raw("")).await;
    takes_over(false, ask_stream(), stream(&[WORD]).hang()).await;
}

#[tokio::test]
async fn a_first_caller_who_leaves_hands_over_to_who_waits_elsewhere() {
    takes_over(true, ask(), Script::raw("")).await;
    takes_over(true, ask_stream(), stream(&[WORD]).hang()).await;
}

#[tokio::test]
async fn who_leaves_while_waiting_changes_nothing() {
    let scene = Scene::set().await;
    let program = orderer(&scene).await;
    scene
        .upstream
        .answers(Script::json(200, "").pause(1_000).send(REPLY));
    let mut first = Box::pin(program.post(PATH, ask()));
    reaches_upstream(&scene, 1, &mut first).await;
    let mut second = Box::pin(program.post(PATH, ask()));
    waits(&mut second).await;

    drop(second);

    assert_eq!(first.await.status, 200);
    assert!(is_replay(&program.post(PATH, ask()).await));
    assert_eq!(scene.upstream.requests().len(), 1);
}

// A process that is killed neither renews its claim nor gives it up.
#[tokio::test]
async fn a_dead_claim_ends_after_thirty_seconds_and_one_takes_it() {
    let scene = Scene::set().await;
    let other = scene.app.replica().await;
    let here = orderer(&scene).await;
    let there = at(&other, &here);
    scene.upstream.answers(Script::raw(""));
    let mut dead = Box::pin(here.post(PATH, ask()));
    reaches_upstream(&scene, 1, &mut dead).await;
    scene
        .app
        .execute(if scene.app.is_on_postgres() {
            "UPDATE replays SET claim = '01a1fe2e-250a-7bf7-bdc1-50f7f855aa96'"
        } else {
            "UPDATE replays SET claim = x'01a1fe2e250a7bf7bdc150f7f855aa96'"
        })
        .await;
    drop(dead);
    let mut waiting = Box::pin(join_all([
        Box::pin(here.post(PATH, ask())),
        Box::pin(there.post(PATH, ask())),
    ]));
    let waited = timeout(Duration::from_millis(700), &mut waiting).await;
    assert!(waited.is_err(), "{waited:?}");
    assert_eq!(scene.upstream.requests().len(), 1);

    scene.upstream.answers(Script::json(200, REPLY));
    scene.app.advance(Duration::from_secs(31));
    let replies = waiting.await;

    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(replies.iter().filter(|reply| is_replay(reply)).count(), 1);
    assert_eq!(scene.upstream.requests().len(), 2);
}

#[tokio::test]
async fn a_living_claim_outlasts_thirty_seconds() {
    let scene = Scene::set().await;
    let other = scene.app.replica().await;
    let here = orderer(&scene).await;
    let there = at(&other, &here);
    scene
        .upstream
        .answers(Script::json(200, "").pause(14_000).send(REPLY));
    let mut first = Box::pin(here.post(PATH, ask()));
    reaches_upstream(&scene, 1, &mut first).await;
    let mut second = Box::pin(there.post(PATH, ask()));

    scene.app.advance(Duration::from_secs(20));
    // A renewal falls into this time.
    let waited = timeout(Duration::from_secs(11), &mut first).await;
    assert!(waited.is_err(), "{waited:?}");
    scene.app.advance(Duration::from_secs(20));
    waits(&mut second).await;

    let (first, second) = tokio::join!(first, second);
    assert_same(&first, &second);
    assert_eq!(scene.upstream.requests().len(), 1);
}

#[tokio::test]
async fn behind_a_head_that_is_out_who_waits_hears_comments_and_then_the_same() {
    let relay = "keepalive_interval = \"50ms\"\ncommit_after = \"0s\"";
    let scene = Scene::with(relay, "").await;
    let program = orderer(&scene).await;
    let frames = [WORD, STOP, DONE].concat();
    let script = Script::stream().pause(700).send(&frames);
    scene.upstream.answers(script);

    let (first, second) = tokio::join!(
        program.post(PATH, ask_stream()),
        program.post(PATH, ask_stream())
    );
    let later = program.post(PATH, ask_stream()).await;

    for reply in [&first, &second] {
        assert!(reply.text().starts_with(COMMENT), "{}", reply.text());
    }
    for reply in [first, second, later] {
        assert_eq!(reply.status, 200);
        assert_eq!(reply.text().replace(COMMENT, ""), frames);
    }
    assert_eq!(scene.upstream.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_of_over_a_mebibyte_is_not_kept() {
    const LONGEST: usize = 1 << 20;
    let scene = Scene::set().await;
    let program = scene.program().await;
    let content = |length: usize| {
        let frame = WORD.replace("hi", "");
        let rest = frame.len() + STOP.len() + DONE.len();
        WORD.replace("hi", &"x".repeat(length - rest))
    };
    let plain = |length: usize| format!("{{\"x\":\"{}\"}}", "x".repeat(length - 8));

    for (key, over) in [("fits", 0), ("over", 1)] {
        let program = program.clone().header(HEADER, key);
        let streaming = program.clone().header(HEADER, format!("{key}-stream"));
        let (body, frame) = (plain(LONGEST + over), content(LONGEST + over));
        for _ in 0..=over {
            scene.upstream.answers(Script::json(200, &body));
            assert_eq!(program.post(PATH, ask()).await.body, body);
            scene.upstream.answers(stream(&[&frame, STOP, DONE]));
            let streamed = streaming.post(PATH, ask_stream()).await;
            assert_eq!(streamed.body.len(), LONGEST + over);
        }
        if over == 0 {
            assert!(is_replay(&program.post(PATH, ask()).await));
            let again = streaming.post(PATH, ask_stream()).await;
            assert!(is_replay(&again) && again.body.len() == LONGEST);
        }
    }
    assert_eq!(scene.upstream.requests().len(), 6);
}

#[tokio::test]
async fn an_answer_that_finds_no_room_is_given_and_not_kept() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let mut others = scene.app.app.replays.room();
    assert!(others.grow(ROOM - 1));

    let streamed = [WORD, STOP, DONE].concat();
    for (key, body, script, answer) in [
        ("plain", ask(), Script::json(200, REPLY), REPLY),
        ("verdict", ask(), Script::json(400, REPLY), REPLY),
        ("stream", ask_stream(), stream(&[&streamed]), &streamed),
    ] {
        let program = program.clone().header(HEADER, key);
        for _ in 0..2 {
            scene.upstream.answers(script.clone());
            let reply = program.post(PATH, body.clone()).await;
            assert!(!is_replay(&reply));
            assert_eq!(reply.text(), answer);
        }
    }
    drop(others);
    scene.upstream.answers(Script::json(200, REPLY));
    let program = program.header(HEADER, "plain");

    program.post(PATH, ask()).await;

    assert!(is_replay(&program.post(PATH, ask()).await));
    assert_eq!(scene.upstream.requests().len(), 7);
}

#[tokio::test]
async fn an_answer_takes_room_until_it_is_written() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let is_free = || scene.app.app.replays.room().grow(ROOM);
    for (key, body) in [("a", ask()), ("b", ask_stream())] {
        let script = if key == "a" {
            Script::json(200, REPLY)
        } else {
            stream(&[WORD, STOP, DONE])
        };
        scene.upstream.answers(script);
        program.clone().header(HEADER, key).post(PATH, body).await;
    }
    let freed = async {
        while !is_free() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let freed = timeout(Duration::from_secs(10), freed).await;
    assert!(freed.is_ok(), "what is written takes no room");
    let later = stream(&[WORD]).pause(500).send(STOP).send(DONE);
    scene.upstream.answers(later);
    let program = program.header(HEADER, "c");

    let (reply, ()) = tokio::join!(program.post(PATH, ask_stream()), async {
        scene.upstream.has_seen(3).await;
        scene.app.databases.main.close().await;
    });

    assert_eq!(reply.text(), [WORD, STOP, DONE].concat());
    // It is tried again for some seconds before it is given up.
    assert!(!is_free());
}

#[tokio::test]
async fn an_answer_is_given_again_for_a_day_and_then_swept_out() {
    let scene = Scene::set().await;
    let program = orderer(&scene).await;
    for _ in 0..2 {
        scene.upstream.answers(Script::json(200, REPLY));
    }
    program.post(PATH, ask()).await;

    scene
        .app
        .advance(DAY.saturating_sub(Duration::from_secs(1)));
    assert!(is_replay(&program.post(PATH, ask()).await));
    scene.app.advance(Duration::from_secs(1));
    assert!(!is_replay(&program.post(PATH, ask()).await));

    assert_eq!(scene.app.count(ROWS).await, 1);
    scene.app.advance(DAY);
    let listening = scene.app.listen().await;
    for _ in 0..500 {
        if scene.app.count(ROWS).await == 0 {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(scene.app.count(ROWS).await, 0);
    listening.stop().await;
}

#[tokio::test]
async fn who_may_not_use_the_model_gets_no_answer_of_it_either() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    scene.upstream.answers(Script::json(200, REPLY));
    let answered = ada
        .clone()
        .header(HEADER, "order-1")
        .post(PATH, ask())
        .await;
    assert_eq!(answered.status, 200);
    let keys = [
        (json!({"models": ["public"]}), 200),
        (json!({"models": ["other"]}), 404),
        (json!({"scopes": ["models"]}), 403),
    ];

    for (wanted, status) in keys {
        let program = ada.with_key(wanted.clone()).await;
        let reply = program.header(HEADER, "order-1").post(PATH, ask()).await;
        assert_eq!(reply.status, status, "{wanted}");
    }
}

#[tokio::test]
async fn who_waits_when_the_server_stops_is_told() {
    let scene = Scene::set().await;
    let upstream = &scene.upstream;
    let toml = format!(
        "{}\n[models.public]\ntargets = [\"up/public\"]",
        provider("up", &upstream.url())
    );
    let app = super::configured_with(&toml, &[("SHUTDOWN_TIMEOUT_SECONDS", "2")]).await;
    let other = app.replica().await;
    let ada = app.sign_up("ada").await.header(HEADER, "order-1");
    upstream.answers(Script::raw(""));
    let there = at(&other, &ada);
    let mut first = Box::pin(there.post(PATH, ask()));
    reaches_upstream(&scene, 1, &mut first).await;
    let listening = app.listen().await;
    let mut caller = Wire::connect(listening.address).await;
    let headers = [("authorization", ada.authorization()), (HEADER, "order-1")];
    caller
        .post(PATH, &headers, ask().to_string().as_bytes())
        .await;
    sleep(Duration::from_millis(300)).await;

    let ended = listening.begin_to_stop();

    assert_eq!(caller.head().await.status, 503);
    ended.await.unwrap().unwrap();
    assert_eq!(app.app.shutdown.running(), 0);
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_claimed_is_not_run() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    scene.upstream.answers(Script::json(200, REPLY));
    assert_eq!(program.post(PATH, ask()).await.status, 200);

    scene.app.databases.main.close().await;
    let refused = program.header(HEADER, "order-1").post(PATH, ask()).await;

    assert_eq!(
        (refused.status, refused.code()),
        (503, "service_unavailable".into())
    );
    assert_eq!(scene.upstream.requests().len(), 1);
}

#[tokio::test]
async fn what_is_kept_goes_with_the_account() {
    let scene = Scene::set().await;
    let program = orderer(&scene).await;
    scene.upstream.answers(Script::json(200, REPLY));
    program.post(PATH, ask()).await;
    assert_eq!(scene.app.count(ROWS).await, 1);

    scene.app.execute("DELETE FROM users").await;

    assert_eq!(scene.app.count(ROWS).await, 0);
}
