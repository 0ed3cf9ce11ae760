//! One API key, where the answer that made it says it is.

use serde_json::json;

use crate::support::{Actor, Reply, TestApp};

async fn made(ada: &Actor<'_>) -> Reply {
    let made = ada.post("/api/v1/api-keys", json!({"name": "ci"})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made
}

#[tokio::test]
async fn a_new_key_is_where_its_location_says_without_its_secret() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let made = made(&ada).await;

    let reply = ada.get(made.header("location")).await;

    let mut wanted = made.json();
    wanted.as_object_mut().unwrap().remove("key");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json(), wanted);
}

#[tokio::test]
async fn a_key_is_shown_as_in_the_list() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let made = made(&ada).await;

    let reply = ada.get(made.header("location")).await;
    let listed = ada.get("/api/v1/api-keys").await;

    assert_eq!(reply.json(), listed.json()["items"][0]);
}

#[tokio::test]
async fn the_key_of_somebody_else_is_not_there() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.sign_up("ada").await, app.sign_up("eve").await);
    let made = made(&ada).await;
    let nobodys = "/api/v1/api-keys/0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55";

    let refused = eve.get(made.header("location")).await;
    let unknown = eve.get(nobodys).await;

    let said = |reply: &Reply| {
        let body = reply.json();
        (reply.status, reply.code(), body["error"].clone())
    };
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (404, "not_found")
    );
    assert_eq!(said(&refused), said(&unknown));
}

#[tokio::test]
async fn a_deleted_key_is_not_there() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let made = made(&ada).await;
    assert_eq!(ada.delete(made.header("location")).await.status, 204);

    let reply = ada.get(made.header("location")).await;

    assert_eq!((reply.status, reply.code().as_str()), (404, "not_found"));
}

#[tokio::test]
async fn a_key_does_not_even_see_itself() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let made = made(&ada).await;
    let secret = made.json()["key"].as_str().unwrap().to_owned();
    let program = app
        .anonymous()
        .header("authorization", format!("Bearer {secret}"));

    let by_key = program.get(made.header("location")).await;
    let by_nobody = app.anonymous().get(made.header("location")).await;

    let code = by_key.code();
    assert_eq!(
        (by_key.status, code.as_str()),
        (403, "insufficient_permissions")
    );
    assert_eq!(by_nobody.status, 401);
}

#[tokio::test]
async fn an_id_that_is_none_is_422() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    for id in ["7", "not-a-uuid", "%ff"] {
        let reply = ada.get(&format!("/api/v1/api-keys/{id}")).await;

        assert_eq!(reply.status, 422, "{id}");
        assert_eq!(reply.code(), "validation_error", "{id}");
    }
}
