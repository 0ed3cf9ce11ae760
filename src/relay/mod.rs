//! From a model's name to an upstream's answer, metered.
//!
//! A request is resolved to its targets, takes its row in the ledger, and is tried at one target
//! after the other until one begins to answer. Nothing is spawned: who drops the answer drops the
//! upstream's work.

mod attempt;
mod breaker;
mod catalogue;
mod come_back;
mod condition;
mod estimate;
mod grants;
mod hold;
mod keepalive;
mod last_words;
mod ledger;
mod meter;
mod models;
mod money;
mod observe;
mod passing;
mod patience;
mod plan;
mod price;
mod rates;
mod replay;
mod series;
mod span;
mod strategy;
mod stream;
mod tap;
mod target;
mod upstream;
mod verdict;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

pub use breaker::BreakerState;
pub use models::{ModelEntry, Reach};
pub use money::Leased;
pub use stream::Relayed;
pub use tap::Tap;

use crate::cache::Limiter;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{IdempotencyKey, Principal, RequestId};
use crate::error::{Error, Kind, Result};
use crate::llm::ChatRequest;
use crate::replays::Replays;
use crate::shutdown::Shutdown;
use crate::store::{Db, Main};
use crate::telemetry::Metrics;

use attempt::{Forced, Job};
use catalogue::{Catalogue, Route};
use estimate::Estimate;
use grants::Grantor;
use ledger::Ledger;
use meter::Meter;
use models::Listing;
use money::Money;
use observe::Observer;
use rates::{Rates, Told};
use stream::Search;

/// Of a model's name, in bytes.
const LONGEST_NAME: usize = 512;

/// The way to every upstream. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Relay(Arc<Parts>);

struct Parts {
    catalogue: Catalogue,
    listing: Listing,
    /// For requests that run upstream; None where their number has no bound.
    places: Option<Arc<Semaphore>>,
    ledger: Ledger,
    commit_after: Duration,
    keepalive_interval: Duration,
    rates: Rates,
    money: Money,
    grantor: Grantor,
    observer: Arc<Observer>,
    replays: Replays,
    clock: Clock,
    shutdown: Shutdown,
}

/// What a relay stands on.
#[derive(Debug)]
pub struct Needs {
    pub main: Db<Main>,
    pub limiter: Limiter,
    pub replays: Replays,
    pub clock: Clock,
    pub shutdown: Shutdown,
    pub metrics: Metrics,
}

/// Who asks for what.
#[derive(Debug)]
pub struct Ask {
    pub principal: Principal,
    pub request: ChatRequest,
    pub request_id: RequestId,
    /// Under which the request is run once, however often it comes.
    pub idempotency_key: Option<IdempotencyKey>,
    /// When the whole request was there.
    pub arrived: Instant,
}

/// What an upstream answered, or why none did. Headers are those worth passing on.
#[derive(Debug)]
pub enum Answer {
    /// An upstream's answer as it is: a success, or a refusal that is the caller's to read.
    Whole {
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
    },
    /// A stream that has begun.
    Stream {
        headers: HeaderMap,
        frames: Box<Relayed>,
    },
    Failed {
        error: Error,
        headers: HeaderMap,
    },
}

impl Relay {
    /// Prepares a client for each provider; nothing is asked of them yet.
    pub fn new(config: &Config, needs: Needs) -> Result<Self> {
        let places = match config.relay.max_concurrent_upstream {
            0 => None,
            places => Some(Arc::new(Semaphore::new(places))),
        };
        let everybody = grants::caps_of(&config.limits);
        let money = Money::open(needs.main.clone(), needs.clock.clone(), &needs.shutdown);
        Ok(Self(Arc::new(Parts {
            catalogue: Catalogue::new(config, &needs.clock)?,
            listing: Listing::new(),
            places,
            ledger: Ledger::open(needs.main, &needs.shutdown),
            rates: Rates::new(needs.limiter, everybody),
            grantor: Grantor::new(everybody, money.clone()),
            money,
            commit_after: config.relay.commit_after,
            keepalive_interval: config.relay.keepalive_interval,
            observer: Arc::new(Observer::new(config, &needs.metrics)),
            replays: needs.replays,
            clock: needs.clock,
            shutdown: needs.shutdown,
        })))
    }

    /// Asks the model's targets, one after the other, until one begins to answer. A stream whose
    /// caller has waited long enough is one from then on, and the search goes on in its body.
    pub async fn complete(&self, ask: Ask) -> Answer {
        let told = self.0.rates.told(&ask.principal);
        let mut answer = self.in_time(ask, told.clone()).await;
        told.put_into(&mut answer);
        answer
    }

    /// The answer, or the head of a stream whose caller has waited long enough.
    async fn in_time(&self, ask: Ask, told: Told) -> Answer {
        let is_stream = ask.request.is_stream();
        let commit_at = ask.arrived + self.0.commit_after;
        let answer = self.clone().answer_or_replay(ask, told);
        let mut search: Search = Box::pin(answer.in_current_span());
        if !is_stream {
            return search.await;
        }
        let mut answer = before(commit_at, &mut search)
            .await
            .unwrap_or_else(|| Answer::Stream {
                headers: HeaderMap::new(),
                frames: Box::new(Relayed::searching(search)),
            });
        if let Answer::Stream { frames, .. } = &mut answer {
            frames.keeping_alive(self.0.keepalive_interval);
        }
        answer
    }

    /// All of the way to an answer, as one future that owns what it needs.
    async fn answer(self, ask: Ask, told: Told) -> Answer {
        let mut forced: Forced = Box::pin(self.0.shutdown.forced());
        let begun = tokio::select! {
            biased;
            begun = self.begin(ask, &told) => begun,
            () = &mut forced => Err(stopping()),
        };
        let (request, route, meter) = match begun {
            Ok(begun) => begun,
            Err(error) => return error.into(),
        };
        attempt::search(Job {
            request,
            route,
            meter,
            forced,
            relay: self,
        })
        .await
    }

    /// How each configured target stands: its provider, its name there, and its breaker.
    pub fn breakers(&self) -> Vec<(Arc<str>, String, BreakerState)> {
        self.0.catalogue.breakers()
    }

    /// What this process holds of budgets.
    pub fn leased(&self) -> Leased {
        self.0.money.leased()
    }

    /// Forgets what was spent in periods that are long over; the ledger still tells.
    pub async fn forget_past_budgets(&self) -> Result<()> {
        self.0.money.forget_past().await
    }

    /// How many requests have no row in the ledger yet.
    pub fn unwritten(&self) -> usize {
        self.0.ledger.unwritten()
    }

    /// Writes what is still to be written to the ledger, then gives back what is leased of budgets.
    /// Nothing more can be relayed.
    pub async fn close(&self) {
        self.0.ledger.close().await;
        self.0.money.close().await;
        self.0.rates.close();
    }

    /// A row in the ledger is taken before the first attempt, so that no end can find it full.
    async fn begin(&self, ask: Ask, told: &Told) -> Result<(ChatRequest, Route, Meter)> {
        permitted(&ask)?;
        let route = self.0.catalogue.resolve(ask.request.model())?;
        let place = self.place()?;
        let estimate = Estimate::of(&ask.request, route.max_output_tokens);
        let slot = self.0.ledger.reserve().await?;
        let rate = self.0.rates.take(&ask.principal, estimate, told).await?;
        let needs = (&route, estimate);
        let grants = self.0.grantor.grant(rate, &ask.principal, needs).await?;
        let watch = self.0.observer.watch(&ask);
        let meter = Meter::new(slot, grants, &self.0.clock, &ask, &route);
        let meter = meter.holding(place).watched(watch);
        Ok((ask.request, route, meter))
    }

    /// Taken before anything else is, and kept until the answer's end.
    fn place(&self) -> Result<Option<OwnedSemaphorePermit>> {
        let Some(places) = &self.0.places else {
            return Ok(None);
        };
        let place = places.clone().try_acquire_owned();
        let full = "Too many requests are running; come back in a moment.";
        place
            .map(Some)
            .map_err(|_| Error::unavailable("service_unavailable", full))
    }
}

/// The answer, if it is there before the head must go out.
async fn before(commit_at: Instant, search: &mut Search) -> Option<Answer> {
    // A timer rings a moment late, and at once means at once.
    if commit_at <= Instant::now() {
        return search.now_or_never();
    }
    timeout_at(commit_at, search).await.ok()
}

/// Whether the model may be one that the caller may use.
fn permitted(ask: &Ask) -> Result<()> {
    let name = ask.request.model();
    if is_name(name) && ask.principal.may_use_model(name) {
        return Ok(());
    }
    Err(model_not_found(name))
}

/// Whether a model can be called so: the name goes into the ledger, and PostgreSQL's text cannot hold
/// all that JSON can.
fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME && !name.contains(char::is_control)
}

fn model_not_found(name: &str) -> Error {
    let shown: String = name.chars().take(200).collect();
    Error::new(
        Kind::NotFound,
        "model_not_found",
        format!("The model '{shown}' does not exist, or you may not use it."),
    )
    .at("model")
}

/// What those are told who are still here when the process ends.
fn stopping() -> Error {
    Error::unavailable("service_unavailable", "The server is stopping.")
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Relay").field(&self.0.catalogue).finish()
    }
}
