//! Metrics on a port of their own.

use std::net::TcpListener;

use crate::support::{Client, PROMPTLY, Place, Signal, free_port, says};

#[tokio::test]
async fn a_port_of_their_own_serves_the_metrics_and_nothing_else() {
    let place = Place::new();
    let port = free_port();
    let server = place.serve(&[("METRICS_PORT", &port)]).await;
    let inside = Client::of(&format!("http://127.0.0.1:{port}"));
    server.client().get("/api/v1").await;

    let told = inside.get("/metrics").await;

    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(told.headers["content-type"], "text/plain; version=0.0.4");
    let line = "concierge_http_requests_total{method=\"GET\",route=\"/api/v1\",status=\"2xx\"} 1";
    assert!(told.body.contains(line), "{told:?}");
    for path in ["/", "/health", "/api/v1/models", "/docs"] {
        assert_eq!(inside.get(path).await.status, 404, "{path}");
    }
    assert_eq!(server.client().get("/metrics").await.status, 404);
    server.send(Signal::Terminate);
    // Who keeps a connection to read from does not keep the process.
    let log = server.ends_well(PROMPTLY).await;
    assert!(says(&log, "Stopped"), "{log:?}");
}

#[tokio::test]
async fn the_token_counts_there_too() {
    let place = Place::new();
    let port = free_port();
    let settings = [("METRICS_PORT", &*port), ("METRICS_TOKEN", "let-me-see")];
    let server = place.serve(&settings).await;
    let inside = Client::of(&format!("http://127.0.0.1:{port}"));

    assert_eq!(inside.get("/metrics").await.status, 401);
    assert_eq!(
        inside.bearer("let-me-see").get("/metrics").await.status,
        200
    );
    assert!(!server.raw_log().contains("let-me-see"));
    server.stop().await;
}

#[test]
fn a_port_for_metrics_that_is_in_use_is_named_with_the_way_out() {
    let place = Place::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();

    let done = place.run(
        &["serve"],
        &[
            ("API_HOST", "127.0.0.1"),
            ("API_PORT", "0"),
            ("METRICS_PORT", &port),
        ],
    );

    assert_eq!(done.code, Some(1));
    let said = done.refusal();
    assert!(said.contains(&format!("127.0.0.1:{port}")), "{said}");
    assert!(
        said.contains("in use") && said.contains("METRICS_PORT"),
        "{said}"
    );
    assert_eq!(place.names(), [""; 0]);
}
