//! What a request has used so far; settled once, whatever ends it.

use http::StatusCode;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tracing::Span;

use super::Ask;
use super::catalogue::{Route, Target};
use super::estimate::{CHARACTERS_A_TOKEN, prompt_tokens};
use super::grants::Grants;
use super::ledger::{Entry, Slot};
use super::price::cost_microusd;
use super::watch::Watch;
use crate::config::Price;
use crate::domain::{Charge, Outcome, RowId, Ts};
use crate::llm::{ChatRequest, Reply, Sent, Task, Usage};

/// One request's row in the making. Dropped before its end, it says that the caller has left.
#[derive(Debug)]
pub(super) struct Meter {
    slot: Option<Slot>,
    /// A place among the requests that run upstream, where their number is bounded.
    place: Option<OwnedSemaphorePermit>,
    grants: Grants,
    charge: Charge,
    watch: Option<Watch>,
    price: Option<Price>,
    began: Instant,
    task: Task,
    prompt: Prompt,
    choices: u64,
    usage: Option<Usage>,
    /// Bytes of content that a stream has brought.
    written: u64,
    /// As many had come when the upstream last counted any.
    counted: u64,
    /// Of the last attempt.
    sent: Sent,
}

impl Meter {
    pub(super) fn new(
        slot: Slot,
        grants: Grants,
        (id, at): (RowId, Ts),
        ask: &Ask,
        route: &Route,
    ) -> Self {
        Self {
            slot: Some(slot),
            place: None,
            grants,
            charge: Charge {
                id,
                at,
                user_id: ask.principal.user.clone(),
                key_id: ask.principal.key(),
                provider: String::new(),
                model: ask.request.model().to_owned(),
                upstream_model: String::new(),
                status: Outcome::Cancelled,
                http_status: None,
                prompt_tokens: 0,
                cached_tokens: 0,
                completion_tokens: 0,
                reasoning_tokens: 0,
                cost_microusd: 0,
                ttft_ms: None,
                duration_ms: 0,
                attempts: 0,
                request_id: ask.request_id.clone(),
                estimated: false,
            },
            watch: None,
            price: route.price,
            began: Instant::now(),
            task: ask.request.task(),
            choices: ask.request.n(),
            prompt: Prompt::Whole(ask.request.clone()),
            usage: None,
            written: 0,
            counted: 0,
            sent: Sent::default(),
        }
    }

    /// Keeps the place until the end.
    pub(super) fn holding(mut self, place: Option<OwnedSemaphorePermit>) -> Self {
        self.place = place;
        self
    }

    /// Tells of itself from here on.
    pub(super) fn watched(mut self, watch: Watch) -> Self {
        self.watch = Some(watch);
        self
    }

    /// An attempt begins. It runs in its own span.
    pub(super) fn attempts(&mut self, target: &Target) -> Span {
        self.charge.attempts += 1;
        target
            .provider_name
            .as_ref()
            .clone_into(&mut self.charge.provider);
        self.charge.upstream_model.clone_from(&target.model);
        // The row tells of the last attempt alone.
        self.sent = Sent::default();
        self.usage = None;
        let watch = self.watch.as_mut();
        watch.map_or_else(Span::none, |watch| {
            watch.attempts(target, &self.charge.model)
        })
    }

    /// The attempt is over: `result` is `ok`, or a word for why it failed.
    pub(super) fn attempted(&mut self, result: &'static str) {
        if let Some(watch) = &mut self.watch {
            watch.attempted(result);
        }
    }

    /// How many choices were asked for.
    pub(super) fn choices_asked(&self) -> u64 {
        self.choices
    }

    /// An attempt came to nothing: its upstream will not count what it was sent.
    pub(super) fn refused(&mut self) {
        self.sent = Sent::default();
    }

    /// For the upstream of this attempt: once it was sent the prompt, it counts.
    pub(super) fn sent(&self) -> Sent {
        self.sent.clone()
    }

    /// A stream has begun. From here on the prompt itself is not needed, and may be large.
    pub(super) fn begun(&mut self) {
        self.prompt = Prompt::Counted(self.prompt.tokens());
        self.charge.http_status = Some(StatusCode::OK.as_u16());
    }

    /// There is something to read; only the first time counts.
    pub(super) fn first_content(&mut self) {
        if self.charge.ttft_ms.is_some() {
            return;
        }
        self.charge.ttft_ms = Some(self.elapsed_ms());
        if let Some(watch) = &mut self.watch {
            watch.first_content();
        }
    }

    pub(super) fn replied(&mut self, reply: &Reply) {
        if let Some(watch) = &self.watch {
            watch.replied(reply);
        }
        self.usage = reply.usage;
        // Vectors are no words.
        if self.task == Task::Chat {
            self.written = reply.body.len() as u64;
        }
    }

    /// The upstream's own count of what has come so far; the last one of a stream holds. One of no
    /// tokens tells of the prompt alone.
    pub(super) fn counts(&mut self, usage: Usage) {
        if usage.completion > 0 {
            self.counted = self.written;
        }
        self.usage = Some(usage);
    }

    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }

    /// The end, and what the caller was answered with.
    pub(super) fn end(&mut self, status: Outcome, answered: StatusCode) {
        self.charge.status = status;
        self.charge.http_status = Some(answered.as_u16());
        self.settle();
    }

    fn settle(&mut self) {
        self.place = None;
        let Some(slot) = self.slot.take() else { return };
        // Nobody was asked: this is a refusal, and has no row.
        if self.charge.attempts == 0 {
            return;
        }
        let usage = self.used();
        let mut charge = self.charge.clone();
        charge.estimated = self.usage != Some(usage) && usage != Usage::default();
        charge.prompt_tokens = usage.prompt;
        charge.cached_tokens = usage.cached;
        charge.completion_tokens = usage.completion;
        charge.reasoning_tokens = usage.reasoning;
        charge.cost_microusd = self.price.map_or(0, |price| cost_microusd(price, usage));
        charge.duration_ms = self.elapsed_ms();
        let draws = self.grants.settle(&charge);
        if let Some(mut watch) = self.watch.take() {
            watch.ended(&charge);
        }
        slot.send(Entry { charge, draws });
    }

    /// As the upstream told it, but for what came after it had counted, where the answer then broke off.
    fn used(&self) -> Usage {
        let Some(told) = self.usage else {
            return self.estimate();
        };
        let broke_off = matches!(self.charge.status, Outcome::Cancelled | Outcome::Truncated);
        if !broke_off || self.written == self.counted {
            return told;
        }
        Usage {
            completion: told.completion.max(self.written_tokens()),
            ..told
        }
    }

    /// From the bytes seen, where the upstream told nothing: the prompt counts once it was sent.
    fn estimate(&self) -> Usage {
        if !self.sent.is_set() {
            return Usage::default();
        }
        Usage {
            prompt: self.prompt.tokens(),
            completion: self.written_tokens(),
            ..Usage::default()
        }
    }

    fn written_tokens(&self) -> u64 {
        self.written.div_ceil(CHARACTERS_A_TOKEN)
    }

    /// For lines of the log that are written outside of the request's span.
    pub(super) fn request_id(&self) -> &str {
        self.charge.request_id.as_str()
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A prompt, or how many tokens it is taken to be.
#[derive(Debug)]
enum Prompt {
    Whole(ChatRequest),
    Counted(u64),
}

impl Prompt {
    fn tokens(&self) -> u64 {
        match self {
            Self::Counted(tokens) => *tokens,
            Self::Whole(request) => prompt_tokens(request.prompt_size()),
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.settle();
    }
}
