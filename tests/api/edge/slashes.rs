//! Every route answers with and without a slash at its end, at once.

use axum::body::Body;
use http::Method;
use serde_json::Value;

use crate::openapi::operations;
use crate::openapi_doors::ALIASES;
use crate::support::TestApp;

const ID: &str = "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55";

/// The method and path of every operation, aliases included.
fn every_door() -> Vec<(Method, String)> {
    let documented = operations().into_iter().map(|(path, method, _)| {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        (method, path.replace("models/{id}", "models/offline"))
    });
    let aliases = ALIASES.iter().map(|path| {
        let method = if path.ends_with("completions") {
            Method::POST
        } else {
            Method::GET
        };
        (method, (*path).to_owned())
    });
    let concrete = |path: String| {
        path.replace("{id}", ID)
            .replace("{*id}", "offline")
            .replace("{file}", "swagger-ui.css")
    };
    documented
        .chain(aliases)
        .map(|(method, path)| (method, concrete(path)))
        .collect()
}

// A12, C29, X25: both forms of each path, and never a redirect.
#[tokio::test]
async fn both_forms_of_every_path_answer_alike_and_without_a_redirect() {
    let app = TestApp::start().await;
    let ada = app
        .sign_up("ada")
        .await
        .header("content-type", "application/json");

    for (method, path) in every_door() {
        // Signing out would make each later request somebody else's, and a code is sent once a minute.
        if path.contains("/logout") || path.ends_with("/verification/send") {
            continue;
        }
        let bare = ada.send(method.clone(), &path, Body::from("{}")).await;
        let slashed = format!("{}/?x=1", path.trim_end_matches('/'));
        let slashed = ada.send(method.clone(), &slashed, Body::from("{}")).await;

        assert_eq!(bare.status, slashed.status, "{method} {path}");
        assert!(
            !(300..400).contains(&bare.status),
            "{method} {path} redirects"
        );
        // A key that is not there is another matter than a path that is not.
        let is_served = bare.status != 404 || !bare.text().contains("There is no such path.");
        assert!(is_served, "{method} {path} is not there");
        assert_eq!(
            bare.header("content-type"),
            slashed.header("content-type"),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn the_ways_out_answer_with_a_slash_too() {
    let app = TestApp::start().await;

    for path in ["/api/v1/auth/logout", "/api/v1/auth/logout/"] {
        let reply = app
            .anonymous()
            .send(Method::POST, path, Body::empty())
            .await;
        assert_eq!(reply.status, 204);
    }
    app.sign_up("ada").await;
    for path in ["/api/v1/auth/logout-all", "/api/v1/auth/logout-all/"] {
        let ada = app.log_in("ada").await;
        let reply = ada.send(Method::POST, path, Body::empty()).await;
        assert_eq!(reply.status, 204);
    }
}

#[tokio::test]
async fn head_answers_on_every_get_as_get_does_without_a_body() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    for (method, path) in every_door() {
        if method != Method::GET {
            continue;
        }
        let get = ada.get(&path).await;
        let head = ada.send(Method::HEAD, &path, Body::empty()).await;

        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        for name in ["content-type", "cache-control", "vary", "link"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
        assert!(get.body.len() > 10, "{path}");
    }
}

#[tokio::test]
async fn a_path_that_is_spelt_otherwise_is_not_there_or_is_the_same() {
    let app = TestApp::start().await;

    for (path, status) in [
        ("/LIVEZ", 404),
        ("/live%7a", 404),
        ("/./livez", 404),
        ("/x/../livez", 404),
        ("//livez", 200),
        ("/livez//", 200),
    ] {
        let reply = app.anonymous().get(path).await;
        assert_eq!(reply.status, status, "{path}");
    }
    let index: Value = app.anonymous().get("/api/v1//").await.json();
    assert_eq!(index["api_version"], "v1");
}
