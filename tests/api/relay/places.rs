//! So many requests run upstream at once, and no more.

use serde_json::json;

use crate::support::Reply;
use crate::support::upstream::Script;

use super::{DONE, PATH, REPLY, Scene, WORD, ask, ask_stream, error, stream};

const ONE: &str = "max_concurrent_upstream = 1";

fn full(reply: &Reply) {
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_eq!(error(reply)["code"], "service_unavailable");
    assert_eq!(reply.header("retry-after"), "1");
}

#[tokio::test]
async fn beyond_the_bound_a_request_is_refused_without_a_row() {
    let scene = Scene::with(ONE, "").await;
    let program = scene.program().await;
    scene.upstream.answers(stream(&[WORD]).hang());
    let running = program.open(PATH, ask_stream()).await;
    assert_eq!(running.status(), 200);

    full(&program.post(PATH, ask()).await);
    full(&program.post(PATH, ask_stream()).await);
    let mut unknown = ask();
    unknown["model"] = json!("nobody");
    assert_eq!(program.post(PATH, unknown).await.status, 404);

    drop(running);
    scene.upstream.closed().await;
    scene.upstream.answers(Script::json(200, REPLY));
    assert_eq!(program.post(PATH, ask()).await.status, 200);
    let rows = scene.app.ledger(2).await;
    let mut ends: Vec<_> = rows.iter().map(|row| row.status.as_str()).collect();
    ends.sort_unstable();
    assert_eq!(ends, ["cancelled", "ok"]);
}

#[tokio::test]
async fn a_place_is_free_again_as_soon_as_the_answer_is_over_whatever_it_was() {
    let scene = Scene::with(&format!("{ONE}\nmax_attempts = 1"), "").await;
    let program = scene.program().await;
    for (script, body) in [
        (Script::json(200, REPLY), ask()),
        (stream(&[WORD, DONE]), ask_stream()),
        (stream(&[WORD]).cut(), ask_stream()),
        (Script::json(400, "{}"), ask()),
        (Script::json(500, "{}"), ask_stream()),
        (Script::json(200, REPLY), ask()),
    ] {
        scene.upstream.answers(script.clone());

        let reply = program.post(PATH, body).await;

        assert_ne!(reply.status, 503, "{script:?}");
    }
    assert_eq!(scene.upstream.requests().len(), 6);
}
