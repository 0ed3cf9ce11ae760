//! Spans on their way to a collector.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::{PROMPTLY, Place, Signal, Upstream, eventually, question};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// Takes what it is sent, and keeps it.
struct Collector {
    url: String,
    taken: Arc<Mutex<Vec<u8>>>,
    _tasks: JoinSet<()>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&taken)));
        Self {
            url,
            taken,
            _tasks: tasks,
        }
    }

    /// Texts stand in protobuf as they are.
    fn has(&self, text: &str) -> bool {
        self.has_bytes(text.as_bytes())
    }

    fn has_bytes(&self, bytes: &[u8]) -> bool {
        let taken = self.taken.lock().unwrap();
        taken.windows(bytes.len()).any(|window| window == bytes)
    }

    async fn gets(&self, text: &str) {
        eventually(text, async || self.has(text).then_some(())).await;
    }
}

async fn accept(listener: TcpListener, taken: Arc<Mutex<Vec<u8>>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(take(stream, Arc::clone(&taken)));
    }
}

/// Every request is answered as soon as nothing more comes.
async fn take(mut stream: TcpStream, taken: Arc<Mutex<Vec<u8>>>) {
    let mut bytes = [0; 16_384];
    while let Ok(read @ 1..) = stream.read(&mut bytes).await {
        taken.lock().unwrap().extend_from_slice(&bytes[..read]);
        let is_over = tokio::time::timeout(Duration::from_millis(50), stream.readable()).await;
        if is_over.is_err() {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

#[tokio::test]
async fn a_request_and_its_attempt_arrive_at_the_collector_below_their_callers_span() {
    let (collector, upstream) = (Collector::start().await, Upstream::whole().await);
    let place = Place::new();
    let mut settings = upstream.settings().to_vec();
    settings.extend([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=the%20tenant"),
        ("OTEL_SERVICE_NAME", "the-concierge"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=the-stage",
        ),
    ]);
    let server = place.serve(&settings).await;
    let program = server.client().newcomer().await;
    let traced = program.header("traceparent", &format!("00-{TRACE}-{CALLER}-01"));

    let reply = traced.post("/v1/chat/completions", question(false)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    traced.complete(true).await.text().await.unwrap();
    let line = server
        .logs("the request", |line| line["span"]["trace_id"] == TRACE)
        .await;
    assert_eq!(line["span"]["name"], "request", "{line}");
    server.send(Signal::Terminate);
    server.ends_well(PROMPTLY * 2).await;

    for text in [
        "POST /v1/traces HTTP/1.1",
        "x-tenant: the tenant",
        "the-concierge",
        "the-stage",
        "POST /v1/chat/completions",
        "chat gpt-4o-mini",
        "http.response.status_code",
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "gen_ai.response.model",
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "server.address",
        "server.port",
        "concierge.provider",
    ] {
        collector.gets(text).await;
    }
    assert!(collector.has_bytes(&bytes_of(TRACE)), "the caller's trace");
    assert!(collector.has_bytes(&bytes_of(CALLER)), "the caller's span");
    for private in ["wombat", "sk-upstream", "ada@example.com", "traceparent"] {
        assert!(!collector.has(private), "{private}");
    }
}

#[tokio::test]
async fn an_attempt_for_vectors_is_none_for_a_chat() {
    let (collector, upstream) = (Collector::start().await, Upstream::whole().await);
    let place = Place::new();
    let mut settings = upstream.settings().to_vec();
    settings.push(("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()));
    let server = place.serve(&settings).await;
    let program = server.client().newcomer().await;

    let asked = json!({"model": "text-embedding-3-small", "input": "the wombat"});
    let reply = program.post("/v1/embeddings", asked).await;

    assert_eq!(reply.status, 200, "{reply:?}");
    server.send(Signal::Terminate);
    server.ends_well(PROMPTLY * 2).await;
    collector.gets("embeddings text-embedding-3-small").await;
    // The name, then a value of twelve bytes: a text of ten.
    collector
        .gets("gen_ai.operation.name\u{12}\u{c}\n\nembeddings")
        .await;
    assert!(!collector.has("chat text-embedding-3-small"));
}

#[tokio::test]
async fn an_attempt_that_fails_says_why() {
    let collector = Collector::start().await;
    let place = Place::new();
    let server = place
        .serve(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
            ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1"),
            ("OPENAI_API_KEY", "sk-upstream"),
            // Spans do not hang on the level of the log.
            ("LOG_LEVEL", "info"),
            ("RUST_LOG", "info,concierge::relay=error"),
        ])
        .await;
    let program = server.client().newcomer().await;

    let reply = program.post("/v1/chat/completions", question(false)).await;

    assert_eq!(reply.status, 502, "{reply:?}");
    server.send(Signal::Terminate);
    server.ends_well(PROMPTLY * 2).await;
    for text in ["unreachable", "upstream_error", "chat gpt-4o-mini"] {
        collector.gets(text).await;
    }
}

#[tokio::test]
async fn a_collector_that_never_answers_delays_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let place = Place::new();
    let server = place.serve(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]).await;

    for _ in 0..10 {
        assert_eq!(server.client().get("/api/v1").await.status, 200);
    }
    server.send(Signal::Terminate);

    // A stop that has nothing to wait for, and a second for the collector.
    server.ends_well(PROMPTLY + Duration::from_secs(1)).await;
}

#[tokio::test]
async fn without_an_endpoint_or_switched_off_the_log_is_as_it_is() {
    let collector = Collector::start().await;
    let place = Place::new();
    let off = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_SDK_DISABLED", "true"),
        ("LOG_LEVEL", "trace"),
    ];
    let server = place.serve(&off).await;
    let asker = server.client().header("x-request-id", "the-first");

    asker.get("/api/v1").await;
    let line = server
        .logs("the request", |line| {
            line["span"]["request_id"] == "the-first" && line["status"] == 200
        })
        .await;
    server.stop().await;

    assert!(line["span"]["trace_id"].is_null(), "{line}");
    assert_eq!(line["span"].as_object().unwrap().len(), 4, "{line}");
    assert!(collector.taken.lock().unwrap().is_empty());
}
