//! Vectors: the way of the completions, without streams.

use http::Method;
use serde_json::{Value, json};

use crate::support::upstream::{Script, Upstream};
use crate::support::{Actor, Reply, TestApp};

use super::rates::limited;
use super::{Scene, configured, error, provider};

const PATHS: [&str; 2] = ["/api/v1/embeddings", "/v1/embeddings"];
const ODD: &str = "{ \"input\":[\"hé\\u006clo\", \"w\"],\r\n\"model\" : \"NAME\",\"z\":[1e400,1.0],\"stream\":true}\n";
const VECTORS: &str = "{ \"object\":\"list\",\"data\":[{\"embedding\":[-0.0,1e-400,0.10]}],\"model\" : \"NAME\",\
    \"usage\":{\"prompt_tokens\":1000,\"total_tokens\":1000}}\n";

fn named(text: &str, name: &str) -> String {
    text.replace("NAME", name)
}

fn ask() -> Value {
    json!({"model": "public", "input": "hello there"})
}

/// Asks, and is answered with vectors of a thousand tokens.
async fn served(scene: &Scene, program: &Actor<'_>, path: &str) -> Reply {
    let answer = Script::json(200, named(VECTORS, "public").as_str());
    scene.upstream.answers(answer);
    let reply = program.post(path, ask()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

#[tokio::test]
async fn a_request_and_its_answer_pass_byte_for_byte() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    for path in PATHS {
        let answer =
            Script::json(200, named(VECTORS, "public").as_str()).header("x-request-id", "req_1");
        scene.upstream.answers(answer);

        let reply = program.post_bytes(path, named(ODD, "public")).await;

        assert_eq!(
            (reply.status, reply.text()),
            (200, named(VECTORS, "public").as_str())
        );
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(reply.header("x-upstream-request-id"), "req_1");
        let request = scene.upstream.requests().pop().unwrap();
        assert!(request.head.starts_with("POST /v1/embeddings HTTP/1.1\r\n"));
        assert_eq!(request.body, named(ODD, "public").as_bytes());
    }
}

#[tokio::test]
async fn a_name_that_differs_is_changed_both_ways_and_nothing_else() {
    let upstream = Upstream::start().await;
    let app = configured(&format!(
        "{}[models.public]\ntargets = [\"up/vendor/real\"]",
        provider("up", &upstream.url())
    ))
    .await;
    let program = app.sign_up("ada").await.with_key(json!({})).await;
    upstream.answers(Script::json(200, named(VECTORS, "vendor/real-001")));

    let reply = program.post_bytes(PATHS[0], named(ODD, "public")).await;

    assert_eq!(reply.text(), named(VECTORS, "public"));
    let request = upstream.request().await;
    assert_eq!(request.body, named(ODD, "vendor/real").as_bytes());
}

#[tokio::test]
async fn a_row_counts_the_prompt_alone() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let silent = "{\"data\":[{\"embedding\":[0.1,0.2,0.3]}]}";
    scene
        .upstream
        .answers(Script::json(200, named(VECTORS, "public").as_str()));
    scene.upstream.answers(Script::json(200, silent));
    scene.upstream.answers(Script::json(200, silent));

    program.post(PATHS[0], ask()).await;
    program.post(PATHS[0], ask()).await;
    let tokens = json!({"model": "public", "input": [[1, 2, 3], [4]]});
    program.post(PATHS[0], tokens).await;

    let rows = scene.app.ledger(3).await;
    let mut counted: Vec<_> = rows
        .iter()
        .map(|row| {
            let tokens = (row.prompt_tokens, row.completion_tokens);
            (tokens, row.estimated, row.cost_microusd)
        })
        .collect();
    // Rows of one moment have no order.
    counted.sort_unstable();
    // Eleven characters, three a token.
    assert_eq!(
        counted,
        [((4, 0), 1, 1), ((4, 0), 1, 1), ((1_000, 0), 0, 150)]
    );
    for row in rows {
        let answered = (row.status.as_str(), row.http_status, row.model.as_str());
        assert_eq!(answered, ("ok", Some(200), "public"));
    }
}

#[tokio::test]
async fn the_next_target_is_asked_when_one_fails() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let app = configured(&format!(
        "[relay]\n{}{}[models.public]\ntargets = [\"first/a\", \"second/b\"]\n",
        provider("first", &first.url()),
        provider("second", &second.url())
    ))
    .await;
    let ada = app.sign_up("ada").await;
    first.answers(Script::json(500, "{}"));
    second.answers(Script::json(200, named(VECTORS, "b")));

    let reply = ada.post(PATHS[0], ask()).await;

    assert_eq!(
        (reply.status, reply.text()),
        (200, named(VECTORS, "public").as_str())
    );
    let row = app.row().await;
    assert_eq!((row.provider.as_str(), row.attempts), ("second", 2));
}

#[tokio::test]
async fn an_upstreams_refusal_is_passed_on() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let body =
        "{\"error\":{\"message\":\"too long\",\"type\":\"t\",\"param\":\"input\",\"code\":null}}";
    scene.upstream.answers(Script::json(400, body));

    let reply = program.post(PATHS[0], ask()).await;

    assert_eq!((reply.status, reply.text()), (400, body));
}

#[tokio::test]
async fn a_body_that_cannot_be_used_names_the_member_at_fault() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    for (body, param) in [
        ("{", Value::Null),
        ("[]", Value::Null),
        ("{\"input\":\"a\"}", json!("model")),
        ("{\"model\":\"public\"}", json!("input")),
        ("{\"model\":\"public\",\"input\":null}", json!("input")),
        ("{\"model\":\"public\",\"input\":7}", json!("input")),
        (
            "{\"model\":\"public\",\"input\":\"a\",\"input\":\"b\"}",
            json!("input"),
        ),
    ] {
        for path in PATHS {
            let reply = program.post_bytes(path, body).await;

            assert_eq!(reply.status, 400, "{body}");
            assert_eq!(error(&reply)["param"], param, "{body}");
        }
    }
    assert_eq!(scene.upstream.connections(), 0);
    scene.app.has_no_rows().await;
}

#[tokio::test]
async fn who_may_not_complete_may_not_embed() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let narrow = ada.with_key(json!({"scopes": ["models"]})).await;
    let other = ada.with_key(json!({"models": ["other"]})).await;

    for (status, code, reply) in [
        (
            401,
            "invalid_api_key",
            scene
                .app
                .anonymous()
                .header("authorization", "Bearer sk-cg-nobody")
                .post(PATHS[1], ask())
                .await,
        ),
        (
            403,
            "insufficient_scope",
            narrow.post(PATHS[0], ask()).await,
        ),
        (404, "model_not_found", other.post(PATHS[0], ask()).await),
    ] {
        assert_eq!(reply.status, status, "{}", reply.text());
        assert_eq!(error(&reply)["code"], code);
    }
    let wrong = ada
        .send(Method::GET, PATHS[1], axum::body::Body::empty())
        .await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, "POST"));
    assert_eq!(scene.upstream.connections(), 0);
}

#[tokio::test]
async fn requests_a_minute_are_those_of_vectors_too() {
    let scene = limited("rpm = 2").await;
    let program = scene.program().await;
    for path in PATHS {
        served(&scene, &program, path).await;
    }

    for path in PATHS {
        let reply = program.post(path, ask()).await;

        assert_eq!(reply.status, 429, "{}", reply.text());
        assert_eq!(error(&reply)["code"], "rate_limit_exceeded");
        assert_eq!(error(&reply)["type"], "requests");
        assert!(!reply.header("retry-after").is_empty());
        assert_eq!(reply.header("x-ratelimit-limit-requests"), "2");
    }
    assert_eq!(scene.app.ledger(2).await.len(), 2);
    assert_eq!(scene.upstream.requests().len(), 2);
}

/// Of `ask`, four tokens are reserved, and of its answer a thousand used.
#[tokio::test]
async fn tokens_a_minute_are_those_of_vectors_too() {
    let scene = limited("tpm = 500").await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(json!({})).await;
    let narrow = ada.with_key(json!({"tpm": 3})).await;
    let reply = served(&scene, &program, PATHS[0]).await;
    assert_eq!(reply.header("x-ratelimit-remaining-tokens"), "496");

    for path in PATHS {
        let reply = program.post(path, ask()).await;

        assert_eq!(reply.status, 429, "{}", reply.text());
        assert_eq!(error(&reply)["code"], "rate_limit_exceeded");
        assert_eq!(error(&reply)["type"], "tokens");
    }
    let reply = narrow.post(PATHS[0], ask()).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!(error(&reply)["code"], "request_exceeds_tpm");
}

/// Four tokens cost 0.6 micro-dollars, and a thousand 150.
#[tokio::test]
async fn a_budget_is_that_of_vectors_too() {
    let scene = Scene::set().await;
    let ada = scene.app.sign_up("ada").await;
    let none = ada.with_key(json!({"budget_microusd": 0})).await;
    let program = ada.with_key(json!({"budget_microusd": 150})).await;
    served(&scene, &program, PATHS[0]).await;
    // What it has used beyond its reservation is known when its row is written.
    assert_eq!(scene.app.row().await.cost_microusd, 150);

    for (actor, path) in [
        (&none, PATHS[0]),
        (&program, PATHS[0]),
        (&program, PATHS[1]),
    ] {
        let reply = actor.post(path, ask()).await;

        assert_eq!(reply.status, 402, "{}", reply.text());
        assert_eq!(error(&reply)["code"], "insufficient_quota");
        assert_eq!(error(&reply)["type"], "insufficient_quota");
    }
    assert_eq!(scene.app.spent_by_the_key().await, 150);
    assert_eq!(scene.upstream.requests().len(), 1);
}

#[tokio::test]
async fn vectors_of_a_model_without_a_price_are_not_for_those_who_have_a_budget() {
    let scene = Scene::with("", "[models.unpriced]\ntargets = [\"up/unpriced\"]").await;
    let ada = scene.app.sign_up("ada").await;
    let program = ada.with_key(json!({"budget_microusd": 1_000})).await;
    let mut body = ask();
    body["model"] = "unpriced".into();

    for path in PATHS {
        let reply = program.post(path, body.clone()).await;

        assert_eq!(reply.status, 403, "{}", reply.text());
        assert_eq!(error(&reply)["code"], "model_not_priced");
        assert_eq!(error(&reply)["param"], "model");
    }
    scene.app.has_no_rows().await;
    assert_eq!(scene.upstream.connections(), 0);
}

#[tokio::test]
async fn without_a_provider_vectors_are_made_by_rule() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let asked =
        json!({"model": "offline", "input": ["the cat sat", "blue whales"], "dimensions": 16});

    let first = ada.post(PATHS[0], asked.clone()).await.json();
    let second = ada.post(PATHS[1], asked).await.json();

    assert_eq!(first, second);
    assert_eq!(
        (&first["object"], &first["model"]),
        (&json!("list"), &json!("offline"))
    );
    assert_eq!(first["data"][1]["embedding"].as_array().unwrap().len(), 16);
    assert_eq!(
        first["usage"],
        json!({"prompt_tokens": 5, "total_tokens": 5})
    );
}
