//! A caller who waits is told that we are still there.

use crate::support::Wire;
use crate::support::upstream::{Script, Upstream};

use super::two;
use super::{DONE, PATH, ROLE, STOP, Scene, WORD, ask_stream, last_words, stream};

const COMMENT: &str = ": keep-alive\n\n";
const OFTEN: &str = "keepalive_interval = \"60ms\"\ncommit_after = \"0s\"";

/// An upstream that keeps still before its head, too.
fn silent_for(millis: u64, frames: &[&str]) -> Script {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    Script::raw("")
        .pause(millis)
        .send(format!("{head}{}", frames.concat()))
        .cut()
}

/// The stream without our comments, and how many there were.
fn without_comments(text: &str) -> (String, usize) {
    (text.replace(COMMENT, ""), text.matches(COMMENT).count())
}

#[tokio::test]
async fn a_silent_upstream_is_covered_before_its_head_before_its_first_word_and_after() {
    let scene = Scene::with(OFTEN, "").await;
    let program = scene.program().await;
    let frames = [ROLE, WORD, STOP, DONE].concat();
    for (name, script) in [
        ("before the head", silent_for(500, &[&frames])),
        (
            "before the first word",
            stream(&[ROLE]).pause(500).send([WORD, STOP, DONE].concat()),
        ),
        (
            "in the middle",
            stream(&[ROLE, WORD]).pause(500).send([STOP, DONE].concat()),
        ),
    ] {
        scene.upstream.answers(script);

        let reply = program.post(PATH, ask_stream()).await;

        assert_eq!(reply.status, 200, "{name}");
        let (text, comments) = without_comments(reply.text());
        assert_eq!(text, frames, "{name}");
        assert!(comments >= 2, "{name}: {comments}");
        // What clients cut events by: a blank line behind each, ours too.
        for event in reply.text().split_terminator("\n\n") {
            assert!(event == ": keep-alive" || event.starts_with("data: "));
        }
    }
    for row in scene.app.ledger(3).await {
        assert_eq!((row.status.as_str(), row.http_status), ("ok", Some(200)));
    }
}

#[tokio::test]
async fn comments_come_while_nothing_else_does() {
    let scene = Scene::with(OFTEN, "").await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    scene.upstream.answers(Script::raw(""));
    let mut caller = Wire::connect(listening.address).await;
    let credentials = [("authorization", program.authorization())];
    caller
        .post(PATH, &credentials, ask_stream().to_string().as_bytes())
        .await;

    assert_eq!(caller.head().await.status, 200);

    for _ in 0..5 {
        assert_eq!(caller.chunk().await.unwrap(), COMMENT.as_bytes());
    }
}

#[tokio::test]
async fn the_next_target_is_asked_behind_the_head_and_gives_the_one_answer() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let relay = format!("{OFTEN}\nfirst_token_timeout = \"400ms\"");
    let app = two(&first, &second, &relay).await;
    let ada = app.sign_up("ada").await;
    let named = |name: &str, frame: &str| {
        frame.replace(
            "\"choices\"",
            &format!("\"id\":\"{name}\",\"model\":\"\",\"choices\""),
        )
    };
    let answer = [ROLE, WORD, STOP].map(|frame| named("of-the-second", frame));
    let answer = answer.concat() + DONE;
    for script in [
        Script::raw(""),
        stream(&[&named("of-the-first", ROLE)]).hang(),
        stream(&[&named("of-the-first", ROLE)]).pause(200).cut(),
    ] {
        first.answers(script);
        second.answers(stream(&[&answer]));

        let reply = ada.post(PATH, ask_stream()).await;

        assert_eq!(reply.status, 200);
        let (text, comments) = without_comments(reply.text());
        assert_eq!(text, answer);
        assert!(comments >= 1, "{}", reply.text());
        first.closed().await;
    }
    for row in app.ledger(3).await {
        assert_eq!((row.status.as_str(), row.attempts), ("ok", 2));
        assert_eq!(row.provider, "second");
    }
}

#[tokio::test]
async fn no_comment_stands_within_a_frame() {
    let scene = Scene::with(OFTEN, "").await;
    let program = scene.program().await;
    let large = WORD.replace("hi", &"é".repeat(100_000));
    let (begun, rest) = large.as_bytes().split_at(150_001);
    let script = Script::stream()
        .send(WORD)
        .send(begun)
        .pause(500)
        .send(rest)
        .pause(500)
        .send(DONE);
    scene.upstream.answers(script);

    let reply = program.post(PATH, ask_stream()).await;

    let (text, comments) = without_comments(reply.text());
    assert!(text == [WORD, &large, DONE].concat());
    assert!(reply.text().contains(&large));
    assert!(comments >= 2, "behind the frame there is room: {comments}");
}

#[tokio::test]
async fn nothing_stands_behind_the_end() {
    let scene = Scene::with(OFTEN, "").await;
    let program = scene.program().await;
    scene
        .upstream
        .answers(stream(&[WORD, STOP, DONE]).pause(600));
    let whole = program.post(PATH, ask_stream()).await;
    scene.upstream.answers(stream(&[WORD]).cut());
    let broken = program.post(PATH, ask_stream()).await;

    assert!(whole.text().ends_with(&[WORD, STOP, DONE].concat()));
    last_words(broken.text());
}

#[tokio::test]
async fn a_stream_that_goes_on_needs_no_comments() {
    let relay = "keepalive_interval = \"3s\"\ncommit_after = \"0s\"";
    let scene = Scene::with(relay, "").await;
    let program = scene.program().await;
    let mut script = stream(&[WORD]);
    for _ in 0..16 {
        script = script.pause(250).send(WORD);
    }
    scene.upstream.answers(script.send(DONE));

    let reply = program.post(PATH, ask_stream()).await;

    assert_eq!(reply.text(), WORD.repeat(17) + DONE);
}
