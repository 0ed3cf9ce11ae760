//! Whether it works, in one word; and for whom.

use std::time::Duration;

use serde_json::json;

use crate::support::TestApp;

// C14, C31, C34: operational, with a real time, the version and the environment.
#[tokio::test]
async fn the_status_is_one_word_with_a_real_time() {
    let app = TestApp::start().await;
    app.advance(Duration::from_millis(250));

    for path in ["/status", "/status/", "/api/v1/status", "/api/v1/status/"] {
        let reply = app.anonymous().get(path).await;

        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.json(),
            json!({
                "status": "operational",
                "timestamp": "2026-11-21T09:30:00.25Z",
                "version": env!("CARGO_PKG_VERSION"),
                "environment": "test",
            })
        );
    }
}

// C32: who the caller is, and when they were last seen.
#[tokio::test]
async fn a_user_sees_their_own_status() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let me = ada.get("/api/v1/auth/me").await.json();

    for path in ["/status/user", "/status/user/", "/api/v1/status/user"] {
        let reply = ada.get(path).await;

        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.json(),
            json!({
                "user_id": me["id"],
                "username": "ada",
                "status": "active",
                "last_seen": "2026-11-21T09:30:00Z",
            })
        );
    }
}

#[tokio::test]
async fn to_be_seen_is_written_down_every_five_minutes() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    ada.get("/api/v1/auth/me").await;

    app.advance(Duration::from_secs(299));
    let soon = ada.get("/status/user").await.json();
    app.advance(Duration::from_secs(7));
    let later = ada.get("/status/user").await.json();

    assert_eq!(soon["last_seen"], "2026-11-21T09:30:00Z");
    assert_eq!(later["last_seen"], "2026-11-21T09:35:06Z");
}

// C16, C32: not without signing in, and not with a key that lacks the scope.
#[tokio::test]
async fn nobody_else_is_told() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let narrow = ada.with_key(json!({"scopes": ["models"]})).await;
    let wide = ada.with_key(json!({"scopes": ["profile:read"]})).await;

    for path in ["/status/user", "/api/v1/status/user"] {
        assert_eq!(app.anonymous().get(path).await.code(), "unauthorized");
        let refused = narrow.get(path).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (403, "insufficient_scope")
        );
        assert_eq!(
            refused.header("www-authenticate"),
            r#"Bearer realm="api", error="insufficient_scope""#
        );
        assert_eq!(wide.get(path).await.status, 200);
    }
}
