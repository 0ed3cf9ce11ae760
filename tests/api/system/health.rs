//! How the process does, in real numbers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::TestApp;

fn members(value: &Value) -> Vec<&String> {
    value.as_object().unwrap().keys().collect()
}

// A08, A09, A10, B20, C10, C29, C34, D35: one shape under all its names, every value real.
#[tokio::test]
async fn health_says_who_it_is_and_how_it_does() {
    let app = TestApp::start().await;

    for path in ["/health", "/health/", "/healthz", "/healthz/"] {
        let reply = app.anonymous().get(path).await;
        let health = reply.json();

        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(
            members(&health),
            [
                "api_version",
                "connections",
                "details",
                "service",
                "status",
                "timestamp",
                "version"
            ]
        );
        assert_eq!(health["status"], "healthy");
        assert_eq!(health["service"], "concierge");
        assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(health["api_version"], "v1");
        assert_eq!(health["timestamp"], "2026-11-21T09:30:00Z");
        assert_eq!(health["connections"], 0);
        assert_eq!(
            members(&health["details"]),
            [
                "active_connections",
                "memory_bytes",
                "memory_usage",
                "uptime",
                "uptime_seconds"
            ]
        );
    }
}

// C29 and document C's bug of constants: the numbers move.
#[tokio::test]
async fn the_uptime_goes_with_the_clock() {
    let app = TestApp::start().await;
    let before = app.anonymous().get("/health").await.json();
    assert_eq!(before["details"]["uptime_seconds"], 0);
    assert_eq!(before["details"]["uptime"], "00:00:00");

    app.advance(Duration::from_secs(93_784));

    let after = app.anonymous().get("/health").await.json();
    assert_eq!(after["details"]["uptime_seconds"], 93_784);
    assert_eq!(after["details"]["uptime"], "1d 02:03:04");
    assert_eq!(after["timestamp"], "2026-11-22T11:33:04Z");
}

#[tokio::test]
async fn the_memory_is_that_of_this_process() {
    let app = TestApp::start().await;

    let health = app.anonymous().get("/health").await.json();

    let bytes = health["details"]["memory_bytes"].as_u64().unwrap();
    assert!(bytes > 1 << 20, "{bytes}");
    let shown = health["details"]["memory_usage"].as_str().unwrap();
    let mebibytes: f64 = shown.strip_suffix(" MiB").unwrap().parse().unwrap();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a tenth of a mebibyte is enough"
    )]
    let real = bytes as f64 / f64::from(1 << 20);
    assert!((mebibytes - real).abs() < 0.2, "{mebibytes} {real}");
}

// C10: the connections that are open are counted.
#[tokio::test]
async fn connections_are_counted_while_they_are_open() {
    let app = TestApp::start().await;
    let server = app.listen().await;

    let first = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    let second = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    assert_eq!(connections(&app, 2).await, 2);
    drop(first);
    assert_eq!(connections(&app, 1).await, 1);
    drop(second);
    assert_eq!(connections(&app, 0).await, 0);

    server.stop().await;
}

/// The count, once it is `wanted`, or what it is after a while.
async fn connections(app: &TestApp, wanted: u64) -> u64 {
    let mut seen = u64::MAX;
    for _ in 0..100 {
        let health = app.anonymous().get("/health").await.json();
        assert_eq!(
            health["connections"],
            health["details"]["active_connections"]
        );
        seen = health["connections"].as_u64().unwrap();
        if seen == wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    seen
}

// B16, B20: the deep one adds the dependencies.
#[tokio::test]
async fn deep_health_adds_what_it_depends_on() {
    let app = TestApp::start().await;

    let reply = app.anonymous().get("/api/v1/health").await;

    let mut health = reply.json();
    assert_eq!((reply.status, &health["status"]), (200, &json!("healthy")));
    for name in ["database", "credentials_database"] {
        let dependency = &health["dependencies"][name];
        assert_eq!(dependency["status"], "up");
        assert!(dependency["latency_ms"].as_u64().unwrap() < 1_000);
    }
    health.as_object_mut().unwrap().remove("dependencies");
    let shallow = app.anonymous().get("/health").await.json();
    assert_eq!(members(&health), members(&shallow));
}

#[tokio::test]
async fn deep_health_answers_while_starting_and_says_that_it_is_not_well() {
    let app = TestApp::start().await;
    app.app
        .vitals
        .is_started
        .store(false, std::sync::atomic::Ordering::Release);

    let reply = app.anonymous().get("/api/v1/health/").await;

    assert_eq!(reply.status, 503);
    assert_eq!(reply.json()["status"], "unhealthy");
}
