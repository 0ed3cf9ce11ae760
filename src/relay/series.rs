//! What is counted of one model at one provider.

use crate::domain::{Charge, Outcome};
use crate::telemetry::{Counter, Histogram, Metrics, names};

/// Handles, so that counting finds nothing by its name.
#[derive(Debug)]
pub(super) struct Series {
    metrics: Metrics,
    provider: String,
    model: String,
    ok: Counter,
    error: Counter,
    cancelled: Counter,
    truncated: Counter,
    answered: Counter,
    prompt: Counter,
    cached: Counter,
    completion: Counter,
    reasoning: Counter,
    cost: Counter,
    duration: Histogram,
    first_token: Histogram,
    upstream: Histogram,
}

impl Series {
    pub(super) fn new(metrics: &Metrics, provider: &str, model: &str) -> Self {
        let names = [provider, model];
        let count = |metric, third| metrics.counter(metric, &[provider, model, third]);
        let measure = |metric| metrics.histogram(metric, &names);
        Self {
            ok: count(&names::RELAY_REQUESTS, "ok"),
            error: count(&names::RELAY_REQUESTS, "error"),
            cancelled: count(&names::RELAY_REQUESTS, "cancelled"),
            truncated: count(&names::RELAY_REQUESTS, "truncated"),
            answered: count(&names::RELAY_ATTEMPTS, "ok"),
            prompt: count(&names::RELAY_TOKENS, "prompt"),
            cached: count(&names::RELAY_TOKENS, "cached"),
            completion: count(&names::RELAY_TOKENS, "completion"),
            reasoning: count(&names::RELAY_TOKENS, "reasoning"),
            cost: metrics.counter(&names::RELAY_COST, &names),
            duration: measure(&names::RELAY_DURATION),
            first_token: measure(&names::RELAY_FIRST_TOKEN),
            upstream: measure(&names::RELAY_UPSTREAM),
            metrics: metrics.clone(),
            provider: provider.to_owned(),
            model: model.to_owned(),
        }
    }

    pub(super) fn attempted(&self, result: &'static str) {
        if result == "ok" {
            return self.answered.increment(1);
        }
        let labels = [&*self.provider, &*self.model, result];
        let failed = self.metrics.counter(&names::RELAY_ATTEMPTS, &labels);
        failed.increment(1);
    }

    pub(super) fn ended(&self, charge: &Charge) {
        let outcome = match charge.status {
            Outcome::Ok => &self.ok,
            Outcome::Error => &self.error,
            Outcome::Cancelled => &self.cancelled,
            Outcome::Truncated => &self.truncated,
        };
        outcome.increment(1);
        self.prompt.increment(charge.prompt_tokens);
        self.cached.increment(charge.cached_tokens);
        self.completion.increment(charge.completion_tokens);
        self.reasoning.increment(charge.reasoning_tokens);
        self.cost.increment(charge.cost_microusd);
    }

    pub(super) fn lasted(&self, seconds: f64) {
        self.duration.record(seconds);
    }

    pub(super) fn first_token(&self, seconds: f64) {
        self.first_token.record(seconds);
    }

    pub(super) fn waited(&self, seconds: f64) {
        self.upstream.record(seconds);
    }
}
