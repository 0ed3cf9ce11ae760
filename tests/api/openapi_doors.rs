//! The OpenAPI document against the running application: what it leaves out, and who gets in.

use std::collections::BTreeSet;

use axum::body::Body;
use concierge::api;
use http::Method;
use serde_json::{Value, json};

use crate::openapi::{document, is_open, operations};
use crate::support::TestApp;

/// Routes that the document leaves out on purpose: other names of what it tells, and itself.
pub const ALIASES: [&str; 16] = [
    "/api/v1/health/live",
    "/api/v1/health/ready",
    "/api/v1/health/startup",
    "/api/v1/openapi.json",
    "/docs",
    "/docs/{file}",
    "/healthz",
    "/openapi.json",
    "/reset-password",
    "/status",
    "/status/user",
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/models",
    "/v1/models/{*id}",
    "/api/v1/models/{*id}",
];

#[tokio::test]
async fn every_route_is_in_the_document_or_a_known_alias() {
    let app = TestApp::start().await;
    let routes = routes_of(&format!("{:?}", api::service(app.app.clone())));
    let document = document();
    let told: BTreeSet<_> = document["paths"].as_object().unwrap().keys().collect();

    let untold: Vec<_> = routes
        .iter()
        .filter(|route| !told.contains(route) && !ALIASES.contains(&route.as_str()))
        .collect();
    let unserved: Vec<_> = told
        .iter()
        .filter(|path| !routes.contains(&path.replace("models/{id}", "models/{*id}")))
        .collect();

    assert!(routes.len() > 25, "{routes:?}");
    assert!(untold.is_empty(), "not in the document: {untold:?}");
    assert!(unserved.is_empty(), "only in the document: {unserved:?}");
    for alias in ALIASES {
        assert!(routes.contains(alias), "{alias} is no route any more");
    }
}

/// The paths that axum's router shows of itself when it is printed: `RouteId(3): "/health"`.
fn routes_of(printed: &str) -> BTreeSet<String> {
    let ids = printed.split("RouteId(").skip(1);
    let paths = ids.filter_map(|rest| {
        let (_, rest) = rest.split_once("): \"")?;
        let (path, _) = rest.split_once('"')?;
        (path.starts_with('/') && !path.contains("__private")).then(|| path.to_owned())
    });
    paths.collect()
}

#[tokio::test]
async fn every_operation_is_shut_unless_it_says_that_it_is_open() {
    let app = TestApp::start().await;
    let mut shut = 0;

    for (path, method, operation) in operations() {
        let path = path.replace("{id}", "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55");
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let reply = app
            .anonymous()
            .header("content-type", "application/json")
            .send(method.clone(), &path, Body::from("{}"))
            .await;

        if is_open(&operation) {
            assert_ne!(reply.status, 401, "{method} {path}");
        } else {
            shut += 1;
            assert_eq!(reply.status, 401, "{method} {path}");
            assert_eq!(reply.header("www-authenticate"), r#"Bearer realm="api""#);
        }
    }
    assert!(shut >= 8);
}

#[tokio::test]
async fn the_document_is_served_under_both_names() {
    let app = TestApp::start().await;

    let reply = app.anonymous().get("/openapi.json").await;
    let alias = app.anonymous().get("/api/v1/openapi.json").await;

    assert_eq!((reply.status, alias.status), (200, 200));
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.json(), document());
    assert_eq!(reply.body, alias.body);
}

#[tokio::test]
async fn the_examples_of_bodies_can_be_sent_as_they_stand() {
    let app = TestApp::start().await;
    let ada = app.sign_up("grace").await;

    for (path, wanted) in [
        ("/api/v1/auth/register", 201),
        ("/api/v1/auth/login", 200),
        ("/api/v1/auth/forgot-password", 202),
        ("/api/v1/auth/change-email", 202),
        ("/api/v1/api-keys", 201),
        ("/api/v1/chat/completions", 200),
        ("/api/v1/embeddings", 200),
    ] {
        let document = document();
        let content =
            &document["paths"][path]["post"]["requestBody"]["content"]["application/json"];
        let name = content["schema"]["$ref"].as_str().unwrap();
        let example = document.pointer(&format!("{}/examples/0", &name[1..]));

        let reply = ada
            .post(path, example.unwrap_or(&json!(null)).clone())
            .await;

        assert_eq!(reply.status, wanted, "{path}: {}", reply.text());
    }
}

#[tokio::test]
async fn the_examples_of_answers_have_the_members_of_real_ones() {
    let app = TestApp::start().await;
    let ada = app.admin().await;
    let me = ada.get("/api/v1/auth/me").await.json()["id"].clone();
    ada.key(json!({"scopes": ["models"], "models": ["offline"]}))
        .await;
    let chat = json!({"model": "offline", "messages": [{"role": "user", "content": "hi"}]});
    let once = ada.clone().header("idempotency-key", "once");
    assert_eq!(once.post("/v1/chat/completions", chat).await.status, 200);
    app.usage(&ada, 1).await;
    let forgot = json!({"email": "root@example.com"});
    let anyone = app.anonymous();
    let asked = anyone.post("/api/v1/auth/forgot-password", forgot).await;
    assert_eq!(asked.status, 202);
    app.execute(
        "INSERT INTO budgets (holder, period, spent_microusd, leased_microusd)
         SELECT 'user:' || id, '2026-11', 7, 0 FROM users",
    )
    .await;
    let keys = ada.get("/api/v1/api-keys").await.json();
    let key = keys["items"][0]["id"].as_str().unwrap();
    let document = document();
    let mut compared = 0;

    for (path, method, operation) in operations() {
        let Some(example) = example(&document, &operation["responses"]["200"]) else {
            continue;
        };
        if method != "GET" {
            continue;
        }
        let id = match path.as_str() {
            "/api/v1/api-keys/{id}" => key,
            "/api/v1/users/{id}" => me.as_str().unwrap(),
            _ => "offline",
        };
        let reply = ada.get(&path.replace("{id}", id)).await;
        assert_eq!(reply.status, 200, "{path}");
        compared += 1;
        assert_eq!(shape(&reply.json()), shape(&example), "{path}");
    }
    assert!(compared >= 14, "{compared}");
}

/// What the document shows of a JSON answer.
fn example(document: &Value, answer: &Value) -> Option<Value> {
    let content = &answer["content"]["application/json"];
    if content["example"].is_object() {
        return Some(content["example"].clone());
    }
    let reference = content["schema"]["$ref"].as_str()?;
    let example = document.pointer(&format!("{}/examples/0", &reference[1..]))?;
    Some(example.clone())
}

/// The members of a value, and of what is in it; of a list its first item. The details of an event
/// depend on the event.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| match name.as_str() {
                "details" => (name.clone(), Value::Null),
                _ => (name.clone(), shape(member)),
            })
            .collect(),
        Value::Array(items) => items.first().map_or(Value::Null, shape),
        _ => Value::Null,
    }
}
