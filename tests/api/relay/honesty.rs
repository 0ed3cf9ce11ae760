//! Ends that look like others: what is half is not passed on, and what is missing is said.

use serde_json::json;

use crate::support::upstream::Script;

use super::{
    DONE, PATH, PROMPT, REPLY, STOP, Scene, WORD, ask, ask_stream, error, last_words, provider,
    stream,
};

#[tokio::test]
async fn half_an_event_at_a_clean_end_is_not_passed_on() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    scene
        .upstream
        .answers(stream(&[WORD, "data: {\"id\":\"x\",\"cho"]));

    let reply = program.post(PATH, ask_stream()).await;

    let behind = reply.text().strip_prefix(WORD).unwrap();
    assert!(behind.starts_with("data: {\"error\":"), "{behind}");
    assert_eq!(last_words(reply.text())["code"], "upstream_error");
}

#[tokio::test]
async fn a_choice_that_was_asked_for_and_never_came_is_missed() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let mut two = ask_stream();
    two["n"] = json!(2);
    scene.upstream.answers(stream(&[WORD, STOP]));

    let reply = program.post(PATH, two).await;

    assert_eq!(last_words(reply.text())["code"], "upstream_error");
    assert_eq!(scene.app.row().await.status, "truncated");
}

#[tokio::test]
async fn a_stream_that_begins_with_an_error_has_not_begun() {
    let other = crate::support::upstream::Upstream::start().await;
    let tables = format!(
        "{}[models.two]\ntargets = [\"up/a\", \"other/b\"]\n",
        provider("other", &other.url())
    );
    let scene = Scene::with("max_attempts = 2", &tables).await;
    let program = scene.program().await;
    let complaint = "data: {\"error\":{\"message\":\"overloaded\"}}\n\n";
    scene.upstream.answers(stream(&[complaint]));
    other.answers(stream(&[WORD, STOP, DONE]));
    let mut asked = ask_stream();
    asked["model"] = json!("two");

    let passed = program.post(PATH, asked).await;
    scene.upstream.answers(stream(&[complaint]));
    scene.upstream.answers(stream(&[complaint]));
    let alone = program.post(PATH, ask_stream()).await;

    assert_eq!(passed.text(), [WORD, STOP, DONE].concat());
    assert_eq!(alone.status, 502);
    assert_eq!(error(&alone)["code"], "upstream_error");
}

#[tokio::test]
async fn an_error_behind_the_end_is_nobodys() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let whole = [WORD, STOP, DONE].concat();
    scene.upstream.answers(stream(&[
        &whole,
        "data: {\"error\":{\"message\":\"late\"}}\n\n",
    ]));

    let reply = program.post(PATH, ask_stream()).await;

    assert_eq!(reply.text(), whole);
    assert_eq!(scene.app.row().await.status, "ok");
}

#[tokio::test]
async fn a_refusal_that_breaks_off_is_502() {
    let scene = Scene::with("max_attempts = 1", "").await;
    let program = scene.program().await;
    for status in [400, 403, 429] {
        let cut = Script::json(status, "{\"error\":").promising(500).cut();
        scene.upstream.answers(cut);

        let reply = program.post(PATH, ask()).await;

        assert_eq!(reply.status, 502, "{status}");
        assert_eq!(error(&reply)["code"], "upstream_error");
    }
}

#[tokio::test]
async fn a_prompt_counts_once_it_was_sent_whatever_came_of_it() {
    let scene = Scene::with("total_timeout = \"300ms\"\nmax_attempts = 1", "").await;
    let program = scene.program().await;
    let late = Script::json(200, REPLY).promising(10_000).hang();
    let cut = Script::json(200, REPLY).promising(10_000).cut();
    for script in [late, cut, Script::json(500, "{}")] {
        scene.upstream.answers(script);
        program.post(PATH, ask()).await;
    }

    let rows = scene.app.ledger(3).await;

    let mut prompts: Vec<_> = rows.iter().map(|row| row.prompt_tokens).collect();
    prompts.sort_unstable();
    assert_eq!(prompts, [0, PROMPT, PROMPT]);
    assert!(rows.iter().all(|row| row.status == "error"));
}

#[tokio::test]
async fn what_an_upstream_calls_its_error_passes_only_if_it_is_a_word() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let complaint = "data: {\"error\":{\"message\":\"api_key=sk-abc at 10.0.0.5:80\",\
        \"type\":\"https://internal/x?key=sk-live-1\",\"code\":\"sk-verysecret\"}}\n\n";
    scene.upstream.answers(stream(&[WORD, complaint]));

    let reply = program.post(PATH, ask_stream()).await;

    let said = last_words(reply.text());
    assert_eq!(said["message"], "… at …");
    assert_eq!(said["type"], "server_error");
    assert_eq!(said["code"], "upstream_error");
}
