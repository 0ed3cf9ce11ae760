//! Whom a token means here.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{bearer, id, is_refused, me};
use crate::support::issuer::{Issuer, SigningKey};
use crate::support::{PASSWORD, TestApp};

async fn scene() -> (SigningKey, Issuer, TestApp) {
    let key = SigningKey::ed25519("the-key");
    let issuer = Issuer::publishing(&[&key]).await;
    let app = issuer.app().await;
    (key, issuer, app)
}

fn with(mut claims: Value, more: Value) -> Value {
    let (Value::Object(claims_of), Value::Object(more)) = (&mut claims, more) else {
        panic!("claims are an object");
    };
    claims_of.extend(more);
    claims
}

#[tokio::test]
async fn a_user_of_better_auth_has_the_same_id_here() {
    let (key, issuer, app) = scene().await;

    let reply = me(&app, &key.token(&issuer.claims("TJpgXyZ"))).await;

    let user = reply.json();
    assert_eq!(user["id"], "TJpgXyZ");
    assert_eq!(
        (&user["role"], &user["status"]),
        (&json!("user"), &json!("active"))
    );
    assert_eq!(user["email"], "tjpgxyz@elsewhere.example");
    assert_eq!(
        (&user["email_verified"], &user["username"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(user["name"], "Ada");
}

#[tokio::test]
async fn many_first_sights_make_one_user() {
    let (key, issuer, app) = scene().await;
    let tokens: Vec<_> = (0..20)
        .map(|n| key.token(&with(issuer.claims("ada"), json!({ "n": n }))))
        .collect();

    let replies = join_all(tokens.iter().map(|token| me(&app, token))).await;

    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(app.count("SELECT COUNT(*) FROM users").await, 1);
    assert_eq!(app.count("SELECT COUNT(*) FROM identities").await, 1);
    assert_eq!(
        app.count("SELECT COUNT(*) FROM audit WHERE event = 'user.registered'")
            .await,
        1
    );
}

#[tokio::test]
async fn an_address_joins_no_accounts() {
    let (key, issuer, app) = scene().await;
    let victim = app.sign_up("victim").await;
    let mine = victim.get("/api/v1/auth/me").await.json();
    victim.key(json!({"name": "a key of the victim"})).await;

    for verified in [false, true] {
        let said = json!({"email": "victim@example.com", "emailVerified": verified});
        let token = key.token(&with(issuer.claims("stranger"), said));
        let stranger = bearer(&app, &token);
        let user = stranger.get("/api/v1/auth/me").await.json();

        assert_ne!(user["id"], mine["id"]);
        assert_eq!(
            (&user["email"], &user["email_verified"]),
            (&mine["email"], &json!(verified))
        );
        assert_eq!(stranger.get("/api/v1/api-keys").await.json()["total"], 0);
    }
    // Nor does the victim's password open the stranger's.
    let login = json!({"email": "victim@example.com", "password": PASSWORD});
    let reply = app.anonymous().post("/api/v1/auth/login", login).await;
    assert_eq!(reply.json()["user"]["id"], mine["id"]);
}

#[tokio::test]
async fn who_was_there_first_by_a_token_keeps_nobody_from_registering() {
    let (key, issuer, app) = scene().await;
    let said = json!({"email": "ada@example.com", "emailVerified": true});
    let stranger = id(&app, &key, &with(issuer.claims("stranger"), said)).await;

    let ada = app.sign_up("ada").await;

    assert_ne!(ada.get("/api/v1/auth/me").await.json()["id"], stranger);
}

#[tokio::test]
async fn another_users_id_is_no_subject() {
    let (key, issuer, app) = scene().await;
    let ada = app.sign_up("ada").await;
    let victim = ada.get("/api/v1/auth/me").await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();

    is_refused(
        &app,
        &key.token(&issuer.claims(&victim)),
        "a local user's id",
    )
    .await;

    assert_eq!(ada.get("/api/v1/auth/me").await.status, 200);
    assert_eq!(app.count("SELECT COUNT(*) FROM identities").await, 0);
}

#[tokio::test]
async fn an_address_is_verified_only_if_the_issuer_says_so() {
    let (key, issuer, app) = scene().await;
    for said in [
        json!("true"),
        json!(1),
        json!(null),
        json!(["true"]),
        json!({}),
    ] {
        let token = key.token(&with(issuer.claims("ada"), json!({"emailVerified": said})));
        assert_eq!(
            me(&app, &token).await.json()["email_verified"],
            false,
            "{said}"
        );
    }

    let said = json!({"emailVerified": true, "email": "new@elsewhere.example"});
    let user = me(&app, &key.token(&with(issuer.claims("ada"), said)))
        .await
        .json();

    assert_eq!(user["email_verified"], true);
    assert_eq!(user["email"], "new@elsewhere.example");
}

#[tokio::test]
async fn what_is_no_address_is_not_shown() {
    let (key, issuer, app) = scene().await;
    for said in [
        json!(7),
        json!("nobody"),
        json!("a\u{ff20}b.example"),
        json!(null),
    ] {
        let token = key.token(&with(issuer.claims("ada"), json!({"email": said})));
        let user = me(&app, &token).await.json();
        // Of nothing said nothing follows.
        let shown = &user["email"];
        assert!(shown.is_null(), "{said}: {shown}");
    }
}

#[tokio::test]
async fn a_role_counts_only_where_the_issuer_is_trusted_with_it() {
    let (key, issuer, app) = scene().await;
    let admin = with(issuer.claims("root"), json!({"role": "admin"}));
    assert_eq!(
        bearer(&app, &key.token(&admin))
            .get("/api/v1/users")
            .await
            .status,
        403
    );
    assert_eq!(me(&app, &key.token(&admin)).await.json()["role"], "user");

    let app = TestApp::with(&[
        ("BETTER_AUTH_URL", &issuer.url()),
        ("BETTER_AUTH_TRUST_ROLE", "true"),
    ])
    .await;
    let token = key.token(&admin);
    assert_eq!(bearer(&app, &token).get("/api/v1/users").await.status, 200);
    assert_eq!(me(&app, &token).await.json()["role"], "admin");
    for role in ["Admin", "admin ", "admin,user", "superuser", "user"] {
        let token = key.token(&with(issuer.claims("root"), json!({"role": role})));
        let reply = bearer(&app, &token).get("/api/v1/users").await;
        assert_eq!(reply.status, 403, "{role}");
    }
}

#[tokio::test]
async fn who_is_banned_there_is_shut_out_here() {
    let (key, issuer, app) = scene().await;
    let banned = key.token(&with(issuer.claims("ada"), json!({"banned": true})));

    let reply = me(&app, &banned).await;

    assert_eq!(
        (reply.status, reply.code().as_str()),
        (403, "account_disabled")
    );
    assert_eq!(app.count("SELECT COUNT(*) FROM users").await, 0);
    // A token of before lives on until it ends: nobody tells us.
    assert_eq!(
        me(&app, &key.token(&issuer.claims("ada"))).await.status,
        200
    );
}

#[tokio::test]
async fn who_is_disabled_here_is_out_at_once_however_good_the_token() {
    let (key, issuer, app) = scene().await;
    let admin = app.admin().await;
    let token = key.token(&issuer.claims("ada"));
    assert_eq!(me(&app, &token).await.status, 200);

    let disabled = admin
        .patch("/api/v1/users/ada", json!({"status": "inactive"}))
        .await;
    assert_eq!(disabled.status, 200, "{}", disabled.text());
    assert_eq!(disabled.json()["email"], "ada@elsewhere.example");

    let reply = me(&app, &token).await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (403, "account_disabled")
    );
    admin
        .patch("/api/v1/users/ada", json!({"status": "active"}))
        .await;
    assert_eq!(me(&app, &token).await.status, 200);
}

#[tokio::test]
async fn a_deleted_account_is_not_made_anew_by_a_token_of_before() {
    let (key, issuer, app) = scene().await;
    let token = key.token(&issuer.claims("ada"));
    let ada = bearer(&app, &token);
    let api_key = ada.with_key(json!({})).await;

    assert_eq!(ada.delete("/api/v1/auth/me").await.status, 204);

    is_refused(&app, &token, "of before").await;
    assert_eq!(api_key.get("/api/v1/models").await.status, 401);
    assert_eq!(app.count("SELECT COUNT(*) FROM identities").await, 0);
    assert_eq!(app.count("SELECT COUNT(*) FROM departed").await, 1);
    app.advance(Duration::from_mins(1));
    let now = issuer.claims("ada")["iat"].as_i64().unwrap() + 60;
    let again = with(issuer.claims("ada"), json!({"iat": now}));
    assert_eq!(id(&app, &key, &again).await, "ada");

    // By then no token of before is good, and nothing has to be kept in mind.
    app.advance(Duration::from_hours(49));
    app.app.auth.sweep().await.unwrap();
    assert_eq!(app.count("SELECT COUNT(*) FROM departed").await, 0);
}

#[tokio::test]
async fn an_administrator_finds_foreign_users_and_may_give_them_a_way_in() {
    let (key, issuer, app) = scene().await;
    let admin = app.admin().await;
    id(&app, &key, &issuer.claims("ada")).await;

    let found = admin.get("/api/v1/users?search=elsewhere").await.json();
    assert_eq!(found["items"][0]["id"], "ada");
    let own = json!({"email": "ada@example.com", "password": PASSWORD});
    let changed = admin.patch("/api/v1/users/ada", own.clone()).await;
    assert_eq!(
        changed.json()["email"],
        "ada@example.com",
        "{}",
        changed.text()
    );

    let login = app.anonymous().post("/api/v1/auth/login", own).await;
    assert_eq!(login.json()["user"]["id"], "ada");
    // The issuer has no say in an address of ours.
    let said = json!({"email": "other@elsewhere.example", "emailVerified": true, "n": 1});
    let user = me(&app, &key.token(&with(issuer.claims("ada"), said)))
        .await
        .json();
    assert_eq!(
        (&user["email"], &user["email_verified"]),
        (&json!("ada@example.com"), &json!(false))
    );
}
