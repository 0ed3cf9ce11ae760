//! Who am I?

use serde_json::json;

use super::ME;
use crate::edge::refusal;
use crate::support::TestApp;

// C17, E11: the current user, whole, and not to be cached.
#[tokio::test]
async fn a_caller_sees_their_own_account_and_no_cache_keeps_it() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    app.sign_up("bob").await;

    let reply = ada.get(ME).await;

    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("cache-control"), "no-store");
    let vary: Vec<_> = reply.headers.get_all("vary").iter().collect();
    assert!(
        vary.iter().any(|value| *value == "Cookie, Authorization"),
        "{vary:?}"
    );
    let user = reply.json();
    let members: Vec<_> = user.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        [
            "created_at",
            "email",
            "email_verified",
            "id",
            "last_seen_at",
            "name",
            "role",
            "status",
            "updated_at",
            "username",
        ]
    );
    assert_eq!(
        (&user["username"], &user["role"]),
        (&json!("ada"), &json!("user"))
    );
    assert_eq!(user["last_seen_at"], "2026-11-21T09:30:00Z");
}

#[tokio::test]
async fn a_key_sees_its_owner_if_it_may() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let id = ada.get(ME).await.json()["id"].clone();

    let any = ada.with_key(json!({})).await;
    let may = ada.with_key(json!({"scopes": ["profile:read"]})).await;
    let may_not = ada.with_key(json!({"scopes": ["completions"]})).await;

    assert_eq!(any.get(ME).await.json()["id"], id);
    assert_eq!(may.get(ME).await.json()["id"], id);
    refusal(&may_not.get(ME).await, 403, "insufficient_scope");
}
