//! The headers that keep browsers and caches careful, on every answer of every route.

use axum::body::Body;
use http::Method;
use serde_json::json;

use super::table::{Door, Row, rows};
use crate::support::{Reply, TestApp};

const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// That an answer of this route, whatever it is, can do no harm in a browser or a cache.
pub(super) fn is_careful(row: &Row, reply: &Reply, place: &str) {
    is_hardened(reply, place);
    let is_kept = !reply.header("cache-control").contains("no-store");
    let is_private = row.door != Door::Open || row.path.starts_with("/api/v1/auth/");
    assert!(!(is_private && is_kept), "{place}: a cache may keep it");
    assert!(
        reply.cookies().is_empty() || !is_kept,
        "{place}: a cache may keep a cookie"
    );
    sets_or_clears(reply, place);
}

fn is_hardened(reply: &Reply, place: &str) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        (
            "permissions-policy",
            "camera=(), geolocation=(), microphone=()",
        ),
        ("cross-origin-resource-policy", "cross-origin"),
        ("strict-transport-security", ""),
        ("clear-site-data", ""),
    ] {
        assert_eq!(reply.header(name), value, "{place}: {name}");
        assert!(
            reply.headers.get_all(name).iter().count() <= 1,
            "{place}: {name}"
        );
    }
    assert!(!reply.header("x-request-id").is_empty(), "{place}");
    let policy = reply.header("content-security-policy");
    let is_page = place.contains("/docs") && reply.status == 200;
    let is_held = if place.ends_with("GET /reset-password") {
        policy.starts_with("default-src 'none'; script-src 'sha256-")
            && policy.contains("frame-ancestors 'none'")
    } else if is_page {
        policy.starts_with("default-src 'none'; script-src 'self'")
            && policy.contains("frame-ancestors 'none'")
    } else {
        policy == API_POLICY
    };
    assert!(is_held, "{place}: {policy}");
}

/// No answer both sets a cookie and takes it away: browsers disagree on which counts.
fn sets_or_clears(reply: &Reply, place: &str) {
    let named = |is_cleared: bool| {
        let cookies = reply.cookies().into_iter();
        let of_kind = cookies.filter(move |cookie| cookie.contains("Max-Age=0") == is_cleared);
        let names = of_kind.map(|cookie| cookie.split('=').next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let set = named(false);
    assert!(
        !named(true).iter().any(|name| set.contains(name)),
        "{place}"
    );
}

#[tokio::test]
async fn a_wrong_method_and_a_wrong_path_are_answered_as_carefully() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let brew = Method::from_bytes(b"BREW").unwrap();

    for row in rows() {
        let path = row.at("0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55");
        for actor in [&app.anonymous(), &ada] {
            let wrong_method = actor.send(brew.clone(), &path, Body::empty()).await;
            assert_eq!(wrong_method.status, 405, "{path}");
            is_careful(row, &wrong_method, &path);

            let wrong_path = format!("{}/there/is/nothing", path.trim_end_matches('/'));
            let nowhere = actor.get(&wrong_path).await;
            assert!([401, 404].contains(&nowhere.status), "{wrong_path}");
            is_hardened(&nowhere, &wrong_path);
        }
    }
}

#[tokio::test]
async fn what_is_refused_before_any_door_is_answered_as_carefully() {
    let app = TestApp::start().await;
    let anonymous = app.anonymous();
    let foreign = app.anonymous().header("origin", "https://evil.example");
    let login = "/api/v1/auth/login";

    for (status, reply) in [
        (400, anonymous.get("/api/v1/auth/me?token=x").await),
        (400, anonymous.post_bytes(login, "{").await),
        (403, foreign.post(login, json!({})).await),
        (413, anonymous.post_bytes(login, vec![b' '; 2 << 20]).await),
        (
            415,
            anonymous.send(Method::POST, login, Body::from("x")).await,
        ),
        (404, anonymous.get("/docs/nothing.js").await),
        (
            200,
            anonymous.send(Method::OPTIONS, login, Body::empty()).await,
        ),
    ] {
        assert_eq!(reply.status, status, "{}", reply.text());
        is_hardened(&reply, "");
    }
}
