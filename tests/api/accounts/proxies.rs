//! What proxies say of a request counts only if they are ours.

use std::net::SocketAddr;

use axum::body::Body;
use concierge::api::kit::client::Peer;
use http::Request;

use super::{LOGIN, ada, attributes};
use crate::support::TestApp;

/// The attributes of the cookie that a login from `peer` gets.
async fn cookie_for(app: &TestApp, peer: &str, headers: &[(&str, &str)]) -> String {
    let peer: SocketAddr = peer.parse().unwrap();
    let mut request = Request::post(LOGIN)
        .header("host", "localhost")
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(ada().to_string())).unwrap();
    request.extensions_mut().insert(Peer(peer));
    let reply = app.send(request).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    attributes(reply.cookies()[0]).join("; ")
}

#[tokio::test]
async fn a_proxy_of_ours_may_say_that_the_browser_came_by_https() {
    let app = TestApp::with(&[
        ("TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
        ("ALLOWED_ORIGINS", "[]"),
    ])
    .await;
    app.sign_up("ada").await;
    let https = [("x-forwarded-proto", "https")];

    for peer in ["10.1.2.3:5000", "[::1]:5000", "[::ffff:10.1.2.3]:5000"] {
        assert!(
            cookie_for(&app, peer, &https).await.contains("Secure"),
            "{peer}"
        );
    }
    for peer in ["192.0.2.1:5000", "127.0.0.1:5000", "[::2]:5000"] {
        assert!(
            !cookie_for(&app, peer, &https).await.contains("Secure"),
            "{peer}"
        );
    }
    for proto in ["http", "https, http", ""] {
        let said = [("x-forwarded-proto", proto)];
        assert!(
            !cookie_for(&app, "10.1.2.3:5000", &said)
                .await
                .contains("Secure"),
            "{proto}"
        );
    }
    // What the browser wrote stands left of, or above, what the proxy has added.
    let added = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-proto", "http"),
    ];
    assert!(
        !cookie_for(&app, "10.1.2.3:5000", &added)
            .await
            .contains("Secure")
    );
}

#[tokio::test]
async fn nobody_is_believed_where_no_proxy_is_configured() {
    let app = TestApp::start().await;
    app.sign_up("ada").await;

    let said = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "1.2.3.4"),
    ];
    assert!(
        !cookie_for(&app, "127.0.0.1:5000", &said)
            .await
            .contains("Secure")
    );
}

#[tokio::test]
async fn the_public_url_goes_before_what_a_proxy_says() {
    let app = TestApp::with(&[
        ("TRUSTED_PROXIES", "10.0.0.0/8"),
        ("PUBLIC_URL", "https://api.example.com"),
        ("ALLOWED_ORIGINS", "[]"),
    ])
    .await;
    app.sign_up("ada").await;

    let said = [("x-forwarded-proto", "http")];
    assert!(
        cookie_for(&app, "10.1.2.3:5000", &said)
            .await
            .contains("Secure")
    );
}

#[tokio::test]
async fn the_address_that_is_kept_is_the_callers_and_not_one_that_anybody_can_write() {
    let app = TestApp::with(&[("TRUSTED_PROXIES", "10.0.0.0/8")]).await;
    app.sign_up("ada").await;

    for (peer, forwarded, kept) in [
        ("192.0.2.1:5000", "1.1.1.1", "192.0.2.1"),
        ("10.0.0.1:5000", "1.1.1.1, 2.2.2.2", "2.2.2.2"),
        ("10.0.0.1:5000", "1.1.1.1, 2.2.2.2, 10.0.0.9", "2.2.2.2"),
        ("10.0.0.1:5000", "::ffff:3.3.3.3", "3.3.3.3"),
        ("10.0.0.1:5000", "nonsense", "10.0.0.1"),
    ] {
        app.advance(std::time::Duration::from_secs(1));
        cookie_for(&app, peer, &[("x-forwarded-for", forwarded)]).await;
        let sql = "SELECT ip FROM sessions ORDER BY created_at DESC, id DESC LIMIT 1";
        assert_eq!(app.text_in_vault(sql).await, kept, "{forwarded}");
    }
}
