//! The span of one attempt, with the names that OpenTelemetry has for generative models.

use tracing::{Span, field, info_span};

use super::catalogue::Target;
use crate::config::{self, ProviderKind};
use crate::domain::{Charge, Outcome};
use crate::llm::Task;
use crate::telemetry::traces::TARGET;

/// What all spans of a provider say of it.
#[derive(Debug)]
pub(super) struct Server {
    /// Which dialect it speaks, by the name of who made it.
    dialect: &'static str,
    address: Option<String>,
    port: Option<i64>,
}

impl Server {
    pub(super) fn of(provider: &config::Provider) -> Self {
        let url = provider.base_url.as_ref();
        Self {
            dialect: match provider.kind {
                ProviderKind::OpenAi => "openai",
                ProviderKind::Anthropic => "anthropic",
                ProviderKind::Gemini => "gcp.gemini",
                ProviderKind::Offline => "offline",
            },
            address: url.and_then(|url| url.host_str()).map(ToOwned::to_owned),
            port: url
                .and_then(url::Url::port_or_known_default)
                .map(Into::into),
        }
    }

    /// Costs nothing where no traces are made.
    pub(super) fn asked(&self, target: &Target, task: Task, is_stream: bool) -> Span {
        let operation = match task {
            Task::Chat => "chat",
            Task::Embeddings => "embeddings",
        };
        info_span!(
            target: TARGET,
            "attempt",
            otel.name = %format_args!("{operation} {}", target.model),
            otel.kind = "client",
            otel.status_code = field::Empty,
            "gen_ai.operation.name" = operation,
            "gen_ai.provider.name" = self.dialect,
            "gen_ai.request.model" = target.model,
            "gen_ai.request.stream" = is_stream,
            "gen_ai.response.model" = field::Empty,
            "gen_ai.response.time_to_first_chunk" = field::Empty,
            "gen_ai.usage.input_tokens" = field::Empty,
            "gen_ai.usage.cache_read.input_tokens" = field::Empty,
            "gen_ai.usage.output_tokens" = field::Empty,
            "gen_ai.usage.reasoning.output_tokens" = field::Empty,
            "server.address" = self.address,
            "server.port" = self.port,
            "error.type" = field::Empty,
            "concierge.provider" = &*target.provider_name,
        )
    }
}

pub(super) fn failed(span: &Span, word: &'static str) {
    span.record("error.type", word);
    span.record("otel.status_code", "ERROR");
}

/// What was used, and whether all of it came.
pub(super) fn ended(span: &Span, charge: &Charge) {
    if span.is_disabled() {
        return;
    }
    for (name, tokens) in [
        ("gen_ai.usage.input_tokens", charge.prompt_tokens),
        ("gen_ai.usage.cache_read.input_tokens", charge.cached_tokens),
        ("gen_ai.usage.output_tokens", charge.completion_tokens),
        (
            "gen_ai.usage.reasoning.output_tokens",
            charge.reasoning_tokens,
        ),
    ] {
        span.record(name, i64::try_from(tokens).unwrap_or(i64::MAX));
    }
    match charge.status {
        Outcome::Ok | Outcome::Error => {}
        Outcome::Cancelled => failed(span, "cancelled"),
        Outcome::Truncated => failed(span, "truncated"),
    }
}
