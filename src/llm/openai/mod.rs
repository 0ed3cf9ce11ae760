//! Any server that speaks OpenAI's chat completions.

mod body;
mod endpoint;
mod events;
mod head;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use reqwest::redirect::Policy;
use reqwest::{Body, Client, Request};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{ChatRequest, Failure, Frames, ModelCard, Provider, Refusal, Reply, Streaming, Wait};
use crate::error::{Error, Result};
pub use endpoint::Endpoint;
use events::Events;

const REPLY_LIMIT: usize = 64 * 1024 * 1024;
const REFUSAL_LIMIT: usize = 1024 * 1024;
const REFUSAL_PATIENCE: Duration = Duration::from_secs(5);
const MODELS_LIMIT: usize = 16 * 1024 * 1024;
const MODELS_PATIENCE: Duration = Duration::from_secs(5);
/// Below what servers usually keep an idle connection open for.
const POOL_IDLE: Duration = Duration::from_mins(1);

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// How long to wait for an upstream.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub connect: Duration,
    /// From the request to the first content of a stream.
    pub first_token: Duration,
    /// Between the frames of a stream.
    pub idle: Duration,
    /// From the request to the end of the answer.
    pub total: Duration,
}

/// A client for one upstream, with its own connections. Cloning it copies pointers.
#[derive(Clone)]
pub struct OpenAi {
    client: Client,
    completions: Url,
    models: Url,
    headers: HeaderMap,
    timeouts: Timeouts,
}

impl OpenAi {
    pub fn new(endpoint: &Endpoint, timeouts: Timeouts) -> Result<Self> {
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(timeouts.connect)
            .pool_idle_timeout(POOL_IDLE)
            .build()
            .map_err(Error::internal)?;
        Ok(Self {
            client,
            completions: endpoint.url(&["chat", "completions"])?,
            models: endpoint.url(&["models"])?,
            headers: endpoint.headers()?,
            timeouts,
        })
    }

    /// Sends a request and waits for a head that says success.
    async fn ask(&self, request: Request) -> Result<http::Response<Body>, Failure> {
        let answer = self.client.execute(request).await.map_err(unanswered)?;
        if answer.status().is_success() {
            return Ok(answer.into());
        }
        Err(Failure::Refused(Box::new(refusal(answer.into()).await)))
    }

    fn completion(&self, request: &ChatRequest, accept: HeaderValue) -> Request {
        let mut upstream = self.request(Method::POST, &self.completions, accept);
        upstream.headers_mut().insert(CONTENT_TYPE, JSON);
        *upstream.body_mut() = Some(request.body().clone().into());
        upstream
    }

    fn request(&self, method: Method, url: &Url, accept: HeaderValue) -> Request {
        let mut request = Request::new(method, url.clone());
        request.headers_mut().clone_from(&self.headers);
        request.headers_mut().insert(ACCEPT, accept);
        request
    }
}

/// Without the query, which may hold a key.
impl fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAi")
            .field("host", &self.completions.host_str())
            .field("path", &self.completions.path())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for OpenAi {
    async fn complete(&self, request: &ChatRequest) -> Result<Reply, Failure> {
        let deadline = Instant::now() + self.timeouts.total;
        within(deadline, Wait::Total, async {
            let answer = self.ask(self.completion(request, JSON)).await?;
            let (head, body) = answer.into_parts();
            let body = body::whole(body, REPLY_LIMIT).await?;
            Reply::read(head.status, head::worth_passing(&head.headers), body)
        })
        .await
    }

    async fn stream(
        &self,
        request: &ChatRequest,
        first_token: Option<Duration>,
    ) -> Result<Streaming, Failure> {
        let started = Instant::now();
        let timeouts = Timeouts {
            first_token: first_token.unwrap_or(self.timeouts.first_token),
            ..self.timeouts
        };
        let deadline = started + timeouts.first_token.min(timeouts.total);
        let ask = self.ask(self.completion(request, EVENT_STREAM));
        let (head, body) = within(deadline, Wait::FirstToken, ask).await?.into_parts();
        if head::is_document(&head.headers) {
            return Err(Failure::Garbled("it is not an event stream"));
        }
        let events = Events::new(body, timeouts, started);
        let frames: Frames = Box::pin(events.begun().await?);
        let mut headers = head::worth_passing(&head.headers);
        if !head::is_event_stream(&headers) {
            headers.remove(CONTENT_TYPE);
        }
        Ok(Streaming { headers, frames })
    }

    async fn models(&self) -> Result<Vec<ModelCard>, Failure> {
        let deadline = Instant::now() + MODELS_PATIENCE;
        within(deadline, Wait::Total, async {
            let request = self.request(Method::GET, &self.models, JSON);
            let answer = self.ask(request).await?;
            let body = body::whole(answer.into_body(), MODELS_LIMIT).await?;
            cards(&body).ok_or(Failure::Garbled("it is not a list of models"))
        })
        .await
    }
}

async fn within<T>(
    deadline: Instant,
    wait: Wait,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout_at(deadline, answer)
        .await
        .unwrap_or(Err(Failure::Late(wait)))
}

fn unanswered(error: reqwest::Error) -> Failure {
    // A URL may hold a key in its query.
    let error = error.without_url();
    match (error.is_connect(), error.is_timeout()) {
        (true, true) => Failure::Late(Wait::Connect),
        (true, false) => Failure::Unreachable(error.into()),
        _ => Failure::Cut(Some(error.into())),
    }
}

/// The verdict stands, whether its body can be read or not.
async fn refusal(answer: http::Response<Body>) -> Refusal {
    let (head, body) = answer.into_parts();
    let deadline = Instant::now() + REFUSAL_PATIENCE;
    let body = within(deadline, Wait::Total, body::whole(body, REFUSAL_LIMIT)).await;
    Refusal {
        status: head.status,
        headers: head::worth_passing(&head.headers),
        is_whole: body.is_ok(),
        body: body.unwrap_or_default(),
    }
}

/// Reads `{"data":[…]}` or a bare array; an entry without an id is left out.
fn cards(body: &[u8]) -> Option<Vec<ModelCard>> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Card {
        id: String,
    }
    let entries = serde_json::from_slice::<List<'_>>(body)
        .map(|list| list.data)
        .or_else(|_| serde_json::from_slice(body))
        .ok()?;
    let card = |json: &RawValue| {
        let Card { id } = serde_json::from_str(json.get()).ok()?;
        Some(ModelCard {
            id,
            json: json.to_owned(),
        })
    };
    Some(entries.into_iter().filter_map(card).collect())
}
