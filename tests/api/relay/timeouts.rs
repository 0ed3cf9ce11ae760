//! No wait is without a limit.

use crate::support::Wire;
use crate::support::upstream::Script;

use super::{PATH, PROMPT, ROLE, Scene, WORD, ask, ask_stream, error, last_words, stream};

#[tokio::test]
async fn a_plain_answer_that_takes_too_long_is_504_and_the_upstream_is_let_go() {
    let scene = Scene::with("total_timeout = \"300ms\"", "").await;
    let program = scene.program().await;
    scene
        .upstream
        .answers(Script::json(200, "{\"choices\":[").promising(1_000).hang());

    let reply = program.post(PATH, ask()).await;

    assert_eq!(reply.status, 504);
    assert_eq!(error(&reply)["code"], "upstream_timeout");
    assert_eq!(error(&reply)["type"], "server_error");
    scene.upstream.closed().await;
    let row = scene.app.row().await;
    assert_eq!((row.status.as_str(), row.http_status), ("error", Some(504)));
}

#[tokio::test]
async fn a_stream_without_a_first_word_is_504() {
    let scene = Scene::with("first_token_timeout = \"300ms\"", "").await;
    let program = scene.program().await;
    for script in [
        Script::raw(""),
        Script::stream().hang(),
        stream(&["data: {\"cho"]).hang(),
        stream(&[ROLE]).hang(),
    ] {
        scene.upstream.answers(script);

        let reply = program.post(PATH, ask_stream()).await;

        assert_eq!(reply.status, 504);
        assert_eq!(error(&reply)["code"], "upstream_timeout");
    }
    for row in scene.app.ledger(4).await {
        assert_eq!((row.status.as_str(), row.http_status), ("error", Some(504)));
    }
}

#[tokio::test]
async fn a_stream_that_falls_silent_ends_with_an_error() {
    let relay =
        "first_token_timeout = \"600ms\"\nidle_timeout = \"300ms\"\ntotal_timeout = \"900ms\"";
    let scene = Scene::with(relay, "").await;
    let program = scene.program().await;
    let mut endless = stream(&[WORD]);
    for _ in 0..20 {
        endless = endless.pause(100).send(WORD);
    }
    for (name, script) in [
        ("silence", stream(&[ROLE, WORD]).hang()),
        ("no end", endless),
    ] {
        scene.upstream.answers(script);

        let reply = program.post(PATH, ask_stream()).await;

        assert_eq!(reply.status, 200, "{name}");
        assert_eq!(
            last_words(reply.text())["code"],
            "upstream_timeout",
            "{name}"
        );
        scene.upstream.closed().await;
    }
    for row in scene.app.ledger(2).await {
        assert_eq!(
            (row.status.as_str(), row.prompt_tokens),
            ("truncated", PROMPT)
        );
    }
}

#[tokio::test]
async fn the_time_between_frames_is_not_limited_by_the_time_to_the_first() {
    let relay = "first_token_timeout = \"300ms\"\nidle_timeout = \"5s\"";
    let scene = Scene::with(relay, "").await;
    let program = scene.program().await;
    scene
        .upstream
        .answers(stream(&[WORD]).pause(700).send(super::DONE));

    let reply = program.post(PATH, ask_stream()).await;

    assert_eq!(reply.text(), [WORD, super::DONE].concat());
}

#[tokio::test]
async fn a_model_may_have_a_time_to_the_first_word_of_its_own() {
    let slow = "[models.slow]\ntargets = [\"up/public\"]\nfirst_token_timeout = \"200ms\"\n";
    let scene = Scene::with("", slow).await;
    let program = scene.program().await;
    scene.upstream.answers(Script::stream().hang());
    let mut body = ask_stream();
    body["model"] = "slow".into();

    let asked = std::time::Instant::now();
    let reply = program.post(PATH, body).await;

    assert_eq!(reply.status, 504);
    assert!(asked.elapsed().as_secs() < 5, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn an_answer_that_nobody_reads_does_not_last_for_ever() {
    let scene = Scene::with("total_timeout = \"300ms\"", "").await;
    let program = scene.program().await;
    scene.upstream.answers(Script::stream().send(WORD).hang());

    let unread = program.open(PATH, ask_stream()).await;

    assert_eq!(unread.status(), 200);
    scene.upstream.closed().await;
    assert_eq!(scene.app.row().await.status, "cancelled");
    let rest = axum::body::to_bytes(unread.into_body(), 1_000).await;
    assert!(rest.is_err(), "it must not look complete");
}

/// What the caller of a stream by `many` reads behind its head, over a real connection.
async fn read_to_the_end(scene: &Scene) -> String {
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    let mut body = ask_stream();
    body["model"] = "many".into();
    let mut caller = Wire::connect(listening.address).await;
    let credentials = [("authorization", program.authorization())];
    caller
        .post(PATH, &credentials, body.to_string().as_bytes())
        .await;
    assert_eq!(caller.head().await.status, 200);
    String::from_utf8(caller.rest().await).unwrap()
}

#[tokio::test]
async fn a_search_that_outlasts_every_patience_ends_with_an_error_and_does_not_hang() {
    // Each target has a second of its own, and all of them together have two.
    let many = "[models.many]\ntargets = [\"up/a\", \"up/b\", \"up/c\", \"up/d\", \"up/e\"]\n";
    let relay = "commit_after = \"0s\"\ntotal_timeout = \"1s\"\nmax_attempts = 5";
    let scene = Scene::with(relay, many).await;
    for _ in 0..5 {
        scene.upstream.answers(Script::raw(""));
    }

    let told = read_to_the_end(&scene).await;

    assert_eq!(last_words(&told)["code"], "upstream_timeout");
    scene.app.row().await;
}

#[tokio::test]
async fn a_stream_that_waits_when_every_patience_ends_is_broken_off_with_an_error() {
    let many = "[models.many]\ntargets = [\"up/a\", \"up/b\", \"up/c\"]\n";
    let relay = "commit_after = \"0s\"\nfirst_token_timeout = \"800ms\"\ntotal_timeout = \"1s\"";
    let scene = Scene::with(relay, many).await;
    // The third has most of its second left when the time of all is over.
    for script in [Script::raw(""), Script::raw(""), stream(&[WORD]).hang()] {
        scene.upstream.answers(script);
    }

    let told = read_to_the_end(&scene).await;

    assert_eq!(last_words(&told)["code"], "upstream_timeout");
    scene.upstream.closed_times(3).await;
    scene.app.row().await;
}
