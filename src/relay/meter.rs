//! What a request has used so far; settled once, whatever ends it.

use http::StatusCode;
use tokio::time::Instant;

use super::Ask;
use super::catalogue::{Route, Target};
use super::ledger::Slot;
use super::price::cost_microusd;
use crate::clock::Clock;
use crate::config::Price;
use crate::domain::{Charge, Outcome, RowId, Ts};
use crate::llm::{ChatRequest, Reply, Usage};

/// What a token is taken to be where nobody counts: three characters.
const CHARACTERS_A_TOKEN: u64 = 3;
const TOKENS_A_MESSAGE: u64 = 8;
const TOKENS_AN_IMAGE: u64 = 1_000;

/// One request's row in the making. Dropped before its end, it says that the caller has left.
#[derive(Debug)]
pub(super) struct Meter {
    slot: Option<Slot>,
    charge: Charge,
    price: Option<Price>,
    began: Instant,
    prompt: Prompt,
    choices: u64,
    usage: Option<Usage>,
    /// Bytes of content that a stream has brought.
    written: u64,
    was_sent: bool,
}

impl Meter {
    pub(super) fn new(slot: Slot, clock: &Clock, ask: &Ask, route: &Route) -> Self {
        Self {
            slot: Some(slot),
            charge: Charge {
                id: RowId::new(clock),
                at: Ts::from_micros(clock.micros()),
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
            price: route.price,
            began: Instant::now(),
            choices: ask.request.n(),
            prompt: Prompt::Whole(ask.request.clone()),
            usage: None,
            written: 0,
            was_sent: false,
        }
    }

    /// An attempt begins: from here on its upstream works for the caller.
    pub(super) fn attempts(&mut self, target: &Target) {
        self.charge.attempts += 1;
        target
            .provider_name
            .as_ref()
            .clone_into(&mut self.charge.provider);
        self.charge.upstream_model.clone_from(&target.model);
        self.was_sent = true;
    }

    /// How many choices were asked for.
    pub(super) fn choices_asked(&self) -> u64 {
        self.choices
    }

    /// An attempt came to nothing: its upstream will not count what it was sent.
    pub(super) fn refused(&mut self) {
        self.was_sent = false;
    }

    /// From here on the prompt itself is not needed, and may be large.
    pub(super) fn first_frame(&mut self) {
        self.prompt = Prompt::Counted(self.prompt.tokens());
        self.charge.http_status = Some(StatusCode::OK.as_u16());
        self.charge.ttft_ms = Some(self.elapsed_ms());
    }

    pub(super) fn replied(&mut self, reply: &Reply) {
        self.usage = reply.usage;
        self.written = reply.body.len() as u64;
    }

    /// The upstream's own count; the last one of a stream holds.
    pub(super) fn counts(&mut self, usage: Usage) {
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
        let Some(slot) = self.slot.take() else { return };
        let usage = self.usage.unwrap_or_else(|| self.estimate());
        let mut charge = self.charge.clone();
        charge.estimated = self.usage.is_none() && usage != Usage::default();
        charge.prompt_tokens = usage.prompt;
        charge.cached_tokens = usage.cached;
        charge.completion_tokens = usage.completion;
        charge.reasoning_tokens = usage.reasoning;
        charge.cost_microusd = self.price.map_or(0, |price| cost_microusd(price, usage));
        charge.duration_ms = self.elapsed_ms();
        slot.send(charge);
    }

    /// From the bytes seen, where the upstream told nothing: the prompt counts once it was sent.
    fn estimate(&self) -> Usage {
        if !self.was_sent {
            return Usage::default();
        }
        Usage {
            prompt: self.prompt.tokens(),
            completion: self.written.div_ceil(CHARACTERS_A_TOKEN),
            ..Usage::default()
        }
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
        let size = match self {
            Self::Counted(tokens) => return *tokens,
            Self::Whole(request) => request.prompt_size(),
        };
        size.characters.div_ceil(CHARACTERS_A_TOKEN)
            + size.messages * TOKENS_A_MESSAGE
            + size.images * TOKENS_AN_IMAGE
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.settle();
    }
}
