//! Spans for a collector, where one is configured. They are not those of the log: neither sees the
//! other's, so that switching one on leaves the other as it is.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use secrecy::ExposeSecret;
use tracing::{Span, Subscriber, field, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::registry::LookupSpan;

use crate::config;
use crate::error::{Error, Result};

/// The target of spans that are for the collector alone.
pub const TARGET: &str = "otel";

/// How long the last spans may take on their way.
const LAST_WAY: Duration = Duration::from_secs(1);
/// A collector that has not answered by then has failed. Only the exporter's own thread waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

static ARE_ON: AtomicBool = AtomicBool::new(false);

/// The way to the collector.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Connects nowhere yet. Spans are sent by a thread of their own, and thrown away where it cannot
    /// keep up.
    pub(super) fn open(config: &config::Traces) -> Result<Self> {
        let headers = config.headers.iter();
        let headers = headers.map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(config.endpoint.as_str())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(PATIENCE)
            .with_headers(headers.collect())
            .build()
            .map_err(Error::internal)?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler(config.sampler))
            .with_resource(resource(config))
            .build();
        ARE_ON.store(true, Ordering::Relaxed);
        Ok(Self(provider))
    }

    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let ours = filter_fn(|span| span.target() == TARGET && span.is_span());
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("concierge"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(LevelFilter::INFO.and(ours))
    }

    /// Sends what is left, and gives up on a collector that does not take it.
    pub fn close(self) {
        ARE_ON.store(false, Ordering::Relaxed);
        if let Err(error) = self.0.shutdown_with_timeout(LAST_WAY) {
            tracing::warn!(%error, "The last spans have not arrived");
        }
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").finish_non_exhaustive()
    }
}

fn sampler(config: config::Sampler) -> Sampler {
    let own = match config.ratio {
        1.0.. => Sampler::AlwaysOn,
        ratio if ratio > 0.0 => Sampler::TraceIdRatioBased(ratio),
        _ => Sampler::AlwaysOff,
    };
    if config.follows_caller {
        Sampler::ParentBased(Box::new(own))
    } else {
        own
    }
}

fn resource(config: &config::Traces) -> Resource {
    let attributes = config.attributes.iter();
    let attributes = attributes.map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attributes(attributes)
        .with_service_name(config.service_name.clone())
        .build()
}

/// The span of a request, below its caller's where the caller names one.
pub fn request(method: &Method, route: &str, headers: &HeaderMap) -> Span {
    let span = info_span!(
        target: TARGET,
        "request",
        otel.name = %format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method.as_str(),
        http.route = route,
        http.response.status_code = field::Empty,
        "error.type" = field::Empty,
    );
    if !span.is_disabled() && headers.contains_key("traceparent") {
        let caller = TraceContextPropagator::new().extract(&Headers(headers));
        span.set_parent(caller).ok();
    }
    span
}

/// Under which name the trace of this span is found; None where none is made.
pub fn id(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let id = span.context().span().span_context().trace_id();
    Some(id.to_string())
}

/// How the request has ended.
pub fn answered(span: &Span, status: StatusCode, code: Option<&'static str>) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if let Some(code) = code {
        span.record("error.type", code);
    }
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// The span that runs now, for others that begin when it may not run any more.
#[derive(Clone, Debug)]
pub struct Parent(Option<Context>);

impl Parent {
    pub fn current() -> Self {
        let are_on = ARE_ON.load(Ordering::Relaxed);
        Self(are_on.then(Context::current))
    }

    /// Is to be called before anything else is done with the span.
    pub fn adopt(&self, span: &Span) {
        if let Some(parent) = &self.0 {
            span.set_parent(parent.clone()).ok();
        }
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
