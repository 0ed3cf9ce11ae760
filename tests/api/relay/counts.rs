//! What an upstream has counted of an answer that broke off, and what it had not counted yet.

use http_body_util::BodyExt;

use crate::support::Row;
use crate::support::upstream::Script;

use super::{DONE, PATH, ROLE, STOP, Scene, USAGE, WORD, ask_stream, stream};

/// Thirty bytes of content: ten tokens, where nobody counts.
const TEXT: &str = "thirty bytes of pleasant words";

fn text() -> String {
    WORD.replace("hi", TEXT)
}

/// The frame, with a count so far.
fn counting(frame: &str, completion: u64) -> String {
    let usage =
        format!("\"usage\":{{\"prompt_tokens\":7,\"completion_tokens\":{completion}}},\"choices\"");
    frame.replace("\"choices\"", &usage)
}

/// Frames before the break, and what is charged for: tokens of the answer, and whether they are
/// estimated.
fn broken_off() -> Vec<(&'static str, Vec<String>, (i64, i64))> {
    let long = WORD.replace("hi", &"long words ".repeat(100));
    vec![
        ("none yet", vec![counting(ROLE, 0), text()], (10, 1)),
        ("few", vec![counting(ROLE, 4), text()], (10, 1)),
        ("most", vec![counting(ROLE, 50), text()], (50, 0)),
        ("with the first words", vec![counting(&text(), 4)], (4, 0)),
        (
            "as it goes",
            vec![counting(&text(), 4), counting(&text(), 8)],
            (8, 0),
        ),
        (
            "not as it goes",
            vec![counting(&text(), 4), text(), text()],
            (30, 1),
        ),
        (
            "nothing as it goes",
            vec![counting(&text(), 0), counting(&text(), 0)],
            (20, 1),
        ),
        ("at the end", vec![long, USAGE.to_owned()], (200, 0)),
    ]
}

fn assert_charged(name: &str, row: &Row, status: &str, (completion, estimated): (i64, i64)) {
    assert_eq!(row.status, status, "{name}");
    let counted = (row.completion_tokens, row.estimated);
    assert_eq!(counted, (completion, estimated), "{name}: {row:?}");
    let prompt = if name == "at the end" { 1_000 } else { 7 };
    assert_eq!(row.prompt_tokens, prompt, "{name}");
}

#[tokio::test]
async fn what_comes_after_a_count_is_charged_where_a_stream_breaks_off() {
    for (name, frames, charged) in broken_off() {
        let scene = Scene::set().await;
        let program = scene.program().await;
        let frames: Vec<_> = frames.iter().map(String::as_str).collect();
        scene.upstream.answers(stream(&frames).cut());

        assert_eq!(program.post(PATH, ask_stream()).await.status, 200);

        assert_charged(name, &scene.app.row().await, "truncated", charged);
    }
}

#[tokio::test]
async fn and_where_its_caller_leaves() {
    for (name, frames, charged) in broken_off() {
        let scene = Scene::set().await;
        let program = scene.program().await;
        let mut script = Script::stream();
        for frame in &frames {
            script = script.send(frame).pause(30);
        }
        // What stands behind all that is counted, so that it is known to have been read.
        let last = ": the last\n\n";
        scene.upstream.answers(script.send(last).hang());

        let mut body = program.open(PATH, ask_stream()).await.into_body();
        let mut read = Vec::new();
        while !read.ends_with(last.as_bytes()) {
            let frame = body.frame().await.unwrap().unwrap();
            read.extend(frame.into_data().unwrap());
        }
        drop(body);

        assert_charged(name, &scene.app.row().await, "cancelled", charged);
    }
}

#[tokio::test]
async fn a_count_stands_where_the_stream_is_complete() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    scene
        .upstream
        .answers(stream(&[&counting(ROLE, 4), &text(), STOP, DONE]));

    assert_eq!(program.post(PATH, ask_stream()).await.status, 200);

    assert_charged("few", &scene.app.row().await, "ok", (4, 0));
}
