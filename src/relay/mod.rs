//! From a model's name to an upstream's answer, metered.
//!
//! A request is resolved to its targets, takes its row in the ledger, and is tried at one target
//! after the other until one begins to answer. Nothing is spawned: who drops the answer drops the
//! upstream's work.

mod ask;
mod attempt;
mod begin;
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

use futures_util::FutureExt;
use http::HeaderMap;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

pub use ask::{Answer, Ask};
pub use breaker::BreakerState;
pub use models::{ModelEntry, Reach};
pub use money::Leased;
pub use stream::Relayed;
pub use tap::Tap;

use crate::cache::Limiter;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::replays::Replays;
use crate::shutdown::Shutdown;
use crate::store::{Db, Main};
use crate::telemetry::Metrics;

use attempt::{Forced, Job};
use catalogue::Catalogue;
use grants::Grantor;
use ledger::Ledger;
use models::Listing;
use money::Money;
use observe::Observer;
use rates::{Rates, Told};
use stream::Search;

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
}

/// The answer, if it is there before the head must go out.
async fn before(commit_at: Instant, search: &mut Search) -> Option<Answer> {
    // A timer rings a moment late, and at once means at once.
    if commit_at <= Instant::now() {
        return search.now_or_never();
    }
    timeout_at(commit_at, search).await.ok()
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
