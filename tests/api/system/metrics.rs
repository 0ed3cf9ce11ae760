//! Who may read the metrics, and what stands in them.

use std::collections::BTreeSet;
use std::path::Path;

use concierge::telemetry::names;

use crate::support::TestApp;

const PRODUCTION: [(&str, &str); 3] = [
    ("APP_ENV", "production"),
    ("SECRET_KEY", "k7Q2mX9rT4wB8nV1cZ6yH3jL5pD0sF-a"),
    ("OPENAI_API_KEY", "sk-nobody"),
];

#[tokio::test]
async fn in_development_everybody_may_read_them() {
    let app = TestApp::start().await;

    let reply = app.anonymous().get("/metrics").await;

    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "text/plain; version=0.0.4");
    let text = reply.text();
    assert!(
        text.contains("# TYPE concierge_build_info gauge\n"),
        "{text}"
    );
    assert!(text.contains("# HELP concierge_uptime_seconds "), "{text}");
}

#[tokio::test]
async fn in_production_they_are_there_only_for_who_has_the_token() {
    let hidden = in_production(&[]).await;
    let shown = in_production(&[("METRICS_TOKEN", "let-me-see")]).await;

    let reply = hidden.anonymous().get("/metrics").await;
    assert_eq!((reply.status, &*reply.code()), (404, "not_found"));

    let reader = shown.anonymous();
    for wrong in [
        "Bearer let-me-se",
        "Bearer let-me-see2",
        "Basic let-me-see",
        "let-me-see",
        "",
    ] {
        let reply = reader
            .clone()
            .header("authorization", wrong)
            .get("/metrics")
            .await;
        assert_eq!(
            (reply.status, &*reply.code()),
            (401, "unauthorized"),
            "{wrong}"
        );
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
    }
    assert_eq!(reader.get("/metrics").await.status, 401);
    let reader = reader.header("authorization", "bearer let-me-see");
    let reply = reader.get("/metrics").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains("environment=\"production\""));
}

#[tokio::test]
async fn the_token_is_asked_for_in_development_too() {
    let app = TestApp::with(&[("METRICS_TOKEN", "let-me-see")]).await;

    assert_eq!(app.anonymous().get("/metrics").await.status, 401);
}

#[tokio::test]
async fn with_a_port_of_their_own_they_are_not_where_everybody_asks() {
    let app = TestApp::with(&[("METRICS_PORT", "9464")]).await;

    assert_eq!(app.anonymous().get("/metrics").await.status, 404);
}

#[tokio::test]
async fn requests_are_counted_by_their_route_and_never_by_their_path() {
    let app = TestApp::start().await;
    let stranger = app.anonymous();
    stranger.get("/livez").await;
    stranger.get("/livez/").await;
    stranger.get("/nowhere/private-1").await;
    stranger.get("/api/v1/api-keys/private-2").await;
    stranger
        .post("/api/v1/auth/login", serde_json::json!({}))
        .await;

    let numbers = app.numbers().await;

    for (series, times) in [
        (
            "http_requests_total{method=\"GET\",route=\"/livez\",status=\"2xx\"}",
            2,
        ),
        (
            "http_requests_total{method=\"GET\",route=\"unmatched\",status=\"4xx\"}",
            1,
        ),
        (
            "http_requests_total{method=\"GET\",route=\"/api/v1/api-keys/{id}\",status=\"4xx\"}",
            1,
        ),
        (
            "http_requests_total{method=\"POST\",route=\"/api/v1/auth/login\",status=\"4xx\"}",
            1,
        ),
        (
            "http_request_duration_seconds_count{method=\"GET\",route=\"/livez\"}",
            2,
        ),
        ("http_errors_total{code=\"not_found\"}", 1),
        // The one that asks.
        ("http_requests_in_flight", 1),
    ] {
        assert_eq!(numbers.of(series), times, "{series}: {numbers:?}");
    }
    for series in numbers.series() {
        assert!(!series.contains("private"), "{series}");
    }
}

#[tokio::test]
async fn the_process_tells_how_it_does() {
    let app = TestApp::start().await;
    app.advance(std::time::Duration::from_secs(90));
    app.sign_up("ada").await;

    let numbers = app.numbers().await;

    assert_eq!(numbers.of("uptime_seconds"), 90);
    assert!(numbers.of("process_resident_memory_bytes") > 1_000_000);
    assert_eq!(numbers.of("body_room_bytes"), 512 << 20);
    assert_eq!(numbers.of("connections_open"), 0);
    assert!(numbers.all("database_connections") >= 2, "{numbers:?}");
}

#[tokio::test]
async fn nobody_is_named_in_them() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    let key = ada.key(serde_json::json!({})).await;
    let me = ada.get("/api/v1/auth/me").await.json();

    let reply = app.anonymous().get("/metrics").await;

    let id = me["id"].as_str().unwrap();
    for private in [id, "ada", &key] {
        assert!(!reply.text().contains(private), "{private}");
    }
}

#[test]
fn the_manual_names_every_metric_with_its_kind_and_its_labels() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/observability.md");
    let manual = std::fs::read_to_string(path).unwrap();
    let rows: BTreeSet<&str> = manual.lines().collect();

    for metric in names::ALL {
        let labels: Vec<_> = metric.labels.iter().map(|it| format!("`{it}`")).collect();
        let (name, kind, help) = (metric.name, metric.kind.as_str(), metric.help);
        let labels = if labels.is_empty() {
            "–".to_owned()
        } else {
            labels.join(", ")
        };
        let row = format!("| `{name}` | {kind} | {labels} | {help} |");
        assert!(
            rows.contains(row.as_str()),
            "docs/observability.md needs the row\n{row}"
        );
    }
}

/// Its databases are those of every test: what else production asks for is set.
async fn in_production(more: &[(&str, &str)]) -> TestApp {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.keep().join("main.db").display());
    let mut settings = PRODUCTION.to_vec();
    settings.push(("DATABASE_URL", &url));
    settings.extend_from_slice(more);
    TestApp::with(&settings).await
}
