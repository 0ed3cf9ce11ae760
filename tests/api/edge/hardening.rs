//! Headers that keep browsers and caches careful, on everything.

use axum::body::Body;
use concierge::api::kit::client::Peer;
use http::{Method, Request};
use serde_json::json;

use crate::support::{Reply, TestApp};

const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

async fn answers_of_every_kind(app: &TestApp) -> Vec<Reply> {
    let ada = app.sign_up("ada").await;
    let anonymous = app.anonymous();
    let chat = json!({"model": "gpt-4o-mini", "stream": true,
        "messages": [{"role": "user", "content": "hi"}]});
    vec![
        anonymous.get("/").await,
        anonymous.get("/livez").await,
        anonymous.get("/nothing").await,
        anonymous.delete("/livez").await,
        anonymous.get("/api/v1/auth/me").await,
        anonymous
            .post_bytes("/api/v1/auth/register", vec![b' '; 2 << 20])
            .await,
        anonymous
            .send(Method::OPTIONS, "/api/v1/auth/login", Body::empty())
            .await,
        ada.get("/api/v1/auth/me").await,
        ada.post("/v1/chat/completions", chat).await,
        ada.get("/openapi.json").await,
        ada.clone()
            .header("origin", "https://evil.example")
            .delete("/x")
            .await,
    ]
}

#[tokio::test]
async fn every_answer_is_hardened() {
    let app = TestApp::start().await;

    for reply in answers_of_every_kind(&app).await {
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert_eq!(reply.header("x-frame-options"), "DENY");
        assert_eq!(reply.header("content-security-policy"), API_POLICY);
        assert!(!reply.header("permissions-policy").is_empty());
        assert_eq!(reply.header("strict-transport-security"), "", "not on http");
    }
}

#[tokio::test]
async fn https_is_asked_for_again_where_we_are_reached_by_it() {
    let secure = TestApp::with(&[("PUBLIC_URL", "https://api.example.com")]).await;
    let plain = TestApp::with(&[("PUBLIC_URL", "http://api.example.com")]).await;

    for path in ["/livez", "/nothing", "/api/v1/auth/me", "/docs"] {
        let hsts = secure.anonymous().get(path).await;
        let hsts = hsts.header("strict-transport-security").to_owned();
        assert_eq!(hsts, "max-age=63072000; includeSubDomains", "{path}");
        let none = plain.anonymous().get(path).await;
        assert_eq!(none.header("strict-transport-security"), "", "{path}");
    }
}

#[tokio::test]
async fn a_proxy_of_ours_may_say_that_we_are_reached_by_https() {
    let app = TestApp::with(&[("TRUSTED_PROXIES", "10.0.0.0/8")]).await;

    for (peer, proto, is_https) in [
        ("10.1.2.3:5000", "https", true),
        ("10.1.2.3:5000", "http, https", true),
        ("10.1.2.3:5000", "http", false),
        ("10.1.2.3:5000", "https, http", false),
        ("192.0.2.1:5000", "https", false),
    ] {
        for path in ["/livez", "/nothing", "/api/v1/auth/me", "/docs"] {
            let mut request = Request::get(path)
                .header("host", "localhost")
                .header("x-forwarded-proto", proto)
                .body(Body::empty())
                .unwrap();
            request.extensions_mut().insert(Peer(peer.parse().unwrap()));
            let reply = app.send(request).await;
            let hsts = !reply.header("strict-transport-security").is_empty();
            assert_eq!(hsts, is_https, "{path} by {peer} with {proto}");
        }
    }
}

#[tokio::test]
async fn who_may_embed_answers_depends_on_whether_other_origins_are_let_in() {
    let open = TestApp::with(&[("ALLOWED_ORIGINS", "https://a.example")]).await;
    let shut = TestApp::with(&[("ALLOWED_ORIGINS", "[]")]).await;

    let open = open.anonymous().get("/livez").await;
    let shut = shut.anonymous().get("/livez").await;

    assert_eq!(open.header("cross-origin-resource-policy"), "cross-origin");
    assert_eq!(shut.header("cross-origin-resource-policy"), "same-site");
}

// E11 and the rest of what belongs to one person: no cache keeps it, refusals included.
#[tokio::test]
async fn nothing_about_accounts_keys_or_chats_is_kept_by_a_cache() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let chat = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]});

    for actor in [&app.anonymous(), &ada] {
        for path in [
            "/api/v1/auth/me",
            "/api/v1/auth/me/",
            "/api/v1/auth/nothing",
            "/api/v1/api-keys",
            "/api/v1/api-keys/7",
            "/api/v1/users",
            "/api/v1/usage",
            "/api/v1/status/user",
            "/status/user",
            "/api/v1/chat/completions",
            "/v1/chat/completions",
            "/api/v1/models",
            "/v1/models",
        ] {
            let reply = actor.get(path).await;
            assert_eq!(
                reply.header("cache-control"),
                "no-store",
                "{} {path}",
                reply.status
            );
        }
        for path in [
            "/api/v1/auth/login",
            "/api/v1/auth/register",
            "/api/v1/api-keys",
        ] {
            let reply = actor.post(path, json!({})).await;
            assert_eq!(reply.header("cache-control"), "no-store", "{path}");
        }
        for path in ["/api/v1/chat/completions", "/v1/chat/completions"] {
            let reply = actor.post(path, chat.clone()).await;
            assert_eq!(
                reply.header("cache-control"),
                "no-store",
                "{} {path}",
                reply.status
            );
        }
    }
    let public = app.anonymous().get("/livez").await;
    assert_eq!(public.header("cache-control"), "");
}

#[tokio::test]
async fn a_stream_says_that_it_must_pass_at_once() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let chat = json!({"model": "gpt-4o-mini", "stream": true,
        "messages": [{"role": "user", "content": "hi"}]});

    for path in ["/api/v1/chat/completions", "/v1/chat/completions"] {
        let reply = ada.post(path, chat.clone()).await;
        assert_eq!(reply.header("content-type"), "text/event-stream");
        assert_eq!(reply.header("cache-control"), "no-cache, no-store");
        assert_eq!(reply.header("x-accel-buffering"), "no");
    }
}
