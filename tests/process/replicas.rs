//! Several processes on one database.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Place, Proxy, Schema, beside, eventually, free_port};

#[tokio::test]
async fn two_replicas_start_at_once_and_share_sessions_and_logouts() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let places = [Place::new(), Place::new()];
    let settings = [
        ("DATABASE_URL", schema.url()),
        ("SECRET_KEY", "one-key-for-both-of-these-replicas-here"),
    ];

    let (one, other) = tokio::join!(places[0].serve(&settings), places[1].serve(&settings));
    let login = one.client().sign_up("ada@example.com").await;
    let there = other.client().bearer(&login.token());
    let by_cookie = other.client().header("cookie", &login.cookie());

    assert_eq!(there.get("/api/v1/auth/me").await.status, 200);
    assert_eq!(by_cookie.get("/api/v1/auth/me").await.status, 200);

    let here = one.client().bearer(&login.token());
    let out = here.post("/api/v1/auth/logout", json!({})).await;
    assert_eq!(out.status, 204, "{out:?}");
    let began = Instant::now();
    eventually("the logout to be known", async || {
        let refused = there.get("/api/v1/auth/me").await.status == 401
            && by_cookie.get("/api/v1/auth/me").await.status == 401;
        refused.then_some(())
    })
    .await;
    assert!(
        began.elapsed() < Duration::from_millis(6_500),
        "{:?}",
        began.elapsed()
    );
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn two_replicas_that_only_look_start_at_once() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let place = Place::new();
    let settings = [("DATABASE_URL", schema.url()), ("DB_AUTO_MIGRATE", "false")];
    assert_eq!(place.run(&["migrate"], &settings).code, Some(0));

    let (one, other) = tokio::join!(place.serve(&settings), place.serve(&settings));

    assert_eq!(one.client().get("/readyz").await.status, 200);
    assert_eq!(other.client().get("/readyz").await.status, 200);
}

#[tokio::test]
async fn processes_that_find_an_empty_folder_at_once_all_come_to_work() {
    let place = Place::new();

    let (one, other, third) = tokio::join!(place.serve(&[]), place.serve(&[]), place.serve(&[]));

    let token = one.client().sign_up("ada@example.com").await.token();
    for server in [other, third] {
        let me = server.client().bearer(&token).get("/api/v1/auth/me").await;
        assert_eq!(me.status, 200, "{me:?}");
    }
}

#[tokio::test]
async fn probes_are_answered_while_migrations_wait_and_the_rest_waits_with_them() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let place = Place::new();
    let held = schema.hold_migrations().await;
    let port = free_port();
    let settings = [
        ("API_HOST", "127.0.0.1"),
        ("API_PORT", &port),
        ("DATABASE_URL", schema.url()),
    ];

    let mut server = place.start(&["serve"], &settings);

    server.answers_at(&format!("127.0.0.1:{port}")).await;
    let client = server.client();
    assert_eq!(client.get("/startupz").await.status, 503);
    assert_eq!(client.get("/readyz").await.status, 503);
    let waiting = beside({
        let client = client.clone();
        async move { client.get("/api/v1").await.status }
    });
    drop(held);
    eventually("the start", async || {
        (client.get("/readyz").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(waiting.await.unwrap(), 200);
    server.stop().await;
}

#[tokio::test]
async fn a_database_may_come_late_go_away_and_come_back() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let mut proxy = Proxy::to(&schema.address());
    let url = schema.url_by_way_of(proxy.address());
    let place = Place::new();
    let settings = [
        ("API_HOST", "127.0.0.1"),
        ("API_PORT", "0"),
        ("DATABASE_URL", &url),
    ];

    let mut server = place.start(&["serve"], &settings);
    tokio::time::sleep(Duration::from_millis(500)).await;
    proxy.open().await;
    server.listens().await;
    let token = server.client().sign_up("ada@example.com").await.token();
    let ada = server.client().bearer(&token);

    proxy.close().await;
    let down = eventually("not ready", async || {
        let ready = ada.get("/readyz").await;
        (ready.status == 503).then_some(ready)
    })
    .await;
    assert_eq!(down.json()["checks"]["database"]["status"], "down");
    assert_eq!(ada.get("/livez").await.status, 200);
    let refused = ada.get("/api/v1/api-keys").await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.json()["code"], "service_unavailable");

    proxy.open().await;
    eventually("ready again", async || {
        (ada.get("/readyz").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(ada.get("/api/v1/api-keys").await.status, 200);
    server.stop().await;
}
