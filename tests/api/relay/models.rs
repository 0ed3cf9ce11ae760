//! What a caller may ask for, by list and by name.

use serde_json::{Value, json};

use crate::support::upstream::{Script, Upstream};
use crate::support::{Actor, TestApp};

use super::{PATH, REPLY, ask, configured, error, provider};

const LIST: &str = "{\"object\":\"list\",\"data\":[\
    {\"id\":\"vendor/big\",\"object\":\"model\",\"created\":7,\"owned_by\":\"vendor\",\"context_length\":8192},\
    {\"id\":\"small\"},{\"no\":\"id\"}]}";

async fn names(actor: &Actor<'_>, path: &str) -> Vec<String> {
    let reply = actor.get(path).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let body = reply.json();
    assert_eq!(body["object"], "list");
    let models = body["data"].as_array().unwrap();
    for model in models {
        assert_eq!(model["object"], "model");
        assert!(
            model["created"].is_i64() && model["owned_by"].is_string(),
            "{model}"
        );
    }
    models
        .iter()
        .map(|model| model["id"].as_str().unwrap().to_owned())
        .collect()
}

/// One upstream that lists its models, under two names of its own.
async fn with_names(upstream: &Upstream) -> TestApp {
    let provider = provider("up", &upstream.url());
    let models = "[models.public]\ntargets = [\"up/small\"]\n[models.\"team/fast\"]\ntargets = [\"up/small\"]\n";
    configured(&format!("{provider}{models}")).await
}

#[tokio::test]
async fn the_names_that_are_configured_and_those_that_the_providers_list() {
    let upstream = Upstream::start().await;
    let app = with_names(&upstream).await;
    let ada = app.sign_up("ada").await;
    upstream.answers(Script::json(200, LIST));

    let wanted = ["public", "team/fast", "up/small", "up/vendor/big"];
    for path in [
        "/api/v1/models",
        "/v1/models",
        "/v1/models/",
        "/api/v1/models",
    ] {
        assert_eq!(names(&ada, path).await, wanted);
    }

    assert_eq!(upstream.requests().len(), 1, "the list is kept for a while");
    let head = upstream.request().await.head.to_lowercase();
    assert!(head.starts_with("get /v1/models http/1.1"), "{head}");
    assert!(head.contains("authorization: bearer sk-of-up"));
}

#[tokio::test]
async fn where_no_names_are_configured_the_first_providers_stand_as_they_are() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let app = configured(&(provider("a", &first.url()) + &provider("b", &second.url()))).await;
    let ada = app.sign_up("ada").await;
    first.answers(Script::json(200, LIST));
    second.answers(Script::json(200, "[{\"id\":\"other\"}]"));

    assert_eq!(
        names(&ada, "/v1/models").await,
        ["b/other", "small", "vendor/big"]
    );

    for (asked, upstream, sent) in [
        ("vendor/big", &first, "vendor/big"),
        ("anything", &first, "anything"),
        ("b/other", &second, "other"),
        ("a/vendor/big", &first, "vendor/big"),
    ] {
        upstream.answers(Script::json(200, REPLY));
        let mut body = ask();
        body["model"] = asked.into();
        assert_eq!(ada.post(PATH, body).await.status, 200);
        let request = upstream.requests().pop().unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["model"], sent);
    }
}

/// Lists what one upstream serves, and asks for each by its name there: what the upstream is sent.
async fn asked_by_list(app: &TestApp, upstream: &Upstream) -> Vec<(String, String)> {
    let ada = app.sign_up("ada").await;
    let mut asked = Vec::new();
    for name in names(&ada, "/v1/models").await {
        upstream.answers(Script::json(200, REPLY));
        let mut body = ask();
        body["model"] = name.as_str().into();
        assert_eq!(ada.post(PATH, body).await.status, 200, "{name}");
        let request = upstream.requests().pop().unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        asked.push((name, body["model"].as_str().unwrap().to_owned()));
    }
    asked
}

#[tokio::test]
async fn whatever_is_listed_can_be_asked_for_under_the_name_that_it_is_listed_by() {
    let aggregator = Upstream::start().await;
    let list =
        json!([{"id": "gpt-4o"}, {"id": "openai/gpt-4o"}, {"id": "openai/"}, {"id": "meta/llama"}]);
    aggregator.answers(Script::json(200, list.to_string()));
    let app = TestApp::with(&[
        ("OPENAI_API_KEY", "sk-of-up"),
        ("OPENAI_BASE_URL", &aggregator.url()),
    ])
    .await;

    let asked = asked_by_list(&app, &aggregator).await;

    let pair = |listed: &str, sent: &str| (listed.to_owned(), sent.to_owned());
    assert_eq!(
        asked,
        [
            pair("gpt-4o", "gpt-4o"),
            pair("meta/llama", "meta/llama"),
            pair("openai/openai/", "openai/"),
            pair("openai/openai/gpt-4o", "openai/gpt-4o"),
        ]
    );
}

#[tokio::test]
async fn where_names_of_providers_are_closed_off_none_is_taken_for_one() {
    let aggregator = Upstream::start().await;
    let list = json!([{"id": "up/gpt-4o"}]);
    aggregator.answers(Script::json(200, list.to_string()));
    let provider = provider("up", &aggregator.url());
    let app = configured(&format!("[relay]\ndirect_models = false\n{provider}")).await;

    let asked = asked_by_list(&app, &aggregator).await;

    assert_eq!(asked, [("up/gpt-4o".to_owned(), "up/gpt-4o".to_owned())]);
}

#[tokio::test]
async fn a_name_that_another_provider_would_answer_is_listed_as_its_own() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let app = configured(&(provider("a", &first.url()) + &provider("b", &second.url()))).await;
    let ada = app.sign_up("ada").await;
    first.answers(Script::json(200, "[{\"id\":\"b/other\"}]"));
    second.answers(Script::json(200, "[{\"id\":\"other\",\"owned_by\":\"b\"}]"));

    assert_eq!(names(&ada, "/v1/models").await, ["a/b/other", "b/other"]);
    assert_eq!(ada.get("/v1/models/b/other").await.json()["owned_by"], "b");
}

#[tokio::test]
async fn a_provider_that_fails_is_left_out_and_asked_again() {
    let (good, bad) = (Upstream::start().await, Upstream::start().await);
    let app = configured(&(provider("good", &good.url()) + &provider("bad", &bad.url()))).await;
    let ada = app.sign_up("ada").await;
    good.answers(Script::json(200, LIST));
    for script in [
        Script::json(500, "{}"),
        Script::json(200, "nonsense"),
        Script::raw("").cut(),
    ] {
        bad.answers(script);
        assert_eq!(names(&ada, "/v1/models").await, ["small", "vendor/big"]);
    }
    bad.answers(Script::json(200, "[{\"id\":\"back\"}]"));

    assert_eq!(
        names(&ada, "/v1/models").await,
        ["bad/back", "small", "vendor/big"]
    );
}

#[tokio::test]
async fn one_model_is_found_under_its_name_with_slashes_and_escapes() {
    let upstream = Upstream::start().await;
    let app = with_names(&upstream).await;
    let ada = app.sign_up("ada").await;
    upstream.answers(Script::json(200, LIST));

    for (path, id) in [
        ("/api/v1/models/public", "public"),
        ("/v1/models/public/", "public"),
        ("/v1/models/team/fast", "team/fast"),
        ("/v1/models/team%2Ffast", "team/fast"),
        ("/v1/models/up/vendor/big", "up/vendor/big"),
        ("/api/v1/models/up%2fvendor%2Fbig", "up/vendor/big"),
    ] {
        let reply = ada.get(path).await;

        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert_eq!(reply.json()["id"], id, "{path}");
    }
    let big = ada.get("/v1/models/up/vendor/big").await.json();
    assert_eq!(
        big,
        json!({"id": "up/vendor/big", "object": "model", "created": 7, "owned_by": "vendor", "context_length": 8192})
    );
    for path in [
        "/v1/models/nothing",
        "/v1/models/up/",
        "/v1/models/up%2Fnothing",
        "/v1/models/%00",
    ] {
        let reply = ada.get(path).await;
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
        assert_eq!(error(&reply)["code"], "model_not_found");
        assert_eq!(error(&reply)["param"], "model");
    }
    assert_eq!(ada.get("/v1/models/%ff").await.status, 422);
}

#[tokio::test]
async fn a_key_for_some_models_sees_and_uses_no_others() {
    let upstream = Upstream::start().await;
    let app = with_names(&upstream).await;
    let ada = app.sign_up("ada").await;
    let limited = ada
        .with_key(json!({"models": ["team/fast", "up/small"]}))
        .await;
    upstream.answers(Script::json(200, LIST));

    assert_eq!(
        names(&limited, "/v1/models").await,
        ["team/fast", "up/small"]
    );
    assert_eq!(limited.get("/v1/models/public").await.status, 404);
    for model in ["public", "up/vendor/big", "nothing"] {
        let reply = limited
            .post(PATH, json!({"model": model, "messages": []}))
            .await;
        assert_eq!(reply.status, 404, "{model}");
        assert_eq!(error(&reply)["code"], "model_not_found");
        assert_eq!(error(&reply)["type"], "invalid_request_error");
    }
    upstream.answers(Script::json(200, REPLY));
    let reply = limited
        .post(PATH, json!({"model": "team/fast", "messages": []}))
        .await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_key_needs_the_scope_of_what_it_does() {
    let upstream = Upstream::start().await;
    let app = with_names(&upstream).await;
    let ada = app.sign_up("ada").await;
    let lists = ada.with_key(json!({"scopes": ["models"]})).await;
    let asks = ada.with_key(json!({"scopes": ["completions"]})).await;
    upstream.answers(Script::json(200, LIST));

    assert_eq!(lists.get("/v1/models").await.status, 200);
    for refused in [
        lists.post(PATH, ask()).await,
        asks.get("/v1/models").await,
        asks.get("/v1/models/public").await,
    ] {
        assert_eq!(refused.status, 403);
        assert_eq!(error(&refused)["code"], "insufficient_scope");
        assert_eq!(error(&refused)["type"], "permission_error");
    }
}

#[tokio::test]
async fn names_of_providers_can_be_closed_off() {
    let upstream = Upstream::start().await;
    let app = configured(&format!(
        "[relay]\ndirect_models = false\n{}[models.public]\ntargets = [\"up/small\"]\n",
        provider("up", &upstream.url())
    ))
    .await;
    let ada = app.sign_up("ada").await;

    assert_eq!(names(&ada, "/v1/models").await, ["public"]);
    let reply = ada
        .post(PATH, json!({"model": "up/small", "messages": []}))
        .await;
    assert_eq!((reply.status, upstream.connections()), (404, 0));
}

#[tokio::test]
async fn a_fresh_machine_lists_the_offline_model() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    assert_eq!(names(&ada, "/v1/models").await, ["offline"]);
    assert_eq!(ada.get("/v1/models/offline").await.status, 200);
}
