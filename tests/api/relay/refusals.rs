//! Every refusal in the envelope that OpenAI's clients read.

use axum::body::Body;
use futures_util::StreamExt;
use http::Method;

use crate::support::upstream::{Script, Upstream};
use crate::support::{Actor, Reply, TestApp, Wire};

use super::{PATH, REPLY, Scene, ask, configured_with, error, provider};

const ORIGIN: &str = "https://app.example.com";

/// Checks what holds for every refusal, and gives its type, parameter and code.
fn refused(reply: &Reply, status: u16) -> (String, String, String) {
    assert_eq!(reply.status, status, "{}", reply.text());
    let said = error(reply);
    assert_eq!(reply.header("access-control-allow-origin"), ORIGIN);
    assert_eq!(reply.header("access-control-allow-credentials"), "true");
    assert!(
        reply
            .header("access-control-expose-headers")
            .contains("x-request-id")
    );
    assert!(reply.header("vary").to_lowercase().contains("origin"));
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    let text = |name: &str| said[name].as_str().unwrap_or("null").to_owned();
    (text("type"), text("param"), text("code"))
}

async fn app(upstream: &Upstream) -> TestApp {
    let settings = [("ALLOWED_ORIGINS", ORIGIN), ("MAX_BODY_BYTES", "2048")];
    configured_with(&provider("up", &upstream.url()), &settings).await
}

fn from_a_page<'a>(app: &'a TestApp, authorization: &str) -> Actor<'a> {
    let page = app.anonymous().header("origin", ORIGIN);
    page.header("authorization", authorization)
}

fn because(kind: &str, param: &str, code: &str) -> (String, String, String) {
    (kind.to_owned(), param.to_owned(), code.to_owned())
}

#[tokio::test]
async fn a_body_that_cannot_be_used_is_400_with_the_member_at_fault() {
    let upstream = Upstream::start().await;
    let app = app(&upstream).await;
    let ada = app.sign_up("ada").await;
    let page = from_a_page(&app, ada.authorization());
    let rest = "\"messages\":[]";
    for (body, param, code) in [
        (String::new(), "null", "malformed_json"),
        ("{".to_owned(), "null", "malformed_json"),
        ("{\"model\":\"m\",}".to_owned(), "null", "malformed_json"),
        ("\u{feff}{}".to_owned(), "null", "malformed_json"),
        ("[]".to_owned(), "null", "invalid_request"),
        ("{}".to_owned(), "model", "invalid_request"),
        (
            "{\"model\":\"m\"}".to_owned(),
            "messages",
            "invalid_request",
        ),
        (
            format!("{{\"model\":\"m\",{rest},\"Max_To\\u212aens\":9}}"),
            "max_tokens",
            "invalid_request",
        ),
        (
            format!("{{\"model\":7,{rest}}}"),
            "model",
            "invalid_request",
        ),
        (
            format!("{{\"model\":\" \",{rest}}}"),
            "model",
            "invalid_request",
        ),
        (
            "{\"model\":\"m\",\"messages\":{}}".to_owned(),
            "messages",
            "invalid_request",
        ),
        (
            format!("{{\"model\":\"m\",\"stream\":\"true\",{rest}}}"),
            "stream",
            "invalid_request",
        ),
        (
            format!("{{\"model\":\"m\",\"max_tokens\":-1,{rest}}}"),
            "max_tokens",
            "invalid_request",
        ),
        (
            format!("{{\"model\":\"m\",\"n\":1.5,{rest}}}"),
            "n",
            "invalid_request",
        ),
        (
            format!("{{\"model\":\"m\",\"mod\\u0065l\":\"x\",{rest}}}"),
            "model",
            "invalid_request",
        ),
        (
            format!(
                "{{\"model\":\"m\",\"stream_options\":{{\"include_usage\":true,\"include_usage\":false}},{rest}}}"
            ),
            "stream_options.include_usage",
            "invalid_request",
        ),
    ] {
        for path in [PATH, "/v1/chat/completions"] {
            let reply = page.post_bytes(path, body.clone()).await;

            let wanted = because("invalid_request_error", param, code);
            assert_eq!(refused(&reply, 400), wanted, "{body}");
        }
    }
    let not_text = page.post_bytes(PATH, &b"{\"model\":\"\xff\"}"[..]).await;
    assert_eq!(refused(&not_text, 400).2, "malformed_json");
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn who_shows_nothing_or_nothing_good_is_401() {
    let upstream = Upstream::start().await;
    let app = app(&upstream).await;
    let wanted = because("invalid_request_error", "null", "invalid_api_key");
    let nobody = app.anonymous().header("origin", ORIGIN);
    for (actor, challenge) in [
        (nobody.clone(), "Bearer realm=\"api\""),
        (
            from_a_page(&app, "Bearer sk-cg-nobodys"),
            "Bearer realm=\"api\", error=\"invalid_token\"",
        ),
        (
            from_a_page(&app, "Bearer a.b.c"),
            "Bearer realm=\"api\", error=\"invalid_token\"",
        ),
        (
            from_a_page(&app, "Basic YTpi"),
            "Bearer realm=\"api\", error=\"invalid_token\"",
        ),
        (
            nobody.clone().header("x-api-key", "sk-cg-x"),
            "Bearer realm=\"api\", error=\"invalid_token\"",
        ),
    ] {
        for reply in [
            actor.post(PATH, ask()).await,
            actor.get("/api/v1/models").await,
            actor.get("/v1/models/public").await,
        ] {
            assert_eq!(refused(&reply, 401), wanted);
            assert_eq!(reply.header("www-authenticate"), challenge);
        }
    }
    let in_query = nobody.post(&format!("{PATH}?api_key=sk-cg-x"), ask()).await;
    assert_eq!(refused(&in_query, 400).2, "invalid_request");
}

#[tokio::test]
async fn a_path_or_method_that_is_not_there_is_told_likewise() {
    let upstream = Upstream::start().await;
    let app = app(&upstream).await;
    let ada = app.sign_up("ada").await;
    let page = from_a_page(&app, ada.authorization());
    for path in [
        "/v1",
        "/v1/nothing",
        "/api/v1/chat/completions/x",
        "/v1/chat",
        "/api/v1/embeddings/x",
    ] {
        let reply = page.get(path).await;
        assert_eq!(
            refused(&reply, 404),
            because("invalid_request_error", "null", "not_found"),
            "{path}"
        );
    }
    for (method, path, allow) in [
        (Method::GET, PATH, "POST"),
        (Method::PUT, "/v1/chat/completions", "POST"),
        (Method::DELETE, "/v1/chat/completions/", "POST"),
        (Method::GET, "/api/v1/embeddings", "POST"),
        (Method::POST, "/v1/models", "GET,HEAD"),
        (Method::DELETE, "/api/v1/models/public", "GET,HEAD"),
    ] {
        let reply = page.send(method, path, Body::empty()).await;
        let wanted = because("invalid_request_error", "null", "method_not_allowed");
        assert_eq!(refused(&reply, 405), wanted, "{path}");
        assert_eq!(reply.header("allow"), allow, "{path}");
    }
}

#[tokio::test]
async fn a_body_of_the_wrong_kind_or_size_is_415_or_413() {
    let upstream = Upstream::start().await;
    let app = app(&upstream).await;
    let ada = app.sign_up("ada").await;
    let page = from_a_page(&app, ada.authorization());
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "",
    ] {
        let reply = page
            .clone()
            .header("content-type", kind)
            .post(PATH, ask())
            .await;
        let wanted = because("invalid_request_error", "null", "unsupported_media_type");
        assert_eq!(refused(&reply, 415), wanted, "{kind}");
    }
    let untyped = page
        .send(Method::POST, PATH, Body::from(ask().to_string()))
        .await;
    assert_eq!(untyped.status, 415);
    let mut large = ask();
    large["padding"] = "x".repeat(2_048).into();
    let reply = page.post(PATH, large.clone()).await;
    let wanted = because("invalid_request_error", "null", "payload_too_large");
    assert_eq!(refused(&reply, 413), wanted);
    let pieces = futures_util::stream::iter(large.to_string().into_bytes())
        .map(|byte| Ok::<_, std::convert::Infallible>(vec![byte]));
    let reply = page.post_bytes(PATH, Body::from_stream(pieces)).await;
    assert_eq!(refused(&reply, 413), wanted);
    upstream.answers(Script::json(200, REPLY));
    let reply = page
        .clone()
        .header("content-type", "application/json; charset=utf-8");
    assert_eq!(reply.post(PATH, ask()).await.status, 200);
}

#[tokio::test]
async fn the_openai_routes_take_bodies_of_many_megabytes() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let mut body = ask();
    body["padding"] = "x".repeat(20 << 20).into();
    scene.upstream.answers(Script::json(200, REPLY));

    assert_eq!(program.post(PATH, body.clone()).await.status, 200);

    assert_eq!(
        scene.upstream.request().await.body.len(),
        body.to_string().len()
    );
    body["padding"] = "x".repeat(32 << 20).into();
    assert_eq!(program.post(PATH, body).await.status, 413);
}

#[tokio::test]
async fn who_sends_much_without_good_credentials_reads_the_refusal_and_no_broken_pipe() {
    let scene = Scene::set().await;
    let listening = scene.app.listen().await;
    let body = "x".repeat(8 << 20);
    for credentials in [vec![], vec![("authorization", "Bearer sk-cg-nobodys")]] {
        let mut caller = Wire::connect(listening.address).await;

        caller.post(PATH, &credentials, body.as_bytes()).await;

        assert_eq!(caller.head().await.status, 401);
    }
}

#[tokio::test]
async fn the_openai_envelope_is_not_exchanged_for_another() {
    let scene = Scene::set().await;
    let nobody = scene
        .app
        .anonymous()
        .header("accept", "application/problem+json");

    let reply = nobody.post(PATH, ask()).await;

    assert_eq!(reply.status, 401);
    error(&reply);
    let house = nobody.get("/api/v1/usage").await;
    assert_eq!(house.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn who_sends_more_than_the_limit_reads_why() {
    let upstream = Upstream::start().await;
    let app = app(&upstream).await;
    let ada = app.sign_up("ada").await;
    let listening = app.listen().await;
    let mut caller = Wire::connect(listening.address).await;
    let credentials = [("authorization", ada.authorization())];

    caller
        .post(PATH, &credentials, "x".repeat(8 << 20).as_bytes())
        .await;

    assert_eq!(caller.head().await.status, 413);
}
