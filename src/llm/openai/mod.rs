//! Any server that speaks OpenAI's chat completions and embeddings.

mod endpoint;
mod events;
mod head;
mod models;
mod refusal;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use hyper::body::Incoming;
use secrecy::SecretString;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::transport::{self, Transport};
use super::{
    ChatRequest, Failure, Frames, ModelCard, Provider, Reply, Sent, Streaming, Task, Wait,
};
use crate::error::Result;
pub use endpoint::Endpoint;
use events::Events;
use models::Models;

const REPLY_LIMIT: usize = 64 * 1024 * 1024;
const MODELS_PATIENCE: Duration = Duration::from_secs(5);

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

/// A client for one upstream, with its own connections.
#[derive(Clone)]
pub struct OpenAi {
    endpoint: Endpoint,
    transport: Transport,
    models: Models,
    to: Destinations,
    heads: Heads,
    timeouts: Timeouts,
}

/// What stands beneath the base URL.
#[derive(Clone)]
struct Destinations {
    completions: Uri,
    embeddings: Uri,
    models: Url,
}

/// The headers of each kind of request, so that none puts them together.
#[derive(Clone)]
struct Heads {
    plain: HeaderMap,
    stream: HeaderMap,
    models: HeaderMap,
}

impl OpenAi {
    pub fn new(endpoint: &Endpoint, timeouts: Timeouts) -> Result<Self> {
        Ok(Self {
            to: Destinations {
                completions: endpoint.uri(&["chat", "completions"])?,
                embeddings: endpoint.uri(&["embeddings"])?,
                models: endpoint.url(&["models"])?,
            },
            heads: Heads::of(endpoint)?,
            endpoint: endpoint.clone(),
            transport: Transport::new(timeouts.connect)?,
            models: Models::new(timeouts)?,
            timeouts,
        })
    }

    /// The same upstream under another key, over the same connections.
    pub fn with_key(&self, key: Option<&SecretString>) -> Result<Self> {
        let endpoint = Endpoint {
            api_key: key.cloned(),
            ..self.endpoint.clone()
        };
        Ok(Self {
            heads: Heads::of(&endpoint)?,
            endpoint,
            ..self.clone()
        })
    }

    /// Sends a request and waits for a head that says success.
    async fn ask(
        &self,
        request: &ChatRequest,
        sent: &Sent,
        head: &HeaderMap,
    ) -> Result<Response<Incoming>, Failure> {
        let mut upstream = Request::new(request.body().clone());
        *upstream.method_mut() = Method::POST;
        *upstream.uri_mut() = match request.task() {
            Task::Chat => self.to.completions.clone(),
            Task::Embeddings => self.to.embeddings.clone(),
        };
        *upstream.headers_mut() = head.clone();
        refusal::accepted(self.transport.send(upstream, sent).await?).await
    }
}

impl Heads {
    fn of(endpoint: &Endpoint) -> Result<Self> {
        let mut models = endpoint.headers()?;
        models.insert(ACCEPT, JSON);
        let mut plain = models.clone();
        plain.insert(CONTENT_TYPE, JSON);
        let mut stream = plain.clone();
        stream.insert(ACCEPT, EVENT_STREAM);
        Ok(Self {
            plain,
            stream,
            models,
        })
    }
}

/// Without what may hold a key.
impl fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OpenAi").field(&self.endpoint).finish()
    }
}

#[async_trait]
impl Provider for OpenAi {
    async fn complete(&self, request: &ChatRequest, sent: &Sent) -> Result<Reply, Failure> {
        let deadline = Instant::now() + self.timeouts.total;
        within(deadline, Wait::Total, async {
            let answer = self.ask(request, sent, &self.heads.plain).await?;
            let (head, body) = answer.into_parts();
            let body = transport::whole(body, REPLY_LIMIT).await?;
            Reply::read(head.status, head::worth_passing(&head.headers), body)
        })
        .await
    }

    async fn stream(
        &self,
        request: &ChatRequest,
        sent: &Sent,
        first_token: Option<Duration>,
    ) -> Result<Streaming, Failure> {
        let started = Instant::now();
        let timeouts = Timeouts {
            first_token: first_token.unwrap_or(self.timeouts.first_token),
            ..self.timeouts
        };
        let deadline = started + timeouts.first_token.min(timeouts.total);
        let ask = self.ask(request, sent, &self.heads.stream);
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
        let listed = self.models.list(&self.to.models, &self.heads.models);
        within(deadline, Wait::Total, listed).await
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
