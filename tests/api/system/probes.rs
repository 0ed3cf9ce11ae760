//! What orchestrators ask, and when the answer is no.

use std::sync::atomic::Ordering;

use serde_json::json;

use crate::support::TestApp;

const LIVE: [&str; 3] = ["/livez", "/livez/", "/api/v1/health/live"];
const READY: [&str; 3] = ["/readyz", "/readyz/", "/api/v1/health/ready"];
const STARTUP: [&str; 3] = ["/startupz", "/startupz/", "/api/v1/health/startup"];
const NOW: &str = "2026-11-21T09:30:00Z";

// B17, B18, B20: live, ready and started, under both of their names.
#[tokio::test]
async fn a_healthy_process_is_live_ready_and_started() {
    let app = TestApp::start().await;
    let anonymous = app.anonymous();

    for path in LIVE {
        let reply = anonymous.get(path).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json(), json!({"status": "alive", "timestamp": NOW}));
    }
    for path in READY {
        let reply = anonymous.get(path).await;
        assert_eq!(reply.status, 200);
        let body = reply.json();
        assert_eq!(
            (&body["status"], &body["timestamp"]),
            (&json!("ready"), &json!(NOW))
        );
        let checks = body["checks"].as_object().unwrap();
        assert_eq!(
            checks.keys().collect::<Vec<_>>(),
            ["credentials_database", "database", "redis"]
        );
        for (_, check) in checks.iter().filter(|(name, _)| *name != "redis") {
            assert_eq!(check["status"], "up");
            assert!(check["latency_ms"].is_u64());
        }
    }
    for path in STARTUP {
        let reply = anonymous.get(path).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json(), json!({"status": "started", "timestamp": NOW}));
    }
}

#[tokio::test]
async fn a_process_that_has_not_started_is_alive_and_nothing_more() {
    let app = TestApp::start().await;
    app.app.vitals.is_started.store(false, Ordering::Release);

    for (paths, status, word) in [
        (LIVE, 200, "alive"),
        (READY, 503, "not_ready"),
        (STARTUP, 503, "starting"),
    ] {
        for path in paths {
            let reply = app.anonymous().get(path).await;
            assert_eq!(
                (reply.status, &reply.json()["status"]),
                (status, &json!(word)),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_process_that_drains_is_alive_and_not_ready_and_still_answers() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;

    app.app.shutdown.begin();

    for (paths, status) in [(LIVE, 200), (READY, 503), (STARTUP, 200)] {
        for path in paths {
            assert_eq!(app.anonymous().get(path).await.status, status, "{path}");
        }
    }
    assert_eq!(ada.get("/api/v1/auth/me").await.status, 200);
}

#[tokio::test]
async fn a_probe_needs_no_credentials_and_minds_neither_host_nor_origin() {
    let app = TestApp::start().await;
    let kubelet = app
        .anonymous()
        .header("host", "10.1.2.3:8000")
        .header("origin", "https://evil.example")
        .header("user-agent", "kube-probe/1.33")
        .header("authorization", "Bearer nonsense");

    for path in ["/livez", "/readyz", "/startupz"] {
        assert_eq!(kubelet.get(path).await.status, 200, "{path}");
    }
}
