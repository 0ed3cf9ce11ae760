//! One row for every request that began an attempt, and what the rows add up to.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::upstream::{Script, Upstream};

use super::{
    COST, DONE, PATH, REPLY, STOP, Scene, USAGE, WORD, ask, ask_stream, ask_usage, configured,
    provider, stream,
};

const ALL: &str = "from=2026-01-01&to=2026-12-31";

#[tokio::test]
async fn plain_and_streamed_cost_the_same_to_the_micro_dollar() {
    let scene = Scene::set().await;
    let program = scene.program().await.header("x-request-id", "mine");
    for body in [ask(), ask_stream(), ask_usage()] {
        scene.upstream.answers(if body["stream"] == true {
            stream(&[WORD, STOP, USAGE, DONE])
        } else {
            Script::json(200, REPLY)
        });

        assert_eq!(program.post(PATH, body).await.status, 200);
    }

    for row in scene.app.ledger(3).await {
        assert_eq!((row.prompt_tokens, row.cached_tokens), (1_000, 400));
        assert_eq!((row.completion_tokens, row.reasoning_tokens), (200, 50));
        assert_eq!((row.cost_microusd, row.estimated), (COST, 0));
        assert_eq!(
            (row.status.as_str(), row.http_status, row.attempts),
            ("ok", Some(200), 1)
        );
        assert_eq!(
            (row.model.as_str(), row.upstream_model.as_str()),
            ("public", "public")
        );
        assert_eq!(
            (row.provider.as_str(), row.request_id.as_str()),
            ("up", "mine")
        );
    }
    let usage = program
        .get(&format!("/api/v1/usage?{ALL}&group_by=model"))
        .await
        .json();
    let sums = json!({"requests": 3, "prompt_tokens": 3_000, "cached_tokens": 1_200,
        "completion_tokens": 600, "reasoning_tokens": 150, "cost_microusd": 3 * COST});
    assert_eq!(usage["total"], sums);
    assert_eq!(usage["items"][0]["model"], "public");
}

#[tokio::test]
async fn an_answer_without_usage_is_estimated_and_says_so() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    scene.upstream.answers(Script::json(
        200,
        "{\"choices\":[{\"message\":{\"content\":\"hi\"}}]}",
    ));
    scene.upstream.answers(stream(&[WORD, STOP, DONE]));

    program.post(PATH, ask()).await;
    program.post(PATH, ask_stream()).await;

    for row in scene.app.ledger(2).await {
        assert_eq!((row.prompt_tokens, row.estimated), (super::PROMPT, 1));
        assert!(
            row.completion_tokens > 0 && row.cost_microusd > 0,
            "{row:?}"
        );
    }
}

#[tokio::test]
async fn what_is_refused_before_an_upstream_is_asked_leaves_no_row() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let narrow = ada.with_key(json!({"scopes": ["models"]})).await;
    let other = ada.with_key(json!({"models": ["other"]})).await;
    let stranger = scene
        .app
        .anonymous()
        .header("authorization", "Bearer sk-cg-nobody");

    for (status, reply) in [
        (401, scene.app.anonymous().post(PATH, ask()).await),
        (401, stranger.post(PATH, ask()).await),
        (403, narrow.post(PATH, ask()).await),
        (404, other.post(PATH, ask()).await),
        (
            404,
            ada.post(PATH, json!({"model": "nothing", "messages": []}))
                .await,
        ),
        (400, ada.post_bytes(PATH, "{").await),
        (
            400,
            ada.post(PATH, json!({"model": 7, "messages": []})).await,
        ),
    ] {
        assert_eq!(reply.status, status, "{}", reply.text());
    }

    scene.app.has_no_rows().await;
    assert_eq!(scene.upstream.connections(), 0);
}

#[tokio::test]
async fn fifty_requests_at_once_leave_fifty_rows() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    for _ in 0..50 {
        scene.upstream.answers(Script::json(200, REPLY));
    }

    let replies = join_all((0..50).map(|_| program.post(PATH, ask()))).await;

    assert!(replies.iter().all(|reply| reply.status == 200));
    let rows = scene.app.ledger(50).await;
    assert!(rows.iter().all(|row| row.cost_microusd == COST));
    let usage = scene.app.usage(&program, 50).await;
    assert_eq!(usage["total"]["cost_microusd"], 50 * COST);
}

#[tokio::test]
async fn rows_outlive_a_stop_that_follows_the_answers_at_once() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let listening = scene.app.listen().await;
    for number in 0..30 {
        scene.upstream.answers(match number % 2 {
            0 => Script::json(200, REPLY),
            _ => stream(&[WORD, USAGE, DONE]),
        });
        let body = if number % 2 == 0 { ask() } else { ask_stream() };
        assert_eq!(program.post(PATH, body).await.status, 200);
    }

    listening.stop().await;

    assert_eq!(scene.app.ledger_now().await.len(), 30);
}

#[tokio::test]
async fn usage_is_added_up_by_day_model_and_key() {
    let upstream = Upstream::start().await;
    let app = configured(&provider("up", &upstream.url())).await;
    let ada = app.sign_up("ada").await;
    let program = ada.with_key(json!({"name": "a"})).await;
    for (model, after) in [("m", 0), ("n", 24 * 3_600), ("m", 3_600)] {
        app.advance(Duration::from_secs(after));
        upstream.answers(Script::json(200, REPLY));
        let mut body = ask();
        body["model"] = model.into();
        // An access token does not last a day.
        assert_eq!(program.post(PATH, body).await.status, 200);
    }
    let ada = app.log_in("ada").await;
    upstream.answers(Script::json(200, REPLY));
    ada.post(PATH, ask()).await;
    app.ledger(4).await;

    let by = async |grouping: &str| {
        let reply = ada.get(&format!("/api/v1/usage?group_by={grouping}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let body = reply.json();
        assert_eq!(body["total"]["requests"], 4);
        let items = body["items"].as_array().unwrap().clone();
        items
            .into_iter()
            .map(|item| {
                (
                    item[grouping].as_str().map(str::to_owned),
                    item["requests"].as_i64().unwrap(),
                )
            })
            .collect::<Vec<_>>()
    };
    let named = |name: &str, requests| (Some(name.to_owned()), requests);
    assert_eq!(
        by("day").await,
        [named("2026-11-21", 1), named("2026-11-22", 3)]
    );
    assert_eq!(
        by("model").await,
        [named("m", 2), named("n", 1), named("public", 1)]
    );
    let by_key = by("key").await;
    assert_eq!(by_key.len(), 2);
    assert_eq!(by_key[0], (None, 1));
    assert_eq!(by_key[1].1, 3);
    assert!(by_key[1].0.as_ref().is_some_and(|id| id.len() == 36));
}

#[tokio::test]
async fn the_usage_of_others_is_for_administrators() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let eve = scene.app.sign_up("eve").await;
    scene.upstream.answers(Script::json(200, REPLY));
    ada.post(PATH, ask()).await;
    let owner = scene.app.row().await.user_id;
    let admin = scene.app.admin().await;

    let requests = |reply: crate::support::Reply| reply.json()["total"]["requests"].as_i64();

    assert_eq!(requests(ada.get("/api/v1/usage").await), Some(1));
    assert_eq!(requests(eve.get("/api/v1/usage").await), Some(0));
    assert_eq!(requests(admin.get("/api/v1/usage").await), Some(0));
    assert_eq!(requests(admin.get("/api/v1/usage?all=true").await), Some(1));
    let one = format!("/api/v1/usage?user_id={owner}");
    assert_eq!(requests(admin.get(&one).await), Some(1));
    for path in ["/api/v1/usage?all=true", one.as_str()] {
        let refused = eve.get(path).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (403, "insufficient_permissions")
        );
    }
    let key = ada.with_key(json!({"scopes": ["completions"]})).await;
    let refused = key.get("/api/v1/usage").await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "insufficient_scope")
    );
    assert_eq!(scene.app.anonymous().get("/api/v1/usage").await.status, 401);
}

#[tokio::test]
async fn a_bad_parameter_of_usage_is_named() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    for (query, field) in [
        ("group_by=week", "group_by"),
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
        ("from=2026-11-21&to=2026-11-20", "from"),
        ("from=2020-01-01&to=2026-01-01", "from"),
        ("all=maybe", "all"),
    ] {
        let reply = ada.get(&format!("/api/v1/usage?{query}")).await;

        assert_eq!(reply.status, 422, "{query}: {}", reply.text());
        let body = reply.json();
        assert_eq!(
            body["details"]["fields"][0]["field"], field,
            "{query}: {body}"
        );
        assert_eq!(body["details"]["fields"][0]["location"], "query");
    }
}

#[tokio::test]
async fn an_absurd_count_of_an_upstreams_does_not_break_the_sums() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let absurd = "{\"choices\":[],\"usage\":{\"prompt_tokens\":18446744073709551615,\
        \"completion_tokens\":18446744073709551615}}";
    for _ in 0..3 {
        scene.upstream.answers(Script::json(200, absurd));
        assert_eq!(program.post(PATH, ask()).await.text(), absurd);
    }

    scene.app.ledger(3).await;

    for grouping in ["day", "model", "key"] {
        let reply = program
            .get(&format!("/api/v1/usage?group_by={grouping}"))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

#[tokio::test]
async fn a_name_that_a_database_cannot_hold_does_not_stop_the_ledger() {
    let upstream = Upstream::start().await;
    let app = configured(&provider("up", &upstream.url())).await;
    let program = app.sign_up("ada").await.with_key(json!({})).await;
    for name in ["a\0b".to_owned(), "a\nb".to_owned(), "x".repeat(10_000)] {
        let mut body = ask();
        body["model"] = name.into();

        let reply = program.post(PATH, body).await;

        assert_eq!(reply.status, 404);
        assert_eq!(super::error(&reply)["code"], "model_not_found");
        assert!(reply.body.len() < 1_000);
    }
    upstream.answers(Script::json(200, REPLY));

    assert_eq!(program.post(PATH, ask()).await.status, 200);

    assert_eq!(app.row().await.model, "public");
}
