//! The main job: bytes in, bytes out, and a row for each.

mod breaker;
mod budgets;
mod bytes;
mod cancel;
mod commit;
mod counts;
mod drain;
mod embeddings;
mod failover;
mod hold;
mod honesty;
mod idempotency;
mod keepalive;
mod keys;
mod metrics;
mod models;
mod places;
mod rates;
mod refusals;
mod retries;
mod strategy;
mod streams;
mod taps;
mod timeouts;
mod unsent;
mod usage;
mod verdicts;
mod wire_details;

use serde_json::{Value, json};

use crate::support::upstream::{Script, Upstream};
use crate::support::{Actor, Reply, TestApp};

const PATH: &str = "/api/v1/chat/completions";
const ROLE: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
const WORD: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":200,\
    \"prompt_tokens_details\":{\"cached_tokens\":400},\
    \"completion_tokens_details\":{\"reasoning_tokens\":50}}}\n\n";
const DONE: &str = "data: [DONE]\n\n";
const REPLY: &str = "{\"model\":\"public\",\"choices\":[],\"usage\":{\"prompt_tokens\":1000,\
    \"completion_tokens\":200,\"prompt_tokens_details\":{\"cached_tokens\":400},\
    \"completion_tokens_details\":{\"reasoning_tokens\":50}}}";
/// What USAGE costs where `public` is priced as below: 600 · 0.15 + 400 · 0.075 + 200 · 0.60.
const COST: i64 = 240;
/// What ASK is estimated at: five characters and a message.
const PROMPT: i64 = 10;

/// An upstream and an application in front of it.
struct Scene {
    upstream: Upstream,
    app: TestApp,
}

impl Scene {
    /// The model `public` is `public` upstream, so that nothing has to be renamed.
    async fn set() -> Self {
        Self::with("", "").await
    }

    /// With members more in `[relay]`, and tables more.
    async fn with(relay: &str, tables: &str) -> Self {
        let upstream = Upstream::start().await;
        let app = configured(&format!(
            "[relay]\n{relay}\n{provider}
            [models.public]
            targets = [\"up/public\"]
            price = {{ input = 0.15, cached_input = 0.075, output = 0.60 }}
            {tables}",
            provider = provider("up", &upstream.url()),
        ))
        .await;
        Self { upstream, app }
    }

    /// Somebody who sends an API key.
    async fn program(&self) -> Actor<'_> {
        self.app.sign_up("ada").await.with_key(json!({})).await
    }
}

fn provider(name: &str, url: &str) -> String {
    format!(
        "[providers.{name}]\nkind = \"openai\"\nbase_url = \"{url}\"\napi_key = \"sk-of-{name}\"\n"
    )
}

/// `public` at the first as `a`, at the second as `b`.
async fn two(first: &Upstream, second: &Upstream, relay: &str) -> TestApp {
    let public = "[models.public]\ntargets = [\"first/a\", \"second/b\"]\n";
    let first = provider("first", &first.url());
    let second = provider("second", &second.url());
    configured(&format!("[relay]\n{relay}\n{first}{second}{public}")).await
}

async fn configured(toml: &str) -> TestApp {
    configured_with(toml, &[]).await
}

async fn configured_with(toml: &str, settings: &[(&str, &str)]) -> TestApp {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("concierge.toml");
    std::fs::write(&file, toml).unwrap();
    let mut all = vec![("CONFIG_FILE", file.to_str().unwrap())];
    all.extend_from_slice(settings);
    TestApp::with(&all).await
}

fn ask() -> Value {
    json!({"model": "public", "messages": [{"role": "user", "content": "hello"}]})
}

fn ask_stream() -> Value {
    json!({"model": "public", "messages": [{"role": "user", "content": "hello"}], "stream": true})
}

fn ask_usage() -> Value {
    let mut body = ask_stream();
    body["stream_options"] = json!({"include_usage": true});
    body
}

/// A stream in one go, with a clean end.
fn stream(frames: &[&str]) -> Script {
    Script::stream().send(frames.concat())
}

/// The error of an OpenAI envelope, which has exactly four members.
fn error(reply: &Reply) -> Value {
    let body = reply.json();
    let members: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["error"]);
    let mut members: Vec<&String> = body["error"].as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["code", "message", "param", "type"], "{body}");
    assert!(
        body["error"]["message"]
            .as_str()
            .is_some_and(|it| !it.is_empty())
    );
    assert_eq!(reply.header("content-type"), "application/json");
    assert!(!reply.header("x-request-id").is_empty());
    body["error"].clone()
}

/// The last frame of a stream that has broken off: an error in one line, and no `[DONE]` behind it.
fn last_words(stream: &str) -> Value {
    assert!(!stream.contains("[DONE]"), "{stream}");
    let at = stream.rfind("data: ").unwrap();
    let payload = stream[at + 6..].strip_suffix("\n\n").unwrap();
    let body: Value = serde_json::from_str(payload).unwrap();
    assert_eq!(body.as_object().unwrap().len(), 1);
    assert_eq!(body["error"].as_object().unwrap().len(), 4, "{body}");
    body["error"].clone()
}
