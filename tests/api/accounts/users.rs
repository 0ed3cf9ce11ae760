//! Users as administrators see them, and what they give them.

use serde_json::{Value, json};

use crate::edge::{field_at_fault, refusal};
use crate::support::{Actor, TestApp};

const USERS: &str = "/api/v1/users";
const NOBODY: &str = "/api/v1/users/0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55";

async fn path_of(actor: &Actor<'_>) -> String {
    let me = actor.get("/api/v1/auth/me").await.json();
    format!("{USERS}/{}", me["id"].as_str().unwrap())
}

fn caps(user: &Value) -> Value {
    json!([
        user["budget_microusd"],
        user["budget_period"],
        user["rpm"],
        user["tpm"]
    ])
}

#[tokio::test]
async fn an_administrator_sees_a_user_and_what_they_may_use() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let root = app.admin().await;

    let reply = root.get(&path_of(&ada).await).await;

    assert_eq!(reply.status, 200, "{}", reply.text());
    let mut user = reply.json();
    assert_eq!(caps(&user), json!([null, null, null, null]));
    let members = user.as_object_mut().unwrap();
    for cap in ["budget_microusd", "budget_period", "rpm", "tpm"] {
        members.remove(cap);
    }
    // What a user sees of themselves is the rest.
    assert_eq!(user, ada.get("/api/v1/auth/me").await.json());
}

#[tokio::test]
async fn what_is_not_given_stays_and_null_clears() {
    let app = TestApp::start().await;
    let path = path_of(&app.sign_up("ada").await).await;
    let root = app.admin().await;

    for (patch, wanted) in [
        (
            json!({"budget_microusd": 7, "rpm": 5}),
            json!([7, "month", 5, null]),
        ),
        (json!({}), json!([7, "month", 5, null])),
        (
            json!({"budget_period": "day", "tpm": 9}),
            json!([7, "day", 5, 9]),
        ),
        (
            json!({"budget_microusd": 0, "rpm": null}),
            json!([0, "day", null, 9]),
        ),
        (
            json!({"budget_microusd": null}),
            json!([null, null, null, 9]),
        ),
        (
            json!({"budget_microusd": 3, "budget_period": "total", "tpm": null}),
            json!([3, "total", null, null]),
        ),
    ] {
        let reply = root.patch(&path, patch.clone()).await;

        assert_eq!(reply.status, 200, "{patch}: {}", reply.text());
        assert_eq!(caps(&reply.json()), wanted, "{patch}");
        assert_eq!(caps(&root.get(&path).await.json()), wanted, "{patch}");
    }
}

#[tokio::test]
async fn what_breaks_a_rule_is_422_and_named() {
    let app = TestApp::start().await;
    let path = path_of(&app.sign_up("ada").await).await;
    let root = app.admin().await;

    for (field, value) in [
        ("budget_microusd", json!(-1)),
        ("budget_microusd", json!("7")),
        ("budget_period", json!("week")),
        ("budget_period", json!("day")),
        ("rpm", json!(0)),
        ("tpm", json!(0)),
        ("role", json!("root")),
        ("role", json!(null)),
        ("role", json!(5)),
        ("budget_period", json!([])),
        ("status", json!("deleted")),
        ("password", json!("password1")),
        ("email", json!("nobody")),
        ("email_verified", json!(true)),
        ("id", json!("x")),
        ("nickname", json!("x")),
    ] {
        let reply = root.patch(&path, json!({ field: value.clone() })).await;

        let (name, location, _) = field_at_fault(&reply);
        assert_eq!(
            (name.as_str(), location.as_str()),
            (field, "body"),
            "{value}"
        );
    }
    assert_eq!(
        caps(&root.get(&path).await.json()),
        json!([null, null, null, null])
    );
}

#[tokio::test]
async fn who_asks_comes_before_what_is_asked_and_that_before_whom_it_is_about() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let path = path_of(&ada).await;
    let root = app.admin().await;
    let program = root.with_key(json!({})).await;
    let (good, bad) = (json!({"rpm": 1}), json!({"rpm": 0}));

    refusal(
        &app.anonymous().patch(&path, bad.clone()).await,
        401,
        "unauthorized",
    );
    for reply in [
        ada.get(USERS).await,
        ada.get(&path).await,
        ada.get(NOBODY).await,
        ada.patch(&path, bad.clone()).await,
        ada.patch(NOBODY, good.clone()).await,
    ] {
        refusal(&reply, 403, "insufficient_permissions");
    }
    refusal(&program.get(USERS).await, 403, "insufficient_scope");
    refusal(&root.patch(NOBODY, bad).await, 422, "validation_error");
    refusal(&root.patch(NOBODY, good).await, 404, "not_found");
    refusal(&root.get(NOBODY).await, 404, "not_found");
    refusal(
        &root.get("/api/v1/users/%00").await,
        422,
        "validation_error",
    );
    let program = root.with_key(json!({"scopes": ["admin:*"]})).await;
    assert_eq!(program.get(USERS).await.status, 200);
}

#[tokio::test]
async fn users_are_found_by_name_role_and_status() {
    let app = TestApp::start().await;
    for name in ["ada", "eve", "a_b", "axb"] {
        app.sign_up(name).await;
    }
    let root = app.admin().await;

    for (query, wanted) in [
        ("", 5),
        ("?search=ADA", 1),
        ("?search=a_b", 1),
        ("?search=%25", 0),
        ("?search=example.com&role=user", 4),
        ("?role=admin", 1),
        ("?status=inactive", 0),
        ("?status=active&size=2", 5),
    ] {
        let reply = root.get(&format!("{USERS}{query}")).await;

        assert_eq!(reply.status, 200, "{query}: {}", reply.text());
        assert_eq!(reply.json()["total"], wanted, "{query}");
        assert_eq!(reply.header("x-total-count"), wanted.to_string(), "{query}");
    }
    let bad = root.get(&format!("{USERS}?role=root")).await;
    assert_eq!(field_at_fault(&bad).0, "role");
    let last = root.get(&format!("{USERS}?size=2&page=3")).await.json();
    assert_eq!(last["items"].as_array().unwrap().len(), 1);
    assert!(last["items"][0]["email"].is_string());
}

#[tokio::test]
async fn of_two_administrators_at_once_neither_undoes_the_other() {
    let app = TestApp::start().await;
    let path = path_of(&app.sign_up("ada").await).await;
    let root = app.admin().await;

    for number in 1..=10 {
        let (one, other) = tokio::join!(
            root.patch(&path, json!({"rpm": number})),
            root.patch(&path, json!({"tpm": number})),
        );

        assert_eq!((one.status, other.status), (200, 200));
        let user = root.get(&path).await.json();
        assert_eq!(
            (&user["rpm"], &user["tpm"]),
            (&json!(number), &json!(number))
        );
    }
}
