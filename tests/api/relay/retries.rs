//! Round again, with patience for those who ask for it and for nobody else.

use std::time::{Duration, Instant};

use crate::support::upstream::{Script, Upstream};

use super::{DONE, PATH, REPLY, Scene, WORD, ask, ask_stream, error, stream, two};

fn down() -> Script {
    Script::json(500, "{}")
}

fn busy(header: &str, value: &str) -> Script {
    Script::json(429, "{\"error\":{\"message\":\"busy\"}}").header(header, value)
}

#[tokio::test]
async fn a_lone_target_that_fails_is_asked_again() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    scene
        .upstream
        .answers(down())
        .answers(Script::raw("").cut());
    scene.upstream.answers(stream(&[WORD, DONE]));

    let reply = program.post(PATH, ask_stream()).await;

    assert_eq!(
        (reply.status, reply.text()),
        (200, [WORD, DONE].concat().as_str())
    );
    assert_eq!(reply.header("x-should-retry"), "");
    let row = scene.app.row().await;
    assert_eq!((row.status.as_str(), row.attempts), ("ok", 3));
}

#[tokio::test]
async fn there_are_no_more_attempts_than_are_allowed_and_then_it_is_no_use_to_try_again() {
    let scene = Scene::with("max_attempts = 3", "").await;
    let program = scene.program().await;
    for _ in 0..3 {
        scene.upstream.answers(down());
    }

    let reply = program.post(PATH, ask()).await;

    assert_eq!(reply.status, 500);
    assert_eq!(error(&reply)["code"], "upstream_error");
    assert_eq!(reply.header("x-should-retry"), "false");
    assert_eq!(reply.header("retry-after"), "");
    assert_eq!(scene.upstream.requests().len(), 3);
    assert_eq!(scene.app.row().await.attempts, 3);
}

#[tokio::test]
async fn after_the_last_target_comes_the_first_again() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let app = two(&first, &second, "").await;
    let ada = app.sign_up("ada").await;
    first.answers(down()).answers(Script::json(200, REPLY));
    second.answers(down());

    assert_eq!(ada.post(PATH, ask()).await.status, 200);

    assert_eq!((first.requests().len(), second.requests().len()), (2, 1));
    let row = app.row().await;
    assert_eq!((row.provider.as_str(), row.attempts), ("first", 3));
}

#[tokio::test]
async fn who_was_too_late_is_not_asked_again() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let app = two(&first, &second, "total_timeout = \"1s\"\nmax_attempts = 6").await;
    let ada = app.sign_up("ada").await;
    first.answers(Script::raw(""));
    second.answers(down()).answers(down());
    second.answers(Script::json(200, REPLY));

    assert_eq!(ada.post(PATH, ask()).await.status, 200);

    assert_eq!((first.requests().len(), second.requests().len()), (1, 3));
}

#[tokio::test]
async fn a_lone_target_that_was_too_late_is_504_and_no_use_to_try_again() {
    let scene = Scene::with("total_timeout = \"300ms\"", "").await;
    let program = scene.program().await;
    scene.upstream.answers(Script::raw(""));

    let reply = program.post(PATH, ask()).await;

    assert_eq!(
        (reply.status, reply.header("x-should-retry")),
        (504, "false")
    );
    assert_eq!(scene.upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_short_wait_that_is_asked_for_is_kept() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    scene.upstream.answers(busy("retry-after-ms", "700"));
    scene.upstream.answers(Script::json(200, REPLY));
    let asked = Instant::now();

    let reply = program.post(PATH, ask()).await;

    assert_eq!(reply.status, 200);
    assert!(asked.elapsed() >= Duration::from_millis(700));
    assert_eq!(scene.app.row().await.attempts, 2);
}

#[tokio::test]
async fn who_comes_within_a_short_wait_of_anothers_waits_for_its_end() {
    let scene = Scene::with("max_attempts = 1", "").await;
    let program = scene.program().await;
    scene.upstream.answers(busy("retry-after-ms", "700"));
    scene.upstream.answers(Script::json(200, REPLY));
    assert_eq!(program.post(PATH, ask()).await.status, 429);
    let asked = Instant::now();

    let reply = program.post(PATH, ask()).await;

    assert_eq!(reply.status, 200);
    assert!(asked.elapsed() >= Duration::from_millis(700));
}

#[tokio::test]
async fn who_leaves_while_nobody_can_be_asked_has_no_row() {
    let scene = Scene::with("max_attempts = 1", "").await;
    let program = scene.program().await;
    scene.upstream.answers(busy("retry-after", "4"));
    assert_eq!(program.post(PATH, ask()).await.status, 429);

    let waiting = tokio::time::timeout(Duration::from_millis(200), program.post(PATH, ask()));

    assert!(waiting.await.is_err());
    let row = scene.app.has_no_more_rows(1).await.remove(0);
    assert_eq!(row.http_status, Some(429));
    assert_eq!(scene.upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_long_wait_is_the_callers_to_keep() {
    let scene = Scene::with("max_retry_after_wait = \"2s\"", "").await;
    let program = scene.program().await;
    scene.upstream.answers(busy("retry-after", "3"));

    let reply = program.post(PATH, ask()).await;

    assert_eq!((reply.status, reply.header("retry-after")), (429, "3"));
    assert_eq!(reply.header("x-should-retry"), "");
    assert_eq!(scene.upstream.requests().len(), 1);
}

#[tokio::test]
async fn others_are_asked_while_one_wants_quiet_and_it_is_not_asked_before() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let app = two(&first, &second, "max_attempts = 3").await;
    let ada = app.sign_up("ada").await;
    first.answers(busy("retry-after", "4"));
    second.answers(down()).answers(Script::json(200, REPLY));

    assert_eq!(ada.post(PATH, ask()).await.status, 200);

    assert_eq!((first.requests().len(), second.requests().len()), (1, 2));
}

#[tokio::test]
async fn where_the_last_has_not_asked_to_come_back_the_soonest_of_the_others_is_told() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let app = two(&first, &second, "max_attempts = 2").await;
    let ada = app.sign_up("ada").await;
    first.answers(busy("retry-after", "40"));
    second.answers(down());

    let reply = ada.post(PATH, ask()).await;

    assert_eq!((reply.status, reply.header("retry-after")), (500, "40"));
    assert_eq!(reply.header("retry-after-ms"), "40000");
    assert_eq!(reply.header("x-should-retry"), "");
}

#[tokio::test]
async fn only_a_search_that_was_in_vain_says_so() {
    let scene = Scene::with("max_attempts = 1\nbreaker_failures = 100", "").await;
    let program = scene.program().await;
    for (status, wanted) in [
        (200, ""),
        (400, ""),
        (404, ""),
        (409, ""),
        (422, ""),
        (401, "false"),
        (402, "false"),
        (429, "false"),
        (500, "false"),
        (302, "false"),
    ] {
        scene.upstream.answers(Script::json(status, "{}"));

        let reply = program.post(PATH, ask()).await;

        assert_eq!(reply.header("x-should-retry"), wanted, "{status}");
        assert_eq!(reply.header("retry-after"), "", "{status}");
    }
}
