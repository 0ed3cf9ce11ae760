//! Frames: as they came, when they came, and with an honest end.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use serde_json::json;

use crate::support::Wire;
use crate::support::upstream::Script;

use super::{
    DONE, PATH, ROLE, STOP, Scene, USAGE, WORD, ask_stream, ask_usage, last_words, stream,
};

/// Everything that parsers stumble over, and nothing that is ours to edit.
const ODD: &str = ": a comment\r\n\r\nevent: message\nid: 7\ndata: {\"z\":1e400,\"choices\":[{\"logprobs\":null,\
    \"delta\":{\"content\":\"Grüße 🌍\",\"reasoning_content\":null,\"x\":18446744073709551616},\"index\":0}],\
    \"a\":1.0}\n\ndata:{\"choices\" : [],\"prompt_filter_results\":[{}],\"id\":\"\"}\r\n\r\n\n\
    retry: 10\r\rdata: {\"choices\":\ndata: [{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n\
    data: not json at all\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\r\n\r\n\
    data: [DONE]\r\n\r\n: behind the end\n\n";

#[tokio::test]
async fn a_stream_arrives_byte_for_byte_however_it_is_cut_into_packets() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    for size in [1, 7, 4096] {
        let mut script = Script::stream();
        for piece in ODD.as_bytes().chunks(size) {
            script = script.send(piece);
            if size == 7 {
                script = script.pause(1);
            }
        }
        scene.upstream.answers(script);
        let mut caller = Wire::connect(listening.address).await;
        let credentials = [("authorization", program.authorization())];
        let body = ask_stream().to_string();

        caller.post(PATH, &credentials, body.as_bytes()).await;

        let head = caller.head().await;
        assert_eq!(head.status, 200, "{}", head.text);
        let head = head.text.to_lowercase();
        for line in [
            "content-type: text/event-stream\r\n",
            "cache-control: no-cache, no-store\r\n",
            "x-accel-buffering: no\r\n",
            "x-request-id: ",
        ] {
            assert!(head.contains(line), "{line:?}: {head}");
        }
        let received = caller.rest().await;
        assert_eq!(
            String::from_utf8(received).unwrap(),
            ODD,
            "in pieces of {size}"
        );
    }
}

#[tokio::test]
async fn a_frame_is_passed_on_while_the_upstream_holds_the_next_one_back() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    let script = stream(&[WORD])
        .pause(1_500)
        .send(WORD.replace("hi", "ho"))
        .send(DONE);
    scene.upstream.answers(script);
    let mut caller = Wire::connect(listening.address).await;
    let credentials = [("authorization", program.authorization())];
    caller
        .post(PATH, &credentials, ask_stream().to_string().as_bytes())
        .await;
    let asked = Instant::now();

    caller.head().await;
    let first = caller.chunk().await.unwrap();

    assert!(
        asked.elapsed() < Duration::from_millis(1_200),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(first, WORD.as_bytes());
    let rest = String::from_utf8(caller.rest().await).unwrap();
    assert_eq!(rest, WORD.replace("hi", "ho") + DONE);
    assert!(asked.elapsed() >= Duration::from_millis(1_400));
}

#[tokio::test]
async fn who_did_not_ask_for_usage_sees_none_and_it_is_counted_all_the_same() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let with_null = WORD.replace("\"choices\"", "\"usage\":null,\"choices\"");
    let with_some = STOP.replace("}]}", "}],\"usage\":{\"prompt_tokens\":1}}");
    for options in [json!(null), json!({}), json!({"include_usage": false})] {
        let mut body = ask_stream();
        body["stream_options"] = options;
        scene
            .upstream
            .answers(stream(&[ROLE, &with_null, &with_some, USAGE, DONE]));

        let reply = program.post(PATH, body).await;

        assert_eq!(reply.text(), [ROLE, WORD, STOP, DONE].concat());
    }
    for row in scene.app.ledger(3).await {
        assert_eq!(
            (row.prompt_tokens, row.completion_tokens, row.estimated),
            (1_000, 200, 0)
        );
    }
}

#[tokio::test]
async fn who_asked_for_usage_gets_it_once_as_the_upstream_wrote_it() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let frames = [ROLE, WORD, STOP, USAGE, DONE];
    scene.upstream.answers(stream(&frames));

    let reply = program.post(PATH, ask_usage()).await;

    assert_eq!(reply.text(), frames.concat());
    let sent = scene.upstream.request().await.body;
    assert_eq!(sent, ask_usage().to_string().as_bytes());
}

#[tokio::test]
async fn a_stream_whose_choices_are_all_finished_is_complete_without_done() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    for script in [
        stream(&[WORD, STOP]),
        Script::until_close(200)
            .header("content-type", "text/event-stream; charset=utf-8")
            .send([WORD, STOP].concat()),
        stream(&[WORD, STOP.trim_end()]),
    ] {
        scene.upstream.answers(script);

        let reply = program.post(PATH, ask_stream()).await;

        assert_eq!(reply.text(), [WORD, STOP, DONE].concat());
    }
    for row in scene.app.ledger(3).await {
        assert_eq!((row.status.as_str(), row.estimated), ("ok", 1));
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_with_an_error_and_never_with_done() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let two = WORD.replace("\"index\":0", "\"index\":1");
    for (name, script) in [
        ("a clean end", stream(&[WORD])),
        ("one choice of two", stream(&[WORD, &two, STOP])),
        ("a cut", stream(&[WORD, STOP]).cut()),
        ("a reset", stream(&[WORD]).pause(50).reset()),
        (
            "half a frame",
            stream(&[WORD, "data: {\"choices\":[{\"ind"]).cut(),
        ),
        (
            "half a frame and an end",
            stream(&[WORD, "data: {\"choices\":[{\"ind"]),
        ),
    ] {
        scene.upstream.answers(script);

        let reply = program.post(PATH, ask_stream()).await;

        assert_eq!(reply.status, 200, "{name}");
        assert!(reply.text().starts_with(WORD), "{name}: {}", reply.text());
        let said = last_words(reply.text());
        assert_eq!(said["code"], "upstream_error", "{name}");
        assert_eq!(said["type"], "server_error", "{name}");
    }
    for row in scene.app.ledger(6).await {
        assert_eq!(
            (row.status.as_str(), row.http_status),
            ("truncated", Some(200))
        );
        assert_eq!((row.prompt_tokens, row.estimated), (super::PROMPT, 1));
        assert!(row.completion_tokens > 0);
    }
}

#[tokio::test]
async fn an_upstreams_error_event_passes_masked_and_nothing_behind_it() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let complaint = "data: {\"error\":{\"message\":\"sk-of-up at https://10.0.0.7/v1 is\\nover quota\",\
        \"type\":\"rate_limit\",\"code\":\"slow_down\",\"param\":\"x\",\"trace\":\"secret\"}}\n\n";
    scene
        .upstream
        .answers(stream(&[WORD, complaint, WORD, DONE]));

    let reply = program.post(PATH, ask_stream()).await;

    let said = last_words(reply.text());
    assert_eq!(
        said,
        json!({"message": "… at … is over quota", "type": "rate_limit", "param": null, "code": "slow_down"})
    );
    assert_eq!(reply.text().matches("data: ").count(), 2);
    assert_eq!(scene.app.row().await.status, "truncated");
}

#[tokio::test]
async fn a_stream_is_called_one_whatever_the_upstream_calls_it() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    for (said, passed) in [
        ("text/plain", "text/event-stream"),
        (
            "text/event-stream; charset=utf-8",
            "text/event-stream; charset=utf-8",
        ),
    ] {
        let script = Script::until_close(200)
            .header("content-type", said)
            .send([WORD, DONE].concat());
        scene.upstream.answers(script);

        let reply = program.post(PATH, ask_stream()).await;

        assert_eq!(reply.header("content-type"), passed);
        assert_eq!(reply.text(), [WORD, DONE].concat());
    }
}

#[tokio::test]
async fn a_frame_of_a_megabyte_passes_without_being_waited_for() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let large = WORD.replace("hi", &"é".repeat(600_000));
    scene.upstream.answers(stream(&[&large, STOP, DONE]));

    let reply = program.post(PATH, ask_stream()).await;

    assert!(reply.text() == [&large, STOP, DONE].concat());
    let row = scene.app.row().await;
    assert!(
        (400_000..420_000).contains(&row.completion_tokens),
        "{row:?}"
    );
}

#[tokio::test]
async fn a_slow_reader_holds_the_upstream_back() {
    const PIECE: usize = 64 << 10;
    const PIECES: usize = 1_024;
    let scene = Scene::set().await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    let frame = WORD.replace("hi", &"x".repeat(PIECE - WORD.len() + 2));
    let mut script = Script::stream();
    for _ in 0..PIECES {
        script = script.send(&frame);
    }
    scene.upstream.answers(script.send(DONE));
    let mut caller = Wire::connect_narrow(listening.address).await;
    let credentials = [("authorization", program.authorization())];
    caller
        .post(PATH, &credentials, ask_stream().to_string().as_bytes())
        .await;
    caller.head().await;

    let held_back_at = scene.upstream.written_when_blocked().await;

    // What the sockets of this machine take in, and no more than a megabyte beside it.
    assert!(
        held_back_at < 24 << 20,
        "{held_back_at} bytes of {}",
        PIECE * PIECES
    );
    let mut length = 0;
    while let Some(chunk) = caller.chunk().await {
        length += chunk.len();
    }
    assert_eq!(length, PIECE * PIECES + DONE.len());
    assert_eq!(scene.app.row().await.status, "ok");
}

#[tokio::test]
async fn the_offline_model_streams_in_the_same_shape() {
    let app = crate::support::TestApp::start().await;
    let ada = app.sign_up("ada").await;

    let response = ada.open(PATH, ask_stream()).await;

    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.starts_with("data: {") && text.ends_with(DONE));
    assert!(text.contains("demo") && !text.contains("usage"));
}
