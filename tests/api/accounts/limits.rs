//! How often one address may try.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use concierge::api::kit::client::Peer;
use http::Request;
use serde_json::{Value, json};

use super::{LOGIN, ME, REGISTER, ada};
use crate::edge::refusal;
use crate::support::{PASSWORD, Reply, TestApp};

const PROXY: &str = "10.0.0.1";

/// A request from this address, with more headers.
async fn post(app: &TestApp, from: &str, path: &str, body: Value, more: &[(&str, &str)]) -> Reply {
    let peer = SocketAddr::new(from.parse().unwrap(), 5000);
    let mut request = Request::post(path)
        .header("host", "localhost")
        .header("content-type", "application/json");
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(body.to_string())).unwrap();
    request.extensions_mut().insert(Peer(peer));
    app.send(request).await
}

fn wrong(name: &str) -> Value {
    json!({"username": name, "password": "not this one"})
}

/// How many of so many logins, each of somebody else, are looked at.
async fn looked_at(app: &TestApp, count: usize, from: impl Fn(usize) -> (String, String)) -> usize {
    let mut looked_at = 0;
    for nth in 0..count {
        let (from, forwarded) = from(nth);
        let more = [("x-forwarded-for", forwarded.as_str())];
        let reply = post(app, &from, LOGIN, wrong(&format!("nobody{nth}")), &more).await;
        match reply.status {
            401 => looked_at += 1,
            status => assert_eq!(status, 429, "{}", reply.text()),
        }
    }
    looked_at
}

/// Redis has its own clock.
const BY_OUR_CLOCK: (&str, &str) = ("REDIS_URL", "");

#[tokio::test]
async fn an_address_signs_in_twenty_times_a_minute_and_is_told_how_often_it_still_may() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    app.sign_up("ada").await;
    let from = "192.0.2.7";

    let welcome = post(&app, from, LOGIN, ada(), &[]).await;
    let mut last = post(&app, from, LOGIN, wrong("nobody"), &[]).await;
    for nth in 0..18 {
        last = post(&app, from, LOGIN, wrong(&format!("nobody{nth}")), &[]).await;
    }
    let refused = post(&app, from, LOGIN, ada(), &[]).await;

    assert_eq!((welcome.status, last.status), (200, 401));
    assert_eq!(welcome.header("x-ratelimit-limit"), "20");
    assert_eq!(welcome.header("x-ratelimit-remaining"), "19");
    assert_eq!(last.header("x-ratelimit-remaining"), "0");
    refusal(&refused, 429, "rate_limited");
    assert_eq!(refused.header("retry-after"), "3");
    assert_eq!(refused.header("x-ratelimit-limit"), "20");
    assert_eq!(refused.header("x-ratelimit-remaining"), "0");
    assert_eq!(refused.header("x-ratelimit-reset"), "60");
    assert_eq!(post(&app, "192.0.2.8", LOGIN, ada(), &[]).await.status, 200);
    app.advance(Duration::from_secs(3));
    assert_eq!(post(&app, from, LOGIN, ada(), &[]).await.status, 200);
    refusal(
        &post(&app, from, LOGIN, ada(), &[]).await,
        429,
        "rate_limited",
    );
}

// CVE-2026-45364 / GHSA-p6v2-xcpg-h6xw (Better Auth): a limit by what anybody can write.
#[tokio::test]
async fn nobody_is_somebody_else_by_writing_so() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    let spoofed = |nth: usize| ("192.0.2.7".to_owned(), format!("198.51.100.{nth}"));

    assert_eq!(looked_at(&app, 25, spoofed).await, 20);
}

#[tokio::test]
async fn behind_a_proxy_of_ours_the_last_hop_that_is_not_ours_counts() {
    let app = TestApp::with(&[BY_OUR_CLOCK, ("TRUSTED_PROXIES", PROXY)]).await;
    let one = |nth: usize| (PROXY.to_owned(), format!("198.51.100.{nth}, 192.0.2.7"));
    let other = |_| (PROXY.to_owned(), "192.0.2.8".to_owned());

    assert_eq!(looked_at(&app, 25, one).await, 20);
    assert_eq!(looked_at(&app, 1, other).await, 1);
}

#[tokio::test]
async fn whoever_has_a_network_of_addresses_has_one_limit() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    let of_one_network = |nth: usize| (format!("2001:db8:1:2:{nth:x}::1"), String::new());
    let mapped = |nth: usize| {
        let from = ["192.0.2.7", "::ffff:192.0.2.7"][nth % 2];
        (from.to_owned(), String::new())
    };

    assert_eq!(looked_at(&app, 25, of_one_network).await, 20);
    assert_eq!(looked_at(&app, 25, mapped).await, 20);
    let next_network = |_| ("2001:db8:1:3::1".to_owned(), String::new());
    assert_eq!(looked_at(&app, 1, next_network).await, 1);
}

// GHSA-x732-6j76-qmhm (Better Auth): another spelling of a path was another door.
#[tokio::test]
async fn another_spelling_of_the_path_is_no_other_door() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    let spellings = [
        LOGIN,
        "//api/v1/auth/login",
        "/api/v1/auth/login/",
        "/api/v1/auth//login",
        "/api/v1/auth/./login",
        "/api/v1/auth/%6cogin",
        "/API/v1/auth/login",
    ];
    let mut looked_at = 0;

    for nth in 0..50 {
        let path = spellings[nth % spellings.len()];
        let reply = post(&app, "192.0.2.7", path, wrong(&format!("nobody{nth}")), &[]).await;
        match reply.status {
            401 => looked_at += 1,
            status => assert!([404, 405, 429].contains(&status), "{path}: {status}"),
        }
    }

    assert_eq!(looked_at, 20);
}

#[tokio::test]
async fn an_address_registers_ten_times_an_hour() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    let mut statuses = Vec::new();
    for nth in 0..11 {
        let body = json!({"email": format!("user{nth}@example.com"), "password": PASSWORD});
        statuses.push(post(&app, "192.0.2.7", REGISTER, body, &[]).await.status);
    }

    assert_eq!(statuses, [[201; 10].as_slice(), &[429]].concat());
    assert_eq!(
        post(&app, "192.0.2.7", LOGIN, wrong("nobody"), &[])
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn whoever_guesses_the_password_of_a_stolen_session_has_the_same_limit() {
    let app = TestApp::with(&[BY_OUR_CLOCK]).await;
    let ada_ = app.sign_up("ada").await;
    let bearer = [("authorization", ada_.authorization())];
    let guess = json!({"current_password": "not this one", "new_password": "a long enough one"});
    let mut last = 0;
    for _ in 0..21 {
        let path = "/api/v1/auth/change-password";
        last = post(&app, "192.0.2.7", path, guess.clone(), &bearer)
            .await
            .status;
    }

    assert_eq!(last, 429);
    assert_eq!(ada_.get(ME).await.status, 200);
}

#[tokio::test]
async fn a_limit_can_be_another_one_and_none() {
    let app = TestApp::with(&[BY_OUR_CLOCK, ("CONCIERGE__RATE_LIMITS__LOGIN", "2/1h")]).await;
    let off = TestApp::with(&[BY_OUR_CLOCK, ("RATE_LIMIT_ENABLED", "false")]).await;
    let from = |_| ("192.0.2.7".to_owned(), String::new());

    assert_eq!(looked_at(&app, 5, from).await, 2);
    assert_eq!(looked_at(&off, 25, from).await, 25);
    let reply = post(&off, "192.0.2.7", LOGIN, wrong("nobody"), &[]).await;
    assert!(!reply.headers.contains_key("x-ratelimit-limit"));
}

#[tokio::test]
async fn a_body_that_cannot_be_read_counts_too() {
    let app = TestApp::with(&[BY_OUR_CLOCK, ("CONCIERGE__RATE_LIMITS__LOGIN", "1/1h")]).await;

    let first = post(&app, "192.0.2.7", LOGIN, json!([]), &[]).await;
    let second = post(&app, "192.0.2.7", LOGIN, json!([]), &[]).await;

    assert_eq!((first.status, second.status), (422, 429));
}
