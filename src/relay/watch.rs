//! One request, as metrics and traces see it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Span;

use super::Ask;
use super::catalogue::Target;
use super::observe::Observer;
use super::series::Series;
use super::span;
use crate::domain::{Charge, Outcome};
use crate::llm::{Reply, Task};
use crate::telemetry::traces::Parent;

/// One request under watch, from its arrival to its end.
pub(super) struct Watch {
    observer: Arc<Observer>,
    arrived: Instant,
    task: Task,
    is_stream: bool,
    parent: Parent,
    attempt: Option<Attempt>,
    /// The time inside the attempts before this one.
    before: Duration,
    /// Whether it is known what was waited for.
    is_measured: bool,
}

/// The last attempt.
struct Attempt {
    series: Arc<Series>,
    span: Span,
    began: Instant,
    is_over: bool,
    /// None while its upstream is waited for: that of a stream until there is content.
    lasted: Option<Duration>,
}

impl Attempt {
    fn waited(&self) -> Duration {
        self.lasted.unwrap_or_else(|| self.began.elapsed())
    }
}

impl Watch {
    pub(super) fn new(observer: Arc<Observer>, ask: &Ask) -> Self {
        observer.in_flight.increment(1.0);
        Self {
            observer,
            arrived: ask.arrived,
            task: ask.request.task(),
            is_stream: ask.request.is_stream(),
            parent: Parent::current(),
            attempt: None,
            before: Duration::ZERO,
            is_measured: false,
        }
    }

    /// An attempt begins, for a model under its public name. Its span lasts until it has
    /// failed or the request ends, and so as long as its stream.
    pub(super) fn attempts(&mut self, target: &Target, model: &str) -> Span {
        let Some(observed) = self.observer.providers.get(&*target.provider_name) else {
            return Span::none();
        };
        let span = observed.server.asked(target, self.task, self.is_stream);
        self.parent.adopt(&span);
        self.before += self
            .attempt
            .as_ref()
            .map_or(Duration::ZERO, Attempt::waited);
        self.attempt = Some(Attempt {
            series: observed.series(&self.observer.metrics, &target.provider_name, model),
            span: span.clone(),
            began: Instant::now(),
            is_over: false,
            lasted: None,
        });
        span
    }

    /// The attempt is over: `result` is `ok`, or a word for why it failed.
    pub(super) fn attempted(&mut self, result: &'static str) {
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| !attempt.is_over) else {
            return;
        };
        attempt.is_over = true;
        attempt.series.attempted(result);
        let is_ok = result == "ok";
        if !is_ok {
            span::failed(&attempt.span, result);
            attempt.span = Span::none();
        }
        if !is_ok || !self.is_stream {
            attempt.lasted = Some(attempt.began.elapsed());
        }
    }

    pub(super) fn replied(&self, reply: &Reply) {
        let attempt = self.attempt.as_ref();
        if let Some(attempt) = attempt.filter(|attempt| !attempt.span.is_disabled())
            && let Some(model) = reply.model()
        {
            attempt.span.record("gen_ai.response.model", model);
        }
    }

    /// Only the first content of a stream counts.
    pub(super) fn first_content(&mut self) {
        let Some(attempt) = self.attempt.as_ref().filter(|_| !self.is_measured) else {
            return;
        };
        let waited = attempt.began.elapsed().as_secs_f64();
        attempt
            .span
            .record("gen_ai.response.time_to_first_chunk", waited);
        attempt
            .series
            .first_token(self.arrived.elapsed().as_secs_f64());
        self.measure();
    }

    /// The request has ended, and this is its row.
    pub(super) fn ended(&mut self, charge: &Charge) {
        self.measure();
        if let Some(attempt) = &self.attempt {
            span::ended(&attempt.span, charge);
        }
        self.attempted(match charge.status {
            Outcome::Cancelled => "cancelled",
            _ => "stopped",
        });
        if let Some(attempt) = self.attempt.take() {
            attempt.series.ended(charge);
            attempt.series.lasted(self.arrived.elapsed().as_secs_f64());
        }
    }

    /// What was waited for, and what was not.
    fn measure(&mut self) {
        let Some(attempt) = self.attempt.as_ref().filter(|_| !self.is_measured) else {
            return;
        };
        let waited = self.before + attempt.waited();
        let overhead = self.arrived.elapsed().saturating_sub(waited);
        attempt.series.waited(waited.as_secs_f64());
        let kind = if self.is_stream {
            &self.observer.stream
        } else {
            &self.observer.plain
        };
        kind.record(overhead.as_secs_f64());
        self.is_measured = true;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.observer.in_flight.decrement(1.0);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
