//! From a model's name to an upstream's answer, metered.
//!
//! A request is resolved to its targets, takes its row in the ledger, and is tried at one target
//! after the other until one begins to answer. Nothing is spawned: who drops the answer drops the
//! upstream's work.

mod attempt;
mod catalogue;
mod ledger;
mod meter;
mod models;
mod price;
mod stream;
mod verdict;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

pub use models::{ModelEntry, Reach};
pub use stream::Relayed;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{Principal, RequestId};
use crate::error::{Error, Kind, Result};
use crate::llm::ChatRequest;
use crate::shutdown::Shutdown;
use crate::store::{Db, Main};

use catalogue::{Catalogue, Route};
use ledger::Ledger;
use meter::Meter;
use models::Listing;

/// Of a model's name, in bytes.
const LONGEST_NAME: usize = 512;

/// The way to every upstream. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Relay(Arc<Parts>);

struct Parts {
    catalogue: Catalogue,
    listing: Listing,
    ledger: Ledger,
    clock: Clock,
    shutdown: Shutdown,
}

/// Who asks for what.
#[derive(Debug)]
pub struct Ask {
    pub principal: Principal,
    pub request: ChatRequest,
    pub request_id: RequestId,
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
    pub fn new(config: &Config, main: Db<Main>, clock: Clock, shutdown: Shutdown) -> Result<Self> {
        Ok(Self(Arc::new(Parts {
            catalogue: Catalogue::new(config, &clock)?,
            listing: Listing::new(),
            ledger: Ledger::open(main, &shutdown),
            clock,
            shutdown,
        })))
    }

    /// Asks the model's targets, one after the other, until one begins to answer.
    pub async fn complete(&self, ask: Ask) -> Answer {
        match self.begin(&ask).await {
            Ok((route, meter)) => {
                let forced = Box::pin(self.0.shutdown.forced());
                attempt::run(&ask.request, &route, meter, forced).await
            }
            Err(error) => error.into(),
        }
    }

    /// How many requests have no row in the ledger yet.
    pub fn unwritten(&self) -> usize {
        self.0.ledger.unwritten()
    }

    /// Writes what is still to be written to the ledger. Nothing more can be relayed.
    pub async fn close(&self) {
        self.0.ledger.close().await;
    }

    /// A row in the ledger is taken before the first attempt, so that no end can find it full.
    async fn begin(&self, ask: &Ask) -> Result<(Route, Meter)> {
        let name = ask.request.model();
        if !is_name(name) || !ask.principal.may_use_model(name) {
            return Err(model_not_found(name));
        }
        let route = self.0.catalogue.resolve(name)?;
        let slot = self.0.ledger.reserve().await?;
        let meter = Meter::new(slot, &self.0.clock, ask, &route);
        Ok((route, meter))
    }
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
